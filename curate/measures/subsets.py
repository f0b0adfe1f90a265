"""Nested, class-balanced subsets of labelled rows: 1 % lies in 5 %, which lies in 10 %; one shot in two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas import UsageError

Ints = NDArray[np.int64]


class Nested:
    """Draws subsets of one set of rows; all of one seed lie within one another.

    Each class has one random order, and every subset takes the first so many of each.

    Args:
        codes: Class of each row from 0, (n,).
        seed: Of the orders.
    """

    def __init__(self, codes: Ints, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        classes = int(codes.max()) + 1 if len(codes) else 0
        self._orders = [rng.permutation(np.flatnonzero(codes == c)) for c in range(classes)]
        self._turn = rng.permutation(classes)
        self._n = len(codes)

    @property
    def available(self) -> list[int]:
        """Rows of each class."""
        return [len(o) for o in self._orders]

    def shots(self, k: int) -> Ints:
        """That many rows of each class; all of a class that has fewer.

        Raises:
            UsageError: for k below 1.
        """
        if k < 1:
            raise UsageError(f"{k} shots", fix="At least one row per class is needed")
        return self._first([min(k, len(o)) for o in self._orders])

    def share(self, part: float) -> Ints:
        """That share of all rows; counts of two classes differ by one at most, unless one is used up.

        Raises:
            UsageError: for a share outside 0..1.
        """
        if not 0 < part <= 1:
            raise UsageError(f"a share of {part}", fix="Shares are above 0 and at most 1")
        return self._first(levelled(self.available, max(round(part * self._n), 1), self._turn.tolist()))

    def _first(self, counts: list[int]) -> Ints:
        return np.sort(np.concatenate([o[:n] for o, n in zip(self._orders, counts, strict=True)])).astype(np.int64)


def levelled(available: list[int], total: int, turn: list[int]) -> list[int]:
    """Counts as equal as possible that sum to `total`: water poured into vessels, remainders in the given turn.

    For a greater total no count is smaller, so subsets stay nested.

    Args:
        available: Most of each.
        total: Their sum.
        turn: Order in which single rows are dealt.
    """
    level = 0
    while sum(min(a, level + 1) for a in available) <= total and level < max(available, default=0):
        level += 1
    counts = [min(a, level) for a in available]
    for place in turn:
        if sum(counts) >= total:
            break
        if available[place] > level:
            counts[place] += 1
    return counts
