"""Figures with their uncertainty: bootstrap and Wilson intervals, for groups of any size, and the gap between them."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from curate.evaluation.metrics.counting import Floats, numbered, ratio
from curate.evaluation.quantiles import LEVEL, NORMAL, Z, tail, wilson
from curate.evaluation.resampling import Metric, Units, distinct, multinomial, resampled

__all__ = [
    "LEVEL",
    "Estimate",
    "Gap",
    "Metric",
    "bootstrap",
    "bootstrap_groups",
    "gap",
    "proportion",
    "resampled",
    "wilson",
]

ROUNDS = 1000
BLOCKS = 400
"""Most jackknife blocks of the BCa interval."""

FEW = 5
"""Units below which resamples tell too little: shares then have Wilson's interval, other figures none."""

SAME = 1e-12
"""Resamples that differ by no more are all the same."""

Method = Literal["percentile", "bca"]


@dataclass(frozen=True)
class Estimate:
    """A measured figure with its 95 % interval and the number of cases behind it.

    Attributes:
        value: The figure; NaN where it is not defined.
        low: Lower end; NaN where no interval can be given.
        high: Upper end.
        n: Cases.
        method: `percentile`, `bca`, `wilson` or `max-t` (of a gap); `constant` where all resamples agree, so that low
            and high are the value; without an interval `few` for too few units to tell, and `undefined` where the
            figure is NaN, or most resamples of it.
        draws: The figure in each resample, (rounds,), where there were any; takes no part in comparisons.
    """

    value: float
    low: float
    high: float
    n: int
    method: str = ""
    draws: Floats | None = field(default=None, repr=False, compare=False)

    def __format__(self, spec: str) -> str:
        digits = spec or ".3f"
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:{digits}}"
        dash = " to " if self.low < 0 else "-"
        return f"{self.value:{digits}} ({self.low:{digits}}{dash}{self.high:{digits}})"

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Value, low, high, n and method for JSON; NaN becomes None."""
        numbers = {k: None if math.isnan(v) else v for k, v in zip(("value", "low", "high"), self._ends, strict=True)}
        return {**numbers, "n": self.n, "method": self.method}

    @property
    def _ends(self) -> tuple[float, float, float]:
        return self.value, self.low, self.high


def undefined(value: float, n: int, method: str = "undefined", draws: Floats | None = None) -> Estimate:
    """A figure without an interval."""
    return Estimate(value, math.nan, math.nan, n, method, draws)


def proportion(hits: ArrayLike) -> Estimate:
    """Share of true values, booleans (n,), with Wilson's interval; right for independent cases of any number."""
    array = np.asarray(hits, bool)
    n = len(array)
    share = float(array.mean()) if n else math.nan
    return Estimate(share, *wilson(share, n), n, "wilson") if n else undefined(math.nan, 0)


def bootstrap(
    metric: Metric,
    *arrays: ArrayLike,
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    rounds: int = ROUNDS,
    seed: int | Sequence[int] = 0,
    method: Method = "percentile",
    proportion: bool = False,
    trials: int | None = None,
) -> Estimate:
    """A measure with its bootstrap interval; the same for the same seed.

    B. Efron, "Bootstrap methods: another look at the jackknife", 1979. Percentile intervals are widened for few units
    (see `quantiles.tail`); `bca` is Efron's "Better bootstrap confidence intervals", 1987.

    Args:
        metric: Called as `metric(*arrays, weight=(rounds, n))`, gives one number a row; `resampled` makes one of
            a plain function.
        arrays: The cases, along the first axis of each.
        clusters: What is drawn instead of single cases, such as the image or the person of each, (n,); for pairs of
            faces both people of each, (n, 2).
        strata: Groups whose sizes stay as they are, (n,).
        rounds: Number of resamples.
        seed: Of the resampling.
        method: Kind of interval.
        proportion: The measure is a share (accuracy, recall, F1, AUC, ...): where all resamples agree, all right say,
            or there are fewer than `FEW` units, the interval is Wilson's.
        trials: Cases behind that share, such as the true ones for a recall; all units by default.
    """
    samples = [np.asarray(a) for a in arrays]
    n = len(samples[0])
    if not n:
        return undefined(math.nan, 0)
    units = Units(n, clusters, strata)
    value = float(metric(*samples, weight=np.ones(n)))
    few = distinct(samples) if clusters is None and strata is None else None
    if few is None:
        parts = [metric(*samples, weight=w) for w in units.draw(rounds, seed)]
    else:
        rows = [s[few[0]] for s in samples]
        parts = [metric(*rows, weight=w) for w in multinomial(few[1], rounds, seed)]
    draws = np.concatenate([np.atleast_1d(np.asarray(p, np.float64)) for p in parts])
    shape = None
    if method == "bca":
        shape = np.concatenate([np.atleast_1d(metric(*samples, weight=w)) for w in units.without(BLOCKS)])
    return _estimate(value, draws, n, units.count, shape, trials or units.count if proportion else None)


def _estimate(value: float, draws: Floats, n: int, units: int, shape: Floats | None, trials: int | None) -> Estimate:
    """The estimate that belongs to a value and its resamples; `trials` is given for shares only."""
    kept = draws[np.isfinite(draws)]
    if not math.isfinite(value):
        return undefined(value, n, draws=draws)
    alike = len(kept) > 0 and float(np.ptp(kept)) <= SAME
    if trials is not None and (alike or units < FEW):
        return Estimate(value, *wilson(min(max(value, 0.0), 1.0), trials), n, "wilson", draws)
    if units < FEW:
        return undefined(value, n, "few", draws)
    if 2 * len(kept) < len(draws):
        return undefined(value, n, draws=draws)
    if alike:
        return Estimate(value, value, value, n, "constant", draws)
    ends = (tail(units), 1 - tail(units)) if shape is None else _bca(value, kept, shape)
    low, high = np.quantile(kept, ends)
    return Estimate(value, float(low), float(high), n, "percentile" if shape is None else "bca", draws)


def _bca(value: float, draws: Floats, left_out: Floats) -> tuple[float, float]:
    """Shares to cut by BCa: corrected for the median's bias, and for a spread that changes with the value."""
    below = float((draws < value).mean() + (draws == value).mean() / 2)
    shift = NORMAL.inv_cdf(min(max(below, 1 / (len(draws) + 1)), len(draws) / (len(draws) + 1)))
    known = left_out[np.isfinite(left_out)]
    pull = known.sum() / max(len(known), 1) - known
    cube, square = float((pull**3).sum()), float((pull**2).sum())
    bend = cube / (6 * square**1.5) if square > 0 else 0.0
    ends = []
    for z in (NORMAL.inv_cdf((1 - LEVEL) / 2), NORMAL.inv_cdf((1 + LEVEL) / 2)):
        moved = shift + z
        ends.append(NORMAL.cdf(shift + moved / max(1 - bend * moved, 1e-6)))
    return ends[0], ends[1]


def bootstrap_groups(
    metric: Metric,
    *arrays: ArrayLike,
    groups: ArrayLike,
    order: Sequence[Any] = (),
    clusters: ArrayLike | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
    proportion: bool = False,
) -> dict[Any, Estimate]:
    """A measure in each group, resampled jointly, so that `gap` can compare round by round.

    Without clusters the groups are independent and are drawn each for itself; with clusters, which may reach over
    several groups, one draw of the clusters serves them all.

    Args:
        metric: As in `bootstrap`.
        arrays: The cases.
        groups: Group of each case, (n,); null belongs to none.
        order: Groups to give, in this order; by default all that occur, sorted. A group without cases is NaN with n=0.
        clusters: As in `bootstrap`.
        rounds: Number of resamples.
        seed: Of the resampling.
        proportion: As in `bootstrap`.
    """
    samples, group = [np.asarray(a) for a in arrays], np.asarray(groups)
    listed = group.tolist()
    names = list(order) or sorted({g for g in listed if g is not None and g == g})  # noqa: PLR0124 (NaN)
    rows = {name: np.flatnonzero([g == name for g in listed]) for name in names}
    if clusters is None:
        return {
            name: bootstrap(metric, *(s[r] for s in samples), rounds=rounds, seed=[seed, i], proportion=proportion)
            for i, (name, r) in enumerate(rows.items())
        }
    cluster = np.asarray(clusters)
    draws: dict[Any, list[Floats]] = {name: [] for name in names}
    for w in Units(len(group), cluster).draw(rounds, seed):
        for name, r in rows.items():
            if len(r):
                draws[name].append(np.atleast_1d(metric(*(s[r] for s in samples), weight=w[:, r])))
    found = {}
    for name, r in rows.items():
        if not len(r):
            found[name] = undefined(math.nan, 0)
            continue
        value = float(metric(*(s[r] for s in samples), weight=np.ones(len(r))))
        units = numbered(cluster[r].reshape(-1))[1]
        found[name] = _estimate(value, np.concatenate(draws[name]), len(r), units, None, units if proportion else None)
    return found


@dataclass(frozen=True)
class Gap:
    """How far groups lie apart.

    Attributes:
        best: Name of the best group, None if there is none.
        worst: Name of the worst.
        size: Best minus worst, without sign; NaN with fewer than two groups. Its n counts the cases of all groups.
        left_out: Groups that are too small or not defined.
    """

    best: Any
    worst: Any
    size: Estimate
    left_out: tuple[Any, ...]


def gap(estimates: Mapping[Any, Estimate], *, higher_is_better: bool = True, smallest: int = 10) -> Gap:
    """Best and worst group and the distance between them, with an interval that knows they were picked.

    Of several equal groups some come out best and worst by chance, so an interval for just these two would be wrong.
    The lower end is the largest of all pairs' lower ends, taken wide enough to hold together (a max-t bootstrap:
    P. Westfall and S. Young, "Resampling-based multiple testing", 1993). The upper end is the largest of all pairs'
    upper ends, each for itself, since one of the pairs is the truly best and worst (R. Berger, "Multiparameter
    hypothesis testing and acceptance sampling", 1982). Either end is missed in about 2.5 % of samples at most.

    Args:
        estimates: Of the groups, from one `bootstrap_groups`; or independent ones, such as `proportion`'s.
        higher_is_better: False for errors.
        smallest: Groups with fewer cases take no part.
    """
    used = {k: e for k, e in estimates.items() if e.n >= smallest and np.isfinite([e.value, e.low, e.high]).all()}
    left_out = tuple(k for k in estimates if k not in used)
    n = sum(e.n for e in used.values())
    ranked = sorted(used, key=lambda k: used[k].value, reverse=higher_is_better)
    if len(ranked) < 2:
        alone = ranked[0] if ranked else None
        return Gap(alone, alone, undefined(math.nan, n), left_out)
    return Gap(ranked[0], ranked[-1], _distance(list(used.values()), n), left_out)


def _distance(groups: list[Estimate], n: int) -> Estimate:
    value, low, high = (np.array([getattr(e, end) for e in groups]) for end in ("value", "low", "high"))
    noise = _noise(groups)
    spread = np.stack([(row - noise).std(axis=1) for row in noise])
    scaled = (np.nan_to_num(ratio(row - noise, s[:, None])).max(axis=0) for row, s in zip(noise, spread, strict=True))
    together = np.quantile(functools.reduce(np.maximum, scaled), (1 + LEVEL) / 2)
    apart = value[:, None] - value
    lower = (apart - together * spread).max()
    upper = np.minimum(apart + Z * spread, high[:, None] - low).max()
    size = float(np.ptp(value))
    return Estimate(size, min(max(float(lower), 0.0), size), max(float(upper), size), n, "max-t")


def _noise(groups: list[Estimate]) -> Floats:
    """Chance deviations of the groups' figures, (groups, rounds), as wide as their intervals.

    They are the resamples', so groups that share clusters stay dependent; normal ones where resamples do not vary.
    """
    lengths = [len(e.draws) for e in groups if e.draws is not None]
    rounds = min(lengths, default=ROUNDS)
    rng = np.random.default_rng(0)
    rows = []
    for e in groups:
        drawn = np.full(rounds, np.nan) if e.draws is None else e.draws[:rounds]
        known = drawn[np.isfinite(drawn)]
        if len(known) and np.ptp(known) > SAME:
            row = np.where(np.isfinite(drawn), (drawn - known.mean()) / known.std(), 0.0)
        else:
            row = rng.standard_normal(rounds)
        rows.append(row * (e.high - e.low) / (2 * Z))
    return np.stack(rows)
