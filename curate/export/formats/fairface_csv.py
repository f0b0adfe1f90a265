"""FairFace: numbered pictures in a folder per split, and a label file for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import Exporter, Part, Plan
from curate.export.codes import Codes
from curate.export.pieces import kept
from curate.export.sample import Sample
from curate.export.splits import UNASSIGNED
from curate.export.ties import csv_line, no_place, read_csv, ties, write_lines, write_listed
from schemas import Column, labels

HEAD = "file,age,gender,race,service_test"
AGE = Codes(labels.AGE_GROUP, "fairface-age-hub")
GENDER = Codes(labels.GENDER, "fairface-gender")
RACE = Codes(labels.RACE, "fairface-race")
WAYS = (AGE, GENDER, RACE)
NOT_OF_TEST = "False"
"""`service_test` marks the pictures that FairFace's authors sent to commercial services: none of these."""
FOLDERS = {"validation": "val", "": UNASSIGNED}


class FairFaceCsv(Exporter):
    """`fairface_label_train.csv` and `train/1.jpg`; an unknown label is an empty field."""

    name = "fairface_csv"
    doc = "FairFace's label files: file, age, gender, race, service_test; pictures train/1.jpg, val/2.jpg."
    opened_by = "pandas.read_csv and loaders of FairFace"
    needs_crop = True
    forms = ("jpeg",)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but age group, gender and race."""
        return no_place(columns, (way.column for way in WAYS), "FairFace's label file")

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their lines are kept until `finish`."""
        return write_listed(folder, part, samples, _place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One label file per split."""
        for split in dict.fromkeys(p.split for p in parts):
            path = folder / f"fairface_label_{FOLDERS.get(split, split)}.csv"
            yield write_lines(path, (f"{HEAD}\n", *map(csv_line, kept(folder, parts, split))))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the label files."""
        rows = {row["file"]: row for path in folder.glob("fairface_label_*.csv") for row in read_csv(path)}
        for tie in ties(folder):
            row = rows[tie.file]
            words = (row["age"], row["gender"], row["race"])
            yield tie.sample(folder, {w.column.name: w.from_word(word) for w, word in zip(WAYS, words, strict=True)})


def _place(sample: Sample) -> str:
    return f"{FOLDERS.get(sample.split, sample.split)}/{sample.number + 1}{sample.suffix}"


def _record(sample: Sample, file: str) -> list[Any]:
    values = sample.faces[0].labels
    return [file, *(way.word(values.get(way.column.name)) for way in WAYS), NOT_OF_TEST]
