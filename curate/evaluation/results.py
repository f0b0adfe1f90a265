"""What an evaluation found, as plain data: sections, figures, groups, gaps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curate.evaluation.intervals import Estimate, Gap
from curate.evaluation.measures import Measure

Figures = Mapping[str, Estimate]


@dataclass(frozen=True)
class Group:
    """Figures of one group.

    Attributes:
        name: Its label; `a · b` where two columns are crossed.
        n: Cases in it.
        small: It has fewer cases than `min_group`: shown, but not compared.
        figures: Measure key -> estimate.
        counts: What was asked, answered and abstained in the group.
        details: Raw counts, such as a confusion matrix.
    """

    name: str
    n: int
    small: bool
    figures: Figures
    counts: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """One way to divide the cases.

    Attributes:
        by: Name of the column, `a*b` where two are crossed.
        source: `truth` or `dataset`: who says which group a face belongs to.
        groups: In the taxonomy's order, else the largest first.
        gaps: Measure key -> best and worst group and their distance.
        unknown: Cases that belong to no group.
    """

    by: str
    source: str
    groups: tuple[Group, ...]
    gaps: Mapping[str, Gap]
    unknown: int = 0


@dataclass(frozen=True)
class Section:
    """Everything about one dataset column held against the truth.

    Attributes:
        name: The dataset's column (or `detection`, `verification`).
        task: Kind of task: `labels`, `numbers`, `flags`, `scores`, `landmarks`, `detection`, `identity`,
            `captions`, `sets`.
        title: Heading.
        doc: What the column says.
        truth: The truth's column.
        speakers: Layer -> faces it speaks for.
        counts: State -> faces: answered, abstained, not applicable, failed, no value, not computed, no truth.
        measures: What the figures are, the most telling first.
        figures: Measure key -> estimate over all cases.
        splits: The same by group.
        details: Raw counts: confusion, reliability, curves, per class.
        vocabulary: How truth and labels were brought to one vocabulary; empty if there was nothing to do.
        map_kind: `exact`, `merge`, `lossy` or empty.
        notes: What a reader must know.
        sensitive: Biometric or special-category data.
    """

    name: str
    task: str
    title: str
    doc: str
    truth: str
    measures: tuple[Measure, ...] = ()
    figures: Figures = field(default_factory=dict)
    speakers: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    splits: tuple[Split, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: str = ""
    map_kind: str = ""
    notes: tuple[str, ...] = ()
    sensitive: bool = False

    def note(self, *texts: str) -> Section:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *(t for t in texts if t)))

    @property
    def headline(self) -> Measure | None:
        """The measure that is shown first."""
        return self.measures[0] if self.measures else None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the JSON; see docs/evaluation.md."""
        return {
            "column": self.name,
            "task": self.task,
            "title": self.title,
            "truth_column": self.truth,
            "speakers": dict(self.speakers),
            "counts": dict(self.counts),
            "vocabulary": self.vocabulary,
            "map": self.map_kind,
            "measures": [
                {"key": m.key, "title": m.title, "doc": m.doc, "better": m.better, "unit": m.unit, "share": m.share}
                for m in self.measures
            ],
            "figures": _figures(self.figures),
            "details": plain(self.details),
            "groups": [_split(s) for s in self.splits],
            "notes": list(self.notes),
        }


def _figures(figures: Figures) -> dict[str, Any]:
    return {key: estimate.as_dict() for key, estimate in figures.items()}


def _split(split: Split) -> dict[str, Any]:
    return {
        "by": split.by,
        "source": split.source,
        "unknown": split.unknown,
        "groups": [
            {
                "name": g.name,
                "n": g.n,
                "small": g.small,
                "counts": dict(g.counts),
                "figures": _figures(g.figures),
                "details": plain(g.details),
            }
            for g in split.groups
        ],
        "gaps": {
            key: {"best": gap.best, "worst": gap.worst, "gap": gap.size.as_dict(), "left_out": list(gap.left_out)}
            for key, gap in split.gaps.items()
        },
    }


def plain(value: Any) -> Any:
    """Numbers, texts, lists and objects only; what is not a finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Estimate):
        return value.as_dict()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def figures_of(section: Section) -> Iterator[tuple[Measure, Estimate]]:
    """The overall figures with their measures, in order."""
    for measure in section.measures:
        if measure.key in section.figures:
            yield measure, section.figures[measure.key]
