"""Quantiles of the normal and Student's t distribution, from the standard library alone."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

LEVEL = 0.95
"""Confidence level of all intervals."""

NORMAL = NormalDist()
Z = NORMAL.inv_cdf(0.5 + LEVEL / 2)
"""Two-sided normal quantile of the level."""

EXPANDED = 200
"""Degrees of freedom from which Student's quantile is taken from its expansion (error below 1e-9)."""


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion; NaN where n is 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        share: Observed proportion, 0..1.
        n: Number of trials.
    """
    if not n > 0 or math.isnan(share):
        return math.nan, math.nan
    square = Z * Z / n
    middle = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * math.sqrt(max(share * (1 - share) / n + square / (4 * n), 0))
    return (0.0 if share <= 0 else max(middle - half, 0.0)), (1.0 if share >= 1 else min(middle + half, 1.0))


@cache
def student(freedom: int) -> float:
    """Two-sided quantile of Student's t at the level.

    The closed forms of the distribution for whole degrees of freedom (Abramowitz and Stegun 26.7.3, 26.7.4), inverted
    by halving; above `EXPANDED` the Cornish-Fisher expansion 26.7.5.
    """
    if freedom > EXPANDED:
        z, f = Z, float(freedom)
        return z + sum((
            (z**3 + z) / (4 * f),
            (5 * z**5 + 16 * z**3 + 3 * z) / (96 * f**2),
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * f**3),
        ))  # fmt: skip
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < LEVEL else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(angle: float, freedom: int) -> float:
    """Probability that |t| is at most tan(angle) * sqrt(freedom)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    series = term if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine**2 * (k - 1) / k
        series += term
    return 2 / math.pi * (angle + sine * series) if odd else sine * series


def tail(units: int) -> float:
    """Share of the resamples to cut at either end for the level, widened for few units.

    T. Hesterberg, "What teachers should know about the bootstrap", 2015, section 3.3: percentile intervals are too
    short by sqrt((n-1)/n) and take no account of the estimated spread; the expanded percentile interval cuts
    Phi(-sqrt(n/(n-1)) t) with Student's t instead.
    """
    return NORMAL.cdf(-math.sqrt(units / (units - 1)) * student(units - 1)) if units > 1 else 0.0
