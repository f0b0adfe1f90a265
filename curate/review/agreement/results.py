"""What reviewers' agreement is, as plain data: items, pairs, reviewers, arms, gold, and a queue."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.evaluation.intervals import LEVEL, Estimate
from curate.evaluation.measures import Measure
from curate.evaluation.results import Split, plain
from curate.store.parts import write_forms
from schemas.columns import images

if TYPE_CHECKING:
    from curate.review.agreement.adjudication import Case

FORMAT = "facecurate-review-agreement"
VERSION = 1
FOLDER = "agreement"
COMMENT = ("reviewer", images.IMAGE_ID.name, "text")
Figures = Mapping[str, Estimate]


@dataclass(frozen=True)
class Pair:
    """Two reviewers on one item.

    Attributes:
        raters: Their names.
        figures: Measure key -> estimate; n is the faces that both answered.
    """

    raters: tuple[str, str]
    figures: Figures


@dataclass(frozen=True)
class OfLabel:
    """How far reviewers agree on one label.

    Attributes:
        label: Its name.
        faces: Faces on which anyone said it, of those with two answers.
        figures: `kappa` against all other labels, `specific` agreement.
    """

    label: str
    faces: int
    figures: Figures


@dataclass(frozen=True)
class Leaning:
    """What a reviewer says more or less often than the others, on the same faces.

    Attributes:
        rater: Who.
        label: Label; empty for a number, whose offset it is.
        own: Share of the reviewer's answers with that label, or their mean.
        others: The same of the others.
        more: The difference with its interval; n is the faces.
    """

    rater: str
    label: str
    own: float
    others: float
    more: Estimate


@dataclass(frozen=True)
class Arms:
    """Answers with and without the model's before the reviewer's eyes.

    Attributes:
        assisted: How near answers are to the model's where it was shown.
        blind: The same where the picture was shown alone.
        more: Assisted less blind.
        splits: The difference by group.
    """

    assisted: Estimate
    blind: Estimate
    more: Estimate
    splits: tuple[Split, ...] = ()


@dataclass(frozen=True)
class Section:
    """One item.

    Attributes:
        name: `COLUMN`, `COLUMN.FIELD` or `face_box`.
        title: For people.
        doc: One sentence.
        ask: `choice`, `number`, `points` or `box`.
        sensitive: Biometric or special-category data.
        labels: Of a choice.
        counts: Faces by how many answered them, and answers.
        measures: What the figures are, the most telling first.
        figures: Measure key -> estimate over all faces with two answers.
        pair_measures: What the pairs' figures are.
        pairs: Every two reviewers with a face in common.
        by_label: Of a choice, label by label.
        splits: By group and by what was shown: the plain figure first, then the one that knows of chance.
        leanings: Who says what more often than the others.
        confusion: Reviewer -> what the others said (rows) against what they said (columns), counts of pairs.
        abstained: Reviewer -> share of `cannot tell`; `all reviewers` for everybody.
        nearness: What `arms` and `gold` measure.
        arms: Effect of showing the model's answers; None if it cannot be told.
        gold: Reviewer -> nearness to the right answers; `all reviewers` for everybody.
        gold_splits: Nearness to the right answers of everybody's, by group.
        notes: What cannot be said, and why.
    """

    name: str
    title: str
    doc: str
    ask: str
    sensitive: bool
    labels: tuple[str, ...]
    counts: Mapping[str, int]
    measures: tuple[Measure, ...]
    figures: Figures
    pair_measures: tuple[Measure, ...]
    pairs: tuple[Pair, ...]
    by_label: tuple[OfLabel, ...]
    splits: tuple[Split, ...]
    leanings: tuple[Leaning, ...]
    confusion: Mapping[str, Sequence[Sequence[int]]]
    abstained: Figures
    nearness: Measure
    arms: Arms | None
    gold: Figures
    gold_splits: tuple[Split, ...]
    notes: tuple[str, ...]

    @property
    def headline(self) -> tuple[Measure, Estimate] | None:
        """The first figure that is defined."""
        found = ((m, self.figures[m.key]) for m in self.measures if m.key in self.figures)
        return next(((m, e) for m, e in found if math.isfinite(e.value)), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the JSON; see docs/review-agreement.md."""
        return {
            "item": self.name, "title": self.title, "kind": self.ask, "sensitive": self.sensitive,
            "labels": list(self.labels), "counts": dict(self.counts), "measures": _told(self.measures),
            "figures": plain(self.figures), "pair_measures": _told(self.pair_measures),
            "pairs": [{"raters": list(p.raters), "figures": plain(p.figures)} for p in self.pairs],
            "by_label": [plain(vars(x)) for x in self.by_label], "groups": _splits(self.splits),
            "leanings": [plain(vars(x)) for x in self.leanings], "confusion": plain(self.confusion),
            "abstained": plain(self.abstained), "nearness": _told([self.nearness])[0],
            "anchoring": None if self.arms is None else {
                "assisted": self.arms.assisted.as_dict(), "blind": self.arms.blind.as_dict(),
                "difference": self.arms.more.as_dict(), "groups": _splits(self.arms.splits),
            },
            "gold": plain(self.gold), "gold_groups": _splits(self.gold_splits), "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Reviewer:
    """One reviewer's work.

    Attributes:
        name: Who.
        pictures: Pictures that were worked on.
        skipped: Pictures that were skipped.
        blind: Pictures that were shown alone.
        faces: Faces that were left standing.
        seconds: Median lead time of a picture, with its interval.
        quarters: Lower and upper quartile of the lead time; NaN where it is not known.
        seconds_by_arm: Median with the model's answers and without.
        agreement: Mean over items of choice of the share of same answers with the others.
        missed: Share of the others' faces, on the same pictures, that this reviewer has not.
        extra: Share of own faces, on the same pictures, that another has not.
        gold_missed: Share of the gold pictures' faces that this reviewer has not.
        same_gold: Share of right answers over all choices of gold pictures.
    """

    name: str
    pictures: int
    skipped: int
    blind: int
    faces: int
    seconds: Estimate
    quarters: tuple[float, float]
    seconds_by_arm: Figures
    agreement: Estimate
    missed: Estimate
    extra: Estimate
    gold_missed: Estimate
    same_gold: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(plain(vars(self)))


@dataclass(frozen=True)
class Agreement:
    """What came of it.

    Attributes:
        name: Of the files.
        dataset: Name, revision, pictures and faces of the dataset.
        reviews: Names of the reviews.
        layers: Layers that were read.
        counts: Pictures, faces and how often they were seen.
        reviewers: One per reviewer.
        sections: One per item.
        left_out: Column -> why it has no section.
        queue: Pictures to settle, the dearest first.
        comments: Reviewer, picture and what they noted.
        groups: Names of the groupings.
        options: How it was made.
        notes: What holds for all of it.
        consensus: Name of the layer that was written; empty if none was asked for.
        path: Folder of the dataset.
    """

    name: str
    dataset: Mapping[str, Any]
    reviews: tuple[str, ...]
    layers: tuple[str, ...]
    counts: Mapping[str, int]
    reviewers: tuple[Reviewer, ...]
    sections: tuple[Section, ...]
    left_out: Mapping[str, str]
    queue: tuple[Case, ...]
    comments: tuple[tuple[str, str, str], ...]
    groups: tuple[str, ...]
    options: Mapping[str, Any]
    notes: tuple[str, ...]
    path: Path
    consensus: str = ""

    def section(self, name: str) -> Section:
        """The section of an item.

        Raises:
            UnknownNameError: if there is none.
        """
        from schemas import UnknownNameError

        for section in self.sections:
            if section.name == name:
                return section
        raise UnknownNameError("item", name, [s.name for s in self.sections])

    def as_dict(self) -> dict[str, Any]:
        """The content of the JSON file; docs/review-agreement.md says what stands where."""
        return {
            "format": FORMAT, "version": VERSION, "made_by": f"facecurate {metadata.version('facecurate')}",
            "level": LEVEL, "name": self.name, "dataset": plain(self.dataset), "reviews": list(self.reviews),
            "layers": list(self.layers), "counts": dict(self.counts), "options": plain(self.options),
            "reviewers": [r.as_dict() for r in self.reviewers], "items": [s.as_dict() for s in self.sections],
            "left_out": dict(self.left_out), "queue": [plain(vars(case)) for case in self.queue],
            "comments": [dict(zip(COMMENT, c, strict=True)) for c in self.comments],
            "consensus": self.consensus, "notes": list(self.notes),
        }  # fmt: skip

    def save(self, folder: str | Path | None = None) -> list[Path]:
        """Write `NAME.json` and `NAME.html`, and the queue as `NAME-queue.parquet` and `.csv` if anything is in it.

        Args:
            folder: Where to; `agreement/` in the dataset if None. It is made if it is absent.

        Raises:
            DatasetError: if a file cannot be written.
        """
        from curate.review.agreement.adjudication import write_queue

        target = self.path / FOLDER if folder is None else Path(folder)
        return [*write_forms(target, self.name, ("json", "html"), self._text), *write_queue(self, target)]

    def _text(self, form: str) -> str:
        if form == "html":
            from curate.review.agreement.page import render

            return render(self)
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _told(measures: Iterable[Measure]) -> list[dict[str, Any]]:
    return [
        {"key": m.key, "title": m.title, "doc": m.doc, "better": m.better, "unit": m.unit, "share": m.share}
        for m in measures
    ]


def _splits(splits: Iterable[Split]) -> list[dict[str, Any]]:
    return [
        {
            "by": split.by, "unknown": split.unknown,
            "groups": [
                {"name": g.name, "n": g.n, "small": g.small, "figures": plain(g.figures)} for g in split.groups
            ],
            "gaps": {
                key: {"best": gap.best, "worst": gap.worst, "gap": gap.size.as_dict(), "left_out": list(gap.left_out)}
                for key, gap in split.gaps.items()
            },
        }
        for split in splits
    ]  # fmt: skip
