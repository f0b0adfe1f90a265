"""The evaluation as one self-contained HTML page, made for people who have not read the code."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from curate.evaluation import charts
from curate.evaluation.charts import Dot
from curate.evaluation.intervals import Estimate
from curate.evaluation.measures import Measure
from curate.evaluation.results import Section, Split, figures_of
from curate.evaluation.wording import figure, interval, number, size_of_gap

if TYPE_CHECKING:
    from curate.evaluation.evaluation import Evaluation

ANSWERED = "answered"
TASKS = {
    "labels": "classes", "numbers": "numbers", "flags": "yes or no", "scores": "scores", "landmarks": "points",
    "detection": "detection", "identity": "verification", "clusters": "clusters", "captions": "captions",
}  # fmt: skip
CURVES = {
    "precision over recall": ("recall, %", "precision, %", False),
    "faces over error": ("error, % of the face's size", "faces with at most that error, %", False),
    "accepted over falsely accepted": ("different persons accepted, % (log scale)", "one person accepted, %", True),
}


@dataclass(frozen=True)
class Chart:
    """A picture with its heading and a sentence below."""

    title: str
    picture: Markup
    note: str = ""


@dataclass(frozen=True)
class SplitView:
    """One division into groups: chart, gap in words, and a table of all figures."""

    by: str
    source: str
    chart: Markup
    words: str
    head: tuple[str, ...]
    body: tuple[tuple[str, int, str, tuple[str, ...]], ...]
    small: int
    unknown: int


@dataclass(frozen=True)
class SectionView:
    """One section of the page."""

    anchor: str
    section: Section
    task: str
    rows: tuple[tuple[str, str, str, str, str], ...]
    charts: tuple[Chart, ...]
    splits: tuple[SplitView, ...]
    counts: tuple[tuple[str, int], ...]
    bar: Markup | None
    speakers: str
    tiny: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One row of the summary."""

    anchor: str
    name: str
    task: str
    n: int
    measure: str
    value: str
    reach: str
    worst: str
    by: str
    gap: str
    warn: str


def render(evaluation: Evaluation) -> str:
    """The page as text; the same evaluation gives the same bytes."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("curate.evaluation", "template"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["n"] = "{:,}".format
    style = _asset("curate.report", "page.css") + _asset("curate.evaluation", "page.css")
    views = _views(evaluation)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        evaluation=evaluation,
        version=metadata.version("facecurate"),
        style=Markup(style),
        policy=f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'",
        views=views,
        summary=[_line(view) for view in views],
        matching=evaluation.matching,
        card=evaluation.card,
        options=evaluation.options,
        groupings=evaluation.groupings,
        small=_small_groups(evaluation),
    )


def summary(evaluation: Evaluation) -> list[Line]:
    """One line per section: the first figure, the worst group and the gap."""
    return [_line(view) for view in _views(evaluation)]


def _views(evaluation: Evaluation) -> list[SectionView]:
    least = int(evaluation.options["min_group"])
    return [_view(section, least) for section in evaluation.sections]


def _asset(package: str, name: str) -> str:
    return resources.files(package).joinpath("template", name).read_text("utf-8")


def _small_groups(evaluation: Evaluation) -> list[str]:
    least = int(evaluation.options["min_group"])
    return [f"{name} ({n})" for grouping in evaluation.groupings for name, n in grouping["groups"].items() if n < least]


def _view(section: Section, least: int) -> SectionView:
    rows = tuple(
        (m.title, number(m, e.value, unit=True), interval(m, e), f"{e.n:,}", m.doc) for m, e in figures_of(section)
    )
    counts = tuple(section.counts.items())
    asked = [(k, v) for k, v in counts if k != "no truth"]
    bar = charts.states(asked, "What became of the faces") if len(asked) > 1 and ANSWERED in section.counts else None
    return SectionView(
        anchor=f"s-{section.name}-{section.task}", section=section, task=TASKS.get(section.task, section.task),
        rows=rows, charts=tuple(_charts(section)), splits=tuple(_splits(section, least)), counts=counts, bar=bar,
        speakers=", ".join(f"{name} ({n:,})" for name, n in section.speakers.items()),
        tiny=tuple(s.by for s in section.splits if all(g.small for g in s.groups)),
    )  # fmt: skip


def _line(view: SectionView) -> Line:
    section = view.section
    measure = section.headline
    if measure is None:
        return Line(view.anchor, section.title, view.task, 0, "", "", "", "", "", "", "")
    estimate = section.figures[measure.key]
    split = _widest(section, measure)
    worst = gap = by = ""
    if split is not None:
        found = split.gaps[measure.key]
        of_worst = next(g for g in split.groups if g.name == found.worst)
        worst = f"{found.worst} {number(measure, of_worst.figures[measure.key].value)}"
        gap, by = size_of_gap(measure, found.size), split.by
    warn = section.map_kind if section.map_kind in ("merge", "lossy") else ""
    return Line(
        view.anchor, section.title, view.task, estimate.n, measure.title, number(measure, estimate.value, unit=True),
        interval(measure, estimate), worst, by, gap, warn,
    )  # fmt: skip


def _widest(section: Section, measure: Measure) -> Split | None:
    """The division whose groups lie farthest apart."""
    found = [s for s in section.splits if measure.key in s.gaps and s.gaps[measure.key].size.value > 0]
    return max(found, key=lambda s: s.gaps[measure.key].size.value, default=None)


def _charts(section: Section) -> Iterator[Chart]:
    details = section.details
    if "confusion" in details:
        found = details["confusion"]
        note = "Each row adds up to the faces with that true label; the outlined cells are right answers."
        if found.get("elsewhere"):
            note += f" {sum(found['elsewhere']):,} answers have no place in this vocabulary and count as errors."
        yield Chart("Confusion", charts.heat_map(found["labels"], found["counts"], "Confusion matrix"), note)
    if "per_class" in details:
        yield _per_class(details["per_class"])
    if "reliability" in details:
        found = details["reliability"]
        picture = charts.reliability(
            found["stated"], found["found"], found["count"], "Reliability of the probabilities"
        )
        yield Chart("Does it know how sure it is?", picture,
                    "On the line a stated 80 % is right 80 times in 100; below it the model is too sure.")  # fmt: skip
    if details.get("scatter"):
        unit = next((m.unit for m in section.measures if m.unit), "")
        yield Chart("Truth and answer", charts.scatter(details["scatter"], unit, "Answers over truth"),
                    "Every dot is a face; on the line the answer is right.")  # fmt: skip
    if details.get("curve", {}).get("x"):
        found = details["curve"]
        across, up, log = CURVES[found["kind"]]
        yield Chart(found["kind"].capitalize(), charts.curve(found["x"], found["y"], across, up, found["kind"], log))
    if details.get("regions"):
        yield _regions(details["regions"])
    if "fields" in details:
        yield from _fields(section, details["fields"])


def _per_class(found: Mapping[str, Sequence[Any]]) -> Chart:
    measure = Measure("recall", "recall", "", lambda *a, **k: 0.0, share=True)
    rows = []
    for label, recall, support in zip(found["labels"], found["recall"], found["support"], strict=True):
        if support:
            rows.append(Dot(f"{label} ({support:,})", _wilson(recall, int(support)), int(support)))
    return Chart("Found, by true class", charts.dots(rows, measure, None, "Recall by class"),
                 "Share of each true class that is answered rightly, % (recall); its faces in brackets.")  # fmt: skip


def _wilson(share: float, n: int) -> Estimate:
    from curate.evaluation.intervals import wilson

    return Estimate(share, *wilson(share, n), n, "wilson")


def _regions(regions: Mapping[str, float]) -> Chart:
    measure = Measure("nme", "error", "", lambda *a, **k: 0.0)
    nan = float("nan")
    ranked = sorted(regions.items(), key=lambda item: -item[1])
    rows = [Dot(name.replace("_", " "), Estimate(value, nan, nan, 0), 0) for name, value in ranked]
    return Chart("Error by region", charts.dots(rows, measure, None, "Error by region"), "Shares of the face's size.")


def _fields(section: Section, fields: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    for measure in section.measures[:2]:
        rows = [Dot(_field_label(f), f["figures"][measure.key], f["n"]) for f in fields if f["figures"] is not None]
        if rows:
            title = measure.title.removeprefix("mean ")
            picture = charts.dots(rows, measure, None, f"{title} by field")
            yield Chart(f"{title}, field by field", picture, "Faces with truth in brackets; of these, present.")


def _field_label(entry: Mapping[str, Any]) -> str:
    of = f"{entry['positives']:,} of {entry['n']:,}" if "positives" in entry else f"{entry['n']:,}"
    return f"{entry['name']} ({of})"


def _splits(section: Section, least: int) -> Iterator[SplitView]:
    measure = section.headline
    if measure is None:
        return
    for split in section.splits:
        if all(g.small for g in split.groups):
            continue
        shown = _measure_by_group(section, split, measure)
        gap = split.gaps.get(shown.key)
        rows = [
            Dot(
                g.name,
                g.figures[shown.key],
                g.n,
                _style(g.figures[shown.key].n < least, gap is not None and gap.size.value > 0 and g.name == gap.worst),
            )
            for g in split.groups
            if shown.key in g.figures
        ]
        measures = [m for m in section.measures if any(m.key in g.figures for g in split.groups)]
        if not measures:
            measures = [shown]
        yield SplitView(
            by=split.by, source=split.source,
            chart=charts.dots(rows, shown, section.figures.get(shown.key), f"{shown.title} by {split.by}"),
            words=_gap_words(shown, split),
            head=tuple(m.title for m in measures),
            body=tuple(
                (g.name, g.n, "small" if g.small else "", tuple(figure(m, g.figures[m.key]) for m in measures))
                for g in split.groups
            ),
            small=sum(r.style == "small" for r in rows), unknown=split.unknown,
        )  # fmt: skip


def _measure_by_group(section: Section, split: Split, wanted: Measure) -> Measure:
    """The headline, or the first figure that the groups have."""
    keys = {key for group in split.groups for key in group.figures}
    known = [m for m in section.measures if m.key in keys]
    return wanted if wanted.key in keys or not known else known[0]


def _style(small: bool, worst: bool) -> str:
    return "small" if small else "worst" if worst else ""


def _gap_words(measure: Measure, split: Split) -> str:
    gap = split.gaps.get(measure.key)
    if gap is None or gap.worst is None or gap.best == gap.worst:
        return "Too few groups of a size that can be compared."
    if gap.size.value == 0:
        return "The groups that can be compared do not differ."
    return f"Worst {gap.worst}, best {gap.best}: {size_of_gap(measure, gap.size)} apart." + (
        " The interval reaches 0: chance alone could make it." if _reaches_zero(gap.size) else ""
    )


def _reaches_zero(estimate: Estimate) -> bool:
    return math.isfinite(estimate.low) and estimate.low <= 0
