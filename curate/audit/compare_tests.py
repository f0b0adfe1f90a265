"""Tests of two or more groups with their effect sizes; p-values are those of scipy's functions of the same name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.audit.exact import scipy
from curate.audit.sections import Test
from curate.audit.testing import (
    EXPECTED,
    NOTHING,
    chi_squared,
    cramers_v,
    dependence,
    expected,
    filled,
    kruskal,
    ranked,
)
from curate.evaluation.intervals import Estimate, undefined
from curate.evaluation.quantiles import Z

Floats = NDArray[np.float64]
HALF = 0.5
"""Added to each cell of a table where one is empty, for the odds ratio (J. Haldane 1956, F. Anscombe 1956)."""


@dataclass(frozen=True)
class Tested:
    """A test with its effect size.

    Attributes:
        test: The test.
        effect: Its effect size with a 95 % interval; of the first group against the second where there are two.
        measure: What the effect is.
    """

    test: Test
    effect: Estimate
    measure: str


def levels(groups: Sequence[Floats]) -> Tested:
    """Whether numbers lie higher in one group than in another: Mann-Whitney's U for two, Kruskal-Wallis for more.

    `scipy.stats.mannwhitneyu` with its defaults: two-sided; exact where a group has at most 8 values and there are no
    ties, else normal with corrections for ties and continuity. The effect of two groups is Cliff's delta, which is the
    rank-biserial correlation: the chance that a value of the first is the larger minus the chance that it is the
    smaller, -1..1. Of more groups it is epsilon squared, 0..1.
    """
    if min(map(len, groups)) < 1:
        return Tested(NOTHING, undefined(math.nan, sum(map(len, groups))), "Cliff's delta")
    if len(groups) > 2:
        codes = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
        test, effect, _ = kruskal(ranked(np.concatenate(groups)), codes, len(groups))
        return Tested(test, effect, "epsilon squared")
    found = scipy("stats").mannwhitneyu(*groups)
    return Tested(Test("mann-whitney", float(found.statistic), 0, float(found.pvalue)), cliffs_delta(*groups),
                  "Cliff's delta")  # fmt: skip


def cliffs_delta(first: Floats, second: Floats) -> Estimate:
    """Cliff's delta with the interval of J. Long, D. Feng and N. Cliff, "Ordinal analysis of behavioral data", 2003.

    The unbiased variance of N. Cliff, "Dominance statistics", 1993, in an interval that stays within -1..1.
    """
    m, n = len(first), len(second)
    rising, other = np.sort(second), np.sort(first)
    below, upto = (np.searchsorted(rising, first, side=side) for side in ("left", "right"))
    rows = (below - (n - upto)) / n
    under, within = (np.searchsorted(other, second, side=side) for side in ("left", "right"))
    columns = ((m - within) - under) / m
    delta = float(rows.mean())
    if min(m, n) < 2:
        return undefined(delta, m + n, "few")
    untied = float(m * n - (upto - below).sum())
    variance = (
        n * n * ((rows - delta) ** 2).sum() + m * m * ((columns - delta) ** 2).sum() - (untied - m * n * delta**2)
    ) / (m * n * (m - 1) * (n - 1))
    least = (1 - delta**2) / (m * n - 1)
    variance = max(float(variance), least)
    root = Z * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + Z * Z * variance)
    below_one = 1 - delta**2 + Z * Z * variance
    if below_one <= 0:
        return Estimate(delta, delta, delta, m + n, "constant")
    low, high = ((delta - delta**3 + sign * root) / below_one for sign in (-1, 1))
    return Estimate(delta, max(low, -1.0), min(high, 1.0), m + n, "cliff")


def variability(groups: Sequence[Floats]) -> Tested:
    """Whether numbers vary more in one group: Brown-Forsythe, which is Levene's test about the medians.

    `scipy.stats.levene` with its defaults (`center="median"`). The effect of two groups is the ratio of their standard
    deviations.
    """
    n = sum(map(len, groups))
    measure = "ratio of deviations" if len(groups) == 2 else "largest ratio of deviations"
    if min(map(len, groups)) < 3 or all(np.ptp(g) == 0 for g in groups):
        return Tested(NOTHING, undefined(math.nan, n), measure)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = scipy("stats").levene(*groups)
    test = Test("brown-forsythe", float(found.statistic), len(groups) - 1, float(found.pvalue))
    deviations = [float(g.std(ddof=1)) for g in groups]
    if len(groups) > 2:
        ratio = max(deviations) / min(deviations) if min(deviations) > 0 else math.nan
        return Tested(test, undefined(ratio, n), measure)
    return Tested(test, deviation_ratio(groups[0], groups[1]), measure)


def deviation_ratio(first: Floats, second: Floats) -> Estimate:
    """Standard deviation of the first numbers over that of the second, with the interval of its logarithm.

    The variance of the logarithm follows D. Bonett, "Robust confidence interval for a ratio of standard deviations",
    2006, with each group's own kurtosis, made unbiased for normal numbers. The interval is too short for numbers as
    skewed as exponential ones: it holds their ratio in some 90 % of samples.
    """
    n = len(first) + len(second)
    spread = [float(g.std(ddof=1)) for g in (first, second)]
    if min(spread) <= 0:
        return undefined(math.nan, n)
    half = Z * math.sqrt(sum(_log_variance(g) for g in (first, second)))
    ratio = spread[0] / spread[1]
    return Estimate(ratio, ratio * math.exp(-half), ratio * math.exp(half), n, "log ratio")


def _log_variance(numbers: Floats) -> float:
    """Variance of the logarithm of a standard deviation."""
    n = len(numbers)
    kurtosis = float(((numbers - numbers.mean()) ** 4).mean() / numbers.var() ** 2) * (n + 1) / (n - 1)
    return max(kurtosis - (n - 3) / n, 0.0) / (n - 1) / 4


def presences(hits: Sequence[int], n: Sequence[int]) -> Tested:
    """Whether something is more frequent in one group: chi-squared, or Fisher's exact test.

    `scipy.stats.chi2_contingency(table, correction=False)`; `scipy.stats.fisher_exact`, two-sided, where two groups are
    compared and an expected count is below 5. More groups with such counts are tested among tables drawn with the same
    margins. The effect of two groups is the odds ratio of the first against the second (B. Woolf, "On estimating the
    relation between blood group and disease", 1955), of more groups Cramer's V.
    """
    table = np.array([hits, np.asarray(n) - np.asarray(hits)], np.int64).T
    return contingency(table)


def contingency(table: NDArray[np.int64], permutations: int = 1999, seed: Sequence[int] = (0,)) -> Tested:
    """Whether labels are distributed differently in the groups, from counts (groups, labels).

    See `presences`; `permutations` and `seed` are of the tables that are drawn.
    """
    full = filled(table)
    measure = "odds ratio" if table.shape == (2, 2) else "Cramer's V"
    if min(full.shape, default=0) < 2:
        return Tested(NOTHING, undefined(math.nan, int(table.sum())), measure)
    if table.shape != (2, 2):
        found = dependence(table, permutations, seed)
        return Tested(found.test, found.effect, measure)
    stats = scipy("stats")
    if (expected(table) < EXPECTED).any():
        test = Test("fisher", math.nan, 0, float(stats.fisher_exact(table).pvalue))
    else:
        statistic = chi_squared(table)
        test = Test("chi2", statistic, 1, float(stats.chi2.sf(statistic, 1)))
    return Tested(test, odds_ratio(table), measure)


def odds_ratio(table: NDArray[np.int64]) -> Estimate:
    """Odds ratio of a table (2, 2) with Woolf's interval; one half is added to all cells where one is empty."""
    n = int(table.sum())
    cells = table.astype(np.float64) + (HALF if (table == 0).any() else 0.0)
    value = float(cells[0, 0] * cells[1, 1] / (cells[0, 1] * cells[1, 0]))
    half = Z * math.sqrt(float((1 / cells).sum()))
    method = "haldane-anscombe" if (table == 0).any() else "woolf"
    return Estimate(value, value * math.exp(-half), value * math.exp(half), n, method)


def pairs(count: int) -> list[tuple[int, int]]:
    """All pairs of so many groups."""
    return list(itertools.combinations(range(count), 2))


__all__ = ["Tested", "cliffs_delta", "contingency", "cramers_v", "deviation_ratio", "levels", "odds_ratio", "pairs",
           "presences", "variability"]  # fmt: skip
