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
        hits: Cases that count, (k,).
        n: Cases, (k,).

    Returns:
        Lower and upper ends, (k,); NaN where n is 0.
    """
    stats = scipy("stats")
    x, size = np.broadcast_arrays(np.asarray(hits, np.float64), np.asarray(n, np.float64))
    cut = (1 - LEVEL) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(x > 0, stats.beta.ppf(cut, np.maximum(x, 1), size - x + 1), 0.0)
        high = np.where(x < size, stats.beta.ppf(1 - cut, x + 1, np.maximum(size - x, 1)), 1.0)
    return np.where(size > 0, low, np.nan), np.where(size > 0, high, np.nan)


def goodman(counts: ArrayLike) -> tuple[Floats, Floats]:
    """Simultaneous intervals of the shares of a multinomial: all of them hold together.

    L. Goodman, "On simultaneous confidence intervals for multinomial proportions", 1965: Wilson's interval at the
    level divided among the k groups.

    Args:
        counts: Cases of each group, (k,).
    """
    stats = scipy("stats")
    x = np.asarray(counts, np.float64)
    n, k = float(x.sum()), len(x)
    if not n:
        return np.full(k, np.nan), np.full(k, np.nan)
    square = float(stats.chi2.ppf(1 - (1 - LEVEL) / k, 1))
    middle = square + 2 * x
    half = np.sqrt(square * (square + 4 * x * (n - x) / n))
    return (np.maximum(middle - half, 0) / (2 * (n + square)),
            np.minimum((middle + half) / (2 * (n + square)), 1.0))  # fmt: skip


def shares(counts: Sequence[int] | NDArray[np.int64], interval: str = "exact") -> list[Estimate]:
    """Share of each group among all, with its interval.

    Args:
        counts: Cases of each group, (k,).
        interval: `exact`, `wilson` or `multinomial`.
    """
    x = np.asarray(counts, np.int64)
    n = int(x.sum())
    if not n:
        return [undefined(math.nan, 0) for _ in x]
    return _estimates(x, np.full(len(x), n), interval, goodman(x) if interval == "multinomial" else None)


def rates(
    hits: Sequence[int] | NDArray[np.int64], n: Sequence[int] | NDArray[np.int64], interval: str = "exact"
) -> list[Estimate]:
    """Share of cases that count in each group, with its interval; NaN with n = 0 in an empty group."""
    return _estimates(np.asarray(hits, np.int64), np.asarray(n, np.int64), interval, None)


def rate(hits: int, n: int) -> Estimate:
    """The share of one group with its exact interval."""
    return rates([hits], [n])[0]


def _estimates(
    hits: NDArray[np.int64], n: NDArray[np.int64], interval: str, ends: tuple[Floats, Floats] | None
) -> list[Estimate]:
    if interval == "wilson":
        pairs = [wilson(int(x) / int(m) if m else math.nan, int(m)) for x, m in zip(hits, n, strict=True)]
        ends = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    if ends is None:
        ends = clopper_pearson(hits, n)
    return [
        Estimate(int(x) / int(m), float(low), float(high), int(m), interval) if m else undefined(math.nan, 0)
        for x, m, low, high in zip(hits, n, *ends, strict=True)
    ]


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
