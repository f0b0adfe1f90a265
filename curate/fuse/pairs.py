"""How sources of numbers differ from each other, and what that says of each one's bias and error.

Members of one family are never held against each other: what they share would look like precision.

The errors of three or more sources follow from the variances of their differences (F. E. Grubbs, "On
estimating precision of measuring instruments and product variability", JASA 43, 1948); of two, only their
sum. Biases follow up to a common constant, which people's layers fix where there are any, else the consensus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from curate.fuse.families import NEAR, families, votes
from curate.fuse.method import Codes, Floats, Source

HUMAN_SHARE = 0.25
"""Variance of a person's number over a model's, believed where only two sources differ."""

STRENGTH = 10.0
"""Faces that the belief in equal errors is worth."""

SHRINK = 30.0
"""Faces that the pooled bias and error are worth in a group."""

LEAST_SHARE = 0.02
"""No source is believed to have less than this share of the mean variance."""


def wrapped(degrees: Floats) -> Floats:
    """Angles brought to [-180, 180)."""
    return (degrees + 180.0) % 360.0 - 180.0


class Differences:
    """Sums over faces of what two sources differ by.

    Index 0 is pooled, 1 + g is group g; source number `len(sources)` is the truth.

    Args:
        sources: Who speaks.
        width: Numbers per face.
        groups: Number of groups.
        circular: Whether numbers are angles in degrees.
    """

    def __init__(self, sources: Sequence[Source], width: int, groups: int = 0, circular: bool = False) -> None:
        self.sources = tuple(sources)
        self.groups, self.circular = groups, circular
        size = (1 + groups, len(sources) + 1, len(sources) + 1, width)
        self.n, self.sum, self.square = np.zeros(size), np.zeros(size), np.zeros(size)
        self.faces = np.zeros(len(sources))
        self.votes: Floats = np.ones(len(sources))
        self._family = list(range(len(sources)))

    def add(self, values: Floats, groups: Codes, truth: Floats | None) -> None:
        """Take in a shard.

        Args:
            values: (n, sources, width), NaN where a source says nothing.
            groups: (n,) group, negative where unknown.
            truth: (n, width), NaN where it is not known.
        """
        self.faces += (~np.isnan(values).all(2)).sum(0)
        known = np.full_like(values[:, 0], np.nan) if truth is None else truth
        everyone = [*(values[:, s] for s in range(values.shape[1])), known]
        for a, one in enumerate(everyone):
            for b in range(a + 1, len(everyone)):
                self._pair(a, b, one - everyone[b], groups)

    def _pair(self, a: int, b: int, apart: Floats, groups: Codes) -> None:
        apart = wrapped(apart) if self.circular else apart
        for place in range(1 + self.groups):
            mine = apart if place == 0 else apart[groups == place - 1]
            self.n[place, a, b] += (~np.isnan(mine)).sum(0)
            self.sum[place, a, b] += np.nansum(mine, axis=0)
            self.square[place, a, b] += np.nansum(mine**2, axis=0)

    def estimate(self) -> tuple[Floats, Floats]:
        """Bias and variance of every source's error, both (1 + groups, sources, width)."""
        self._family = families(self.sources, self._copies())
        self.votes = votes(self._family)
        bias, variance = self._of_place(0)
        places = [(bias, variance)]
        for place in range(1, 1 + self.groups):
            own_bias, own_variance = self._of_place(place)
            n = self._overlap(place)
            share = n / (n + SHRINK)
            places.append((share * own_bias + (1 - share) * bias, share * own_variance + (1 - share) * variance))
        return np.stack([b for b, _ in places]), np.stack([v for _, v in places])

    def judged(self) -> Any:
        """Which numbers of which source could be held against others or the truth, (sources, width)."""
        return self._overlap(0) >= 2

    def _copies(self) -> list[tuple[int, int]]:
        """Pairs whose squared differences are next to nothing beside those of the others."""
        k = len(self.sources)
        n, square = self.n[0, :k, :k].sum(-1), self.square[0, :k, :k].sum(-1)
        pairs = [(a, b) for a in range(k) for b in range(a + 1, k) if n[a, b] > 1]
        size = {pair: float(square[pair] / n[pair]) for pair in pairs}
        usual = float(np.median(list(size.values()))) if size else 0.0
        largest = max(size.values(), default=0.0)
        return [pair for pair, s in size.items() if s <= NEAR * max(usual, NEAR * largest)] if k > 2 else []

    def _overlap(self, place: int) -> Floats:
        """Faces by which each source is judged: with truth, or else with another source, (sources, width)."""
        n = self.n[place] + self.n[place].transpose(1, 0, 2)
        with_truth = n[:-1, -1]
        return np.asarray(np.maximum(with_truth, n[:-1, :-1].max(1, initial=0.0)))

    def _of_place(self, place: int) -> tuple[Floats, Floats]:
        n, total, square = self.n[place], self.sum[place], self.square[place]
        mean = np.divide(total, n, out=np.zeros_like(n), where=n > 0)
        spread = np.divide(square, n, out=np.zeros_like(n), where=n > 0) - mean**2
        spread = np.maximum(spread * np.divide(n, n - 1, out=np.ones_like(n), where=n > 1), 0.0)
        size = (len(self.sources), n.shape[-1])
        bias, variance = np.zeros(size), np.ones(size)
        for d in range(n.shape[-1]):
            bias[:, d], variance[:, d] = self._solve(n[..., d], mean[..., d], spread[..., d])
        return bias, variance

    def _solve(self, n: Floats, mean: Floats, spread: Floats) -> tuple[Floats, Floats]:
        k = len(self.sources)
        variance = self._variances(n[:k, :k], spread[:k, :k])
        known = n[:k, k]
        by_truth = np.where(known > 1, spread[:k, k], variance)
        share = known / (known + STRENGTH)
        variance = share * by_truth + (1 - share) * variance
        least = LEAST_SHARE * variance.mean() if variance.size else 0.0
        variance = np.maximum(variance, max(least, 1e-12))
        bias = self._biases(n[:k, :k], mean[:k, :k], variance)
        if known.any():
            # The truth fixes the constant: all biases move by what the sources with truth miss it by.
            shift = np.average(mean[:k, k] - bias, weights=known / variance)
            own = share * mean[:k, k] + (1 - share) * (bias + shift)
            bias = np.where(known > 0, own, bias + shift)
        return bias, variance

    def _variances(self, n: Floats, spread: Floats) -> Floats:
        k = len(self.sources)
        family = self._family
        pairs = [(a, b) for a in range(k) for b in range(a + 1, k) if n[a, b] > 1 and family[a] != family[b]]
        believed = np.array([HUMAN_SHARE if s.human else 1.0 for s in self.sources])
        if not pairs:
            return believed
        weight = np.array([n[p] for p in pairs])
        seen = np.array([spread[p] for p in pairs])
        level = float((weight * seen).sum() / (weight * np.array([believed[a] + believed[b] for a, b in pairs])).sum())
        # A belief that is worth a few faces: it decides what two sources leave open, and gives way to three.
        rows = np.zeros((len(pairs) + k, k))
        goal = np.zeros(len(pairs) + k)
        for i, (a, b) in enumerate(pairs):
            rows[i, [a, b]] = np.sqrt(weight[i])
            goal[i] = np.sqrt(weight[i]) * seen[i]
        rows[len(pairs) :] = np.sqrt(STRENGTH) * np.eye(k) / np.sqrt(k)
        goal[len(pairs) :] = np.sqrt(STRENGTH) * believed * level / np.sqrt(k)
        found = np.linalg.lstsq(rows, goal, rcond=None)[0]
        return np.asarray(np.maximum(found, LEAST_SHARE * level))

    def _biases(self, n: Floats, mean: Floats, variance: Floats) -> Floats:
        k = len(self.sources)
        weight = n + n.T
        apart = mean - mean.T
        matrix = np.diag(weight.sum(1)) - weight
        found = np.linalg.pinv(matrix, hermitian=True) @ (weight * apart).sum(1)
        human = np.array([s.human for s in self.sources]) & (weight.sum(1) > 0)
        anchors = human if human.any() else np.ones(k, bool)
        return np.asarray(found - np.average(found[anchors], weights=1 / variance[anchors]))
