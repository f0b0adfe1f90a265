"""Face chips for the small networks: the face laid out as each was trained, from two sources of points.

Two views of one face, one aligned by the detector and one by the mesh and mirrored, err in different
ways; averaging them gains more than mirroring one view alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotators.crops import CropSpec, Matrix, similarity
from schemas import Column
from schemas.columns import faces, labels

DLIB_EYES_NOSE: Matrix = np.array(
    [
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.4901123135679, 0.6277975316475],
    ]
)
"""dlib's mean face for five points (eye corners from image-left out to in and image-right out to in, base of the
nose) in units of the chip without padding; dlib/image_transforms/interpolation.h."""

MESH_EYES_NOSE = (33, 133, 263, 362, 2)
"""The same five among the mesh's points."""

DLIB_DETECTOR_POINTS: Matrix = np.array(
    [[0.2268, 0.2074], [0.7520, 0.2126], [0.4722, 0.5268], [0.2666, 0.7861], [0.6979, 0.7869]]
)
"""The detector's five points in the same frame: medians over 2,994 FairFace training faces aligned by the mesh."""


@dataclass(frozen=True)
class DetectorChip(CropSpec):
    """dlib's face chip, aligned by the detector's five points.

    Attributes:
        size: Side of the chip in pixels.
        padding: Margin around dlib's mean face, as a share of its side.
    """

    size: int
    padding: float = 0.2
    requires = (faces.POINTS_5,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        points = np.asarray(values[faces.POINTS_5], np.float64)
        return similarity(points, _padded(DLIB_DETECTOR_POINTS, self.padding, self.size))


@dataclass(frozen=True)
class MeshChip(CropSpec):
    """dlib's face chip, aligned by the mesh's eye corners and base of the nose.

    Attributes:
        size: Side of the chip in pixels.
        padding: Margin around dlib's mean face, as a share of its side.
    """

    size: int
    padding: float = 0.2
    requires = (labels.MESH,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        points = np.asarray(values[labels.MESH], np.float64)[list(MESH_EYES_NOSE), :2]
        return similarity(points, _padded(DLIB_EYES_NOSE, self.padding, self.size))


def _padded(template: Matrix, padding: float, size: int) -> Matrix:
    """A template in pixels of a padded chip, as dlib's `get_face_chip_details` lays it out."""
    return (template + padding) / (1 + 2 * padding) * size
