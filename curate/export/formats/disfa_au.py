"""DISFA: per subject and action unit a file of intensities by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.export.action_unit_files import Frames, by_subject, everyone, intensities, record
from curate.export.base import Exporter, Part, Plan
from curate.export.persons import read_people, write_people
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_lines, write_listed
from schemas import Column, labels, taxonomy

UNITS = "disfa-12"
LABELS = "ActionUnit_Labels"


class DisfaAu(Exporter):
    """`ActionUnit_Labels/SUBJECT/SUBJECT_au1.txt` with lines `frame,intensity`; unknown intensities have no line."""

    name = "disfa_au"
    doc = "DISFA's ActionUnit_Labels: frame,intensity (0-5) per subject and unit, a frame per picture."
    opened_by = "loaders of DISFA"
    forms = ("jpeg",)

    def __init__(self, config: None = None) -> None:
        super().__init__(config)
        self._frames = Frames("Images/{}")

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but identity, which is the subject; intensities of twelve units become whole numbers."""
        found = no_place(columns, [labels.IDENTITY_ID], "DISFA's files")
        if labels.AU_INTENSITY in columns:
            found[labels.AU_INTENSITY.name] = "only whole numbers stand in the files, for DISFA's twelve units (lossy)"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The subject."""
        return (labels.IDENTITY_ID,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures as frames of their subjects; units are kept until `finish`."""
        with self._frames.count.part(folder, part):
            yield from write_listed(folder, part, samples, self._frames.place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """Twelve files per subject."""
        for split in dict.fromkeys(p.split for p in parts):
            for subject, frames in by_subject(folder, parts, split):
                place = folder / named(split) / LABELS / subject
                for unit in taxonomy(UNITS).labels:
                    lines = (f"{number},{units[unit]}\n" for number, units in frames if units[unit] is not None)
                    yield write_lines(place / f"{subject}_{unit.lower()}.txt", lines)
        yield write_people(folder, everyone(folder, parts))

    def read(self, folder: Path) -> Iterator[Sample]:
        """Subjects by their folders."""
        people = read_people(folder)
        for tie in ties(folder):
            subject = Path(tie.file).parent.name
            yield tie.sample(folder, {labels.IDENTITY_ID.name: people.get(subject)})


def _record(sample: Sample, file: str) -> list[Any]:
    return record(sample, file, intensities(sample.faces[0], UNITS))
