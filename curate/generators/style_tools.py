"""What the drawn styles share: lengths that grow with the picture, lightness that suits any skin, and paper."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.generators.subject import Subject
from schemas.landmarks import layout

Array = NDArray[np.float32]
REFERENCE = 512
"""Side in pixels that lengths refer to."""
SKIN_LIGHTNESS = 0.66
"""Lightness that the middle of a face gets before lines are taken from it, so that dark skin is not drawn black."""
BENDS = (0.35, 2.0)
"""Range of the exponent that brings it there."""


def scale_of(pixels: Pixels) -> float:
    """Pixels per pixel of a picture of 512."""
    return max(pixels.shape[:2]) / REFERENCE


def lightness(pixels: Pixels, bend: float = 1.0) -> Array:
    """L* in 0-1 to the power `bend`, shape (height, width)."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(np.clip(lab[..., 0] / 100, 0, 1) ** bend, np.float32)


def bend_for(subject: Subject) -> float:
    """The exponent that brings the face's median lightness to `SKIN_LIGHTNESS`; the whole picture's without a mesh."""
    values = lightness(subject.pixels)
    inside = np.ones(values.shape, bool)
    if subject.mesh is not None:
        mask = np.zeros(values.shape, np.uint8)
        oval = np.rint(subject.mesh[list(layout("points-478").group("oval")), :2]).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(oval), 1)
        inside = mask > 0 if mask.any() else inside
    middle = float(np.clip(np.median(values[inside]), 0.02, 0.98))
    return float(np.clip(np.log(SKIN_LIGHTNESS) / np.log(middle), *BENDS))


def smooth_noise(shape: tuple[int, ...], size: float, seed: int) -> Array:
    """Noise of mean 0 and deviation 1 with blobs of about `size` pixels."""
    small = tuple(max(int(np.ceil(s / max(size / 2, 1))) + 8, 8) for s in shape[:2])
    noise = blurred(np.random.default_rng(seed).standard_normal(small), 1.0)
    scale = max(size / 2, 1.0)
    grown = cv2.resize(noise, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[: shape[0], : shape[1]]
    return np.asarray((grown - grown.mean()) / max(float(grown.std()), 1e-6), np.float32)


def paper(shape: tuple[int, ...], scale: float, seed: int) -> Array:
    """Height of rough paper, mean 0 and deviation about 1: fine grain on broader unevenness."""
    grain = [smooth_noise(shape, size * scale, seed + i) * share for i, (size, share) in enumerate(PAPER)]
    return np.asarray(sum(grain) / np.sqrt(sum(share**2 for _, share in PAPER)), np.float32)


PAPER = ((1.2, 0.7), (3.0, 0.6), (8.0, 0.35))
"""Size in pixels of each layer of grain and its weight."""


def blurred(values: NDArray[Any], sigma: float) -> Array:
    """Gaussian blur by `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma, 0.1)), np.float32)


def wide_blur(values: NDArray[Any], sigma: float) -> Array:
    """Gaussian blur by many pixels, worked out on a smaller picture, which it looks the same on."""
    step = int(sigma / 6)
    values = np.asarray(values, np.float32)
    if step < 2:
        return blurred(values, sigma)
    height, width = values.shape[:2]
    small = cv2.resize(values, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(blurred(small, sigma / step), (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )


def to_bytes(values: NDArray[Any]) -> Pixels:
    """Values in 0-1 as a picture; one channel becomes three."""
    values = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)
