"""Action units on the page: what goes together, as a graph and as matrices, and where that differs between groups."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from curate.audit import charts
from curate.audit.chart_graph import Dot, Line, graph
from curate.audit.charts import Signed
from curate.audit.page_views import Figure, Table, p_words, significant, words
from curate.audit.results import Audit
from curate.audit.structure import Pair, PairDifference, Relations

MOST_UNITS = 16
"""Action units of the matrix, the most tied ones."""
MOST_ROWS = 20
FULL_PHI = 0.6


@dataclass(frozen=True)
class RelationsView:
    """Action units: graph, matrix, matrix with expressions, and what differs between groups."""

    found: Relations
    graph: Figure
    matrix: Figure
    emotions: Figure | None
    differences: Table


def relations(audit: Audit) -> RelationsView | None:
    """Which action units go together; None where there are none."""
    found = audit.relations
    if found is None:
        return None
    titles = {n.name: n.title for n in found.nodes}
    dots_ = [Dot(n.name, n.title, n.rate.value) for n in found.nodes]
    lines = [Line(p.a, p.b, p.phi, _pair_words(p, titles)) for p in found.edges if p.a in titles and p.b in titles]
    drawn = Figure(
        "Relation graph", graph(dots_, lines, "Which action units go together"),
        f"{len(lines):,} pairs of action units are tied: significant over all pairs, and a correlation of at least "
        f"{found.least_phi:g}. A thicker line is a stronger tie; a broken red one means that they exclude each other. "
        "The larger a circle, the more faces show the unit.",
    )  # fmt: skip
    units = _most_tied(found)
    matrix = Figure(
        "Co-occurrence", charts.matrix(units, units, _unit_cells(found.pairs, units, titles), "Action units", FULL_PHI),
        "Correlation (phi) of each two units, in hundredths. Faint: not significant.",
    )  # fmt: skip
    return RelationsView(found, drawn, matrix, _with_emotion(found, titles), _differences(found.differences))


def _pair_words(pair: Pair, titles: Mapping[str, str]) -> str:
    a, b = (f"{x} {titles.get(x, '')}".strip() for x in (pair.a, pair.b))
    lift = f", {pair.lift:.1f} times as often together as by chance" if math.isfinite(pair.lift) else ""
    return f"{a} and {b}: phi {pair.phi:+.2f}{lift}; both in {pair.both:,} of {pair.n:,} faces, {p_words(pair.test)}"


def _most_tied(found: Relations) -> list[str]:
    """Units of the matrix in the order of the face, those with the strongest ties where there are many."""
    strength = {n.name: 0.0 for n in found.nodes}
    for pair in found.pairs:
        if math.isfinite(pair.phi):
            for name in (pair.a, pair.b):
                strength[name] = max(strength.get(name, 0.0), abs(pair.phi))
    kept = set(sorted(strength, key=lambda name: -strength[name])[:MOST_UNITS])
    return [n.name for n in found.nodes if n.name in kept]


def _unit_cells(
    pairs: Iterable[Pair], units: Sequence[str], titles: Mapping[str, str]
) -> dict[tuple[str, str], Signed]:
    cells: dict[tuple[str, str], Signed] = {}
    for pair in pairs:
        if pair.a in units and pair.b in units and math.isfinite(pair.phi):
            cell = Signed(pair.phi, _hundredths(pair.phi), _pair_words(pair, titles), not _sure(pair))
            cells[pair.a, pair.b] = cells[pair.b, pair.a] = cell
    return cells


def _hundredths(phi: float) -> str:
    return f"{round(100 * phi)}"


def _sure(pair: Pair) -> bool:
    return significant(pair.test.p_adjusted)


def _with_emotion(found: Relations, titles: Mapping[str, str]) -> Figure | None:
    if not found.emotion or not found.with_emotion:
        return None
    emotions = sorted({p.b for p in found.with_emotion})
    units = [n.name for n in found.nodes if any(p.a == n.name for p in found.with_emotion)]
    cells = {
        (words(p.b), p.a): Signed(p.phi, _hundredths(p.phi), _pair_words(p, titles), not _sure(p))
        for p in found.with_emotion
        if math.isfinite(p.phi)
    }
    picture = charts.matrix([*map(words, emotions)], units, cells, "Action units and expressions", FULL_PHI)
    return Figure("With expressions", picture, f"Correlation (phi) with {words(found.emotion)}, in hundredths.")


def _differences(found: Sequence[PairDifference]) -> Table:
    rows = tuple(
        (f"{d.a} and {d.b}", words(d.by), _phis(d), f"{d.spread:.2f}", p_words(d.test)) for d in found[:MOST_ROWS]
    )
    return Table(("units", "by", "phi in each group", "spread", "adjusted p"), rows, frozenset({3}))


def _phis(found: PairDifference) -> str:
    known = [(g, v) for g, v in zip(found.groups, found.phi, strict=True) if math.isfinite(v)]
    ranked = sorted(known, key=lambda pair: pair[1])
    if len(ranked) > 4:
        ranked = [*ranked[:2], *ranked[-2:]]
    return ", ".join(f"{words(g)} {v:+.2f}" for g, v in ranked)
