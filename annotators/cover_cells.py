"""The 14 x 14 cells of a face: where they lie, which of them show face, and how their colours differ from its own.

The grid lies over `FivePointCrop(224)`: cells of 16 x 16 pixels, the patches of a ViT-B/16, row by row from the top
left. SFace's own crop shows the same square, to within half of its pixels, so its 14 x 14 map has the same cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crop_masks import FAR, filled
from annotators.crops import FivePointCrop, Matrix, Pixels
from schemas import Column
from schemas.landmarks import layout

Array = NDArray[np.floating[Any]]
Cells = NDArray[np.bool_]

GRID = 14
"""Cells per side."""
SQUARE = FivePointCrop(224)
"""The square that the grid divides; `SQUARE.matrix(face)` maps picture points to its pixels."""
LEAST_SHARE = 0.5
"""Share of a cell that must be face, or be covered, for the cell to count as such."""
CHANNELS = 7
"""Numbers per cell that `cell_inputs` gives."""
LEAST_SPREAD = np.array([4, 6, 6, 2, 0.5])
"""Least spread of L*, a*, b*, roughness and log gradient that they are scaled by."""
FARTHEST = 6.0


def cell_centres(values: Mapping[Column, Any]) -> Array:
    """Centres of the cells of a face in points of the upright picture, shape (14, 14, 2).

    Args:
        values: Column values of the face; its five points are read.
    """
    matrix = SQUARE.matrix(values)
    along = (np.arange(GRID) + 0.5) * SQUARE.size / GRID
    centres = np.stack(np.meshgrid(along, along), axis=-1)
    return np.asarray((centres - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)


def cell_shares(mask: NDArray[Any]) -> Array:
    """Share of each cell that a mask of the square, shape (224, 224) of 0 and 1, fills; shape (14, 14)."""
    side = mask.shape[0] // GRID
    return np.asarray(mask.reshape(GRID, side, GRID, side).astype(np.float64).mean((1, 3)))


def face_shares(mesh: Array, matrix: Matrix, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Shares of each cell that are picture, and that are picture inside the mesh's outline.

    Args:
        mesh: Shape (478, 2 or 3), px of the picture.
        matrix: From picture points to the square's pixels.
        shape: Height and width of the picture.

    Returns:
        Two arrays, shape (14, 14), 0-1.
    """
    height, width = shape[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    oval = np.asarray(mesh[list(layout("points-478").group("oval")), :2], np.float64)
    square = (SQUARE.size, SQUARE.size)
    within, face = (filled(np.clip(p @ matrix[:, :2].T + matrix[:, 2], -FAR, FAR), square) for p in (frame, oval))
    return cell_shares(within), cell_shares(within & face)


def cell_colours(pixels: Pixels, cells: Cells) -> Array:
    """Mean L*, a*, b*, spread of L* and mean log gradient of each cell, relative to the face's own medians.

    In float64 and in one order, so that the last bit does not depend on where arrays lie in memory.

    Args:
        pixels: RGB crop, shape (112, 112, 3), SFace's.
        cells: Which cells are the face whose medians count, shape (14, 14).

    Returns:
        Shape (5, 14, 14), in units of the face's own spread, within -6..6.
    """
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float64)
    lab[..., 0] *= 100 / 255
    light = np.ascontiguousarray(lab[..., 0])
    across, down = cv2.Sobel(light, cv2.CV_64F, 1, 0), cv2.Sobel(light, cv2.CV_64F, 0, 1)
    gradient = np.log1p(np.sqrt(across * across + down * down))
    means = [_cell_means(layer) for layer in (lab[..., 0], lab[..., 1], lab[..., 2], light * light, gradient)]
    means[3] = np.sqrt(np.maximum(means[3] - means[0] ** 2, 0))
    values = np.stack(means)
    own = values[:, cells]
    middle = np.median(own, axis=1)
    spread = np.maximum(np.median(np.abs(own - middle[:, None]), axis=1), LEAST_SPREAD)
    return np.asarray(np.clip((values - middle[:, None, None]) / spread[:, None, None], -FARTHEST, FARTHEST))


def _cell_means(layer: Array) -> Array:
    side = layer.shape[0] // GRID
    return np.asarray(layer.reshape(GRID, side, GRID, side).mean((1, 3)))


def cell_inputs(pixels: Pixels, within: Array, face: Array) -> Array:
    """Colours and the two shares of `face_shares`, as the head reads them; shape (7, 14, 14)."""
    return np.concatenate([cell_colours(pixels, face >= LEAST_SHARE), [within, face]])
