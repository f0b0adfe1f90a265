"""IMDB-Clean: crops with a 40 % margin and a CSV per split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import Exporter, Part, Plan, equal
from curate.export.codes import Codes
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import UNASSIGNED
from curate.export.ties import csv_line, no_place, read_csv, ties, write_lines, write_listed
from schemas import Column, labels

HEAD = "filename,age,gender,x_min,y_min,x_max,y_max,head_roll,head_yaw,head_pitch"
LIST = "imdb_{}_new_1024.csv"
PICTURES = "imdb-clean-1024"
SPLITS = {"validation": "valid", "": UNASSIGNED}
GENDER = Codes(labels.GENDER, "imdb-clean-gender")
POSE = (labels.ROLL, labels.YAW, labels.PITCH)
HEAD_POSE = HEAD.split(",")[-len(POSE) :]
FOLDERS = 100
AGE_TOLERANCE, ANGLE_TOLERANCE = 0.5, 6e-4


class ImdbClean(Exporter):
    """A CSV per split; as published with `--crop margin --size 1024`. Unknown values are empty fields."""

    name = "imdb_clean"
    doc = "IMDB-Clean's CSVs: filename, age, gender, box, head pose; crops with 40 % margin (--crop margin)."
    opened_by = "pandas.read_csv and loaders of IMDB-Clean"
    needs_crop = True
    forms = ("jpeg",)
    box_tolerance = 0.011

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but age in whole years, gender and head pose, whose angles keep this project's signs."""
        return no_place(columns, (labels.AGE, labels.GENDER, *POSE), "IMDB-Clean's file")

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""
        return write_listed(folder, part, samples, _place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One CSV per split."""
        for split in dict.fromkeys(p.split for p in parts):
            path = folder / LIST.format(SPLITS.get(split, split))
            yield write_lines(path, (f"{HEAD}\n", *map(csv_line, kept(folder, parts, split))))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the CSVs."""
        rows = {row["filename"]: row for path in folder.glob(LIST.format("*")) for row in read_csv(path)}
        for tie in ties(folder):
            row = rows[tie.file.removeprefix(f"{PICTURES}/")]
            left, top, right, bottom = (float(row[n]) for n in ("x_min", "y_min", "x_max", "y_max"))
            values: dict[str, Any] = {c.name: _number(row[n]) for c, n in zip(POSE, HEAD_POSE, strict=True)}
            values[labels.AGE.name] = _number(row["age"])
            values[labels.GENDER.name] = GENDER.from_code(row["gender"]) if row["gender"] else None
            yield tie.sample(folder, values, (left, top, right - left, bottom - top))

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Ages to the whole year, angles to a thousandth of a degree."""
        return equal(column, given, found, AGE_TOLERANCE if column is labels.AGE else ANGLE_TOLERANCE)


def _place(sample: Sample) -> str:
    return f"{PICTURES}/{sample.number % FOLDERS:02d}/{sample.file}"


def _record(sample: Sample, file: str) -> list[Any]:
    face = sample.faces[0]
    age = face.labels.get(labels.AGE.name)
    x, y, w, h = face.box or (0.0, 0.0, 0.0, 0.0)
    angles = (face.labels.get(c.name) for c in POSE)
    return [
        file.removeprefix(f"{PICTURES}/"),
        None if age is None else round(age),
        GENDER.code(face.labels.get(labels.GENDER.name)),
        *(round(v, 2) for v in (x, y, x + w, y + h)),
        *(None if v is None else round(v, 3) for v in angles),
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None
