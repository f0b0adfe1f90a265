"""Tools for masks with soft edges: blur, edge-aware smoothing, bytes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels

Soft = NDArray[np.float32]
"""A mask in 0-1, shape (height, width)."""

WIDE = 4.0
"""Standard deviation in px that suffices for a smooth blur; wider ones are made on a reduced picture."""
REDUCED = 1 / 12 + 1 / 6
"""Variance in reduced pixels that averaging down and enlarging linearly bring by themselves."""
EDGES = 1e-3
"""Variance of brightness (0-1) below which a window of the guided filter counts as flat."""


def soften(mask: NDArray[Any], sigma: float) -> Soft:
    """Gaussian blur; `sigma` in px, none below a fifth of a pixel; wide blurs are made on a reduced picture."""
    values = np.asarray(mask, np.float32)
    if sigma < 0.2:
        return values
    step = min(int(sigma / WIDE), min(values.shape[:2]) // 8)
    if step < 2:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma))
    height, width = values.shape[:2]
    small = cv2.resize(values, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    rest = float(np.sqrt((sigma / step) ** 2 - REDUCED))
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), rest), (width, height)), np.float32)


def guided(pixels: Pixels, mask: Soft, radius: float, edges: float = EDGES) -> Soft:
    """Bend a mask to the picture's edges.

    He, Sun and Tang, "Guided image filtering", 2013, with the picture's grey values as guide.

    Args:
        pixels: RGB of the mask's size.
        mask: The mask.
        radius: Half side of the windows in px.
        edges: Variance of grey values (0-1) that already counts as an edge.
    """
    guide: Soft = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)
    size = (2 * max(round(radius), 1) + 1,) * 2
    mean, mean_mask = _box(guide, size), _box(mask, size)
    spread = _box(guide * guide, size) - mean * mean
    slope = (_box(guide * mask, size) - mean * mean_mask) / (spread + edges)
    level = mean_mask - slope * mean
    return np.asarray(np.clip(_box(slope, size) * guide + _box(level, size), 0, 1), np.float32)


def as_bytes(mask: NDArray[Any], reach: float = 0.0) -> NDArray[np.uint8]:
    """A mask as `Made.changed` wants it: at least 1 wherever the value is above `reach`, 0 elsewhere."""
    return np.where(mask > reach, np.clip(np.ceil(mask * 255), 1, 255), 0).astype(np.uint8)


def blend(before: Pixels, after: NDArray[Any], weight: NDArray[Any] | None = None) -> Pixels:
    """New values over old ones, rounded; where the weight is 0 the old bytes stay to the bit.

    Args:
        before: RGB bytes.
        after: RGB in 0-255, same shape.
        weight: Share of the new values, (height, width); 1 everywhere by default.
    """
    new = np.asarray(after, np.float32)
    if weight is not None:
        new = before + (new - before) * np.asarray(weight, np.float32)[..., None]
    return np.asarray(np.clip(np.rint(new), 0, 255), np.uint8)


def _box(values: NDArray[Any], size: tuple[int, int]) -> Soft:
    return np.asarray(cv2.blur(np.asarray(values, np.float32), size))
