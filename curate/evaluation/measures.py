"""What is measured: a figure's name, meaning and function, and the cases it is computed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.intervals import Metric

FEWEST_ROUNDS = 200
DRAWS = 20_000_000
"""Most cases times resamples per figure: 1,000 rounds up to 20,000 cases, fewer beyond, never below the fewest."""


@dataclass(frozen=True)
class Measure:
    """One figure of a section.

    Attributes:
        key: Its name in the JSON.
        title: Its name on the page.
        doc: What it says, in one sentence.
        compute: Takes the arrays that it uses and `weight=`.
        share: It lies in 0-1 and counts cases, such as an accuracy or recall.
        better: `higher`, `lower`, or empty where neither is better.
        unit: `years`, `deg`, ... or empty.
        uses: Which of the arrays `compute` takes; all if empty. The fewer, the quicker the resampling.
        where: Which cases count, from all arrays; None for all.
    """

    key: str
    title: str
    doc: str
    compute: Metric
    share: bool = False
    better: str = "higher"
    unit: str = ""
    uses: tuple[int, ...] = ()
    where: Callable[..., NDArray[np.bool_]] | None = None


Details = Callable[[Sequence[NDArray[Any]]], dict[str, Any]]
"""Makes counts of the cases for the JSON and the charts, such as a confusion matrix; takes the arrays."""


@dataclass(frozen=True)
class Cases:
    """Truth and answers as arrays, ready to be measured.

    Attributes:
        arrays: Along the first axis of each stand the cases.
        rows: The matched face of each case; -1 where a case is not one face.
        measures: Figures, the most telling first.
        clusters: Cases that are not independent share a number; None if all are.
        details: Counts for one set of cases.
        group_details: The part of the counts that is also kept for each group.
    """

    arrays: tuple[NDArray[Any], ...]
    rows: NDArray[np.intp]
    measures: tuple[Measure, ...]
    clusters: NDArray[np.intp] | None = None
    details: Details | None = None
    group_details: Details | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, keep: NDArray[Any], uses: tuple[int, ...] = ()) -> tuple[NDArray[Any], ...]:
        """All arrays, or those named, of some cases."""
        chosen = [self.arrays[i] for i in uses] if uses else self.arrays
        return tuple(a[keep] for a in chosen)


def rounds_for(n: int, wanted: int) -> int:
    """Resamples for n cases: as many as wanted, fewer where there are so many cases that little is gained."""
    return min(wanted, max(FEWEST_ROUNDS, DRAWS // max(n, 1)))
