"""What the sections of the audit's page are made of, and what stands at its top and bottom."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from curate.audit.results import Audit, Finding
from curate.audit.sections import GroupFigure, Test
from curate.evaluation import charts as figures
from curate.evaluation.charts import Dot
from curate.evaluation.intervals import Estimate, Gap
from curate.evaluation.measures import Measure
from curate.evaluation.wording import number, size_of_gap
from schemas import taxonomy

CROSSED = " \N{MULTIPLICATION SIGN} "
SIGNIFICANT = 0.05
HEADLINES = 6
MOST_LINES = 60
"""Rows of a long table, at most; all stand in the JSON."""
MOST_GROUPS = 14
"""Groups of a chart, at most."""
A_SECTION = 2
"""Findings of one section among the headlines, at most."""
SEVERITIES = ("high", "medium", "low")
TITLES = {
    "representation": "Who is here", "associations": "What goes with whom", "conditions": "Quality, pose and cover",
    "missing": "Labels that are missing", "errors": "Whom the labels fail", "corrected": "Corrected counts",
    "small_cells": "Small groups", "filters": "What filters would remove", "duplicates": "Copies",
    "identities": "People", "relations": "Action units together",
}  # fmt: skip
"""Section of an audit -> its heading on the page."""
IMPORTANCE = ("representation", "errors", "missing", "filters", "corrected", "associations", "conditions")
ANCHORS = {"corrected": "representation", "identities": "people", "duplicates": "people", "small_cells": "small"}
"""Section -> where it stands on the page, if not under its own name."""


@dataclass(frozen=True)
class Figure:
    """A chart with its heading, a tag beside it and a sentence below."""

    title: str
    picture: Markup
    note: str = ""
    tag: str = ""


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        head: Names of the columns.
        rows: The cells of each row.
        numbers: Columns that are aligned to the right.
        small: Rows of small groups.
        total: Rows there would be; more than `rows` where only the first are given.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    small: frozenset[int] = frozenset()
    total: int = 0

    def __post_init__(self) -> None:
        if not self.total:
            object.__setattr__(self, "total", len(self.rows))


@dataclass(frozen=True)
class Headline:
    """A finding with the place on the page where it is shown in full."""

    finding: Finding
    title: str
    anchor: str


def words(name: str) -> str:
    """A column, grouping or label as people write it: `perceived_race*perceived_gender` -> with spaces and a cross."""
    return name.replace("*", CROSSED).replace("_", " ").replace("extra.", "")


def brief(name: str) -> str:
    """The same without the word `perceived`, for charts that stand under a heading which says so."""
    return words(name).replace("perceived ", "")


def headline(audit: Audit) -> tuple[Headline, ...]:
    """The findings that a reader must see: the largest effects, one of each section first, none twice of one thing."""
    ranked = sorted(audit.findings, key=lambda f: (SEVERITIES.index(f.severity), _place(f.section)))
    firsts: list[Finding] = []
    others: list[Finding] = []
    told: set[tuple[str, str]] = set()
    sections: Counter[str] = Counter()
    for finding in ranked:
        about = (finding.section, finding.by)
        if about in told or sections[finding.section] >= A_SECTION:
            continue
        (others if sections[finding.section] else firsts).append(finding)
        sections[finding.section] += 1
        told.add(about)
    chosen = [*firsts, *others][:HEADLINES]
    return tuple(heading(f) for f in ranked if f in chosen)


def _place(section: str) -> int:
    """Where a section comes among findings of one severity: who is missing first, then whom the labels fail."""
    return IMPORTANCE.index(section) if section in IMPORTANCE else len(IMPORTANCE)


_JOINT = re.compile(r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])")
_CROSS = re.compile(r"(?<=\w)\*(?=\w)")


def sentence(text: str) -> str:
    """A sentence of a finding with column names and labels as people write them, its first letter a capital."""
    plain = _CROSS.sub(CROSSED, _JOINT.sub(" ", text)).replace("extra.", "")
    return plain[:1].upper() + plain[1:]


def heading(finding: Finding) -> Headline:
    """A finding with its section's heading and place."""
    title = TITLES.get(finding.section, words(finding.section))
    return Headline(finding, title, ANCHORS.get(finding.section, finding.section))


def measure(title: str, unit: str = "", better: str = "", share: bool = False) -> Measure:
    """A description of a figure, as charts and words need it."""
    return Measure(title, title, "", _nothing, share=share, better=better, unit=unit)


def _nothing(*_: object, **__: object) -> float:
    return math.nan


def dots(groups: Iterable[GroupFigure], gap: Gap | None, of: Measure, whole: Estimate | None, name: str) -> Markup:
    """One figure of the groups below one another; the worst is marked, small groups are hollow.

    Of many groups those farthest from all faces are drawn, small ones last.
    """
    found = telling(groups, whole)
    worst = gap.worst if gap is not None and of.better and _finite(gap.size.value) and gap.size.value > 0 else None
    rows = [
        Dot(f"{words(g.name)} ({g.n:,})", g.figure, g.n, "small" if g.small else "worst" if g.name == worst else "")
        for g in found
    ]
    return figures.dots(rows, of, whole, name)


def telling(groups: Iterable[GroupFigure], whole: Estimate | None) -> list[GroupFigure]:
    """All groups, or of many the `MOST_GROUPS` that are not small and lie farthest from all faces, in their order."""
    found = list(groups)
    if len(found) <= MOST_GROUPS:
        return found
    middle = whole.value if whole is not None and _finite(whole.value) else 0.0
    known = [g for g in found if _finite(g.figure.value)]
    kept = sorted(known, key=lambda g: (g.small, -abs(g.figure.value - middle)))[:MOST_GROUPS]
    return [g for g in found if g in kept]


def some_of(groups: Sequence[GroupFigure]) -> str:
    """What a chart of many groups leaves out, in words; empty if nothing."""
    return f" The {MOST_GROUPS} of {len(groups)} groups that lie farthest off." if len(groups) > MOST_GROUPS else ""


def gap_words(gap: Gap, of: Measure) -> str:
    """Which groups lie how far apart, in words."""
    if gap.best is None or gap.worst is None or not _finite(gap.size.value):
        return "Too few groups of a size that can be compared."
    if of.better:
        text = f"Best {words(gap.best)}, worst {words(gap.worst)}: {size_of_gap(of, gap.size)} apart."
    else:
        text = f"Farthest apart {words(gap.best)} and {words(gap.worst)}: {size_of_gap(of, gap.size)}."
    return text + (" The interval reaches 0." if _finite(gap.size.low) and gap.size.low <= 0 else "")


def p_words(test: Test | None) -> str:
    """The adjusted p-value as people write it; empty where nothing was tested."""
    if test is None or not _finite(test.p):
        return ""
    p = test.p_adjusted if _finite(test.p_adjusted) else test.p
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def significant(p: float) -> bool:
    """Whether an adjusted p-value tells a difference apart from chance."""
    return _finite(p) and p < SIGNIFICANT


def plain_number(estimate: Estimate, digits: int = 2) -> str:
    """A number with its interval in brackets; a dash where it is not defined."""
    if not _finite(estimate.value):
        return "-"
    text = f"{estimate.value:.{digits}f}"
    if _finite(estimate.low) and _finite(estimate.high):
        dash = " to " if estimate.low < 0 else "-"
        text += f" ({estimate.low:.{digits}f}{dash}{estimate.high:.{digits}f})"
    return text


def of_unit(of: Measure, estimate: Estimate) -> str:
    """A value with its unit."""
    return number(of, estimate.value, unit=True)


def swatch(column: str, label: str) -> str:
    """CSS class of the colour that a label stands for, where its column is a scale of skin tones."""
    if label in taxonomy("monk-10").labels and "skin_tone" in column:
        return f"swatch-monk-10-{label}"
    return ""


def _finite(value: float) -> bool:
    return math.isfinite(value)


def methods(audit: Audit) -> tuple[tuple[str, str], ...]:
    """What was done and how, as (what, how)."""
    options = audit.options
    intervals = {
        "exact": "Clopper and Pearson's exact ones", "wilson": "Wilson's",
        "multinomial": "Goodman's, for all groups at once",
    }  # fmt: skip
    found = [
        ("faces", f"{audit.dataset['faces']:,}, at revision {audit.dataset['revision']}"),
        ("intervals", f"95 %; of shares {intervals.get(str(options.get('interval')), str(options.get('interval')))}; "
                      f"of other figures from {options.get('rounds', 0):,} resamples"),
        ("several tests", "p-values are adjusted over all tests of a section (Benjamini and Hochberg, 1995)"),
        ("tables with few faces", f"permutation tests, {options.get('permutations', 0):,} rounds, where chi-squared "
                                  "does not hold"),
        ("small groups", f"fewer than {options.get('min_group', 0):,} faces: shown hollow, not compared"),
        ("seed", str(options.get("seed", 0))),
    ]  # fmt: skip
    return tuple(found)


def sources(audit: Audit) -> tuple[tuple[str, str], ...]:
    """Grouping column -> layers that speak for it, as text."""
    return tuple(
        (column, ", ".join(f"{layer} ({n:,})" for layer, n in found.items())) for column, found in audit.sources.items()
    )
