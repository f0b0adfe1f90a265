"""Estimates with intervals from resamples of the pictures: the faces of a picture are drawn together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.intervals import Estimate, bootstrap, bootstrap_groups, gap, undefined
from curate.evaluation.measures import FEWEST_ROUNDS, Measure
from curate.evaluation.metrics.counting import Floats, mean, ratio
from curate.evaluation.results import Group, Split
from curate.review.agreement.groups import Grouping

DRAWS = 2_000_000
"""Most faces times resamples per figure: 1,000 rounds up to 2,000 faces, fewer beyond, never below the fewest."""
NONE = undefined(math.nan, 0)
"""Of nothing."""


class Pictures:
    """Resamples pictures.

    Args:
        of: Picture of each face, (n,).
        rounds: Resamples.
        seed: Of the resampling.
        min_group: Groups with fewer faces are not compared.
    """

    def __init__(self, of: Sequence[str], rounds: int, seed: int, min_group: int) -> None:
        self._of: NDArray[np.intp] = np.unique(np.asarray(of, str), return_inverse=True)[1].reshape(-1)
        self._rounds, self._seed, self._least = rounds, seed, min_group

    def __len__(self) -> int:
        return len(self._of)

    def _rounds_for(self, n: int) -> int:
        return min(self._rounds, max(FEWEST_ROUNDS, DRAWS // max(n, 1)))

    def count(self, rows: NDArray[Any]) -> int:
        """Number of pictures behind some faces."""
        return len(np.unique(self._of[rows]))

    def estimate(self, measure: Measure, table: Floats, least: int = 2) -> Estimate:
        """A measure of a table of cases, (faces, columns).

        Args:
            measure: What is computed.
            table: Ratings of raters, or distances of pairs; NaN where there is none.
            least: Values that a face must have to tell anything.
        """
        rows = np.flatnonzero((~np.isnan(table)).sum(1) >= least)
        if not len(rows):
            return NONE
        return bootstrap(
            measure.compute, table[rows], clusters=self._of[rows], rounds=self._rounds_for(len(rows)),
            seed=self._seed, proportion=measure.share,
        )  # fmt: skip

    def split(self, measure: Measure, table: Floats, grouping: Grouping, least: int = 2) -> Split:
        """The same by group."""
        rows = np.flatnonzero((~np.isnan(table)).sum(1) >= least)
        return self._split(measure, (table[rows],), rows, grouping)

    def mean(self, values: ArrayLike, rows: ArrayLike, share: bool = False) -> Estimate:
        """The mean of values that stand at some faces; shares count cases.

        Args:
            values: (m,).
            rows: The face of each, (m,); a face may come often.
            share: They are 0 or 1.
        """
        found, at = np.asarray(values, np.float64), np.asarray(rows, np.intp)
        known = np.isfinite(found)
        found, at = found[known], at[known]
        if not len(found):
            return NONE
        rounds = self._rounds_for(len(found))
        return bootstrap(mean, found, clusters=self._of[at], rounds=rounds, seed=self._seed, proportion=share)

    def mean_split(self, measure: Measure, values: Floats, rows: NDArray[np.intp], grouping: Grouping) -> Split:
        """The mean of values that stand at some faces, by group."""
        return self._split(measure, (values,), rows, grouping)

    def difference(self, values: Floats, rows: NDArray[np.intp], second: NDArray[np.bool_]) -> Estimate:
        """Mean of the first kind of cases less that of the second.

        Args:
            values: (m,).
            rows: The face of each.
            second: Whether a case is of the second kind.
        """
        rounds = self._rounds_for(len(values))
        return bootstrap(
            _difference, values, second.astype(np.float64), clusters=self._of[rows], rounds=rounds, seed=self._seed
        )

    def difference_split(
        self, measure: Measure, values: Floats, rows: NDArray[np.intp], second: NDArray[np.bool_], grouping: Grouping
    ) -> Split:
        """The difference by group."""
        told = Measure(measure.key, measure.title, measure.doc, _difference, better="", unit=measure.unit)
        return self._split(told, (values, second.astype(np.float64)), rows, grouping)

    def _split(
        self, measure: Measure, arrays: tuple[Floats, ...], rows: NDArray[np.intp], grouping: Grouping
    ) -> Split:  # fmt: skip
        names = grouping.names[rows]
        unknown = int(sum(name is None for name in names))
        order = [o for o in grouping.order if o in set(names.tolist())]
        if not order:
            return Split(grouping.by, "dataset", (), {}, unknown)
        found = bootstrap_groups(
            measure.compute, *arrays, groups=names, order=order, clusters=self._of[rows],
            rounds=self._rounds_for(len(rows)), seed=self._seed, proportion=measure.share,
        )  # fmt: skip
        groups = tuple(Group(k, e.n, e.n < self._least, {measure.key: e}) for k, e in found.items())
        apart = {}
        if grouping.demographic and measure.better:
            apart[measure.key] = gap(found, higher_is_better=measure.better != "lower", smallest=self._least)
        return Split(grouping.by, "dataset", groups, apart, unknown)


def _difference(values: ArrayLike, second: ArrayLike, *, weight: ArrayLike) -> Floats:
    x, other, w = np.asarray(values), np.asarray(second), np.asarray(weight)
    sums = [ratio((w * (x * kind)).sum(-1), (w * kind).sum(-1)) for kind in (1 - other, other)]
    return np.asarray(sums[0] - sums[1])[()]
