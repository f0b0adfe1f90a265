"""Agreement of labels beyond chance; ratings are a table of cases by raters, NaN where a rater said nothing.

J. Cohen 1960 and 1968 (weighted); J. Fleiss, "Measuring nominal scale agreement among many raters", 1971;
K. Krippendorff, "Computing Krippendorff's alpha-reliability", 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.intervals import ROUNDS, Estimate, bootstrap, resampled
from curate.evaluation.metrics.classification import cohen_kappa
from curate.fuse.agreement import krippendorff_alpha
from schemas import SchemaError, UsageError

Floats = NDArray[np.float64]
Metric = Literal["nominal", "ordinal", "interval", "ratio"]
Scheme = Literal["linear", "quadratic"]

ABSENT = -1
"""Place of a rating that is missing."""


def places(ratings: Sequence[Sequence[Any]], order: Sequence[Any] | None = None) -> tuple[Floats, list[Any]]:
    """Labels as their places in an order.

    Args:
        ratings: (cases, raters) of labels; None where a rater said nothing.
        order: The labels, in order where they are ordinal; those that occur, sorted, by default.

    Returns:
        (cases, raters) of places from 0, NaN for None; and the labels in order.

    Raises:
        SchemaError: for a label outside the order.
    """
    known = list(order) if order is not None else sorted({v for row in ratings for v in row if v is not None})
    place = {label: float(i) for i, label in enumerate(known)}
    alien = sorted({str(v) for row in ratings for v in row if v is not None and v not in place})
    if alien:
        raise SchemaError(f"rating '{alien[0]}'", f"known are {', '.join(map(str, known))}")
    table = [[math.nan if v is None else place[v] for v in row] for row in ratings]
    return np.asarray(table, np.float64).reshape(len(table), -1), known


def observed(ratings: ArrayLike) -> float:
    """Mean over cases of the share of agreeing pairs of ratings; cases rated once tell nothing."""
    counts, rated = _counts(ratings)
    return float(((counts**2).sum(1) - rated).sum() / (rated * (rated - 1)).sum()) if len(rated) else math.nan


def cohen(one: ArrayLike, other: ArrayLike, labels: int | None = None, scheme: Scheme | None = None) -> float:
    """Cohen's kappa of two raters over the cases that both rated.

    Args:
        one: Places of the labels, (cases,); NaN where missing.
        other: The same of the other rater.
        labels: Number of labels in the order; needed only where weights shall count labels that never occur.
        scheme: Cost of a disagreement: all alike by default, the distance in places, or its square.

    Returns:
        Kappa, -1..1; NaN where no case was rated by both, or both always say one and the same.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    both = ~(np.isnan(a) | np.isnan(b))
    if not both.any():
        return math.nan
    a, b = a[both], b[both]
    order = np.arange(labels, dtype=np.float64) if labels else np.unique(np.concatenate([a, b]))
    return float(cohen_kappa(a, b, list(order), scheme=scheme))


def fleiss(ratings: ArrayLike) -> float:
    """Fleiss's kappa of any number of raters.

    Where cases have unequal numbers of ratings, a case's agreement is that of its own ratings and chance is taken
    from each label's share of all ratings (for equal numbers this is Fleiss's formula). Cases rated once are left out.

    Args:
        ratings: Places or codes of labels, (cases, raters); NaN where missing.

    Returns:
        Kappa; NaN where nothing was rated twice or only one label occurs.
    """
    counts, rated = _counts(ratings)
    if not len(rated):
        return math.nan
    agree = float((((counts**2).sum(1) - rated) / (rated * (rated - 1))).mean())
    chance = float(((counts.sum(0) / counts.sum()) ** 2).sum())
    return (agree - chance) / (1 - chance) if chance < 1 else math.nan


def krippendorff(ratings: ArrayLike, metric: Metric = "nominal") -> float:
    """Krippendorff's alpha of any number of raters with any number of missing ratings.

    Args:
        ratings: Values or places of labels, (cases, raters); NaN where missing.
        metric: What a disagreement costs: nothing or all, by the ranks between, by the squared difference, or by the
            squared difference over the sum (for values from a true zero).

    Returns:
        Alpha; NaN where no case was rated twice; 1 where only one value occurs.

    Raises:
        UsageError: for a metric that is none, or negative values of a ratio scale.
    """
    table = _table(ratings)
    if metric == "interval":
        return _interval_alpha(table)
    if metric == "ratio":
        return _ratio_alpha(table)
    if metric not in ("nominal", "ordinal"):
        raise UsageError(f"metric={metric}", fix="Known: nominal, ordinal, interval, ratio")
    values, codes = _codes(table)
    return krippendorff_alpha(codes, np.ones(len(codes)), len(values), metric == "ordinal")


def _interval_alpha(table: Floats) -> float:
    """By sums and sums of squares: no table of all pairs of values is needed."""
    rated = (~np.isnan(table)).sum(1)
    x = table[rated >= 2]
    m = rated[rated >= 2].astype(np.float64)
    if not len(x):
        return math.nan
    x = x - np.nanmean(x)  # differences stay, and squares lose no digits
    total, squares, n = np.nansum(x, 1), np.nansum(x * x, 1), m.sum()
    seen = ((m * squares - total**2) / (m - 1)).sum()
    chance = (n * squares.sum() - total.sum() ** 2) / (n - 1)
    return float(1 - seen / chance) if chance > 0 else 1.0


def _ratio_alpha(table: Floats) -> float:
    if np.nanmin(table, initial=0.0) < 0:
        raise UsageError("metric=ratio", "a value is negative", "A ratio scale begins at a true zero; use interval")
    values, codes = _codes(table)
    rated = (codes >= 0).sum(1)
    units = np.zeros((len(codes), len(values)))
    for column in codes.T:
        units[np.flatnonzero(column >= 0), column[column >= 0]] += 1
    units, m = units[rated >= 2], rated[rated >= 2]
    if not len(units):
        return math.nan
    scaled = units / (m - 1)[:, None]
    pairs = scaled.T @ units - np.diag(scaled.sum(0))
    margins = pairs.sum(1)
    sums = values[:, None] + values[None]
    apart = np.divide(values[:, None] - values[None], sums, out=np.zeros_like(sums), where=sums > 0) ** 2
    chance = float((np.outer(margins, margins) * apart).sum() / (margins.sum() - 1))
    return 1 - float((pairs * apart).sum()) / chance if chance > 0 else 1.0


def _table(ratings: ArrayLike) -> Floats:
    table = np.asarray(ratings, np.float64)
    if table.ndim != 2:
        raise SchemaError("ratings", f"expected (cases, raters), found the shape {table.shape}")
    return table


def _codes(table: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The values that occur, sorted, and the place of each rating among them."""
    values = np.unique(table[~np.isnan(table)])
    return values, np.where(np.isnan(table), ABSENT, np.searchsorted(values, table)).astype(np.int64)


def _counts(ratings: ArrayLike) -> tuple[Floats, Floats]:
    """Ratings per case and label, (cases, labels), and per case, of the cases that were rated at least twice."""
    values, codes = _codes(_table(ratings))
    counts = np.stack([(codes == i).sum(1) for i in range(len(values))], axis=1) if len(values) else np.zeros((0, 0))
    rated = counts.sum(1)
    return counts[rated >= 2].astype(np.float64), rated[rated >= 2].astype(np.float64)


@dataclass(frozen=True)
class Agreement:
    """A statistic of two raters.

    Attributes:
        raters: Their positions.
        estimate: The statistic with its interval and the number of cases that both rated.
    """

    raters: tuple[int, int]
    estimate: Estimate


def with_interval(
    statistic: Callable[[Floats], float], ratings: ArrayLike, rounds: int = ROUNDS, seed: int = 0
) -> Estimate:
    """A statistic of a table of ratings with its 95 % bootstrap interval over cases.

    Args:
        statistic: Takes (cases, raters); such as `fleiss`, or `partial(krippendorff, metric="ordinal")`.
        ratings: (cases, raters); cases rated by fewer than two are left out: they tell nothing of agreement.
        rounds: Resamples.
        seed: Same seed, same interval.
    """
    table = _table(ratings)
    kept = table[(~np.isnan(table)).sum(1) >= 2]
    return bootstrap(resampled(statistic), kept, rounds=rounds, seed=seed)


def by_pair(
    statistic: Callable[[Floats, Floats], float], ratings: ArrayLike, rounds: int = ROUNDS, seed: int = 0
) -> list[Agreement]:
    """A statistic of every two raters over the cases that both rated, such as `cohen` or `ccc`."""
    table = _table(ratings)
    found = []
    for i, j in combinations(range(table.shape[1]), 2):
        both = table[:, [i, j]]
        kept = both[~np.isnan(both).any(1)]
        metric = resampled(lambda rows: statistic(rows[:, 0], rows[:, 1]))
        found.append(Agreement((i, j), bootstrap(metric, kept, rounds=rounds, seed=seed)))
    return found
