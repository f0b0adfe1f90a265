"""Tables with a row per face beside whole pictures, as tools that watch faces write them."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.base import Part
from curate.export.encode import picture_size
from curate.export.pieces import keep, kept
from curate.export.plain import to_plain
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.export.ties import csv_line, write_lines
from schemas import Column
from schemas.angles import Angles, convert_angles
from schemas.columns import labels

PLACE = "images"
POINTS = labels.POINTS_68.shape[0]
X_COLUMNS, Y_COLUMNS = (tuple(f"{axis}_{i}" for i in range(POINTS)) for axis in "xy")
POSE = (labels.YAW, labels.PITCH, labels.ROLL)
GAZE = (labels.GAZE_YAW, labels.GAZE_PITCH)
OWN_POSE, OWN_GAZE = "facecurate", "facecurate-gaze"
Row = Mapping[str, str]


def write_faces(
    folder: Path,
    part: Part,
    samples: Iterable[Sample],
    row: Callable[[Sample, int], Sequence[Any]],
    name: Callable[[Sample], str] = lambda sample: sample.file,
) -> Iterator[Path]:
    """Write pictures to `images/SPLIT/` and keep a row per face until `finish`.

    Args:
        folder: The export.
        part: The part.
        samples: Its samples, taken one at a time.
        row: Cells of a face, by the number of the face in its sample.
        name: The picture's file name.
    """
    place = folder / PLACE / named(part.split)
    place.mkdir(parents=True, exist_ok=True)
    records = []
    for sample in samples:
        path = place / name(sample)
        path.write_bytes(sample.data)
        yield path
        records.append([to_plain(list(row(sample, number))) for number in range(len(sample.faces))])
    keep(folder, part, records)


def write_tables(
    folder: Path, parts: Sequence[Part], head: Sequence[str], numbered: int | None = None
) -> Iterator[Path]:
    """Write `SPLIT.csv` for each split.

    Args:
        folder: The export.
        parts: All its parts.
        head: Names of the columns.
        numbered: Column that gets the picture's number in its split, from 1; None if there is none.
    """
    for split in dict.fromkeys(p.split for p in parts):
        yield write_lines(folder / f"{named(split)}.csv", _lines(folder, parts, split, head, numbered))


def read_faces(
    folder: Path,
    face: Callable[[Row], FaceItem],
    whose: Callable[[Row, Sequence[Path]], Path],
    key: Callable[[Path], str],
) -> Iterator[Sample]:
    """Every picture with the faces of its rows.

    Args:
        folder: The export.
        face: A face from its row.
        whose: Its picture, out of all pictures of the split, sorted by name.
        key: The sample's key from its picture.
    """
    for place in sorted((folder / PLACE).iterdir()):
        pictures = sorted(place.iterdir())
        found: dict[Path, list[FaceItem]] = {}
        with (folder / f"{place.name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(whose(row, pictures), []).append(face(row))
        for number, path in enumerate(pictures):
            data = path.read_bytes()
            size = picture_size(data)
            yield Sample(key(path), number, split_of(place.name), data, path.suffix, *size, tuple(found.get(path, ())))


def points_cells(face: FaceItem) -> list[float | None]:
    """68 x and 68 y; empty where a point is not known."""
    points = face.labels.get(labels.POINTS_68.name)
    if points is None:
        return [None] * (2 * POINTS)
    return [*to_plain(np.asarray(points)[:, 0]), *to_plain(np.asarray(points)[:, 1])]


def points_from(row: Row) -> Any:
    """The reverse of `points_cells`; None where none is known."""
    values = np.array([[cell(row[x]), cell(row[y])] for x, y in zip(X_COLUMNS, Y_COLUMNS, strict=True)], np.float32)
    return None if np.isnan(values).all() else values


def angles_out(face: FaceItem, columns: Sequence[Column], convention: str) -> list[float | None]:
    """Angles of a face in a tool's unit and signs, in the order of the columns; unknown ones are None.

    Args:
        face: The face.
        columns: `POSE` or `GAZE`.
        convention: The tool's, as declared in `schemas`.
    """
    own = [face.labels.get(c.name) for c in columns]
    return _turned(
        [0.0 if v is None else v for v in own], own, OWN_POSE if len(own) == len(POSE) else OWN_GAZE, convention
    )


def angles_back(cells: Sequence[str], columns: Sequence[Column], convention: str) -> dict[str, Any]:
    """The reverse of `angles_out`: column name -> degrees or None, from the cells in the order of the columns."""
    given = [float(text) if text else None for text in cells]
    own = OWN_POSE if len(columns) == len(POSE) else OWN_GAZE
    values = _turned([0.0 if v is None else v for v in given], given, convention, own)
    return {c.name: v for c, v in zip(columns, values, strict=True)}


def cell(text: str) -> float:
    """A number, NaN for an empty cell."""
    return float(text) if text else math.nan


def number_or_none(text: str) -> float | None:
    """A number, None for an empty cell."""
    return float(text) if text else None


def _turned(values: Sequence[float], known: Sequence[float | None], source: str, target: str) -> list[float | None]:
    roll = values[2] if len(values) == len(POSE) else None
    turned = convert_angles(Angles(source, values[0], values[1], roll), target)
    order = (turned.yaw, turned.pitch, turned.roll)
    return [None if k is None else v for k, v in zip(known, order, strict=False)]


def _lines(folder: Path, parts: Sequence[Part], split: str, head: Sequence[str], numbered: int | None) -> Iterator[str]:
    yield csv_line(head)
    for number, rows in enumerate(kept(folder, parts, split), 1):
        for row in rows:
            if numbered is not None:
                row[numbered] = number
            yield csv_line(row)
