"""How labels differ between groups: how strongly, and which values are more frequent where."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curate.audit import charts
from curate.audit.charts import Effect, Signed
from curate.audit.page_views import (
    MOST_GROUPS,
    Figure,
    Table,
    brief,
    dots,
    measure,
    p_words,
    plain_number,
    significant,
    words,
)
from curate.audit.results import Audit
from curate.audit.sections import Association, GroupFigure

MOST_ROWS = 20
MOST_EFFECTS = 12
MOST_MAPS = 4
MOST_NUMBERS = 3
MEASURES = {"cramers_v": "Cramér's V", "epsilon_squared": "epsilon²"}
FULL_PMI = 0.5
ENOUGH = 5
"""Faces of a cell from which its colour is not faint."""
_KINDS = (
    ("labels", "How strongly labels differ", "Cramér's V: 0 none, 1 full; .1 is small, .3 medium, .5 large."),
    ("numbers", "How strongly numbers differ", "epsilon², a share of variance; .01 is small, .06 medium, .14 large."),
)  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """The strongest differences: a chart of their size, maps of the first ones, and a table of all that matter."""

    sizes: tuple[Figure, ...]
    maps: tuple[Figure, ...]
    numbers: tuple[Figure, ...]
    table: Table
    total: int
    significant: int


def associations(audit: Audit) -> Ranked:
    """Labels whose values differ between groups, the strongest first."""
    found = audit.associations
    shown = [a for a in found if math.isfinite(a.effect.value)][:MOST_ROWS]
    simple = [a for a in found if math.isfinite(a.effect.value) and len(a.groups) <= MOST_GROUPS]
    sizes = (_sizes([a for a in simple if a.kind == kind], title, note) for kind, title, note in _KINDS)
    maps = [_values(a) for a in _one_each(a for a in simple if a.kind == "labels")][:MOST_MAPS]
    numbers = [_numbers(a) for a in _one_each(a for a in simple if a.kind == "numbers")][:MOST_NUMBERS]
    table = Table(
        ("label", "by", "effect", "strength", "adjusted p", "faces", "most out of the ordinary"),
        tuple((words(a.label), words(a.by), _effect(a), a.strength, p_words(a.test), f"{a.n:,}", _top(a))
              for a in shown),
        frozenset({5}),
    )  # fmt: skip
    sure = sum(significant(a.test.p_adjusted) for a in found)
    charted = tuple(size for size in sizes if size is not None)
    return Ranked(charted, tuple(maps), tuple(numbers), table, len(found), sure)


def _one_each(found: Iterable[Association]) -> list[Association]:
    """The strongest difference of each label."""
    kept: dict[str, Association] = {}
    for one in found:
        kept.setdefault(one.label, one)
    return list(kept.values())


def _sizes(found: Sequence[Association], title: str, note: str) -> Figure | None:
    rows = [
        Effect(f"{brief(a.label)} by {brief(a.by)}", a.effect, f"{words(a.label)} by {words(a.by)}: {a.strength}, "
               f"{_effect(a)}, {p_words(a.test)}, n = {a.n:,}", significant(a.test.p_adjusted))
        for a in sorted(found, key=lambda a: -a.effect.value)[:MOST_EFFECTS]
    ]  # fmt: skip
    return Figure(title, charts.effects(rows, title), note) if rows else None


def _effect(found: Association) -> str:
    return f"{MEASURES.get(found.measure, found.measure)} {plain_number(found.effect)}"


def _top(found: Association) -> str:
    if found.top is None or not found.counts:
        return ""
    group, value = found.top
    i, j = found.groups.index(group), found.values.index(value)
    inside, row = found.counts[i][j], sum(found.counts[i])
    overall = sum(line[j] for line in found.counts) / max(sum(map(sum, found.counts)), 1)
    return f"{words(value)}: {100 * inside / max(row, 1):.0f} % of {words(group)}, {100 * overall:.0f} % of all"


def _values(found: Association) -> Figure:
    used = [j for j in range(len(found.values)) if any(row[j] for row in found.counts)]
    cells = {}
    for i, group in enumerate(found.groups):
        total = sum(found.counts[i])
        for j in used:
            value = found.npmi[i][j] if found.npmi else None
            share = f"{100 * found.counts[i][j] / total:.0f} %" if total else ""
            hint = f"{words(found.values[j])} in {words(group)}: {found.counts[i][j]:,} of {total:,} faces"
            if value is not None:
                hint += f", normalised PMI {value:+.2f}"
            number = math.nan if value is None else value
            cells[words(group), words(found.values[j])] = Signed(number, share, hint, found.counts[i][j] < ENOUGH)
    across = [words(found.values[j]) for j in used]
    name = f"{words(found.label)} by {words(found.by)}"
    picture = charts.matrix([*map(words, found.groups)], across, cells, name, full=FULL_PMI)
    note = f"{found.strength}, {_effect(found)}; {p_words(found.test)}."
    return Figure(words(found.label), picture, note, words(found.by))


def _numbers(found: Association) -> Figure:
    rows = [GroupFigure(g, e.n, False, e) for g, e in zip(found.groups, found.figures, strict=True)]
    picture = dots(rows, None, measure(found.label), None, f"{words(found.label)} by {words(found.by)}")
    note = f"Mean; {found.strength}, {_effect(found)}; {p_words(found.test)}."
    return Figure(words(found.label), picture, note, words(found.by))
