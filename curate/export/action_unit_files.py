"""Action-unit files by subject and frame, as BP4D and DISFA have them; each still picture is one frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from curate.export.base import Part
from curate.export.persons import FolderCount, folder_name, person
from curate.export.pieces import kept
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named
from schemas import labels
from schemas.mapping import mapping

SURE = 0.5
"""Decision point of `au_score`."""
TRACE = 1.0
"""Least intensity, FACS A, at which a unit occurs."""
Frame = tuple[int, dict[str, int | None]]


class Frames:
    """Places pictures as frames of their subject, numbered from 1.

    Args:
        layout: Folder of a subject's frames below that of the split, with `{}` for the subject.
    """

    def __init__(self, layout: str) -> None:
        self._layout = layout
        self.count = FolderCount()

    def place(self, sample: Sample) -> str:
        """Where the sample's picture goes; faces of nobody known are frames of one subject `unidentified`."""
        folder = f"{named(sample.split)}/{self._layout.format(folder_name(person(sample)))}"
        return f"{folder}/{self.count.number(folder):04d}{sample.suffix}"


def record(sample: Sample, file: str, units: Mapping[str, int | None]) -> list[Any]:
    """What `by_subject` needs: subject's folder, person, frame, units."""
    return [folder_name(person(sample)), person(sample), int(PurePosixPath(file).stem), units]


def by_subject(folder: Path, parts: Sequence[Part], split: str) -> Iterator[tuple[str, list[Frame]]]:
    """Frames of each subject of a split; holds the units of one split in memory."""
    found: dict[str, list[Frame]] = {}
    for subject, _, number, units in kept(folder, parts, split):
        found.setdefault(subject, []).append((number, units))
    yield from sorted(found.items())


def everyone(folder: Path, parts: Sequence[Part]) -> dict[str, None]:
    """Every person among the frames."""
    return {who: None for _, who, _, _ in kept(folder, parts) if who is not None}


def occurrences(face: FaceItem, target: str) -> dict[str, int | None]:
    """Unit of a set -> 1 occurs, 0 does not, None unknown: by score where scores are exported, else by intensity."""
    scores = face.labels.get(labels.AU_SCORE.name)
    least = TRACE if scores is None else SURE
    values = scores if scores is not None else face.labels.get(labels.AU_INTENSITY.name) or {}
    mapped = mapping(labels.AU_SCORE.taxonomy, target).map_values(values)
    return {unit: None if value is None else int(value >= least) for unit, value in mapped.items()}


def intensities(face: FaceItem, target: str) -> dict[str, int | None]:
    """Unit of a set -> intensity as a whole number from 0 to 5, None unknown."""
    values = face.labels.get(labels.AU_INTENSITY.name) or {}
    mapped = mapping(labels.AU_INTENSITY.taxonomy, target).map_values(values)
    return {unit: None if value is None else round(value) for unit, value in mapped.items()}
