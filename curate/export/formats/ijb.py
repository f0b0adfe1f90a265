"""IJB: pictures in templates, and lists of template pairs for TAR at fixed FAR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.persons import UNIDENTIFIED, FolderCount, person
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.template_pairs import pairs, templates
from curate.export.ties import csv_line, no_place, read_csv, ties, write_lines, write_listed
from curate.export.verification_pairs import Shot
from schemas import Column, UsageError
from schemas.columns import faces, labels

PICTURES, META = "loose_crop", "meta"
TEMPLATES, PAIRS, POINTS = "ijbc_face_tid_mid.txt", "ijbc_template_pair_label.txt", "ijbc_name_5pts_score.txt"
PEOPLE = "templates.csv"
"""Not one of IJB's files: whose each template is."""


@dataclass(frozen=True)
class IjbConfig(Config):
    """Settings of the IJB format.

    Attributes:
        images: Photos in a template at most.
        impostors: Pairs of two people at most, in each split; a FAR of 1e-4 needs some 100,000.
        seed: Of their draw.
    """

    images: int = 4
    impostors: int = 1_000_000
    seed: int = 0


class Ijb(Exporter):
    """Per split `loose_crop/1.jpg` and `meta/` with IJB-C's lists; faces without identity lie apart.

    `ijbc_face_tid_mid.txt` has picture, template and medium; copies of one photo are one medium and stay in one
    template. `ijbc_template_pair_label.txt` has every pair of templates of one person with 1, and pairs of two people
    with 0. `ijbc_name_5pts_score.txt` has five points in the crop's pixels and the detector's score. Nobody is held
    against people of another split. `--crop margin` makes crops as loose as IJB's.
    """

    name = "ijb"
    doc = "IJB-C's template, pair and point lists for TAR@FAR, with loose crops, per split."
    opened_by = "InsightFace's eval_ijbc.py and other readers of IJB-C's meta folder"
    needs_crop = True
    forms = ("jpeg",)
    config_type = IjbConfig
    config: IjbConfig

    def __init__(self, config: IjbConfig | None = None) -> None:
        super().__init__(config)
        self._count = FolderCount()

    @classmethod
    def preflight(cls, config: Config) -> None:
        """At least one photo in a template and one pair."""
        assert isinstance(config, IjbConfig)
        if config.images < 1 or config.impostors < 1:
            raise UsageError(f"{config.images} images and {config.impostors} impostors", "both must be 1 or more")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but identity."""
        return no_place(columns, [labels.IDENTITY_ID], "IJB's lists")

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Who they are, which are copies of one photo, and what the list of points holds."""
        return (labels.IDENTITY_ID, labels.DUPLICATE_GROUP, faces.POINTS_5, faces.SCORE)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures, numbered within their split; what the lists need is kept until `finish`."""
        with self._count.part(folder, part):
            yield from write_listed(folder, part, samples, self._place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The lists of each split."""
        for split in dict.fromkeys(p.split for p in parts):
            place = folder / named(split) / META
            people: dict[str, list[Shot]] = {}
            for who, number, group, _ in kept(folder, parts, split):
                people.setdefault(who, []).append(Shot(number, group))
            made = templates(people, self.config.images)
            where = {shot: f"{t.number} {medium}" for t in made for shot, medium in zip(t.shots, t.media, strict=True)}
            suffixed = [(number, points) for _, number, _, points in kept(folder, parts, split)]
            yield write_lines(place / TEMPLATES, (f"{number}.jpg {where[number]}\n" for number, _ in suffixed))
            yield write_lines(place / POINTS, (f"{number}.jpg {points}\n" for number, points in suffixed))
            drawn = pairs(made, self.config.impostors, self.config.seed)
            yield write_lines(place / PAIRS, (f"{a} {b} {same}\n" for a, b, same in drawn))
            whose = (csv_line([t.number, t.person]) for t in made)
            yield write_lines(folder / named(split) / PEOPLE, ("template,person\n", *whose))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the lists."""
        whose: dict[str, str] = {}
        for place in folder.glob(f"*/{META}"):
            people = {row["template"]: row["person"] for row in read_csv(place.parent / PEOPLE)}
            for line in (place / TEMPLATES).read_text("ascii").splitlines():
                name, template, _ = line.split()
                whose[f"{place.parent.name}/{PICTURES}/{name}"] = people[template]
        for tie in ties(folder):
            yield tie.sample(folder, {labels.IDENTITY_ID.name: whose.get(tie.file)})

    def _place(self, sample: Sample) -> str:
        split = named(sample.split)
        if person(sample) is None:
            return f"{split}/{UNIDENTIFIED}/{sample.file}"
        place = f"{split}/{PICTURES}"
        return f"{place}/{self._count.number(place)}{sample.suffix}"


def _record(sample: Sample, file: str) -> list[Any] | None:
    who = person(sample)
    if who is None:
        return None
    values = sample.faces[0].labels
    points = np.asarray(values[faces.POINTS_5.name], np.float64).ravel()
    score = values.get(faces.SCORE.name)
    text = " ".join([*(f"{v:.3f}" for v in points.tolist()), f"{0.0 if score is None else score:.6f}"])
    return [who, int(PurePosixPath(file).stem), values.get(labels.DUPLICATE_GROUP.name) or "", text]
