"""Smallest difference between two groups that so many faces could have shown.

A comparison that finds nothing says little until it is known what it could have found. The smallest difference is that
which a two-sided test at 5 % finds in 80 % of samples of these sizes.
"""

from __future__ import annotations

import math

from curate.audit.exact import scipy
from curate.evaluation.quantiles import NORMAL

LEVEL = 0.05
POWER = 0.8
HALVINGS = 80


def rate_gap(share: float, n: int, other: int, *, level: float = LEVEL, power: float = POWER) -> float:
    """Smallest distance from a share at which two groups' shares would have been told apart.

    For the two-sample test with pooled variance, without a correction for continuity (J. Fleiss, B. Levin, M. Paik,
    "Statistical Methods for Rates and Proportions", 2003, section 4.3). The distance is upward or downward,
    whichever is smaller and stays within 0..1.

    Args:
        share: Share in the first group, 0..1.
        n: Faces of the first group.
        other: Faces of the second.
        level: Of the two-sided test.
        power: Share of samples in which the test is to find the difference.

    Returns:
        The distance, 0..1; NaN where no difference could have been shown, or a group is empty.
    """
    if min(n, other) < 1 or not 0 <= share <= 1:
        return math.nan
    found = [d for sign in (1.0, -1.0) if not math.isnan(d := _rate_gap(share, n, other, sign, level, power))]
    return min(found, default=math.nan)


def rate_power(share: float, second: float, n: int, other: int, *, level: float = LEVEL) -> float:
    """Power of the two-sample test of shares (pooled variance): how often it finds this difference."""
    pooled = (n * share + other * second) / (n + other)
    null = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / other))
    true = math.sqrt(share * (1 - share) / n + second * (1 - second) / other)
    apart, cut = abs(second - share), NORMAL.inv_cdf(1 - level / 2) * null
    if true == 0:
        return float(apart > cut)
    return NORMAL.cdf((apart - cut) / true) + NORMAL.cdf((-apart - cut) / true)


def _rate_gap(share: float, n: int, other: int, sign: float, level: float, power: float) -> float:
    room = 1 - share if sign > 0 else share
    if room <= 0 or rate_power(share, share + sign * room, n, other, level=level) < power:
        return math.nan
    low, high = 0.0, room
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = rate_power(share, share + sign * middle, n, other, level=level) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def mean_gap(deviation: float, n: int, other: int, *, level: float = LEVEL, power: float = POWER) -> float:
    """Smallest difference of two means that Student's two-sample test would have shown.

    The difference at which the non-central t distribution gives the power (J. Cohen, "Statistical Power Analysis for
    the Behavioral Sciences", 1988, chapter 2).

    Args:
        deviation: Standard deviation within the groups, in any unit.
        n: Faces of the first group.
        other: Faces of the second.
        level: Of the two-sided test.
        power: Share of samples in which the test is to find the difference.

    Returns:
        The difference in the unit of `deviation`; NaN where a group is empty or both hold but one face.

    Raises:
        MissingExtraError: if scipy is absent.
    """
    if min(n, other) < 1 or n + other < 3 or not deviation >= 0:
        return math.nan
    return deviation * math.sqrt(1 / n + 1 / other) * _noncentrality(n + other - 2, level, power)


def _noncentrality(freedom: int, level: float, power: float) -> float:
    """Non-centrality of t at which the two-sided test has the power."""
    stats = scipy("stats")
    cut = float(stats.t.ppf(1 - level / 2, freedom))
    low, high = 0.0, 2 * cut + 10.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        # scipy gives NaN for the wrong side where its chance is nil
        wrong = float(stats.nct.cdf(-cut, freedom, middle))
        enough = float(stats.nct.sf(cut, freedom, middle)) + (0.0 if math.isnan(wrong) else wrong) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high
