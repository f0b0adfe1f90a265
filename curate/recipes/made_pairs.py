"""Generated pictures of a dataset beside the portraits that they were made from, in one frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.crops import Pixels
from curate.export.encode import encode
from curate.generate.again import Origins, Stored, pixels_of, stored
from curate.generators.base import CannotGenerate
from curate.generators.subject import Subject
from curate.identity.progress import follow
from curate.ingest import SourceReader
from curate.store import Dataset
from curate.store.parts import replacing
from schemas import Column
from schemas.columns import faces

Values = Mapping[str, Any]


@dataclass(frozen=True)
class MadePair:
    """A portrait and what a generator made of it.

    Attributes:
        picture: The generated picture.
        before: The portrait that it was made from.
        after: Its pixels, RGB, (side, side, 3), in the portrait's frame.
        labels_before: Labels of the source face, by column.
        labels_after: Labels of the face that was found in the generated picture; None if none was.
    """

    picture: Stored
    before: Subject
    after: Pixels
    labels_before: Values
    labels_after: Values | None

    @property
    def key(self) -> str:
        """Name of its files."""
        return self.picture.image_id


@dataclass
class Skipped:
    """Generated pictures that could not be paired: reason -> how many."""

    counts: dict[str, int]

    def add(self, reason: str) -> None:
        """Count one."""
        self.counts[reason] = self.counts.get(reason, 0) + 1


def made_pairs(
    ds: Dataset, generators: Sequence[str], columns: Sequence[Column], skipped: Skipped,
    wanted: frozenset[str] | None = None, quiet: bool = True,
) -> Iterator[MadePair]:  # fmt: skip
    """Every generated picture with its portrait, in the dataset's order.

    Args:
        ds: The dataset.
        generators: Of these generators alone.
        columns: Labels to read of both faces.
        skipped: Counts what could not be paired.
        wanted: Only pictures made from these faces; None is all.
        quiet: No progress bar.
    """
    every = stored(ds, generators)
    pictures = [p for p in every if wanted is None or p.lineage.parent_face in wanted]
    by_face, by_picture = _labels(ds, columns)
    origins = Origins(ds, pictures)
    with SourceReader() as reader:
        for picture in follow(pictures, len(pictures), "pairing", quiet):
            after = pixels_of(picture, reader)
            try:
                before = origins.request(picture.lineage).face()
            except CannotGenerate as answer:
                skipped.add(str(answer))
                continue
            if after is None or after.shape != before.pixels.shape:
                skipped.add("its file cannot be read any more")
                continue
            own = by_face.get(picture.lineage.parent_face, {})
            yield MadePair(picture, before, after, own, by_picture.get(picture.image_id))


def _labels(ds: Dataset, columns: Sequence[Column]) -> tuple[dict[str, Values], dict[str, Values]]:
    """Labels by face, and those of the largest face of each picture by picture."""
    known = ds.columns()
    wanted = [faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, *(c for c in columns if c.name in known)]
    by_face: dict[str, Values] = {}
    largest: dict[str, tuple[float, Values]] = {}
    for table in ds.iter_faces(wanted):
        for row in table.to_pylist():
            by_face[row[faces.FACE_ID.name]] = row
            size = float(row[faces.BOX_W.name]) * float(row[faces.BOX_H.name])
            if size > largest.get(row[faces.IMAGE_ID.name], (-1.0, row))[0]:
                largest[row[faces.IMAGE_ID.name]] = (size, row)
    return by_face, {picture: row for picture, (_, row) in largest.items()}


def save_picture(path: Path, pixels: Pixels) -> Path:
    """Write RGB, or grey of shape (side, side), as PNG."""
    rgb = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    with replacing(path) as file:
        file.write(encode(np.ascontiguousarray(rgb), "png"))
    return path
