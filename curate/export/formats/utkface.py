"""UTKFace: the labels are the file's name, age_gender_race_time.jpg."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from curate.export.base import Exporter, Part, equal
from curate.export.codes import Codes, lost_on
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_listed
from schemas import Column, labels

GENDER = Codes(labels.GENDER, "utkface-gender")
RACE = Codes(labels.RACE, "utkface-race")
UNKNOWN = "x"
"""Stands where a label is unknown; such files lie apart, since loaders turn all three fields into numbers."""
INCOMPLETE = "incomplete"
TIME_DIGITS = 17
"""UTKFace's date and time, 20170116174525125; here the sample's number, which dates nothing."""


class UtkFace(Exporter):
    """A folder per split; faces without one of the labels lie in `incomplete/`, with an `x` in its place."""

    name = "utkface"
    doc = "UTKFace's file names [age]_[gender]_[race]_[number].jpg, a folder per split."
    opened_by = "loaders of UTKFace, which split the file names"
    needs_crop = True
    forms = ("jpeg",)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but age in whole years and gender; seven groups of race become five."""
        held = (labels.AGE, labels.GENDER, labels.RACE)
        return no_place(columns, held, "UTKFace's file name") | lost_on(columns, RACE, "UTKFace")

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures."""
        return write_listed(folder, part, samples, _place, lambda sample, file: None)

    def read(self, folder: Path) -> Iterator[Sample]:
        """From the names."""
        for tie in ties(folder):
            age, gender, *_ = PurePosixPath(tie.file).name.split("_")
            values = {
                labels.AGE.name: None if age == UNKNOWN else float(age),
                labels.GENDER.name: None if gender == UNKNOWN else GENDER.from_code(int(gender)),
            }
            yield tie.sample(folder, values)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Ages to the whole year."""
        return equal(column, given, found, 0.5 if column is labels.AGE else 0.0)


def _place(sample: Sample) -> str:
    values = sample.faces[0].labels
    age = values.get(labels.AGE.name)
    fields = [None if age is None else round(age), *(way.code(values.get(way.column.name)) for way in (GENDER, RACE))]
    name = "_".join(UNKNOWN if f is None else str(f) for f in fields)
    folder = named(sample.split)
    if None in fields:
        folder = f"{INCOMPLETE}/{folder}"
    return f"{folder}/{name}_{sample.number:0{TIME_DIGITS}d}{sample.suffix}"
