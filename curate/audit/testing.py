"""Tests of independence and effect sizes, from tables of counts and from ranks; many tests taken together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.audit.exact import Floats, scipy
from curate.audit.sections import Test
from curate.evaluation.intervals import Estimate, undefined
from curate.evaluation.quantiles import LEVEL, Z

LARGE = 2_000.0
"""Chi-squared from which the non-central distribution is inverted by its normal approximation."""
EXPECTED = 5.0
"""Cochran's rule: expected counts below this in at most a fifth of the cells, and none below 1."""

NOTHING = Test("", math.nan, 0, math.nan)
"""There was nothing to test."""


@dataclass(frozen=True)
class Dependence:
    """How far a table of counts departs from independence.

    Attributes:
        effect: Bias-corrected Cramer's V with the interval of the population's.
        mutual_information: In nats.
        test: Chi-squared, or a permutation test where that does not hold.
        sparse: Expected counts are too small for chi-squared.
    """

    effect: Estimate
    mutual_information: float
    test: Test
    sparse: bool


def filled(counts: ArrayLike) -> NDArray[np.int64]:
    """A table without its empty rows and columns."""
    table = np.asarray(counts, np.int64)
    found: NDArray[np.int64] = table[table.sum(1) > 0][:, table.sum(0) > 0]
    return found


def expected(table: NDArray[np.int64]) -> Floats:
    """Counts under independence, of the shape of the table."""
    n = table.sum()
    return np.outer(table.sum(1), table.sum(0)) / n if n else np.zeros(table.shape)


def chi_squared(table: NDArray[np.int64]) -> float:
    """Pearson's statistic, without Yates's correction."""
    base = expected(table)
    return float(((table - base) ** 2 / base).sum())


def dependence(counts: ArrayLike, permutations: int, seed: Sequence[int], alike: float = 1.0) -> Dependence:
    """Test a table of counts for independence and measure the dependence.

    Args:
        counts: Cases, (rows, columns); empty rows and columns are left out.
        permutations: Tables drawn with the same margins, where chi-squared does not hold.
        seed: Of those.
        alike: Mean design effect of cases that are alike, by which the statistic is divided (Rao and Scott 1984).
    """
    table = filled(counts)
    n = int(table.sum())
    if min(table.shape, default=0) < 2:
        return Dependence(undefined(math.nan, n), 0.0 if n else math.nan, NOTHING, False)
    statistic = chi_squared(table) / alike
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    base = expected(table)
    sparse = bool((base < EXPECTED).mean() > 0.2 or (base < 1).any())
    if sparse:
        test = Test("permutation", statistic, freedom, permuted(table, statistic, permutations, seed))
    else:
        test = Test("chi2", statistic, freedom, float(scipy("stats").chi2.sf(statistic, freedom)))
    return Dependence(cramers_v(table, alike), mutual_information(table), test, sparse)


def cramers_v(table: NDArray[np.int64], alike: float = 1.0) -> Estimate:
    """Cramer's V, corrected for its bias, with the interval of the population's V.

    The value is that of W. Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", 2013. The interval inverts
    the non-central chi-squared distribution of the statistic (M. Smithson, "Confidence Intervals", 2003).

    Args:
        table: Cases, (rows, columns), no row or column empty.
        alike: Mean design effect: the table is worth so many times fewer independent cases.
    """
    n, (rows, columns) = int(table.sum()), table.shape
    least = min(rows, columns) - 1
    statistic = chi_squared(table)
    if n < 2 or least < 1:
        return undefined(math.nan, n)
    rest = max(n / alike - 1, 1.0)
    square = max(0.0, statistic / n - (rows - 1) * (columns - 1) / rest)
    tall, wide = rows - (rows - 1) ** 2 / rest, columns - (columns - 1) ** 2 / rest
    value = math.sqrt(square / (min(tall, wide) - 1)) if min(tall, wide) > 1 else math.nan
    ends = noncentrality(statistic / alike, (rows - 1) * (columns - 1))
    low, high = (math.sqrt(x * alike / n / least) for x in ends)
    if math.isnan(value):
        return undefined(value, n)
    value = min(value, 1.0)
    return Estimate(value, min(low, value), max(min(high, 1.0), value), n, "noncentral chi2")


def noncentrality(statistic: float, freedom: int) -> tuple[float, float]:
    """Interval of the non-centrality parameter behind a chi-squared statistic; 0 where it could be none."""
    if statistic > LARGE:
        # the normal approximation: x = f + l +- z sqrt(2 (f + 2 l)), solved for l
        middle = statistic - freedom + 2 * Z * Z
        half = Z * math.sqrt(4 * statistic - 2 * freedom + 4 * Z * Z)
        return max(middle - half, 0.0), middle + half
    brentq, chndtr = scipy("optimize").brentq, scipy("special").chndtr
    ends = []
    for share in ((1 + LEVEL) / 2, (1 - LEVEL) / 2):
        if chndtr(statistic, freedom, 0.0) <= share:
            ends.append(0.0)
            continue
        top = statistic + 10 * math.sqrt(2 * statistic + freedom) + 50
        ends.append(float(brentq(lambda nc, p=share: chndtr(statistic, freedom, nc) - p, 0.0, top)))
    return ends[0], ends[1]


def mutual_information(table: NDArray[np.int64]) -> float:
    """Mutual information of rows and columns in nats."""
    n = table.sum()
    base = expected(table)
    some = table > 0
    return max(float((table[some] / n * np.log(table[some] / base[some])).sum()), 0.0)


def pointwise(counts: ArrayLike) -> tuple[Floats, Floats]:
    """Pointwise mutual information of every cell in nats, and the same normalised to -1..1.

    G. Bouma, "Normalized (pointwise) mutual information in collocation extraction", 2009.

    Returns:
        Both of the table's shape; NaN where a cell is empty.
    """
    table = np.asarray(counts, np.float64)
    n = table.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(table * n / np.outer(table.sum(1), table.sum(0)))
        normal = pmi / -np.log(table / n)
    pmi[table == 0] = normal[table == 0] = np.nan
    normal[table == n] = 1.0
    return pmi, normal


def permuted(table: NDArray[np.int64], statistic: float, permutations: int, seed: Sequence[int]) -> float:
    """p-value of chi-squared among tables with the same margins, drawn at random.

    B. Phipson and G. Smyth, "Permutation p-values should never be zero", 2010: the table itself counts as one draw.
    """
    drawn = scipy("stats").random_table(table.sum(1), table.sum(0), seed=np.random.default_rng(list(seed)))
    tables = drawn.rvs(permutations)
    base = expected(table)
    found = ((tables - base) ** 2 / base).sum((1, 2))
    return float(((found >= statistic * (1 - 1e-12)).sum() + 1) / (permutations + 1))


def goodness(counts: ArrayLike, target: ArrayLike, alike: float = 1.0) -> Test:
    """Pearson's test of counts against shares; groups whose target is 0 must be empty, or nothing is tested.

    Args:
        counts: Cases of each group, (k,).
        target: Share wanted of each, (k,).
        alike: Mean design effect of cases that are alike, by which the statistic is divided (Rao and Scott 1981).
    """
    x, wanted = np.asarray(counts, np.float64), np.asarray(target, np.float64)
    used = wanted > 0
    if x.sum() == 0 or used.sum() < 2 or x[~used].any():
        return NOTHING
    base = x.sum() * wanted[used] / wanted[used].sum()
    statistic = float(((x[used] - base) ** 2 / base).sum()) / alike
    freedom = int(used.sum()) - 1
    return Test("goodness of fit", statistic, freedom, float(scipy("stats").chi2.sf(statistic, freedom)))


def adjusted(p: ArrayLike) -> Floats:
    """p-values adjusted by Benjamini and Hochberg (1995) over all that are not NaN, (n,).

    "Controlling the false discovery rate", J. R. Stat. Soc. B 57: if all below 5 % are believed, 5 % of those are
    expected to be false.
    """
    values = np.asarray(p, np.float64)
    known = np.flatnonzero(np.isfinite(values))
    found = np.full(len(values), np.nan)
    order = known[np.argsort(values[known], kind="stable")[::-1]]
    m = len(order)
    raised = values[order] * m / np.arange(m, 0, -1)
    found[order] = np.minimum(np.minimum.accumulate(raised), 1.0) if m else raised
    return found


def adjust(tests: Iterable[Test]) -> list[Test]:
    """The tests with their p-values adjusted over all of them."""
    listed = list(tests)
    return [replace(t, p_adjusted=float(q)) for t, q in zip(listed, adjusted([t.p for t in listed]), strict=True)]


@dataclass(frozen=True)
class Ranked:
    """Numbers as places in their order, so that they are sorted only once.

    Attributes:
        places: Dense rank of each number from 0 on; -1 where there is none, (n,).
        order: Rows of all numbers, from the least to the greatest.
        values: Distinct values, rising.
    """

    places: NDArray[np.int32]
    order: NDArray[np.int32]
    values: NDArray[np.floating]


def ranked(values: NDArray[np.floating]) -> Ranked:
    """Sort numbers once for many tests."""
    known = np.isfinite(values)
    rows = np.flatnonzero(known)
    order = rows[np.argsort(values[rows], kind="stable")].astype(np.int32)
    rising = values[order]
    fresh = np.concatenate([[True], rising[1:] != rising[:-1]]) if len(rising) else np.zeros(0, bool)
    places = np.full(len(values), -1, np.int32)
    places[order] = np.cumsum(fresh) - 1
    return Ranked(places, order, rising[fresh])


def kruskal(
    numbers: Ranked, codes: NDArray[np.integer], size: int, small: ArrayLike = False, alike: float = 1.0
) -> tuple[Test, Estimate, NDArray[np.float64]]:
    """Kruskal-Wallis test of numbers between groups, corrected for ties, with its effect size and the medians.

    The effect is epsilon squared, H (n + 1) / (n^2 - 1) (M. Tomczak and E. Tomczak, 2014): 0 where the groups' ranks
    agree, 1 where the groups do not overlap. Its interval inverts the non-central chi-squared distribution of H.

    Args:
        numbers: From `ranked`.
        codes: Group of each, -1 for none, (n,).
        size: Number of groups.
        small: Groups that have a median, but are left out of the test, (size,).
        alike: Mean design effect of cases that are alike, by which H is divided.

    Returns:
        Test, effect, medians (size,) with NaN for groups without numbers.
    """
    rows = numbers.order[codes[numbers.order] >= 0]
    places, index = numbers.places[rows], codes[rows]
    n = len(places)
    medians = _medians(numbers, places, index, size)
    left = np.broadcast_to(np.asarray(small, bool), size)
    if left.any():
        kept = ~left[index]
        places, index, n = places[kept], index[kept], int(kept.sum())
    sizes = np.bincount(index, minlength=size)
    full = sizes > 0
    if n < 2 or full.sum() < 2:
        return NOTHING, undefined(math.nan, n), medians
    ties = np.bincount(places, minlength=len(numbers.values)).astype(np.float64)
    middle = np.cumsum(ties) - (ties - 1) / 2
    sums = np.bincount(index, middle[places], minlength=size)
    share = 1 - float((ties**3 - ties).sum()) / (float(n) ** 3 - n)
    if share <= 0:
        return NOTHING, undefined(math.nan, n), medians
    h = 12 / (n * (n + 1)) * float((sums[full] ** 2 / sizes[full]).sum()) - 3 * (n + 1)
    h = max(h / share, 0.0)
    freedom = int(full.sum()) - 1
    test = Test("kruskal", h / alike, freedom, float(scipy("stats").chi2.sf(h / alike, freedom)))
    value = min(h * (n + 1) / (float(n) ** 2 - 1), 1.0)
    low, high = (min(x * alike / (n - 1), 1.0) for x in noncentrality(h / alike, freedom))
    return test, Estimate(value, min(low, value), max(high, value), n, "noncentral chi2"), medians


def _medians(numbers: Ranked, places: NDArray[np.int32], index: NDArray[np.integer], size: int) -> NDArray[np.float64]:
    """Median of each group, from places that rise."""
    found = np.full(size, np.nan)
    narrow = index.astype(np.int16) if size < np.iinfo(np.int16).max else index
    order = np.argsort(narrow, kind="stable")  # a radix sort, for 16 bits
    ends = np.cumsum(np.bincount(index, minlength=size))
    for g, (start, end) in enumerate(itertools.pairwise([0, *ends.tolist()])):
        if end > start:
            middle = places[order[[start + (end - start - 1) // 2, start + (end - start) // 2]]]
            found[g] = numbers.values[middle].astype(np.float64).mean()
    return found
