"""Computes a section's figures, over all cases and by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.grouping import Grouping
from curate.evaluation.intervals import Estimate, Gap, bootstrap, bootstrap_groups, gap
from curate.evaluation.measures import Cases, Measure, rounds_for
from curate.evaluation.options import EvaluateOptions
from curate.evaluation.results import Group, Split


def overall(cases: Cases, options: EvaluateOptions) -> dict[str, Estimate]:
    """Every measure over all cases."""
    return {m.key: _estimate(m, cases, options) for m in cases.measures}


def _estimate(measure: Measure, cases: Cases, options: EvaluateOptions) -> Estimate:
    keep = _counted(measure, cases)
    clusters = None if cases.clusters is None else cases.clusters[keep]
    arrays = cases.at(keep, measure.uses)
    return bootstrap(
        measure.compute, *arrays, clusters=clusters, rounds=rounds_for(len(arrays[0]), options.rounds),
        seed=options.seed, proportion=measure.share,
    )  # fmt: skip


def _counted(measure: Measure, cases: Cases) -> NDArray[np.intp]:
    if measure.where is None:
        return np.arange(len(cases))
    return np.flatnonzero(measure.where(*cases.arrays))


def splits(
    cases: Cases, groupings: Iterable[Grouping], options: EvaluateOptions, states: NDArray[Any] | None = None
) -> tuple[Split, ...]:
    """Every measure by group, for each way to divide the cases.

    Args:
        cases: The cases.
        groupings: Groups of all matched faces.
        options: The caller's choices.
        states: What became of every matched face in this column; counted per group.
    """
    return tuple(_split(cases, grouping, options, states) for grouping in groupings if len(grouping.order))


def _split(cases: Cases, grouping: Grouping, options: EvaluateOptions, states: NDArray[Any] | None) -> Split:
    names = np.array([None if r < 0 else grouping.names[r] for r in cases.rows], dtype=object)
    by_measure = {m.key: _by_group(m, cases, names, grouping.order, options) for m in cases.measures}
    groups = []
    for name in grouping.order:
        rows = np.flatnonzero([n == name for n in names])
        figures = {key: found[name] for key, found in by_measure.items()}
        made = cases.group_details(cases.at(rows)) if cases.group_details is not None and len(rows) else {}
        counts = {} if states is None else dict(Counter(states[[n == name for n in grouping.names]].tolist()))
        groups.append(Group(name, len(rows), len(rows) < options.min_group, figures, counts, made))
    gaps = {m.key: _gap(m, by_measure[m.key], options) for m in cases.measures if m.better}
    unknown = int(sum(n is None for n in names.tolist()))
    return Split(grouping.by, grouping.source, tuple(groups), gaps, unknown)


def _by_group(
    measure: Measure, cases: Cases, names: NDArray[Any], order: Sequence[str], options: EvaluateOptions
) -> Mapping[str, Estimate]:
    keep = _counted(measure, cases)
    return bootstrap_groups(
        measure.compute, *cases.at(keep, measure.uses), groups=names[keep], order=order,
        clusters=None if cases.clusters is None else cases.clusters[keep],
        rounds=rounds_for(len(keep), options.rounds), seed=options.seed, proportion=measure.share,
    )  # fmt: skip


def _gap(measure: Measure, found: Mapping[str, Estimate], options: EvaluateOptions) -> Gap:
    return gap(found, higher_is_better=measure.better == "higher", smallest=options.min_group)
