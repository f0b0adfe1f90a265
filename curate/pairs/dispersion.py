"""Choosing items that are as different from one another as can be: the largest mean distance of all pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def spread(distances: Floats, chosen: Ints) -> float:
    """Mean distance of all pairs among the chosen; 0 for fewer than two.

    Args:
        distances: Symmetric, shape (n, n).
        chosen: Numbers of items.
    """
    n = len(chosen)
    if n < 2:
        return 0.0
    part = distances[np.ix_(chosen, chosen)]
    return float((part.sum() - np.trace(part)) / (n * (n - 1)))


def most_apart(distances: Floats, size: int) -> Ints:
    """Items with a large mean distance: greedy (Ravi et al. 1994), then exchanges while one helps; sorted.

    The greedy choice alone has at least half of the best sum where distances keep the triangle inequality; exchanges
    only add to it. Ties go to the lower number.

    Args:
        distances: Symmetric, shape (n, n), finite.
        size: Items wanted; all where there are no more.
    """
    count = len(distances)
    if size >= count:
        return np.arange(count)
    chosen = [int(distances.sum(1).argmax())]
    while len(chosen) < size:
        gain = distances[:, chosen].sum(1)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
    return _exchanged(distances, np.array(sorted(chosen), np.int64))


def _exchanged(distances: Floats, chosen: Ints) -> Ints:
    inside = np.zeros(len(distances), bool)
    inside[chosen] = True
    while True:
        reach = distances[:, inside].sum(1) - np.where(inside, np.diag(distances), 0)
        gain = reach[None, :] - distances - reach[:, None]
        gain[~inside] = gain[:, inside] = -np.inf
        out, into = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[out, into] <= 1e-9:
            return np.flatnonzero(inside)
        inside[out], inside[into] = False, True
