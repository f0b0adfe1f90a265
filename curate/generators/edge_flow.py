"""The direction in which a picture runs at each pixel, and smoothing along it: what makes drawn lines coherent.

H. Kang, S. Lee and C. Chui, "Coherent line drawing", 2007; direction from the smoothed structure tensor as in
J. Kyprianidis and J. Döllner, "Image abstraction by structure adaptive filtering", 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class EdgeFlow:
    """Directions of a picture.

    Attributes:
        x: Along the edge, x part of a unit vector, shape (height, width).
        y: Its y part, down.
        coherence: 0 where no direction prevails, 1 where only one is there, shape (height, width).
    """

    x: Array
    y: Array
    coherence: Array

    def along(self, values: NDArray[Any], sigma: float) -> Array:
        """Values averaged along the flow by a Gaussian of this standard deviation in pixels.

        Args:
            values: Shape (height, width) or (height, width, channels).
            sigma: Two of it are followed to either side; none below half a pixel.
        """
        values = np.asarray(values, np.float32)
        if sigma < 0.5:
            return values
        total, weight = values.copy(), 1.0
        for sign in (1, -1):
            for step, sampled in enumerate(self._walk(values, sign, int(np.ceil(2 * sigma))), 1):
                share = float(np.exp(-0.5 * (step / sigma) ** 2))
                total += share * sampled
                weight += share
        return np.asarray(total / weight, np.float32)

    def _walk(self, values: Array, sign: int, steps: int) -> list[Array]:
        """Values met on the way, a pixel at a time, keeping to the way one came."""
        height, width = self.x.shape
        column, row = (a.astype(np.float32) for a in np.meshgrid(np.arange(width), np.arange(height)))
        across, down = self.x * sign, self.y * sign
        met = []
        for _ in range(steps):
            column, row = column + across, row + down
            met.append(_at(values, column, row))
            here_x, here_y = _at(self.x, column, row), _at(self.y, column, row)
            turn = np.where(here_x * across + here_y * down < 0, np.float32(-1), np.float32(1))
            size = np.maximum(np.hypot(here_x, here_y), 1e-6)
            across, down = here_x * turn / size, here_y * turn / size
        return met


def _at(values: Array, column: Array, row: Array) -> Array:
    found = cv2.remap(values, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def edge_flow(picture: NDArray[Any], sigma: float) -> EdgeFlow:
    """Directions of a picture by its structure tensor, smoothed over `sigma` pixels.

    Args:
        picture: Shape (height, width) or (height, width, channels), any scale.
        sigma: Larger gives calmer lines.
    """
    values = np.asarray(picture, np.float32)
    values = values if values.ndim == 3 else values[..., None]
    dx, dy = (np.atleast_3d(cv2.Sobel(values, cv2.CV_32F, *order)) for order in ((1, 0), (0, 1)))
    parts = [np.ascontiguousarray((a * b).sum(-1)) for a, b in ((dx, dx), (dx, dy), (dy, dy))]
    xx, xy, yy = (cv2.GaussianBlur(part, (0, 0), max(sigma, 0.1)) for part in parts)
    root = np.sqrt(np.maximum((xx - yy) ** 2 + 4 * xy**2, 0))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    coherence = root / np.maximum(xx + yy, 1e-6)
    return EdgeFlow(*(np.asarray(a, np.float32) for a in (np.cos(angle), np.sin(angle), coherence)))
