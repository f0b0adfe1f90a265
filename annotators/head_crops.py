"""Crops that published models were trained on: the whole head as in CelebA-HQ, the detector's box made square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.crops import CropSpec, Matrix, square
from schemas import Column
from schemas.columns import faces, labels
from schemas.landmarks import layout

EYES_TO_SIDE, MOUTH_TO_SIDE, DOWN = 2.0, 1.8, 0.1
"""Half a side is so many times the eyes' distance or the way from eyes to mouth, whichever gives more; the centre lies
so far down from the eyes to the mouth. Karras et al. 2018, "Progressive growing of GANs", appendix C."""

Point = NDArray[np.float64]


@dataclass(frozen=True)
class HeadCrop(CropSpec):
    """The whole head, turned and sized by the detector's eyes and mouth as CelebA-HQ was cut.

    Attributes:
        size: Side of the crop in pixels.
    """

    size: int = 512
    requires = (faces.POINTS_5,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        points = np.asarray(values[faces.POINTS_5], np.float64)
        return head_square(points[0], points[1], (points[3] + points[4]) / 2, self.size)


@dataclass(frozen=True)
class MeshHeadCrop(CropSpec):
    """The same by the mesh, as LibreFace aligns: mean of each eye's outline, midpoint of the lips' two ends.

    Attributes:
        size: Side of the crop in pixels.
        shown: Share of CelebA-HQ's side that is shown, from the centre out.
    """

    size: int = 224
    shown: float = 224 / 256
    requires = (labels.MESH,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        mesh = np.asarray(values[labels.MESH], np.float64)[:, :2]
        parts = layout("points-478")
        right, left = (mesh[list(parts.group(name))].mean(0) for name in ("right_eye", "left_eye"))
        lips = mesh[list(parts.group("outer_lip") + parts.group("inner_lip"))]
        mouth = (lips[lips[:, 0].argmin()] + lips[lips[:, 0].argmax()]) / 2
        return head_square(right, left, mouth, self.size, self.shown)


@dataclass(frozen=True)
class StretchedBox(CropSpec):
    """The detector's box stretched to a square, as programs that resize the box's pixels do.

    Attributes:
        size: Side of the crop in pixels.
        margin: Share of width and height added on every side.
    """

    size: int = 224
    margin: float = 0.0
    requires = faces.BOX

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        x, y, width, height = (float(values[c]) for c in faces.BOX)
        across, down = (self.size / max(s * (1 + 2 * self.margin), 1e-6) for s in (width, height))
        left, top = x - width * self.margin, y - height * self.margin
        return np.array([[across, 0.0, -across * left], [0.0, down, -down * top]])


def head_square(right_eye: Point, left_eye: Point, mouth: Point, size: int, shown: float = 1.0) -> Matrix:
    """Map from image points to CelebA-HQ's square around a head.

    Args:
        right_eye: Centre of the subject's right eye, px.
        left_eye: Centre of the left one.
        mouth: Middle of the mouth.
        size: Side of the crop in pixels.
        shown: Share of the square's side that is shown.
    """
    eyes = (right_eye + left_eye) / 2
    across, down = left_eye - right_eye, mouth - eyes
    axis = across - down[::-1] * [-1, 1]
    half = max(float(np.hypot(*across)) * EYES_TO_SIDE, float(np.hypot(*down)) * MOUTH_TO_SIDE)
    centre = eyes + down * DOWN
    angle = float(np.arctan2(axis[1], axis[0]))
    return square((float(centre[0]), float(centre[1])), 2 * half * shown, angle, size)
