"""YOLO detection: a text file per picture with class and box as shares of its sides, and `data.yaml`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from annotators.base import Config
from curate.export.base import PICTURES, Exporter, Part, Plan
from curate.export.encode import picture_size
from curate.export.face_classes import ClassConfig
from curate.export.sample import Box, FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import replacing
from schemas import Column

DIGITS = 8
VAL = {"validation": "val"}
"""Names of splits that `data.yaml` calls otherwise."""


class Yolo(Exporter):
    """`images/SPLIT/`, `labels/SPLIT/` and `data.yaml`; samples without a split are in `unassigned`.

    A line is `class x y w h`: centre and size of the box as shares of the picture, cut at its edge, since training
    scripts refuse what lies outside. Pictures without a face have an empty file.
    """

    name = "yolo"
    doc = "YOLO detection: boxes of faces, one class or the labels of a column, and data.yaml."
    unit = PICTURES
    opened_by = "ultralytics: yolo detect train data=OUT/data.yaml"
    config_type = ClassConfig
    config: ClassConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a column of classes that has no fixed set of labels."""
        assert isinstance(config, ClassConfig)
        config.check()

    @property
    def names(self) -> tuple[str, ...]:
        """Classes in the order of their numbers."""
        return self.config.names

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the column of classes."""
        return {c.name: "a line holds a class and a box alone" for c in columns if c.name != self.config.classes}

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The column of classes, where it is not among the exported ones."""
        return self.config.columns

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Picture and lines of each sample."""
        pictures, lines = (folder / kind / named(part.split) for kind in ("images", "labels"))
        for place in (pictures, lines):
            place.mkdir(parents=True, exist_ok=True)
        for sample in samples:
            path = pictures / sample.file
            path.write_bytes(sample.data)
            yield path
            path = lines / f"{sample.key}.txt"
            path.write_text("".join(f"{self.line(sample, face)}\n" for face in sample.faces), "ascii")
            yield path

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """`data.yaml`: paths below it and the names of the classes."""
        lines = [f"# {json.dumps(plan.name)}, written by facecurate", "path: ."]
        lines += [f"{VAL.get(s, named(s))}: images/{named(s)}" for s in plan.splits]
        lines += [f"{key}: images/{named(plan.splits[0])}" for key in ("train", "val")
                  if key not in {VAL.get(s, named(s)) for s in plan.splits}]  # fmt: skip
        lines += [f"nc: {len(self.names)}", "names:"]
        lines += [f"  {number}: {json.dumps(name)}" for number, name in enumerate(self.names)]
        lines += self.more_settings()
        with replacing(folder / "data.yaml") as file:
            file.write(("\n".join(lines) + "\n").encode())
        yield folder / "data.yaml"

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture."""
        for number, path in enumerate(sorted((folder / "images").glob("*/*"))):
            data = path.read_bytes()
            width, height = picture_size(data)
            told = (folder / "labels" / path.parent.name / f"{path.stem}.txt").read_text("ascii").splitlines()
            found = tuple(self.face(line.split(), width, height) for line in told)
            yield Sample(path.stem, number, split_of(path.parent.name), data, path.suffix, width, height, found)

    def same_box_in(self, sample: Sample, given: FaceItem, found: FaceItem) -> bool:
        """Boxes are cut at the picture's edge."""
        assert given.box is not None and found.box is not None
        return bool(np.allclose(found.box, clipped(given.box, sample), atol=self.box_tolerance, rtol=0))

    def more_settings(self) -> list[str]:
        """Further lines of `data.yaml`."""
        return []

    def line(self, sample: Sample, face: FaceItem) -> str:
        """What the text of a picture says of one of its faces."""
        assert face.box is not None
        x, y, w, h = clipped(face.box, sample)
        shares = ((x + w / 2) / sample.width, (y + h / 2) / sample.height, w / sample.width, h / sample.height)
        number = self.names.index(self.config.of(face))
        return " ".join([str(number), *(f"{v:.{DIGITS}f}" for v in shares)])

    def face(self, fields: Sequence[str], width: int, height: int) -> FaceItem:
        """The reverse of `line`, from its first five fields."""
        number, *shares = fields[:5]
        x, y, w, h = (float(s) * side for s, side in zip(shares, (width, height, width, height), strict=True))
        labels = self.config.labels(self.names[int(number)])
        return FaceItem("", (x - w / 2, y - h / 2, w, h), labels)


def clipped(box: Box, sample: Sample) -> Box:
    """The part of a box that lies inside the sample's picture."""
    x, y, w, h = box
    left, top = min(max(x, 0.0), sample.width), min(max(y, 0.0), sample.height)
    right, bottom = min(max(x + w, 0.0), sample.width), min(max(y + h, 0.0), sample.height)
    return left, top, right - left, bottom - top
