"""BP4D: a CSV of action-unit occurrences per subject and task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.action_unit_files import Frames, by_subject, everyone, occurrences, record
from curate.export.base import Exporter, Part, Plan
from curate.export.persons import read_people, write_people
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.ties import csv_line, no_place, ties, write_lines, write_listed
from schemas import Column, labels

UNITS = "bp4d-12"
TASK = "T1"
LAST = 99
"""BP4D's tables have a column for every number up to this, so that loaders can go by number."""
UNKNOWN = 9


class Bp4dAu(Exporter):
    """Per split `AU_OCC/SUBJECT_T1.csv` with 1, 0 or 9 (unknown), and `SUBJECT/T1/0001.jpg`, a frame per picture."""

    name = "bp4d_au"
    doc = "BP4D's AU_OCC tables, a row per frame, a column per unit 1-99: 1, 0, 9 for unknown."
    opened_by = "loaders of BP4D"
    forms = ("jpeg",)

    def __init__(self, config: None = None) -> None:
        super().__init__(config)
        self._frames = Frames("{}/" + TASK)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but identity, which is the subject; scores and intensities of twelve units become occurrences."""
        found = no_place(columns, [labels.IDENTITY_ID], "BP4D's table")
        for column in (labels.AU_SCORE, labels.AU_INTENSITY):
            if column in columns:
                found[column.name] = "only whether a unit occurs stands in the table, for BP4D's twelve units (lossy)"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The subject."""
        return (labels.IDENTITY_ID,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures as frames of their subjects; units are kept until `finish`."""
        with self._frames.count.part(folder, part):
            yield from write_listed(folder, part, samples, self._frames.place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One table per subject."""
        for split in dict.fromkeys(p.split for p in parts):
            for subject, frames in by_subject(folder, parts, split):
                rows = [[0, *range(1, LAST + 1)], *([number, *_row(units)] for number, units in frames)]
                path = folder / named(split) / "AU_OCC" / f"{subject}_{TASK}.csv"
                yield write_lines(path, map(csv_line, rows))
        yield write_people(folder, everyone(folder, parts))

    def read(self, folder: Path) -> Iterator[Sample]:
        """Subjects by their folders."""
        people = read_people(folder)
        for tie in ties(folder):
            subject = Path(tie.file).parts[1]
            yield tie.sample(folder, {labels.IDENTITY_ID.name: people.get(subject)})


def _row(units: Mapping[str, int | None]) -> list[int]:
    values = (units.get(f"AU{number}") for number in range(1, LAST + 1))
    return [UNKNOWN if v is None else v for v in values]


def _record(sample: Sample, file: str) -> list[Any]:
    return record(sample, file, occurrences(sample.faces[0], UNITS))
