"""Copies and people: how far faces are more of the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.audit.exact import rate, rates
from curate.audit.faces import Codes, Faces
from curate.audit.groups import Cube, crosstab
from curate.audit.options import AuditOptions
from curate.audit.sections import GroupFigure
from curate.audit.structure import Concentration, Duplicates, GroupedShares, Identities
from curate.evaluation.intervals import gap
from schemas.columns import labels

TOP = 0.01
"""Share of the people whose part of the faces is told."""
SHOWN = 10
_STEPS = (1, 2, 3, 5, 10, 20, 50, 100, 1000)
"""Where each step of the histogram of faces a person begins."""


def duplicates(faces: Faces, cube: Cube, options: AuditOptions) -> Duplicates | None:
    """Faces beyond the first of their duplicate group; None where copies were not looked for.

    The first face of a group, in the dataset's order, is the one that counts as the original; so a group of copies
    that the labels put into several groups is counted where the copies are.
    """
    codes = faces.ids.get(labels.DUPLICATE_GROUP.name)
    if codes is None:
        return None
    known = codes >= 0
    sizes = np.bincount(codes[known]) if known.any() else np.zeros(0, np.int64)
    more = _beyond_first(codes)
    table = cube.table(np.where(known, more, -1).astype(np.int8), 2)
    by = []
    for grouping in cube.groupings:
        counts = cube.by(grouping, table)
        figures = rates(counts[:, 1], counts.sum(1))
        groups = tuple(
            GroupFigure(name, e.n, e.n < options.min_group, e) for name, e in zip(grouping.names, figures, strict=True)
        )
        apart = gap({g.name: g.figure for g in groups}, higher_is_better=False, smallest=options.min_group)
        by.append(GroupedShares(grouping.by, groups, apart))
    many = np.sort(sizes[sizes > 1])[::-1]
    return Duplicates(
        int(known.sum()), len(many), rate(int(more.sum()), int(known.sum())), tuple(many[:SHOWN].tolist()), tuple(by)
    )


def _beyond_first(codes: Codes) -> NDArray[np.bool_]:
    """Faces whose code has occurred before, (n,); never those without a code."""
    later = codes >= 0
    _, first = np.unique(codes, return_index=True)
    later[first] = False
    return later


def identities(faces: Faces, cube: Cube, options: AuditOptions) -> Identities | None:
    """How faces spread over people, in all and in each group; None where people are not known."""
    codes = faces.ids.get(labels.IDENTITY_ID.name)
    if codes is None:
        return None
    sizes = np.bincount(codes[codes >= 0])
    people = len(sizes)
    by: dict[str, tuple[Concentration, ...]] = {}
    for grouping in cube.groupings:
        found = []
        for name, counts in zip(grouping.names, _people(grouping.codes, codes, len(grouping), people), strict=True):
            found.append(concentration(counts, name, int(counts.sum()) < options.min_group))
        by[grouping.by] = tuple(found)
    return Identities(concentration(sizes), _histogram(sizes), by, int((codes < 0).sum()))


def _people(groups: Codes, codes: Codes, size: int, people: int) -> list[NDArray[np.int64]]:
    """Faces of each person in each group, persons without a face there left out."""
    if size * people <= 20_000_000:
        return [row[row > 0] for row in crosstab(groups, codes, size, people)]
    known = (groups >= 0) & (codes >= 0)
    both, counts = np.unique(groups[known].astype(np.int64) * people + codes[known], return_counts=True)
    ends = np.searchsorted(both, np.arange(1, size + 1) * np.int64(people))
    return [part.astype(np.int64) for part in np.split(counts, ends)[:size]]


def concentration(counts: ArrayLike, name: str = "", small: bool = False) -> Concentration:
    """Figures of how faces spread over people.

    Args:
        counts: Faces of each person, (people,); zeros are left out.
        name: Of the group.
        small: It has few faces.
    """
    x = np.sort(np.asarray(counts, np.int64))
    x = x[x > 0]
    n, people = int(x.sum()), len(x)
    if not people:
        nothing = float("nan")
        return Concentration(name, 0, 0, nothing, 0, nothing, 0, nothing, nothing, small)
    top = max(int(np.ceil(TOP * people)), 1)
    return Concentration(
        name=name, faces=n, people=people, mean=n / people, largest=int(x[-1]), top_share=float(x[-top:].sum() / n),
        top_people=top, gini=gini(x), effective=float(n) ** 2 / float((x.astype(np.float64) ** 2).sum()), small=small,
    )  # fmt: skip


def gini(rising: NDArray[np.int64]) -> float:
    """Gini coefficient of counts that rise: 0 all equal, (n - 1) / n all with one."""
    n = len(rising)
    place = np.arange(1, n + 1)
    return float(2 * (place * rising).sum() / (n * rising.sum()) - (n + 1) / n)


def _histogram(sizes: NDArray[np.int64]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    x = sizes[sizes > 0]
    for start, end in zip(_STEPS, (*_STEPS[1:], None), strict=True):
        inside = int(((x >= start) & ((x < end) if end else True)).sum())
        if inside:
            name = f"{start:,} or more" if end is None else str(start) if end == start + 1 else f"{start}-{end - 1}"
            found[name] = inside
    return found
