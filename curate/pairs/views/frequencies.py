"""A picture as its coarse and its fine half, and its face at several distances."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Matrix, Pixels, square
from curate.export.sample import Sample
from curate.pairs.view import Drawn, View

MIDDLE = 128
"""Grey of the fine half where the picture has no detail."""


def low_pass(pixels: Pixels, share: float = 0.015) -> Pixels:
    """The picture without detail: a Gaussian blur, its standard deviation in shares of the side."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), share * pixels.shape[0]), np.uint8)


def high_pass(pixels: Pixels, share: float = 0.015) -> Pixels:
    """What `low_pass` takes away, halved about a middle grey so that it fits into bytes."""
    detail = pixels.astype(np.int16) - low_pass(pixels, share)
    return np.asarray(np.clip(np.rint(detail / 2) + MIDDLE, 0, 255), np.uint8)


def restored(low: Pixels, high: Pixels) -> Pixels:
    """The picture from its two halves, to within one step of its values."""
    return np.asarray(np.clip(low.astype(np.int16) + 2 * (high.astype(np.int16) - MIDDLE), 0, 255), np.uint8)


def scale_matrices(box: NDArray[np.floating[Any]], size: int, scales: tuple[float, ...]) -> list[Matrix]:
    """Maps to upright square crops about the middle of a box.

    Args:
        box: Left, top, width, height.
        size: Side of the crops in px.
        scales: Sides of the squares over the longer side of the box, such as 1 for the face and 3 for its surround.
    """
    left, top, width, height = (float(v) for v in box)
    centre = (left + width / 2, top + height / 2)
    return [square(centre, scale * max(width, height), 0.0, size) for scale in scales]


class LowPass(View):
    """The coarse half."""

    name = "low_pass"
    doc = "The picture without detail."

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """Blurred."""
        return low_pass(pixels)


class HighPass(View):
    """The fine half."""

    name = "high_pass"
    doc = "The picture's detail about a middle grey; `low_pass + 2 * (high_pass - 128)` is the picture."

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The rest."""
        return high_pass(pixels)
