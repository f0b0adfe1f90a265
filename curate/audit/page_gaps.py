"""Where groups differ in quality, in missing labels, in errors, and in what filters would remove."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from curate.audit import charts
from curate.audit.page_views import (
    MOST_LINES,
    Figure,
    Table,
    dots,
    gap_words,
    measure,
    of_unit,
    sentence,
    some_of,
    words,
)
from curate.audit.results import Audit
from curate.audit.sections import Condition, ErrorFigure, GroupFigure, Missing, OutcomeRates
from curate.audit.structure import FilterImpact
from curate.evaluation.measures import Measure

MOST_CHARTS = 9
A_COLUMN = 2
"""Charts of one column, at most."""
A_GROUPING = 4
"""Charts by one grouping, at most."""
PREFERRED = ("accuracy", "mae", "found", "f1", "macro_f1", "auc", "nme", "precision", "within_one")
"""Figures of errors, the most telling first: one of each column is drawn, the others stand in the table."""
SHARE_UNIT = "share"

T = TypeVar("T", Condition, Missing, ErrorFigure)


@dataclass(frozen=True)
class Gaps:
    """Charts of the largest gaps and a table of all."""

    figures: tuple[Figure, ...]
    table: Table


def conditions(audit: Audit) -> Gaps:
    """Quality, pose, occlusion and detection by group, the largest gap first."""
    shown = _varied([c for c in audit.conditions if c.gap.worst is not None])
    pictures = tuple(_condition(c) for c in shown)
    listed = audit.conditions[:MOST_LINES]
    rows = tuple(
        (c.title, words(c.by), of_unit(_of(c), c.overall), gap_words(c.gap, _of(c)),
         f"{c.spread:.2f}" if math.isfinite(c.spread) else "-")
        for c in listed
    )  # fmt: skip
    head = ("what", "by", "all faces", "gap", "in standard deviations")
    return Gaps(pictures, Table(head, rows, frozenset({2, 4}), total=len(audit.conditions)))


def _of(found: Condition) -> Measure:
    share = found.unit == SHARE_UNIT
    return measure(found.title, "" if share else found.unit, found.better, share)


def _condition(found: Condition) -> Figure:
    of = _of(found)
    picture = dots(found.groups, found.gap, of, found.overall, f"{found.title} by {words(found.by)}")
    return Figure(found.title, picture, gap_words(found.gap, of) + some_of(found.groups), words(found.by))


def _varied(found: Sequence[T]) -> list[T]:
    """The first few, single columns before crossed ones, not all of one column nor all by one grouping."""
    kept: list[T] = []
    columns: Counter[str] = Counter()
    groupings: Counter[str] = Counter()
    for one in sorted(found, key=lambda f: "*" in f.by):
        if columns[one.column] < A_COLUMN and groupings[one.by] < A_GROUPING and len(kept) < MOST_CHARTS:
            kept.append(one)
            columns[one.column] += 1
            groupings[one.by] += 1
    return kept


def missing(audit: Audit) -> Gaps:
    """Faces without a label by group, the largest gap first."""
    share = measure("without a label", share=True, better="lower")
    pictures = []
    for found in _varied([m for m in audit.missing if m.gap.worst is not None and m.overall.value > 0])[:6]:
        groups = [GroupFigure(g.name, g.n, g.small, g.share) for g in found.groups]
        name = f"{words(found.column)} missing by {words(found.by)}"
        picture = dots(groups, found.gap, share, found.overall, name)
        note = gap_words(found.gap, share) + some_of(groups)
        pictures.append(Figure(words(found.column), picture, note, words(found.by)))
    lacking = [m for m in audit.missing if m.overall.value > 0]
    rows = tuple(
        (words(m.column), words(m.by), charts.percent(m.overall), _reasons(m), gap_words(m.gap, share))
        for m in lacking[:MOST_LINES]
    )
    head = ("label", "by", "missing", "abstained, not applicable, failed, not computed", "gap")
    return Gaps(tuple(pictures), Table(head, rows, frozenset({2}), total=len(lacking)))


def _reasons(found: Missing) -> str:
    unknown = found.unknown
    return f"{unknown.abstained:,}, {unknown.not_applicable:,}, {unknown.failed:,}, {unknown.absent:,}"


def _telling(found: Sequence[ErrorFigure]) -> list[ErrorFigure]:
    """Of each column the figure that says most."""
    best: dict[str, str] = {}
    for key in PREFERRED:
        for one in found:
            if one.measure == key:
                best.setdefault(one.column, key)
    return [f for f in found if best.get(f.column) == f.measure]


@dataclass(frozen=True)
class ErrorsView:
    """Errors by group, and yes/no outcomes by group."""

    figures: tuple[Figure, ...]
    table: Table
    outcomes: tuple[tuple[str, Table], ...]


def errors(audit: Audit) -> ErrorsView | None:
    """How right the labels are for whom, the largest gap first; None where there is no truth."""
    found = audit.errors
    if found is None:
        return None
    shown = _varied([f for f in _telling(found.figures) if f.gap.worst is not None])
    rows = tuple(
        (words(f.column), f.title, words(f.by), of_unit(_right(f), f.overall), gap_words(f.gap, _right(f)))
        for f in found.figures[:MOST_LINES]
    )
    table = Table(("label", "figure", "by", "all faces", "gap"), rows, frozenset({3}), total=len(found.figures))
    return ErrorsView(tuple(_error(f) for f in shown), table, tuple(_outcome(o) for o in found.outcomes))


def _right(found: ErrorFigure) -> Measure:
    return measure(found.title, "", found.better, found.share)


def _error(found: ErrorFigure) -> Figure:
    of = _right(found)
    name = f"{words(found.column)}: {found.title} by {words(found.by)}"
    picture = dots(found.groups, found.gap, of, found.overall, name)
    who = "as the truth says" if found.source == "truth" else "as labelled"
    note = f"{found.title[:1].upper()}{found.title[1:]}. {gap_words(found.gap, of)}{some_of(found.groups)}"
    return Figure(words(found.column), picture, note, f"{words(found.by)}, {who}")


def _outcome(found: OutcomeRates) -> tuple[str, Table]:
    title = f"{words(found.column)} = {words(found.value)}, by {words(found.by)}"
    rows = tuple(
        (words(group), f"{n:,}", *(charts.percent(e) for e in rates))
        for group, n, *rates in zip(
            found.groups, found.n, found.selection, found.true_positive, found.false_positive, strict=True
        )
    )
    head = ("group", "faces", "given it", "given it rightly", "given it wrongly")
    return title, Table(head, rows, frozenset({1, 2, 3, 4}))


@dataclass(frozen=True)
class FilterView:
    """One filter: sentence, charts."""

    found: FilterImpact
    removed: str
    figures: tuple[Figure, ...]


def filters(audit: Audit) -> tuple[FilterView, ...]:
    """What each filter would remove, from whom."""
    return tuple(_filter(found) for found in audit.filters)


def _filter(found: FilterImpact) -> FilterView:
    share = measure("removed", share=True, better="lower")
    pictures = []
    for split in sorted(found.splits, key=lambda s: "*" in s.by)[:3]:
        picture = dots(split.groups, split.gap, share, found.removed, f"Removed by {words(split.by)}")
        pictures.append(Figure("Removed", picture, sentence(split.sentence) + some_of(split.groups), words(split.by)))
    return FilterView(found, charts.percent(found.removed), tuple(pictures))
