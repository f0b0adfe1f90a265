"""How plausible each count of a group is, given what was said; and the interval of the plausible ones.

The count M of a group's faces is estimated by a weighted sum of how often each answer was given, with weights that
make it right for every composition of the dataset (they invert the confusion). Were the confusion known, the sum would
be distributed about M with a spread and a skewness that follow from M and the confusion; whether a given M is plausible
is therefore judged by the spread it implies itself, as in a score test, and not by that of the estimate. The confusion
is not known: the verdict is averaged over confusions as the validation leaves them possible, which is a generalised
pivotal quantity (S. Weerahandi, "Generalized confidence intervals", 1993).

The sum may fall below 0 or above all faces, where no count lies. The usual ways out go wrong there: cut off, an
interval may be empty; with a prior, it holds a small count nearly always. Here the plausible counts are those of the
likelihood ratio against the best count that is possible (G. Feldman and R. Cousins, "Unified approach to the classical
statistical analysis of small signals", 1998), which never are none and hold the true count at the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from curate.audit.exact import scipy
from curate.evaluation.quantiles import LEVEL

Floats = NDArray[np.float64]
FINE = 1_000
"""Counts between which the ends of an interval are found."""
COARSE = 60
"""Counts at which the curve is computed, thrice: even, low, and where the estimates lie."""
FAR = 8.0
"""Normal deviate beyond which nothing is distinguished."""
LEAST_VARIANCE = 1e-9
MOST_SKEW = 1.0
"""The skewness of sums of few faces is corrected for up to this."""


@dataclass(frozen=True)
class Sums:
    """One group's weighted sum under each confusion drawn.

    Attributes:
        value: The sum: the count it estimates, (rounds,).
        variance: What one face of the group, and one outside, adds to its variance, (2, rounds).
        third: The same of its third central moment, (2, rounds).
    """

    value: Floats
    variance: Floats
    third: Floats


def interval(sums: Sums, faces: int, population: bool = False, level: float = LEVEL) -> tuple[float, float]:
    """The plausible counts of a group.

    Args:
        sums: From the answers.
        faces: Faces in all.
        population: The count to be expected of as many faces of the same origin, not that of these faces.
        level: How often the interval is to hold the true count.

    Returns:
        Least and largest count, 0 to `faces`.
    """
    grid = _grid(sums, faces)
    deviates = _deviates(sums, grid, faces, population)
    ends = float(deviates[0]), float(deviates[-1])
    plausible = _plausible(deviates, *ends, level)
    inside = np.flatnonzero(plausible)
    first, last = grid[max(inside[0] - 1, 0)], grid[min(inside[-1] + 1, len(grid) - 1)]
    fine = np.linspace(first, last, FINE)
    if not population and last - first <= 4 * FINE:
        fine = np.arange(first, last + 1)
    found = fine[_plausible(np.interp(fine, grid, deviates), *ends, level)]
    return float(found[0]), float(found[-1])


def _grid(sums: Sums, faces: int) -> Floats:
    """Counts that follow the curve where it bends, rising, from 0 to all faces."""
    middle = np.clip(sums.value, 0, faces)
    share = (middle * sums.variance[0] + (faces - middle) * sums.variance[1]) ** 0.5
    spread = np.concatenate([sums.value + step * share for step in (-2.5, -1.5, 0.0, 1.5, 2.5)])
    around = np.quantile(np.clip(spread, 0, faces), np.linspace(0, 1, COARSE))
    low = np.arange(min(faces, COARSE // 2) + 1)
    return np.asarray(np.unique(np.round(np.concatenate([np.linspace(0, faces, COARSE), low, around]))))


def _deviates(sums: Sums, grid: Floats, faces: int, population: bool) -> Floats:
    """The curve as normal deviates, rising: below 0 where a count is too small, above where it is too large."""
    special = scipy("special")
    inside, outside = sums.variance[:, :, None]
    third_in, third_out = sums.third[:, :, None]
    variance = grid * inside + (faces - grid) * outside
    third = grid * third_in + (faces - grid) * third_out
    if population:  # the composition varies as well
        p = grid / faces
        mixing = faces * p * (1 - p)
        third = third + mixing * (3 * (inside - outside) + 1 - 2 * p)
        variance = variance + mixing
    spread = np.sqrt(np.maximum(variance, LEAST_VARIANCE))
    z = (sums.value[:, None] - grid) / spread
    skew = np.clip(third / spread**3, -MOST_SKEW, MOST_SKEW)
    below = special.ndtr(z) - skew / 6 * (z * z - 1) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    chance = np.clip(1 - below.mean(0), special.ndtr(-FAR), special.ndtr(FAR))
    return np.asarray(special.ndtri(np.maximum.accumulate(chance)), np.float64)


def _plausible(deviates: Floats, lowest: float, highest: float, level: float) -> NDArray[np.bool_]:
    """Which counts the likelihood ratio keeps; at least one."""
    beyond = max(lowest, -highest, 0.0)
    ratio = deviates**2 - beyond**2
    kept = ratio <= critical(deviates - lowest, highest - lowest, level)
    if not kept.any():
        kept[int(np.argmin(np.abs(deviates)))] = True
    return kept


def critical(places: Floats, size: float, level: float = LEVEL) -> Floats:
    """Critical value of the likelihood ratio for a normal mean that lies between bounds, with standard deviation 1.

    At the level of 95 %, 3.84 far from both bounds and 2.71 on one of them.

    Args:
        places: Distance of the means from the lower bound, 0 to `size`.
        size: Distance of the bounds.
        level: How often the interval is to hold the mean, at least a half.
    """
    if size < FAR:
        return _solved(places, np.maximum(size - places, 0.0), level)
    near = np.minimum(places, size - places)  # of bounds so far apart only the nearer one is felt
    return np.asarray(np.interp(near, *_one_bound(level)), np.float64)


@cache
def _one_bound(level: float) -> tuple[Floats, Floats]:
    """Distances from a single bound, and the critical values there."""
    room: Floats = np.asarray(np.linspace(0, FAR, FINE), np.float64)
    return room, _solved(room, np.full(FINE, 2 * FAR), level)


def _solved(below: Floats, above: Floats, level: float) -> Floats:
    """The ratio at which means with so much room below and above are held at the level, by halving."""
    ndtr = scipy("special").ndtr
    low, high = np.zeros(below.shape), np.full(below.shape, FAR**2)
    for _ in range(40):
        middle = (low + high) / 2
        covered = ndtr(_reach(above, middle)) - ndtr(-_reach(below, middle))
        low, high = np.where(covered < level, middle, low), np.where(covered < level, high, middle)
    return np.asarray(high)


def _reach(room: Floats, ratio: Floats) -> Floats:
    """How far an estimate may lie from the mean towards a bound that is `room` away, for a ratio not to exceed."""
    root = np.sqrt(ratio)
    with np.errstate(divide="ignore", over="ignore"):
        beyond = (ratio + room * room) / (2 * room)
    return np.where(room >= root, root, beyond)
