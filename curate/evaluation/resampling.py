"""Bootstrap resamples as counts of the cases, drawn in chunks that fit the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.metrics.counting import Floats, Indices, numbered

CELLS = 1_000_000
"""Counts drawn at once."""

Metric = Callable[..., Any]
"""Takes arrays and `weight=` of shape (n,) or (rounds, n); gives a number, or one a row."""


def resampled(statistic: Callable[..., float]) -> Metric:
    """A statistic that knows no weights as one that does: cases are repeated as often as they are counted."""

    def metric(*arrays: ArrayLike, weight: ArrayLike) -> Floats:
        rows = np.atleast_2d(np.asarray(weight)).astype(np.intp)
        samples = [np.asarray(a) for a in arrays]
        values = [float(statistic(*(np.repeat(s, row, axis=0) for s in samples))) for row in rows]
        return np.asarray(values) if np.ndim(weight) > 1 else np.asarray(values[0])

    return metric


class Units:
    """What is drawn: cases, or clusters of cases, within strata.

    Args:
        n: Number of cases.
        clusters: Cluster of each case, (n,); each case is one of its own by default. For cases that are pairs, both
            people of each, (n, 2): a pair counts the product of its people's counts, or its one person's count
            (T. Snijders and S. Borgatti, "Non-parametric standard errors and tests for network statistics", 1999).
        strata: Stratum of each case, (n,); a cluster belongs to its first case's. Sizes of strata stay as they are.
            Not for pairs.
    """

    def __init__(self, n: int, clusters: ArrayLike | None = None, strata: ArrayLike | None = None) -> None:
        self._of: Indices | None = None
        self.count = n
        if clusters is not None:
            index, self.count = numbered(np.asarray(clusters).reshape(-1))
            self._of = index.reshape(np.shape(clusters))
        if strata is None:
            self._strata: list[tuple[Indices | slice, int]] = [(slice(None), self.count)]
        else:
            first = np.arange(n) if self._of is None else np.unique(self._of, return_index=True)[1]
            index, size = numbered(np.asarray(strata)[first])
            self._strata = [(np.flatnonzero(index == s), int((index == s).sum())) for s in range(size)]
        self._n = n

    def draw(self, rounds: int, seed: int | Sequence[int]) -> Iterator[Floats]:
        """Counts of the cases, (some rounds, n) at a time, `rounds` rows in all."""
        rng = np.random.default_rng(seed)
        for count in chunks(rounds, self._n):
            drawn = np.empty((count, self.count))
            for row in drawn:
                for members, size in self._strata:
                    row[members] = np.bincount(rng.integers(0, size, size, dtype=np.int32), minlength=size)
            yield self._of_cases(drawn)

    def without(self, blocks: int) -> Iterator[Floats]:
        """Counts of the cases with one block of units left out in turn, for the jackknife."""
        block = np.arange(self.count) % min(blocks, self.count)
        size = min(blocks, self.count)
        done = 0
        for count in chunks(size, self._n):
            kept = (block[None] != np.arange(done, done + count)[:, None]).astype(np.float64)
            done += count
            yield self._of_cases(kept)

    def _of_cases(self, counts: Floats) -> Floats:
        """Counts of the cases from those of the units, (rounds, count)."""
        if self._of is None:
            return counts
        if self._of.ndim == 1:
            return counts[:, self._of]
        first, second = self._of.T
        return np.asarray(counts[:, first] * np.where(first == second, 1.0, counts[:, second]))


def chunks(rounds: int, n: int) -> Iterator[int]:
    """Numbers of rounds, in all `rounds`, of which each holds about `CELLS` counts of n cases."""
    size = max(1, CELLS // max(n, 1))
    for start in range(0, rounds, size):
        yield min(size, rounds - start)


def distinct(arrays: Sequence[NDArray[Any]]) -> tuple[Indices, NDArray[np.intp]] | None:
    """First rows and counts of the distinct cases, or None if there are too many of them to gain by it.

    n cases drawn with replacement are one multinomial draw over the distinct cases, which is far fewer numbers.
    """
    n = len(arrays[0])
    combined = np.zeros(n, np.intp)
    for array in arrays:
        if array.ndim != 1:
            return None
        index, size = numbered(array)
        combined = np.unique(combined * size + index, return_inverse=True)[1].reshape(-1)
        if 4 * (combined.max(initial=-1) + 1) > n:
            return None
    _, first, counts = np.unique(combined, return_index=True, return_counts=True)
    return first, counts


def multinomial(counts: NDArray[np.intp], rounds: int, seed: int | Sequence[int]) -> Iterator[Floats]:
    """Counts of distinct cases in resamples of all cases."""
    rng = np.random.default_rng(seed)
    n = int(counts.sum())
    for count in chunks(rounds, len(counts)):
        yield rng.multinomial(n, counts / n, size=count).astype(np.float64)
