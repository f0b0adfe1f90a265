"""Charts of reviewers and of items, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from curate.evaluation import charts
from curate.evaluation.charts import Dot
from curate.evaluation.intervals import Estimate
from curate.evaluation.measures import Measure
from curate.evaluation.metrics.counting import mean
from curate.evaluation.results import Split
from curate.evaluation.wording import size_of_gap
from curate.review.agreement.arms import ALL
from curate.review.agreement.groups import ARM, ASSISTED, BLIND
from curate.review.agreement.measures import LABEL_MEASURES
from curate.review.agreement.results import Agreement, Leaning, Section
from curate.review.agreement.wording import POINTS, compared, difference, signed, times

SECONDS = Measure("seconds", "seconds per picture", "", mean, better="lower")
SHARE = Measure("share", "share", "", mean, share=True)
MOST_LEANINGS = 14
MOST_PAIRS = 15
FEW_FACES = 10


@dataclass(frozen=True)
class Chart:
    """A picture with its heading, a tag, and a sentence below."""

    title: str
    picture: Markup
    note: str = ""
    tag: str = ""


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


def charts_of(section: Section, short: Mapping[str, str], least: int) -> Iterator[Chart]:
    """Charts of an item: reviewer by reviewer, groups, the model's pull, gold, leanings, abstentions."""
    yield from _pairs(section, short)
    yield from _labels(section)
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


def _labels(section: Section) -> Iterator[Chart]:
    """Labels by how often another says the same; those that hardly anybody said are hollow."""
    measure = LABEL_MEASURES[1]
    rows = [
        Dot(f"{x.label} ({x.faces:,})", x.figures[measure.key], x.faces, "small" if x.faces < FEW_FACES else "")
        for x in section.by_label
    ]
    if len(rows) > 1:
        note = f"{measure.doc} In brackets the faces on which anyone says it; hollow: fewer than {FEW_FACES}."
        yield Chart("Label by label", charts.dots(rows, measure, None, "Label by label"), note, measure.title)


def _split(section: Section, split: Split, least: int) -> Chart:
    measure = compared(section, split)
    gap = split.gaps.get(measure.key)
    apart = gap is not None and gap.worst is not None and gap.size.value > 0 and gap.best != gap.worst
    worst = gap.worst if apart and gap is not None and gap.size.low > 0 else None
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


def _arms(section: Section) -> Chart:
    arms, measure = section.arms, section.nearness
    assert arms is not None
    rows = [Dot(ASSISTED, arms.assisted, arms.assisted.n), Dot(BLIND, arms.blind, arms.blind.n, "small")]
    told, more = difference(section)
    words = f"How near answers are to the model's ({measure.title}). Seeing them: {signed(told, more)}."
    words += " The interval holds 0: chance alone could make it." if more.low <= 0 <= more.high else ""
    return Chart(
        "Pull of the model's answers", charts.dots(rows, measure, None, "Nearness to the model's answers"), words
    )


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
        rows = [_lean(x, times(x.more, 100), short) for x in clear[:MOST_LEANINGS]]
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
