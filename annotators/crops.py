"""Crops as data: a spec says how a face is laid out in a small picture; each distinct one is cut once.

Points are continuous image coordinates with the origin at the top-left corner of the picture, so the
centre of the first pixel is (0.5, 0.5). `warp` converts to OpenCV's centre-based convention.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas import Column
from schemas.columns import faces

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Points = NDArray[np.float32]

ARCFACE_112: Matrix = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Five-point template of ArcFace and SFace for 112 x 112 crops, image-left eye first (insightface)."""


@dataclass(frozen=True)
class Crop:
    """A cut face.

    Attributes:
        pixels: RGB picture, shape (size, size, 3).
        matrix: 2 x 3 map from image points to crop points.
    """

    pixels: Pixels
    matrix: Matrix

    def to_image(self, points: NDArray[np.floating[Any]]) -> Matrix:
        """Map crop points, shape (n, 2), back to image points."""
        inverse = cv2.invertAffineTransform(self.matrix)
        return np.asarray(points[:, :2] @ inverse[:, :2].T + inverse[:, 2])

    def to_crop(self, points: NDArray[np.floating[Any]]) -> Matrix:
        """Map image points, shape (n, 2), to crop points."""
        return np.asarray(points[:, :2] @ self.matrix[:, :2].T + self.matrix[:, 2])


class CropSpec(ABC):
    """How to lay a face out in a square picture. Specs are frozen dataclasses: equal specs share one cut."""

    size: int
    requires: tuple[Column, ...] = ()

    @abstractmethod
    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        """The 2 x 3 map from image points to crop points, for a face with these column values."""


@dataclass(frozen=True)
class FivePointCrop(CropSpec):
    """Similarity alignment of the detector's five points to the ArcFace template.

    Attributes:
        size: Side of the crop in pixels.
        zoom: 1 is ArcFace's framing; 0.8 shows more around the face.
    """

    size: int = 112
    zoom: float = 1.0
    requires = (faces.POINTS_5,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        target = (ARCFACE_112 - 56) * self.zoom * self.size / 112 + self.size / 2
        return similarity(np.asarray(values[faces.POINTS_5], np.float64), target)


@dataclass(frozen=True)
class BoxCrop(CropSpec):
    """Upright square around the detector's box.

    Attributes:
        size: Side of the crop in pixels.
        margin: Share of the longer side added on every side.
    """

    size: int = 224
    margin: float = 0.25
    requires = faces.BOX

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        x, y, w, h = (float(values[c]) for c in faces.BOX)
        return square((x + w / 2, y + h / 2), max(w, h) * (1 + 2 * self.margin), 0.0, self.size)


def square(centre: tuple[float, float], side: float, angle: float, size: int) -> Matrix:
    """Map of a turned square to a crop.

    Args:
        centre: Centre of the square in image points.
        side: Its side in image pixels.
        angle: Its rotation in radians, clockwise as seen (y down); 0 is upright.
        size: Side of the crop.
    """
    scale = size / max(side, 1e-6)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos, sin], [-sin, cos]])
    offset = size / 2 - linear @ np.asarray(centre)
    return np.hstack([linear, offset[:, None]])


def similarity(source: NDArray[np.floating[Any]], target: NDArray[np.floating[Any]]) -> Matrix:
    """Least-squares similarity without reflection between two point sets, shape (n, 2) each.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    src_mean, dst_mean = source.mean(0), target.mean(0)
    src, dst = source - src_mean, target - dst_mean
    power = (src**2).sum()
    if power < 1e-9:
        raise ValueError("all points coincide")
    a = (src * dst).sum() / power
    b = (src[:, 0] * dst[:, 1] - src[:, 1] * dst[:, 0]).sum() / power
    linear = np.array([[a, -b], [b, a]])
    return np.hstack([linear, (dst_mean - linear @ src_mean)[:, None]])


def warp(image: Pixels, matrix: Matrix, size: int) -> Pixels:
    """Cut a crop out of an image; outside the picture is black.

    The region is cut first and, where the crop is smaller than half of it, halved until it is not, so
    the cost follows the crop and not the photo, and shrinking does not alias.

    Args:
        image: RGB, shape (height, width, 3).
        matrix: 2 x 3 map from image points to crop points.
        size: Side of the crop in pixels.
    """
    height, width = image.shape[:2]
    (a, b, tx), (c, d, ty) = _rows(matrix)
    area = abs(a * d - b * c)
    x0, y0, x1, y1 = _region(matrix, size, width, height)
    if x1 <= x0 or y1 <= y0 or area < 1e-12:
        return np.zeros((size, size, 3), np.uint8)
    region: NDArray[Any] = image[y0:y1, x0:x1]
    tx, ty = tx + a * x0 + b * y0, ty + c * x0 + d * y0
    shrink = area**-0.5
    while shrink > 2:
        region = _halved(region)
        a, b, c, d, shrink = a * 2, b * 2, c * 2, d * 2, shrink / 2
    # OpenCV counts from pixel centres: shift by half a pixel on both sides.
    centred = np.array([[a, b, tx + (a + b - 1) / 2], [c, d, ty + (c + d - 1) / 2]])
    return np.asarray(cv2.warpAffine(region, centred, (size, size), flags=cv2.INTER_LINEAR), np.uint8)


def _halved(region: NDArray[Any]) -> NDArray[Any]:
    """Half the size, each pixel the mean of four; an odd last row or column is repeated."""
    height, width = region.shape[:2]
    if height % 2 or width % 2:
        region = cv2.copyMakeBorder(region, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(region, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)


def _region(matrix: Matrix, size: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the picture that a crop can see, and two pixels around it."""
    (a, b, tx), (c, d, ty) = _rows(cv2.invertAffineTransform(matrix))
    xs = (tx, tx + a * size, tx + b * size, tx + (a + b) * size)
    ys = (ty, ty + c * size, ty + d * size, ty + (c + d) * size)
    left, top = max(math.floor(min(xs)) - 2, 0), max(math.floor(min(ys)) - 2, 0)
    return left, top, min(math.ceil(max(xs)) + 2, width), min(math.ceil(max(ys)) + 2, height)


def _rows(matrix: NDArray[Any]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    first, second = matrix.tolist()
    return tuple(first), tuple(second)
