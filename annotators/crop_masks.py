"""Which pixels of a face crop are picture and which are face."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Crop
from schemas.landmarks import layout

Mask = NDArray[np.uint8]

FAR = 30000
"""OpenCV's fills overflow for corners much farther out than this."""


def filled(corners: NDArray[np.floating[Any]], shape: tuple[int, ...]) -> Mask:
    """Mask of a polygon, 1 inside and 0 outside.

    Args:
        corners: Crop points, shape (n, 2).
        shape: Height and width of the crop.
    """
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(np.clip(corners - 0.5, -FAR, FAR)).astype(np.int32)], 1)
    return mask


def inside_picture(crop: Crop, shape: tuple[int, ...]) -> Mask:
    """Mask of the crop's pixels that lie inside a picture of that shape (height, width, ...)."""
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    return filled(crop.to_crop(corners), crop.pixels.shape)


def face_oval(points: NDArray[np.floating[Any]], shape: tuple[int, ...]) -> Mask:
    """Mask of the mesh's outline, for mesh points in the crop, shape (478, 2 or 3)."""
    return filled(points[list(layout("points-478").group("oval")), :2], shape)
