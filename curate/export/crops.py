"""How a face is cut for an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import ARCFACE_112, Matrix, Pixels, similarity, square, warp
from schemas import UnknownNameError
from schemas.columns import faces, labels
from schemas.landmarks import layout

NONE = "none"
SIZES = {
    "none": 0, "margin": 512, "ffhq": 1024, "arcface": 112, "crop224": 224, "crop256": 256, "crop512": 512,
}  # fmt: skip
"""Crop -> its usual side in pixels; 0 keeps the picture's own."""
MARGIN = 0.4
"""Share of the longer side of the box that `margin` adds on each side, as IMDB-Clean does."""
SNUG = 0.15

Points = NDArray[np.float64]


def crop_matrix(kind: str, values: Mapping[str, Any], size: int) -> Matrix:
    """Map from upright picture pixels to the crop's.

    Kinds: `margin`, the box made square with 40 % around; `crop224`, `crop256`, `crop512` with 15 %; `ffhq` as FFHQ
    aligns; `arcface` as ArcFace's 112 px chips.

    Args:
        kind: A key of `SIZES` other than `none`.
        values: Box and five points by column name, and `landmarks_68` for `ffhq` where it is known.
        size: Side of the crop in pixels.

    Raises:
        UnknownNameError: for another kind.
    """
    if kind not in _KINDS:
        raise UnknownNameError("crop", kind, SIZES)
    return _KINDS[kind](values, size)


def cut(image: Pixels, matrix: Matrix, size: int) -> Pixels:
    """The crop, shape (size, size, 3); what lies outside the picture is its mirror image, as FFHQ pads.

    Args:
        image: Upright RGB.
        matrix: 2 x 3 map from picture to crop pixels.
        size: Side of the crop.
    """
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    inverse = cv2.invertAffineTransform(matrix)
    reach = corners @ inverse[:, :2].T + inverse[:, 2]
    low, high = np.floor(reach.min(0)).astype(int), np.ceil(reach.max(0)).astype(int)
    left, top = (int(max(-v, 0)) for v in low)
    right, bottom = max(int(high[0]) - width, 0), max(int(high[1]) - height, 0)
    if left or top or right or bottom:
        image = np.asarray(cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REFLECT), np.uint8)
        shift = matrix.copy()
        shift[:, 2] -= matrix[:, :2] @ np.array([left, top], np.float64)
        matrix = shift
    return warp(image, matrix, size)


def _boxed(margin: float) -> Callable[[Mapping[str, Any], int], Matrix]:
    def matrix(values: Mapping[str, Any], size: int) -> Matrix:
        x, y, w, h = (float(values[c.name]) for c in faces.BOX)
        return square((x + w / 2, y + h / 2), max(w, h) * (1 + 2 * margin), 0.0, size)

    return matrix


def _arcface(values: Mapping[str, Any], size: int) -> Matrix:
    points = np.asarray(values[faces.POINTS_5.name], np.float64).reshape(5, 2)
    return similarity(points, ARCFACE_112 * (size / 112))


def _ffhq(values: Mapping[str, Any], size: int) -> Matrix:
    """The square of Karras et al., "A style-based generator architecture", 2019: by eyes and mouth."""
    right, left, mouth_right, mouth_left = _eyes_and_mouth(values)
    across, eyes = left - right, (right + left) / 2
    to_mouth = (mouth_right + mouth_left) / 2 - eyes
    axis = across - to_mouth[::-1] * [-1, 1]
    axis /= max(float(np.hypot(*axis)), 1e-9)
    half = max(float(np.hypot(*across)) * 2.0, float(np.hypot(*to_mouth)) * 1.8)
    centre = eyes + to_mouth * 0.1
    return square((float(centre[0]), float(centre[1])), 2 * half, float(np.arctan2(axis[1], axis[0])), size)


def _eyes_and_mouth(values: Mapping[str, Any]) -> tuple[Points, Points, Points, Points]:
    """Centres of the eyes and corners of the mouth: by 68 points as FFHQ does, else by the detector's five."""
    known = values.get(labels.POINTS_68.name)
    if known is None:
        five = np.asarray(values[faces.POINTS_5.name], np.float64).reshape(5, 2)
        return five[0], five[1], five[3], five[4]
    points, parts = np.asarray(known, np.float64)[:, :2], layout("points-68")
    right, left = (points[list(parts.group(name))].mean(0) for name in ("right_eye", "left_eye"))
    return right, left, points[48], points[54]


_KINDS: Mapping[str, Callable[[Mapping[str, Any], int], Matrix]] = {
    "margin": _boxed(MARGIN),
    "ffhq": _ffhq,
    "arcface": _arcface,
    "crop224": _boxed(SNUG),
    "crop256": _boxed(SNUG),
    "crop512": _boxed(SNUG),
}
