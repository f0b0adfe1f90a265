"""The generalised Kuwahara filter: flat patches with crisp edges, like paint.

G. Papari, N. Petkov and P. Campisi, "Artistic edge and corner enhancing smoothing", IEEE TIP 16(10), 2007: the mean of
each of eight soft sectors around a pixel, weighted towards the sectors that vary least.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

SECTORS = 8
LEAST = 1e-3
"""Deviation, of 1, below which a sector counts as flat."""


def kuwahara(picture: NDArray[np.float32], radius: float, crisp: float = 8.0) -> NDArray[np.float32]:
    """Filter a picture.

    Args:
        picture: Values in 0-1, shape (height, width, 3).
        radius: Of the neighbourhood in pixels.
        crisp: The paper's q: how strongly flat sectors win.
    """
    total = np.zeros_like(picture)
    weights = np.zeros(picture.shape[:2], np.float32)
    squares = picture * picture
    for kernel in _sectors(round(max(radius, 1.0), 2)):
        mean, power = (cv2.filter2D(v, -1, kernel, borderType=cv2.BORDER_REFLECT_101) for v in (picture, squares))
        deviation = np.sqrt(np.maximum(power - mean * mean, 0).sum(-1))
        weight = 1 / np.maximum(deviation, np.float32(LEAST)) ** np.float32(crisp / 2)
        total += mean * weight[..., None]
        weights += weight
    return np.asarray(total / weights[..., None], np.float32)


@cache
def _sectors(radius: float) -> tuple[NDArray[np.float32], ...]:
    """Eight kernels, each a sector blurred and cut off by a Gaussian; each sums to 1."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    away, angle = np.hypot(x, y), np.arctan2(y, x)
    kernels = []
    for k in range(SECTORS):
        off = np.abs((angle - 2 * np.pi * k / SECTORS + np.pi) % (2 * np.pi) - np.pi)
        inside = (off <= np.pi / SECTORS).astype(np.float32)
        inside[reach, reach] = 1 / SECTORS
        soft = cv2.GaussianBlur(inside, (0, 0), max(0.25 * radius, 0.3)) * np.exp(-0.5 * (away / (0.5 * radius)) ** 2)
        kernels.append(np.asarray(soft / soft.sum(), np.float32))
    return tuple(kernels)
