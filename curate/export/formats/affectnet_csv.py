"""AffectNet: training.csv and validation.csv beside folders of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.base import Exporter, Part, Plan, equal
from curate.export.codes import Codes, code_of, first_of, lost_on
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import UNASSIGNED
from curate.export.ties import csv_line, no_place, read_csv, ties, write_lines, write_listed
from schemas import Column, labels

HEAD = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
PATH = HEAD.split(",", maxsplit=1)[0]
PICTURES = "Manually_Annotated_Images"
LISTS = {"train": "training", "": UNASSIGNED}
PER_FOLDER = 1000
NO_EXPRESSION, NO_VALUE = "uncertain", -2.0
"""AffectNet's own ways to say that there is no expression, and no valence or arousal."""
WAYS = (
    Codes(labels.EMOTION8, "affectnet"),
    Codes(labels.PERCEIVED_EMOTION, "affectnet", ("emotion-8",)),
)
AFFECT = (labels.VALENCE, labels.AROUSAL)
PIXEL_TOLERANCE, AFFECT_TOLERANCE = 0.006, 6e-6


class AffectNetCsv(Exporter):
    """A list per split; unknown expressions are 9 (uncertain), unknown valence and arousal -2, unknown points empty."""

    name = "affectnet_csv"
    doc = "AffectNet's CSV: path, face box, 68 landmarks, expression 0-10, valence, arousal."
    opened_by = "pandas.read_csv and loaders of AffectNet"
    box_tolerance = 0.5001

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but one emotion column, valence, arousal and the 68 points."""
        way = first_of(columns, WAYS)
        held = [*AFFECT, labels.POINTS_68, *([way.column] if way else [])]
        return no_place(columns, held, "AffectNet's file") | lost_on(columns, way, "AffectNet")

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""
        return write_listed(folder, part, samples, _place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split."""
        for split in dict.fromkeys(p.split for p in parts):
            lines = (csv_line(row) for row in kept(folder, parts, split))
            yield write_lines(folder / f"{LISTS.get(split, split)}.csv", _with_head(lines))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the lists."""
        rows = {row[PATH]: row for path in folder.glob("*.csv") for row in read_csv(path)}
        for tie in ties(folder):
            row = rows[tie.file.removeprefix(f"{PICTURES}/")]
            x, y, w, h = (float(row[f"face_{side}"]) for side in ("x", "y", "width", "height"))
            yield tie.sample(folder, _labels(row), (x, y, w, h))

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Points to a hundredth of a pixel, valence and arousal to five decimals."""
        tolerance = PIXEL_TOLERANCE if column is labels.POINTS_68 else AFFECT_TOLERANCE
        return equal(column, given, found, tolerance)


def _with_head(lines: Iterable[str]) -> Iterator[str]:
    yield f"{HEAD}\n"
    yield from lines


def _place(sample: Sample) -> str:
    return f"{PICTURES}/{sample.number // PER_FOLDER + 1}/{sample.file}"


def _record(sample: Sample, file: str) -> list[Any]:
    face = sample.faces[0]
    points = face.labels.get(labels.POINTS_68.name)
    code = code_of(face, WAYS)
    affect = (face.labels.get(c.name) for c in AFFECT)
    return [
        file.removeprefix(f"{PICTURES}/"),
        *(round(v) for v in face.box or ()),
        "" if points is None else ";".join(f"{v:.2f}" for v in points.ravel()),
        WAYS[0].coding.encode(NO_EXPRESSION).value if code is None else code,
        *(NO_VALUE if v is None else round(float(v), 5) for v in affect),
    ]


def _labels(row: Mapping[str, str]) -> dict[str, Any]:
    points, code = row["facial_landmarks"], int(row["expression"])
    values: dict[str, Any] = {way.column.name: way.from_code(code) for way in WAYS}
    values |= {c.name: None if float(row[c.name]) == NO_VALUE else float(row[c.name]) for c in AFFECT}
    values[labels.POINTS_68.name] = (
        np.array(points.split(";"), np.float32).reshape(labels.POINTS_68.shape) if points else None
    )
    return values
