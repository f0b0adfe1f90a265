"""Who is in the dataset: groups against their target, crossed groups, corrected counts, small groups, people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from curate.audit import charts
from curate.audit.charts import Crossed, ShareRow
from curate.audit.page_pictures import Pictures
from curate.audit.page_views import Figure, Table, dots, measure, p_words, plain_number, swatch, words
from curate.audit.results import Audit
from curate.audit.sections import GroupFigure, GroupShare, Representation
from curate.audit.structure import Concentration, Corrected, GroupedShares
from curate.report.charts import Bar, bars

MOST_SHORT = 8
"""Groups of a crossing that are listed as too few."""
MOST_EMPTY = 60
MOST_LACKING = 4
EVEN = "uniform"
"""Name of the target that gives every group the same share."""
MOST_SMALL = 16
MOST_CELLS = 8
"""Figures of small groups on the page, at most; all stand in the JSON."""


@dataclass(frozen=True)
class Strip:
    """Faces of one group: its name, their number, and cut-outs."""

    group: str
    n: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class ColumnView:
    """One column by itself: chart, key figures, faces of each group, and what a reader must know."""

    figure: Figure
    facts: tuple[tuple[str, str], ...]
    strips: tuple[Strip, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Lacking:
    """A group that is short of its target: whose share is surely below it."""

    by: str
    group: str
    n: int
    wanted: int
    even: bool

    @property
    def sentence(self) -> str:
        """Such as `32 faces where an even share would be 101`."""
        faces = "no face" if not self.n else f"{self.n:,} face{'' if self.n == 1 else 's'}"
        return f"{faces} where {'an even share' if self.even else 'the target'} would be {self.wanted:,}"


@dataclass(frozen=True)
class CrossingView:
    """Several columns crossed: a map where there are two, the groups that are most short, the empty ones."""

    found: Representation
    figure: Figure | None
    short: Table
    empty: tuple[str, ...]
    more_empty: int


def lacking(audit: Audit) -> tuple[Lacking, ...]:
    """Who is missing most: of each grouping the group that lacks most faces, the greatest lack first."""
    found = []
    for one in audit.representation:
        below = [g for g in one.groups if math.isfinite(g.target) and g.share.high < g.target and g.short > 0]
        if below:
            group = max(below, key=lambda g: (g.short, g.target))
            found.append((one, group, max(round(group.target * one.n), 1)))
    ranked = sorted(found, key=lambda item: -item[1].short)[:MOST_LACKING]
    return tuple(
        Lacking(words(one.by), words(group.name), group.n, wanted, one.target == EVEN) for one, group, wanted in ranked
    )


def columns(audit: Audit, pictures: Pictures) -> tuple[ColumnView, ...]:
    """Every single column, in the order asked for."""
    fixed = {c.by: c for c in audit.corrected}
    return tuple(
        _column(found, fixed.get(found.by), pictures) for found in audit.representation if len(found.columns) == 1
    )


def _column(found: Representation, fixed: Corrected | None, pictures: Pictures) -> ColumnView:
    after = {g.name: g.corrected for g in fixed.groups} if fixed else {}
    rows = [
        ShareRow(words(g.name), g.n, g.share, g.target, after.get(g.name), _style(g), swatch(found.by, g.name))
        for g in found.groups
    ]
    note = f"{found.n:,} faces"
    note += f"; {found.unknown.total:,} more whose group is not known." if found.unknown.total else "."
    picture = charts.shares(rows, f"Shares by {words(found.by)}")
    strips = tuple(Strip(words(g.name), g.n, cut) for g in found.groups if (cut := pictures.of(found.by, g.name)))
    figure = Figure(words(found.by), picture, note, f"target: {found.target}" if found.target else "")
    return ColumnView(figure, tuple(_facts(found)), strips, found.notes)


def _style(group: GroupShare) -> str:
    below = math.isfinite(group.target) and math.isfinite(group.share.high) and group.share.high < group.target
    return "low" if below else ""


def _facts(found: Representation) -> Iterator[tuple[str, str]]:
    yield "evenness", f"{plain_number(found.evenness)} (1 is even)"
    yield "effective groups", f"{plain_number(found.effective, 1)} of {len(found.groups)}"
    if math.isfinite(found.distance.value):
        yield "faces that would have to change groups", charts.percent(found.distance)
    if math.isfinite(found.imbalance):
        yield "largest over smallest", f"{found.imbalance:,.1f}"
    if found.test is not None and p_words(found.test):
        yield "could the target be true?", p_words(found.test)


def crossings(audit: Audit) -> tuple[CrossingView, ...]:
    """Every crossing, in the order asked for."""
    return tuple(_crossing(found) for found in audit.representation if len(found.columns) > 1)


def _crossing(found: Representation) -> CrossingView:
    figure = None
    if len(found.columns) == 2:
        down = list(dict.fromkeys(g.labels[0] for g in found.groups))
        across = list(dict.fromkeys(g.labels[1] for g in found.groups))
        cells = {(words(g.labels[0]), words(g.labels[1])): _cell(g) for g in found.groups}
        picture = charts.crossing([*map(words, down)], [*map(words, across)], cells, f"Faces by {words(found.by)}")
        figure = Figure(words(found.by), picture, f"{found.n:,} faces. Target: {found.target}.")
    short = sorted((g for g in found.groups if g.short > 0 and g.n), key=lambda g: (-g.short, g.name))[:MOST_SHORT]
    table = Table(
        ("group", "faces", "share", "target", "of the target", "to add"),
        tuple(
            (words(g.name), f"{g.n:,}", charts.percent(g.share), f"{100 * g.target:.1f} %", _ratio(g), _to_add(g))
            for g in short
        ),
        frozenset({1, 2, 3, 4, 5}), frozenset(i for i, g in enumerate(short) if g.small),
    )  # fmt: skip
    empty = tuple(words(name) for name in found.empty)
    return CrossingView(found, figure, table, empty[:MOST_EMPTY], max(len(empty) - MOST_EMPTY, 0))


def _cell(group: GroupShare) -> Crossed:
    hint = f"{words(group.name)}: {group.n:,} faces, {charts.percent(group.share)}"
    if math.isfinite(group.target):
        hint += f"; target {100 * group.target:.1f} %, {_ratio(group)} of it; {group.short:,} short"
    return Crossed(group.n, group.ratio.value, hint)


def _ratio(group: GroupShare) -> str:
    return f"{group.ratio.value:.2f}" if math.isfinite(group.ratio.value) else "-"


def _to_add(group: GroupShare) -> str:
    return f"{group.to_add:,}" if group.to_add is not None else "cannot be reached by adding"


def corrected(audit: Audit) -> tuple[tuple[Corrected, Table], ...]:
    """Every correction as a table: raw share, corrected share, difference."""
    return tuple((found, _corrected_table(found)) for found in audit.corrected)


def _corrected_table(found: Corrected) -> Table:
    rows = []
    for group in found.groups:
        moved = 100 * (group.corrected.value - group.raw.value)
        rows.append((
            words(group.name), f"{group.n:,}", charts.percent(group.raw), charts.percent(group.corrected),
            f"{moved:+.1f}" if math.isfinite(moved) else "-",
        ))  # fmt: skip
    head = ("group", "faces as labelled", "share as labelled", "corrected share", "points moved")
    return Table(head, tuple(rows), frozenset({1, 2, 3, 4}))


def small_cells(audit: Audit) -> tuple[tuple[Figure, Table], ...]:
    """Small groups: the raw and the shrunken figure, and what difference could have been seen."""
    found = []
    for cells in sorted(audit.small_cells, key=lambda c: "*" in c.by)[:MOST_CELLS]:
        share = measure(cells.figure, share=True)
        shown = cells.groups[:MOST_SMALL]
        rows = [GroupFigure(g.name, g.n, False, g.shrunk) for g in shown]
        picture = dots(rows, None, share, None, f"{cells.figure} by {words(cells.by)}, shrunken")
        more = f" The {MOST_SMALL} smallest of {len(cells.groups)} groups." if len(cells.groups) > MOST_SMALL else ""
        table = Table(
            ("group", "faces", "from its own faces", "shrunken", "smallest difference it could have shown"),
            tuple(
                (words(g.name), f"{g.n:,}", charts.percent(g.raw), charts.percent(g.shrunk),
                 _seen(cells.detectable, g.name))
                for g in shown
            ),
            frozenset({1, 2, 3, 4}),
        )  # fmt: skip
        found.append((Figure(words(cells.by), picture, f"{cells.method}.{more}", words(cells.figure)), table))
    return tuple(found)


def _seen(detectable: Mapping[str, float], name: str) -> str:
    value = detectable.get(name, math.nan)
    return f"{100 * value:.0f} points" if math.isfinite(value) else "-"


@dataclass(frozen=True)
class Ties:
    """Copies and people: sentences, charts and a table."""

    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    table: Table | None


def ties(audit: Audit) -> Ties:
    """How far faces are copies of one another, or hang on few people."""
    sentences: list[str] = []
    pictures: list[Figure] = []
    if (copies := audit.duplicates) is not None:
        sentences.append(
            f"Of {copies.faces:,} faces {charts.percent(copies.surplus)} are copies of another one, in "
            f"{copies.groups:,} groups; the largest has {max(copies.largest, default=0):,} faces."
            if copies.groups
            else f"Among {copies.faces:,} faces none is a copy of another one."
        )
        pictures += [_surplus(found) for found in copies.by if copies.groups and "*" not in found.by]
    table = None
    if (people := audit.identities) is not None:
        over = people.overall
        sentences.append(
            f"{over.faces:,} faces show {over.people:,} people, {over.mean:.2f} each; {over.top_people:,} of them "
            f"hold {100 * over.top_share:.1f} % of the faces, and one has {over.largest:,}. In independent people the "
            f"faces are worth {over.effective:,.0f}. {people.unknown:,} faces have no identity."
        )
        rows = [Bar(words(name), n, f"{n:,}") for name, n in people.histogram.items()]
        pictures.insert(0, Figure("Faces a person", bars(rows, "People by number of faces"), "People, by their faces."))
        table = _people(people.by)
    return Ties(tuple(sentences), tuple(pictures), table)


def _surplus(found: GroupedShares) -> Figure:
    share = measure("share of copies", share=True, better="lower")
    picture = dots(found.groups, found.gap, share, None, f"Copies by {words(found.by)}")
    return Figure("Copies", picture, "Share of faces that are copies, %.", words(found.by))


def _people(by: Mapping[str, tuple[Concentration, ...]]) -> Table:
    single = {column: groups for column, groups in by.items() if "*" not in column}
    head = ("by", "group", "faces", "people", "faces a person", "largest", "effective people", "Gini")
    rows = tuple(
        (words(column), words(c.name), f"{c.faces:,}", f"{c.people:,}", _plain(c.mean, 2), f"{c.largest:,}",
         _plain(c.effective, 0), _plain(c.gini, 2))
        for column, groups in single.items()
        for c in groups
    )  # fmt: skip
    flags = [c.small for groups in single.values() for c in groups]
    small = frozenset(i for i, flag in enumerate(flags) if flag)
    return Table(head, rows, frozenset({2, 3, 4, 5, 6, 7}), small)


def _plain(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}" if math.isfinite(value) else "-"
