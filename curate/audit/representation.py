"""Who is in the dataset, and how far that is from who should be."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.audit.clusters import Design, design, worth
from curate.audit.exact import Floats, shares
from curate.audit.faces import Codes
from curate.audit.groups import Grouping
from curate.audit.options import AuditOptions
from curate.audit.sections import GroupShare, Representation
from curate.audit.targets import Wish
from curate.audit.testing import NOTHING, goodness
from curate.evaluation.intervals import Estimate, undefined
from curate.evaluation.quantiles import LEVEL

SLACK = 1e-9
"""Rounding error of shares that does not make a face."""
NOTICED = 1.05
"""Design effect from which it is told."""
SURE = 2.5
"""Standard deviations from its target at which a group surely lies on that side."""
CELLS = 4_000_000
"""Counts drawn at once."""


def represent(
    grouping: Grouping, wish: Wish, clusters: tuple[str, Codes] | None, options: AuditOptions
) -> Representation:
    """Counts and shares of the groups against their target.

    Args:
        grouping: The groups.
        wish: Their target.
        clusters: What makes faces alike (`Faces.clusters`): intervals are as wide as that asks for.
        options: Kind of interval, resamples, seed, `min_group`.
    """
    counts = grouping.counts
    n = int(counts.sum())
    blur = Design(np.ones(len(counts)), 1.0) if clusters is None else design(grouping.codes, len(counts), clusters[1])
    found = shares(counts, options.interval, worth(counts, blur))
    short, to_add = lacking(counts, wish.shares)
    groups = tuple(
        GroupShare(name, cell, int(count), int(count) < options.min_group, share, float(wanted), _ratio(share, wanted),
                   missing, more)
        for name, cell, count, share, wanted, missing, more in zip(
            grouping.names, grouping.cells(), counts, found, wish.shares, short, to_add, strict=True)
    )  # fmt: skip
    drawn = Draws(counts, blur.mean, options.rounds, options.seed)
    filled = counts[counts > 0]
    test = goodness(counts, wish.shares, blur.mean)
    notes = wish.notes if clusters is None else (*wish.notes, *_alike(clusters[0], n, blur))
    return Representation(
        by=grouping.by, columns=grouping.columns, n=n, unknown=grouping.unknown, target=wish.name, groups=groups,
        evenness=drawn.interval(evenness(counts), evenness), effective=drawn.interval(effective(counts), effective),
        imbalance=float(filled.max() / filled.min()) if n else math.nan,
        distance=drawn.distance(wish.shares),
        test=None if test is NOTHING else test, notes=notes,
    )  # fmt: skip


def _alike(what: str, n: int, blur: Design) -> list[str]:
    """How much wider intervals are because faces are alike, where it matters."""
    if blur.mean < NOTICED:
        return []
    return [
        f"Faces of the same {what} are alike: these {n:,} faces tell as much of the shares as {n / blur.mean:,.0f} "
        f"independent ones would. Intervals and the test allow for that."
    ]


def _ratio(share: Estimate, target: float) -> Estimate:
    if not target > 0:
        return undefined(math.nan, share.n)
    return Estimate(share.value / target, share.low / target, share.high / target, share.n, share.method)


def lacking(counts: ArrayLike, target: ArrayLike) -> tuple[list[int], list[int | None]]:
    """Faces that each group lacks at the present size, and faces to add to all groups so that the shares are right.

    Nothing is dropped, so the group that is largest for its target decides how large the dataset must become.

    Args:
        counts: Faces of each group, (groups,).
        target: Share wanted of each, (groups,); they add up to 1.
    """
    x, wanted = np.asarray(counts, np.int64), np.asarray(target, np.float64)
    n = int(x.sum())
    short = [max(math.ceil(t * n - c - SLACK), 0) for c, t in zip(x.tolist(), wanted.tolist(), strict=True)]
    if not (wanted > 0).any() or x[wanted <= 0].any():
        return short, [None] * len(x)
    size = float((x[wanted > 0] / wanted[wanted > 0]).max())
    add: list[int | None] = [
        max(math.ceil(t * size * (1 - SLACK) - c), 0) for c, t in zip(x.tolist(), wanted.tolist(), strict=True)
    ]
    return short, add


def _entropy(counts: ArrayLike) -> Floats:
    """Shannon entropy in nats along the last axis; NaN without cases."""
    x = np.asarray(counts, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / x.sum(-1, keepdims=True)
        terms = np.where(p > 0, p * np.log(p), 0.0)
        found: Floats = np.where(x.sum(-1) > 0, -terms.sum(-1), np.nan)
    return found


def evenness(counts: ArrayLike) -> Floats:
    """Pielou's evenness (1966), entropy over its greatest value; NaN for fewer than two groups."""
    size = np.shape(counts)[-1]
    return _entropy(counts) / (math.log(size) if size > 1 else math.nan)


def effective(counts: ArrayLike) -> Floats:
    """Effective number of groups: exponential of the entropy (M. Hill 1973, order 1)."""
    return np.exp(_entropy(counts))


def distance(counts: ArrayLike, target: ArrayLike) -> Floats:
    """Total variation distance between shares and target, along the last axis; NaN without cases."""
    x = np.asarray(counts, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.abs(x / x.sum(-1, keepdims=True) - np.asarray(target)).sum(-1) / 2
    return found


class Draws:
    """Resamples of the faces, as counts of the groups, of as many faces as they are independent."""

    def __init__(self, counts: NDArray[np.int64], alike: float, rounds: int, seed: int) -> None:
        n = int(counts.sum())
        self.n, self.own = n, counts
        self.empty = n == 0 or len(counts) < 2
        if not self.empty:
            rounds = max(min(rounds, CELLS // len(counts)), 100)
            self.counts = np.random.default_rng([seed, len(counts)]).multinomial(
                max(round(n / alike), 1), counts / n, size=rounds
            )

    def interval(self, value: Floats, measure: Callable[[ArrayLike], Floats]) -> Estimate:
        """Basic bootstrap interval, which turns the bias of such measures round.

        Evenness of a sample is too low on average; resamples repeat that bias, so their quantiles are mirrored at the
        value (A. Davison and D. Hinkley, "Bootstrap Methods", 1997, section 5.2).
        """
        number = float(value)
        if self.empty or not math.isfinite(number):
            return undefined(number, self.n)
        drawn = measure(self.counts)
        low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        top = max(len(self.counts[0]), 1) if number > 1 else 1.0
        low, high = max(2 * number - float(high), 0.0), min(2 * number - float(low), top)
        return Estimate(number, min(low, number), max(high, number), self.n, "basic bootstrap")

    def distance(self, target: Floats) -> Estimate:
        """Total variation distance to a target with an interval that holds where the shares meet it, too.

        The distance is half of sum s (p - t) for the signs s of the true differences, which is at most the same sum
        for any other signs. So it exceeds the sample's by no more than chance moves one such sum, which gives the
        upper end. For the lower end only groups that surely lie on one side of their target keep their sign; the others
        may have been pushed there by chance, and their whole deviation counts.
        """
        value = float(distance(self.own, target))
        if self.empty or not math.isfinite(value):
            return undefined(value, self.n)
        share, size = self.own / self.n, self.counts[0].sum()
        moved = self.counts / size - share
        apart = share - target
        sign = np.sign(apart)
        sure = np.abs(apart) > SURE * np.sqrt(share * (1 - share) / size)
        below = np.quantile(np.where(sure, sign * moved, np.abs(moved)).sum(1) / 2, (1 + LEVEL) / 2)
        above = np.quantile((-sign * moved).sum(1) / 2, (1 + LEVEL) / 2)
        low, high = max(value - max(float(below), 0.0), 0.0), min(value + max(float(above), 0.0), 1.0)
        return Estimate(value, low, high, self.n, "bootstrap of signed sums")
