"""What the page shows of the reviewers: tables and charts made of the results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from curate.audit.page_views import Table
from curate.evaluation import charts
from curate.evaluation.charts import Dot
from curate.evaluation.intervals import Estimate
from curate.evaluation.measures import Measure
from curate.evaluation.metrics.counting import mean
from curate.evaluation.results import Split
from curate.evaluation.wording import NONE, figure, interval, number, size_of_gap
from curate.review.agreement.arms import ALL
from curate.review.agreement.groups import ARM, ASSISTED, BLIND
from curate.review.agreement.results import Agreement, Leaning, Reviewer, Section

SECONDS = Measure("seconds", "seconds per picture", "", mean, better="lower")
SHARE = Measure("share", "share", "", mean, share=True)
POINTS = Measure("points", "percentage points", "", mean, better="")
MOST_LEANINGS = 14
MOST_PAIRS = 15
SHADES = 5


@dataclass(frozen=True)
class Chart:
    """A picture with its heading, a tag, and a sentence below."""

    title: str
    picture: Markup
    note: str = ""
    tag: str = ""


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
        anchor_of(section), section, rows, tuple(_charts(section, short, least)), tuple(_tables(section, short)),
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
        shift = _signed_parts(*_difference(section))
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


def people_charts(found: Agreement, short: Mapping[str, str]) -> list[Chart]:
    """Time with and without the model's answers, and agreement, reviewer by reviewer."""
    made = []
    rows = [
        Dot(f"{short[r.name]}: {'alone' if arm == BLIND else 'assisted'}", e, e.n, "" if arm == ASSISTED else "small")
        for r in found.reviewers
        for arm, e in (r.seconds_by_arm or {ASSISTED: r.seconds}).items()
        if math.isfinite(e.value)
    ]
    if rows:
        note = "Median lead time of a picture in seconds; hollow: the picture alone, without the model's answers."
        made.append(Chart("Time per picture", charts.dots(rows, SECONDS, None, "Seconds per picture"), note))
    for title, note, key in (
        ("Same choices as the others", "Share of answers that another gave too, over all choices.", "agreement"),
        ("Right choices on gold pictures", "Share of right answers over all choices.", "same_gold"),
    ):
        rows = [Dot(short[r.name], e, e.n) for r in found.reviewers if (e := getattr(r, key)).n]
        if len(rows) > 1:
            made.append(Chart(title, charts.dots(rows, SHARE, None, title), note))
    return made


def _charts(section: Section, short: Mapping[str, str], least: int) -> Iterator[Chart]:
    yield from _pairs(section, short)
    for split in section.splits:
        yield _split(section, split, least)
    if section.arms is not None:
        yield _arms(section)
    if len(section.gold) > 1:
        rows = [Dot(short.get(n, n), e, e.n) for n, e in section.gold.items() if n != ALL]
        whole, title = section.gold[ALL], f"{section.nearness.title} on gold"
        picture = charts.dots(rows, section.nearness, whole, title)
        yield Chart("Against the right answers", picture, f"{section.nearness.doc} The band is all reviewers together.")
    yield from _leanings(section, short)
    if len(section.abstained) > 1:
        rows = [Dot(short.get(n, n), e, e.n) for n, e in section.abstained.items() if n != ALL]
        picture = charts.dots(rows, SHARE, section.abstained[ALL], "Cannot tell")
        yield Chart("Cannot tell", picture, "Share of faces on which a reviewer would not say.")


def _pairs(section: Section, short: Mapping[str, str]) -> Iterator[Chart]:
    measure = section.pair_measures[0]
    found = [(p, p.figures[measure.key]) for p in section.pairs if math.isfinite(p.figures[measure.key].value)]
    if not found:
        return
    found.sort(key=lambda f: f[1].value, reverse=measure.better == "lower")
    rows = [Dot(" · ".join(short[r] for r in p.raters), e, e.n) for p, e in found[:MOST_PAIRS]]
    more = f" The {MOST_PAIRS} that agree least, of {len(found)}." if len(found) > MOST_PAIRS else ""
    yield Chart("Reviewer by reviewer", charts.dots(rows, measure, None, measure.title), f"{measure.doc}{more}",
                measure.title)  # fmt: skip


def _split(section: Section, split: Split, least: int) -> Chart:
    measure = _compared(section, split)
    gap = split.gaps.get(measure.key)
    apart = gap is not None and gap.worst is not None and gap.size.value > 0 and gap.best != gap.worst
    worst = gap.worst if apart and gap is not None else None
    rows = [
        Dot(g.name, g.figures[measure.key], g.n, "small" if g.small else "worst" if g.name == worst else "")
        for g in split.groups
    ]
    words = ""
    if split.by == ARM:
        words = "How far reviewers agree among themselves with the model's answers in sight, and without."
    elif apart and gap is not None:
        words = f"Least {gap.worst}, most {gap.best}: {size_of_gap(measure, gap.size)} apart."
        words += " The interval reaches 0: chance alone could make it." if gap.size.low <= 0 else ""
    else:
        words = "Too few groups of a size that can be compared."
    words += f" Hollow: fewer than {least} faces, not compared." if any(g.small for g in split.groups) else ""
    words += f" {split.unknown:,} faces without a group." if split.unknown else ""
    return Chart(split.by, charts.dots(rows, measure, None, f"{measure.title} by {split.by}"), words, measure.title)


def _compared(section: Section, split: Split) -> Measure:
    """The measure by which groups are compared: the first figure of the groups."""
    key = next(iter(split.groups[0].figures))
    known = (*section.measures, *section.pair_measures, section.nearness)
    return next(m for m in known if m.key == key)


def _arms(section: Section) -> Chart:
    arms, measure = section.arms, section.nearness
    assert arms is not None
    rows = [Dot(ASSISTED, arms.assisted, arms.assisted.n), Dot(BLIND, arms.blind, arms.blind.n, "small")]
    told, more = _difference(section)
    words = f"How near answers are to the model's ({measure.title}). Seeing them: {_signed(told, more)}."
    words += " The interval holds 0: chance alone could make it." if more.low <= 0 <= more.high else ""
    return Chart(
        "Pull of the model's answers", charts.dots(rows, measure, None, "Nearness to the model's answers"), words
    )


def _difference(section: Section) -> tuple[Measure, Estimate]:
    """Assisted less blind, in percentage points for shares."""
    assert section.arms is not None
    more = section.arms.more
    if not section.nearness.share:
        return section.nearness, more
    return POINTS, _times(more, 100)


def _times(estimate: Estimate, factor: float) -> Estimate:
    return replace(
        estimate, value=factor * estimate.value, low=factor * estimate.low, high=factor * estimate.high, draws=None
    )


def _signed(measure: Measure, estimate: Estimate) -> str:
    """A difference with its sign and interval."""
    value, reach = _signed_parts(measure, estimate)
    return f"{value} ({reach})" if reach else value


def _signed_parts(measure: Measure, estimate: Estimate) -> tuple[str, str]:
    """A difference with its sign, and its interval."""
    if not math.isfinite(estimate.value):
        return NONE, ""
    unit = " points" if measure is POINTS else ""
    digits = 1 if measure is POINTS else 3 if abs(estimate.value) < 1 else 2
    known = math.isfinite(estimate.low)
    reach = f"{estimate.low:+.{digits}f} to {estimate.high:+.{digits}f}" if known else ""
    return f"{estimate.value:+.{digits}f}{unit}", reach


def _leanings(section: Section, short: Mapping[str, str]) -> Iterator[Chart]:
    """Labels that someone says clearly more or less often than the others, and offsets of numbers."""
    offsets = [x for x in section.leanings if not x.label]
    if offsets and any(math.isfinite(x.more.low) for x in offsets):
        told = "steps" if section.ask == "choice" else section.nearness.unit or "units"
        measure = Measure("offset", "offset", "", mean, better="")
        picture = charts.dots([_lean(x, x.more, short) for x in offsets], measure, None, "Offset from the others")
        yield Chart(
            "Higher or lower than the others", picture, "Mean difference from the others on the same faces.", told
        )
    named = [x for x in section.leanings if x.label]
    clear = [x for x in named if x.more.low > 0 or x.more.high < 0]
    if named:
        clear.sort(key=lambda x: -abs(x.more.value))
        rows = [_lean(x, _times(x.more, 100), short) for x in clear[:MOST_LEANINGS]]
        chance = len(named) / 20
        note = (
            f"Percentage points more (or less) often than the others, on the same faces. Shown: {len(rows)} of "
            f"{len(named)} comparisons, those whose interval leaves out 0; chance alone lets about {chance:.0f} do so."
        )
        if rows:
            yield Chart(
                "Says what more often", charts.dots(rows, POINTS, None, "Says more often than the others"), note
            )


def _lean(x: Leaning, estimate: Estimate, short: Mapping[str, str]) -> Dot:
    name = short.get(x.rater, x.rater)
    return Dot(f"{name}: {x.label}" if x.label else name, estimate, estimate.n)


def _tables(section: Section, short: Mapping[str, str]) -> Iterator[tuple[str, Table]]:
    if section.pairs:
        rows = [
            (" · ".join(short[r] for r in p.raters), f"{max(e.n for e in p.figures.values()):,}",
             *(figure(m, p.figures[m.key]) for m in section.pair_measures))
            for p in section.pairs
        ]  # fmt: skip
        yield "Reviewer by reviewer", Table(("reviewers", "faces", *(m.title for m in section.pair_measures)),
                                            tuple(rows), frozenset({1}))  # fmt: skip
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
    return _signed(POINTS, _times(estimate, 100)) if section.nearness.share else _signed(section.nearness, estimate)


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
    return f"{gap.worst} ({split.by})", size_of_gap(_compared(section, split), gap.size)
