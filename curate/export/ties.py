"""Tables that tie each file of an export to the face it shows, for formats whose own files have no place for that."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.export.base import Part
from curate.export.pieces import keep
from curate.export.sample import Box, FaceItem, Sample
from curate.export.splits import named
from curate.store.parts import replacing
from schemas import Column

FOLDER = "facecurate"
"""Folder of the tables inside the export: one CSV per part."""
HEAD = "key,number,split,face_id,file"


@dataclass(frozen=True)
class Tie:
    """One sample and its place.

    Attributes:
        key: The sample's key.
        number: Its place in the export.
        split: Its split.
        face_id: Its face.
        file: Its picture, below the export's folder; the list that holds it if there are no picture files.
    """

    key: str
    number: int
    split: str
    face_id: str
    file: str

    def sample(self, folder: Path, labels: Mapping[str, Any], box: Box | None = None, picture: bool = True) -> Sample:
        """The sample as it stands in the export.

        Args:
            folder: The export.
            labels: Column name -> value, as the format's own files say.
            box: The same for the box.
            picture: Read the picture; not where the format has none or changed its pixels.
        """
        data, size = b"", (0, 0)
        if picture:
            data = (folder / self.file).read_bytes()
            size = _size(data)
        face = FaceItem(self.face_id, box, labels)
        return Sample(self.key, self.number, self.split, data, Path(self.file).suffix, *size, (face,))


def write_listed(
    folder: Path,
    part: Part,
    samples: Iterable[Sample],
    place: Callable[[Sample], str],
    record: Callable[[Sample, str], Any],
    data: Callable[[Sample], bytes] | None = lambda sample: sample.data,
) -> Iterator[Path]:
    """Write the pictures of a part and its tie table; records for the format's lists are kept until `finish`.

    Args:
        folder: The export.
        part: The part.
        samples: Its samples, taken one at a time.
        place: Where a sample's picture goes, below the folder; the list that holds it if there is no picture file.
        record: JSON data for the lists, from a sample and its file; None if it has no line in them.
        data: Bytes of the picture; None if there are no picture files.

    Yields:
        Each finished file.
    """
    ties, records = [], []
    for sample in samples:
        file = place(sample)
        if data is not None:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data(sample))
            yield path
        ties.append(Tie(sample.key, sample.number, sample.split, sample.faces[0].face_id, file))
        line = record(sample, file)
        if line is not None:
            records.append(line)
    keep(folder, part, records)
    yield _write(folder, part, ties)


def ties(folder: Path) -> Iterator[Tie]:
    """All samples of an export, in its order within each part."""
    for path in sorted((folder / FOLDER).glob("*.csv")):
        yield from _read(path)


def ties_before(folder: Path, part: Part) -> Iterator[Tie]:
    """Samples of the earlier parts of the same split."""
    for number in range(part.number):
        yield from _read(_path(folder, Part(part.split, number, part.columns)))


def csv_line(values: Sequence[Any]) -> str:
    """One line of a comma-separated table, quoted where it must be, with its line feed; None is an empty field."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(["" if v is None else v for v in values])
    return text.getvalue()


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write a text file from lines that bring their line feeds."""
    with replacing(path) as file:
        for line in lines:
            file.write(line.encode())
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a comma-separated table by the names of its columns."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def no_place(columns: Sequence[Column], held: Iterable[Column], where: str) -> dict[str, str]:
    """For `drops`: every column that is not held, because the format knows nothing like it."""
    kept = {c.name for c in held}
    return {c.name: f"{where} has no place for it" for c in columns if c.name not in kept}


def _path(folder: Path, part: Part) -> Path:
    return folder / FOLDER / f"{named(part.split)}-{part.number:05d}.csv"


def _write(folder: Path, part: Part, found: Sequence[Tie]) -> Path:
    rows = ((t.key, t.number, t.split, t.face_id, t.file) for t in found)
    return write_lines(_path(folder, part), (f"{HEAD}\n", *map(csv_line, rows)))


def _read(path: Path) -> Iterator[Tie]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for key, number, split, face_id, picture in rows:
            yield Tie(key, int(number), split, face_id, picture)


def _size(data: bytes) -> tuple[int, int]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return picture.size
