"""What can still be said of groups that are too small to compare by themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from curate.audit.errors import Json, confusion
from curate.audit.exact import rates
from curate.audit.options import AuditOptions
from curate.audit.power import rate_gap
from curate.audit.sections import Association
from curate.audit.shrinkage import shrunken_rates
from curate.audit.structure import SmallCells, SmallGroup

METHOD = (
    "beta-binomial model of all groups, averaged over its centre and spread; right on average over the groups, not "
    "for one that is unlike all others"
)
LABELS_SHOWN = 2
"""Labels of each grouping, those that differ most between its groups."""


def small_cells(
    associations: Sequence[Association], evaluation: Json | None, options: AuditOptions
) -> list[SmallCells]:
    """Shrunken figures of every grouping that has small groups: whom the labels fail, then what differs most.

    Args:
        associations: The strongest first.
        evaluation: What errors come from, if there is one.
        options: `min_group`.
    """
    return [*_of_errors(evaluation, options), *_of_labels(associations, options)]


def _of_errors(evaluation: Json | None, options: AuditOptions) -> Iterator[SmallCells]:
    for section in evaluation["sections"] if evaluation else ():
        whole = confusion(section) if section["task"] in ("labels", "flags") else None
        for split in section["groups"] if whole else ():
            tables = {g["name"]: found[1] for g in split["groups"] if (found := confusion(g)) is not None}
            names = [g["name"] for g in split["groups"]]
            n = np.array([tables[name].sum() if name in tables else 0 for name in names], np.int64)
            right = np.array([np.trace(tables[name]) if name in tables else 0 for name in names], np.int64)
            if _has_small(n, options):
                yield _cells(split["by"], f"share of right answers of {section['column']}", names, right, n)


def _of_labels(associations: Sequence[Association], options: AuditOptions) -> Iterator[SmallCells]:
    taken: dict[str, int] = {}
    for found in associations:
        if found.kind != "labels" or found.top is None or taken.get(found.by, 0) >= LABELS_SHOWN:
            continue
        counts = np.array(found.counts, np.int64)
        n = counts.sum(1)
        if not _has_small(n, options):
            continue
        taken[found.by] = taken.get(found.by, 0) + 1
        value = "yes" if found.values == ("no", "yes") else found.top[1]
        hits = counts[:, found.values.index(value)]
        yield _cells(found.by, f"share with {found.label} = {value}", found.groups, hits, n)


def _has_small(n: NDArray[np.int64], options: AuditOptions) -> bool:
    """Whether a group has faces, but few."""
    return bool(((n > 0) & (n < options.min_group)).any())


def _cells(by: str, figure: str, names: Sequence[str], hits: NDArray[np.int64], n: NDArray[np.int64]) -> SmallCells:
    """The groups that have faces, the smallest first; empty ones have no figure of their own."""
    order = [i for i in np.argsort(n, kind="stable").tolist() if n[i]]
    hits, n = hits[order], n[order]
    shrunk, raw = shrunken_rates(hits, n).groups, rates(hits, n)
    named = [names[i] for i in order]
    groups = tuple(map(SmallGroup, named, n.tolist(), raw, shrunk))
    gaps = [_detectable(int(h), int(m), int(hits.sum()), int(n.sum())) for h, m in zip(hits, n, strict=True)]
    return SmallCells(by, figure, groups, dict(zip(named, gaps, strict=True)), METHOD)


def _detectable(hits: int, n: int, all_hits: int, total: int) -> float:
    """Smallest distance from the share of all other faces that a group of n would have shown; NaN if none."""
    others = total - n
    return rate_gap((all_hits - hits) / others, others, n) if others else math.nan
