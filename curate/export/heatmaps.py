"""Points as heat maps, for networks that learn them so, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]
Points = NDArray[np.float32]


def heatmaps(points: NDArray[Any], side: int, sigma: float) -> Maps:
    """A Gaussian of height 1 around each point; shape (n, side, side), rows first.

    The centre is not rounded to a pixel, as Zhang et al., "Distribution-aware coordinate representation for human pose
    estimation", 2020, advise. Points that are not known or lie outside the map have an empty one.

    Args:
        points: Shape (n, 2), in pixels of the map; the first pixel's centre is (0.5, 0.5).
        side: Of the map in pixels.
        sigma: Of the Gaussian in pixels.
    """
    centres = np.arange(side) + 0.5
    known = np.isfinite(points).all(1) & (points >= 0).all(1) & (points < side).all(1)
    given = np.where(known[:, None], points, 0.0).astype(np.float64)
    across, down = (np.exp(-((centres - given[:, axis, None]) ** 2) / (2 * sigma**2)) for axis in (0, 1))
    return np.asarray(down[:, :, None] * across[:, None, :] * known[:, None, None], np.float32)


def peaks(maps: NDArray[Any]) -> Points:
    """Centre of the highest pixel of each map, shape (n, 2) in pixels of the map; NaN for an empty map."""
    side = maps.shape[-1]
    flat = maps.reshape(len(maps), -1)
    best = flat.argmax(1)
    found = np.stack([best % side, best // side], axis=1) + 0.5
    return np.asarray(np.where(flat.max(1)[:, None] > 0, found, np.nan), np.float32)


def refined(maps: NDArray[Any]) -> Points:
    """As `peaks`, moved to the top of the parabola through the logarithms of the neighbours: exact for a Gaussian.

    At the map's edge, where a neighbour is missing, the pixel's centre stays along that axis.
    """
    found = peaks(maps).astype(np.float64)
    side = maps.shape[-1]
    for number, (x, y) in enumerate(found):
        if np.isnan(x):
            continue
        column, row = int(x), int(y)
        for axis, (place, line) in enumerate(((column, maps[number, row, :]), (row, maps[number, :, column]))):
            if 0 < place < side - 1:
                found[number, axis] += _top(line[place - 1 : place + 2].astype(np.float64))
    return found.astype(np.float32)


def _top(values: NDArray[np.float64]) -> float:
    """Offset of a parabola's top from the middle of three neighbours, in logarithms."""
    if (values <= 0).any():
        return 0.0
    low, middle, high = np.log(values)
    bend = low - 2 * middle + high
    return float(np.clip((low - high) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
