"""What the page shows of the reviewers: tables and charts made of the results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curate.audit.page_views import Table
from curate.evaluation.intervals import Estimate
from curate.evaluation.wording import NONE, figure, interval, number, size_of_gap
from curate.review.agreement.arms import ALL
from curate.review.agreement.measures import LABEL_MEASURES
from curate.review.agreement.results import Agreement, Reviewer, Section
from curate.review.agreement.section_charts import SHARE, Chart, charts_of
from curate.review.agreement.wording import POINTS, compared, difference, signed, signed_parts, times

SHADES = 5


@dataclass(frozen=True)
class Cell:
    """A count in a table of confusions, shaded by its share of the row, from 0 to `SHADES`."""

    text: str
    shade: int


@dataclass(frozen=True)
class Confusion:
    """What others said (rows) against what one reviewer said (columns)."""

    rater: str
    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class People:
    """Reviewers in rows: short name, whole name, and for each heading a figure with what stands below it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class SectionView:
    """One section of the page."""

    anchor: str
    section: Section
    rows: tuple[tuple[str, str, str, str, str], ...]
    charts: tuple[Chart, ...]
    tables: tuple[tuple[str, Table], ...]
    confusions: tuple[Confusion, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One row of the summary."""

    anchor: str
    name: str
    kind: str
    n: int
    measure: str
    value: str
    reach: str
    worst: str
    gap: str
    anchoring: tuple[str, str]
    gold: tuple[str, str]


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Reviewers by the part before the `@`, where that tells them apart."""
    heads = {n: n.partition("@")[0] or n for n in names}
    told = list(heads.values())
    return {n: h if told.count(h) == 1 else n for n, h in heads.items()}


def section_view(section: Section, short: Mapping[str, str], least: int) -> SectionView:
    """Everything that the page shows of an item."""
    rows = tuple(
        (m.title, number(m, e.value, unit=True), interval(m, e), f"{e.n:,}", m.doc)
        for m in section.measures
        if (e := section.figures.get(m.key)) is not None
    )
    return SectionView(
        anchor_of(section), section, rows, tuple(charts_of(section, short, least)), tuple(_tables(section, short)),
        tuple(_confusions(section, short)), tuple(_words(section)),
    )  # fmt: skip


def anchor_of(section: Section) -> str:
    """Where a section stands on the page."""
    return "s-" + "".join(c if c.isalnum() else "-" for c in section.name)


def line(section: Section) -> Line:
    """A section in one row."""
    told = section.headline
    worst, gap = _widest(section)
    shift = ("-", "")
    if section.arms is not None:
        shift = signed_parts(*difference(section))
    right = section.gold.get(ALL)
    gold = ("-", "") if right is None else (
        number(section.nearness, right.value, unit=True), interval(section.nearness, right)
    )  # fmt: skip
    if told is None:
        return Line(anchor_of(section), section.title, section.ask, 0, "", "", "", worst, gap, shift, gold)
    measure, estimate = told
    return Line(
        anchor_of(section), section.title, section.ask, estimate.n, measure.title,
        number(measure, estimate.value, unit=True), interval(measure, estimate), worst, gap, shift, gold,
    )  # fmt: skip


def people(found: Agreement, short: Mapping[str, str]) -> People:
    """The reviewers' work as a table; columns that are empty for all are left out."""
    head = (
        "pictures", "skipped", "seconds per picture", "same choices as others", "faces missed", "faces only they have",
        "right choices on gold", "gold faces missed",
    )  # fmt: skip
    rows = [(short[r.name], r.name if short[r.name] != r.name else "", _work(r)) for r in found.reviewers]
    keep = [i for i in range(len(head)) if not i or any(cells[i][0] not in ("0", NONE) for _, _, cells in rows)]
    return People(tuple(head[i] for i in keep), tuple((n, m, tuple(c[i] for i in keep)) for n, m, c in rows))


def _work(r: Reviewer) -> tuple[tuple[str, str], ...]:
    """The cells of a reviewer: a figure, and its interval or spread below."""
    low, high = r.quarters
    known = math.isfinite(r.seconds.value)
    shares = (r.agreement, r.missed, r.extra, r.same_gold, r.gold_missed)
    return (
        (f"{r.pictures:,}", f"{r.blind:,} alone" if r.blind else ""), (f"{r.skipped:,}", ""),
        (f"{r.seconds.value:.0f}", f"half of them {low:.0f}-{high:.0f}") if known else (NONE, ""),
        *((number(SHARE, e.value), interval(SHARE, e)) for e in shares),
    )  # fmt: skip


def _tables(section: Section, short: Mapping[str, str]) -> Iterator[tuple[str, Table]]:
    if section.pairs:
        rows = [
            (" · ".join(short[r] for r in p.raters), f"{max(e.n for e in p.figures.values()):,}",
             *(figure(m, p.figures[m.key]) for m in section.pair_measures))
            for p in section.pairs
        ]  # fmt: skip
        yield "Reviewer by reviewer", Table(("reviewers", "faces", *(m.title for m in section.pair_measures)),
                                            tuple(rows), frozenset({1}))  # fmt: skip
    if section.by_label:
        rows = [
            (x.label, f"{x.faces:,}", *(figure(m, x.figures[m.key]) for m in LABEL_MEASURES)) for x in section.by_label
        ]
        head = ("label", "faces", *(m.title for m in LABEL_MEASURES))
        yield "Label by label", Table(head, tuple(rows), frozenset({1}))
    for title, splits in (("Agreement", section.splits), ("Against the right answers", section.gold_splits)):
        for split in splits:
            keys = list(split.groups[0].figures)
            known = {m.key: m for m in (section.nearness, *section.pair_measures, *section.measures)}
            rows = [(g.name, f"{g.n:,}", *(figure(known[k], g.figures[k]) for k in keys)) for g in split.groups]
            small = frozenset(i for i, g in enumerate(split.groups) if g.small)
            head = ("group", "faces" if splits is section.splits else "answers", *(known[k].title for k in keys))
            yield f"{title} by {split.by}", Table(head, tuple(rows), frozenset({1}), small)
    if section.arms is not None:
        for split in section.arms.splits:
            rows = [(g.name, f"{g.n:,}", _difference_in(section, next(iter(g.figures.values())))) for g in split.groups]
            small = frozenset(i for i, g in enumerate(split.groups) if g.small)
            yield f"Pull of the model's answers by {split.by}", Table(
                ("group", "answers", "nearer to the model's when seen"), tuple(rows), frozenset({1}), small
            )  # fmt: skip


def _difference_in(section: Section, estimate: Estimate) -> str:
    return signed(POINTS, times(estimate, 100)) if section.nearness.share else signed(section.nearness, estimate)


def _confusions(section: Section, short: Mapping[str, str]) -> Iterator[Confusion]:
    for rater, table in section.confusion.items():
        used = [i for i in range(len(section.labels)) if sum(table[i]) or any(row[i] for row in table)]
        if len(used) < 2:
            continue
        rows = []
        for i in used:
            total = sum(table[i]) or 1
            cells = tuple(
                Cell(f"{table[i][j]:,}" if table[i][j] else "", math.ceil(SHADES * table[i][j] / total)) for j in used
            )
            rows.append((section.labels[i], cells))
        yield Confusion(short.get(rater, rater), tuple(section.labels[i] for i in used), tuple(rows))


def _words(section: Section) -> Iterator[str]:
    counts = section.counts
    yield f"{counts['answers']:,} answers on {counts['faces']:,} faces by {counts['reviewers']:,} reviewers"
    yield f"{counts['faces answered twice or more']:,} faces answered by two or more"
    if counts["cannot tell"]:
        yield f"{counts['cannot tell']:,} times “cannot tell”"


def _widest(section: Section) -> tuple[str, str]:
    """Group that agrees least, and how far from the one that agrees most."""
    found = []
    for split in section.splits:
        for key, gap in split.gaps.items():
            if gap.worst is not None and gap.worst != gap.best and gap.size.value > 0:
                found.append((gap.size.value, split, key, gap))
    if not found:
        return "", ""
    _, split, _, gap = max(found, key=lambda f: f[0])
    return f"{gap.worst} ({split.by})", size_of_gap(compared(section, split), gap.size)
