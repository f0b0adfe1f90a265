"""How labels differ between groups: tables of counts and ranks, tested together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.audit.clusters import Alike
from curate.audit.columns import akin
from curate.audit.exact import Floats
from curate.audit.faces import YES_NO, Faces
from curate.audit.groups import Cube, Grouping
from curate.audit.options import AuditOptions
from curate.audit.sections import Association
from curate.audit.testing import Dependence, Ranked, adjusted, dependence, expected, kruskal, pointwise, ranked
from curate.evaluation.intervals import FEW, Estimate

STRENGTH = {"cramers_v": (0.1, 0.3, 0.5), "epsilon_squared": (0.01, 0.06, 0.14)}
"""Where small, medium and large begin: J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, for w
and for shares of variance. V is held to the limits of w whatever the size of the table, which errs on the side of
calling less."""
WORDS = ("negligible", "small", "medium", "large")


def associations(
    faces: Faces, cube: Cube, labels: Sequence[str], numbers: Sequence[str], units: str, options: AuditOptions
) -> list[Association]:
    """Compare every label between the groups of every grouping; the strongest first.

    Args:
        faces: All faces.
        cube: Their groupings.
        labels: Label and flag columns.
        numbers: Number columns.
        units: Column that the action units come from.
        options: Permutations and seed.
    """
    alike = None if faces.clusters is None else Alike(faces.clusters[1], options.seed)
    found = [*_of_labels(faces, cube, labels, units, alike, options),
             *_of_numbers(faces, cube, numbers, alike, options)]  # fmt: skip
    p = adjusted([a.test.p for a in found])
    tested = [replace(a, test=replace(a.test, p_adjusted=float(q))) for a, q in zip(found, p, strict=True)]
    return sorted(tested, key=lambda a: (-_size(a), a.by, a.label))


def _size(association: Association) -> float:
    """Effect on one scale: where it stands between the limits of its own measure."""
    value = association.effect.value
    if math.isnan(value):
        return -1.0
    root = value if association.measure == "cramers_v" else math.sqrt(value)
    return root


def strength(measure: str, value: float) -> str:
    """An effect size in words."""
    if math.isnan(value):
        return ""
    return WORDS[sum(value >= limit for limit in STRENGTH[measure])]


def _of_labels(
    faces: Faces, cube: Cube, labels: Sequence[str], units: str, alike: Alike | None, options: AuditOptions
) -> Iterator[Association]:
    columns: list[tuple[str, tuple[str, ...], NDArray[Any]]] = [
        (n, faces.coded[n].labels, faces.coded[n].codes) for n in labels if n in faces.coded
    ]
    columns += [(f"{units}.{name}", YES_NO, codes) for name, codes in faces.units.items()]
    for number, (name, values, codes) in enumerate(columns):
        table = cube.table(codes, len(values))
        for place, grouping in enumerate(cube.groupings):
            if not (any(akin(name, column) for column in grouping.columns) or _turned(cube, name, grouping)):
                counts = cube.by(grouping, table)
                large, often = counts.sum(1) >= options.min_group, counts.sum(0) >= FEW
                blur = 1.0
                if alike is not None:
                    down, across = _only(grouping.codes, large), _only(codes, often)
                    blur = alike.table(down, across, len(grouping), len(values))
                kept = np.where(large[:, None] & often, counts, 0)
                found = dependence(kept, options.permutations, [options.seed, number, place], blur)
                yield _table(grouping, name, values, counts, kept, found)


def _turned(cube: Cube, name: str, grouping: Grouping) -> bool:
    """Whether the same two columns are compared the other way round already: both are columns of groups."""
    singles = [g.by for g in cube.groupings if len(g.columns) == 1]
    return name in singles and grouping.by in singles and singles.index(name) < singles.index(grouping.by)


def _only(codes: NDArray[Any], kept: NDArray[np.bool_]) -> NDArray[Any]:
    """Codes with those that are not kept as unknown."""
    place = np.where(np.append(kept, False), np.arange(len(kept) + 1), -1)
    return np.asarray(place[codes])


def _table(
    grouping: Grouping, name: str, values: tuple[str, ...], counts: NDArray[np.int64], kept: NDArray[np.int64],
    found: Dependence,
) -> Association:  # fmt: skip
    out = [
        *_named(grouping.names, (counts.sum(1) > 0) & ~kept.any(1)), *_named(values, (counts.sum(0) > 0) & ~kept.any(0))
    ]  # fmt: skip
    pmi, npmi = pointwise(counts)
    return Association(
        by=grouping.by, label=name, kind="labels", n=int(counts.sum()), measure="cramers_v", effect=found.effect,
        strength=strength("cramers_v", found.effect.value), mutual_information=found.mutual_information,
        test=found.test, groups=grouping.names, values=values, counts=tuple(map(tuple, counts.tolist())),
        pmi=_rows(pmi), npmi=_rows(npmi), sparse=found.sparse, top=_top(grouping.names, values, kept),
        left_out=tuple(out),
    )  # fmt: skip


def _rows(values: Floats) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(None if math.isnan(v) else v for v in row) for row in values.tolist())


def _named(names: Sequence[str], chosen: NDArray[np.bool_]) -> list[str]:
    return [name for name, mine in zip(names, chosen.tolist(), strict=True) if mine]


def _top(groups: Sequence[str], values: Sequence[str], counts: NDArray[np.int64]) -> tuple[str, str] | None:
    """The cell with the largest Pearson residual."""
    base = expected(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = np.where(base > 0, np.abs(counts - base) / np.sqrt(base), 0.0)
    if not residual.size or not residual.max() > 0:
        return None
    row, column = np.unravel_index(int(residual.argmax()), residual.shape)
    return groups[int(row)], values[int(column)]


def _of_numbers(
    faces: Faces, cube: Cube, numbers: Sequence[str], alike: Alike | None, options: AuditOptions
) -> Iterator[Association]:
    for name in numbers:
        order = ranked(faces.numbers[name])
        moments = cube.moments(faces.numbers[name])
        for grouping in cube.groupings:
            if not any(akin(name, column) for column in grouping.columns):
                yield _number(grouping, name, order, cube.means(grouping, moments), alike, options)


def _number(
    grouping: Grouping, name: str, order: Ranked, figures: Sequence[Estimate], alike: Alike | None,
    options: AuditOptions,
) -> Association:  # fmt: skip
    small = np.array([e.n < options.min_group for e in figures], bool)
    blur = 1.0 if alike is None else alike.ranks(order.places, _only(grouping.codes, ~small), len(grouping))
    test, effect, medians = kruskal(order, grouping.codes, len(grouping), small, blur)
    out = _named(grouping.names, small & np.array([e.n > 0 for e in figures], bool))
    return Association(
        by=grouping.by, label=name, kind="numbers", n=effect.n, measure="epsilon_squared", effect=effect,
        strength=strength("epsilon_squared", effect.value), mutual_information=math.nan, test=test,
        groups=grouping.names, figures=tuple(figures), medians=tuple(medians.tolist()), left_out=tuple(out),
    )  # fmt: skip
