"""Intervals for shares and means that hold for groups of any size, empty ones included."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.intervals import Estimate, undefined
from curate.evaluation.quantiles import LEVEL, student, wilson
from schemas import MissingExtraError

Floats = NDArray[np.float64]


def scipy(part: str) -> ModuleType:
    """A part of scipy, such as `stats`.

    Raises:
        MissingExtraError: if scipy is absent.
    """
    try:
        return importlib.import_module(f"scipy.{part}")
    except ImportError as error:
        raise MissingExtraError("scipy", "audit") from error


def clopper_pearson(hits: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Exact interval of a share; holds at least its level whatever the share and n.

    C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    1934, by quantiles of the beta distribution.

    Args:
        hits: Cases that count, (k,); need not be whole, as effective numbers are not.
        n: Cases, (k,).

    Returns:
        Lower and upper ends, (k,); NaN where n is 0.
    """
    stats = scipy("stats")
    x, size = np.broadcast_arrays(np.asarray(hits, np.float64), np.asarray(n, np.float64))
    cut = (1 - LEVEL) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(x > 0, stats.beta.ppf(cut, np.where(x > 0, x, 1), size - x + 1), 0.0)
        high = np.where(x < size, stats.beta.ppf(1 - cut, x + 1, np.where(x < size, size - x, 1)), 1.0)
    return np.where(size > 0, low, np.nan), np.where(size > 0, high, np.nan)


def goodman(counts: ArrayLike, n: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Simultaneous intervals of the shares of a multinomial: all of them hold together.

    L. Goodman, "On simultaneous confidence intervals for multinomial proportions", 1965: Wilson's interval at the
    level divided among the k groups.

    Args:
        counts: Cases of each group, (k,).
        n: All cases; or for each group the effective number that its share rests on, (k,), beside effective counts.
    """
    x = np.asarray(counts, np.float64)
    total = np.broadcast_to(np.asarray(x.sum() if n is None else n, np.float64), x.shape)
    square = float(scipy("stats").chi2.ppf(1 - (1 - LEVEL) / max(len(x), 1), 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        half = np.sqrt(square * (square + 4 * x * (total - x) / total))
        low, high = (square + 2 * x - half) / (2 * (total + square)), (square + 2 * x + half) / (2 * (total + square))
    known = total > 0
    return np.where(known, np.maximum(low, 0), np.nan), np.where(known, np.minimum(high, 1), np.nan)


def shares(
    counts: Sequence[int] | NDArray[np.int64], interval: str = "exact", worth: ArrayLike | None = None
) -> list[Estimate]:
    """Share of each group among all, with its interval.

    Args:
        counts: Cases of each group, (k,).
        interval: `exact`, `wilson` or `multinomial`.
        worth: Number of independent cases that each share is worth, (k,); by default all cases. Intervals are then
            those of that many cases (E. Korn and B. Graubard, "Confidence intervals for proportions with small
            expected number of positive counts estimated from survey data", 1998).
    """
    x = np.asarray(counts, np.int64)
    n = int(x.sum())
    if not n:
        return [undefined(math.nan, 0) for _ in x]
    size = np.full(len(x), float(n)) if worth is None else np.asarray(worth, np.float64)
    low, high = _ends(x / n * size, size, interval)
    return [Estimate(int(k) / n, float(a), float(b), n, interval) for k, a, b in zip(x, low, high, strict=True)]


def _ends(hits: Floats, n: Floats, interval: str) -> tuple[Floats, Floats]:
    if interval == "multinomial":
        return goodman(hits, n)
    if interval == "wilson":
        pairs = [wilson(x / m if m else math.nan, m) for x, m in zip(hits.tolist(), n.tolist(), strict=True)]
        return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    return clopper_pearson(hits, n)


def rates(hits: Sequence[int] | NDArray[np.int64], n: Sequence[int] | NDArray[np.int64]) -> list[Estimate]:
    """Share of cases that count in each group, with its exact interval; NaN with n = 0 in an empty group."""
    x, size = np.asarray(hits, np.int64), np.asarray(n, np.int64)
    low, high = clopper_pearson(x, size)
    return [
        Estimate(int(k) / int(m), float(a), float(b), int(m), "exact") if m else undefined(math.nan, 0)
        for k, m, a, b in zip(x, size, low, high, strict=True)
    ]


def rate(hits: int, n: int) -> Estimate:
    """The share of one group with its exact interval."""
    return rates([hits], [n])[0]


def mean_of(middle: float, n: float, total: float, squares: float) -> Estimate:
    """Mean of numbers with Student's interval; no interval for fewer than two.

    Args:
        middle: A number near them.
        n: How many they are.
        total: Sum of their distances to the middle.
        squares: Sum of the squares of these.
    """
    if n < 2:
        return undefined(middle + total if n else math.nan, int(n), "few" if n else "undefined")
    mean, spread = total / n, max(squares - total**2 / n, 0.0)
    half = student(int(n) - 1) * math.sqrt(spread / (n - 1) / n)
    return Estimate(middle + mean, middle + mean - half, middle + mean + half, int(n), "student")
