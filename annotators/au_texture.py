"""Wrinkles and shading that action units leave, as oriented gradients on the face laid out upright.

The face is mapped to a small fixed picture by the mesh, so that a cell always lies on the same part of
the face; each block of four cells is normalised on its own, so light and contrast drop out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array, canonical_face
from annotators.crops import CropSpec, Matrix, Pixels
from schemas import Column
from schemas.columns import labels

SIDE = 96
CELLS = 8
BINS = 8
BLOCK = 2 * SIDE // CELLS

ANCHORS = (33, 133, 362, 263, 4, 2, 61, 291, 10, 152, 127, 356, 6, 168)
"""Mesh points that the layout is fitted to."""

WIDTH_CM = 17.0
"""Width of the layout in cm of the canonical head."""

REGIONS: dict[str, tuple[int, int]] = {
    "brow": (0, 3),
    "eye": (2, 4),
    "nose": (2, 5),
    "lip": (3, 6),
    "mouth": (4, 8),
    "chin": (6, 8),
}
"""Rows of cells, from the top: first and one past the last."""


@dataclass(frozen=True)
class FrontalCrop(CropSpec):
    """The face mapped to the canonical face's front view by the best affine map.

    Attributes:
        size: Side of the crop in pixels.
    """

    size: int = SIDE
    requires = (labels.MESH,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        mesh = np.asarray(values[labels.MESH], np.float64)
        source = np.column_stack([mesh[list(ANCHORS), :2], np.ones(len(ANCHORS))])
        return np.asarray(np.linalg.lstsq(source, _front(self.size), rcond=None)[0].T)


@cache
def _front(size: int) -> Array:
    points = canonical_face().points[list(ANCHORS), :2] * [1, -1]
    return np.asarray(points * (size / WIDTH_CM) + [size / 2, size * 0.48])


@cache
def _descriptor() -> Any:
    cell = (SIDE // CELLS, SIDE // CELLS)
    return cv2.HOGDescriptor((SIDE, SIDE), (BLOCK, BLOCK), (BLOCK, BLOCK), cell, BINS)


def side_gradients(pixels: Pixels) -> NDArray[np.float32]:
    """Histograms of gradient directions of both halves of the face.

    Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005: 8 directions without
    sign, cells of 12 px, blocks of 2 x 2 cells that do not overlap.

    Args:
        pixels: A `FrontalCrop`, RGB, shape (96, 96, 3).

    Returns:
        (2, 8, 4, 8): the subject's left then right half, rows, columns from the outside to the
        middle, directions. The left half is read in the mirrored picture.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.stack([_gradients(np.ascontiguousarray(grey[:, ::-1])), _gradients(grey)])


def _gradients(grey: NDArray[Any]) -> NDArray[np.float32]:
    blocks = CELLS // 2
    # OpenCV lays blocks, and the cells in a block, out column by column.
    flat = _descriptor().compute(grey).reshape(blocks, blocks, 2, 2, BINS)
    cells = flat.transpose(1, 3, 0, 2, 4).reshape(CELLS, CELLS, BINS)
    return np.ascontiguousarray(cells[:, : CELLS // 2])
