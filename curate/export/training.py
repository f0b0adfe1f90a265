"""What the lists of training scripts have in common: pictures in folders, and one list of records per split.

A sample that lacks what the script needs, such as a face without a caption or an embedding, still goes out: its record
stands in a second list below `rest`, which no script reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from curate.export.base import Part, equal
from curate.export.pieces import keep, kept
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import replacing
from schemas import Column, UsageError
from schemas.columns import labels

PICTURES, REST = "images", "rest"
JSON = ".json"


@dataclass(frozen=True)
class Told:
    """What a format says of one sample.

    Attributes:
        records: Its records, in order; JSON data.
        complete: A training script can use them; else they go to the list below `rest`.
        files: Further files, path below the export -> bytes.
    """

    records: tuple[Mapping[str, Any], ...]
    complete: bool = True
    files: Mapping[str, bytes] = field(default_factory=dict)


def write_listed(
    folder: Path, part: Part, samples: Iterable[Sample], tell: Callable[[Sample, str], Told], pictures: str = PICTURES
) -> Iterator[Path]:
    """Write a part's pictures and further files and keep its records until the end.

    Args:
        folder: The export.
        part: What is written.
        samples: Its samples.
        tell: Gives the records of a sample whose picture stands at a path below the export.
        pictures: Folder of the pictures.
    """
    lines = []
    for sample in samples:
        file = f"{pictures}/{named(part.split)}/{part.number:05d}/{sample.file}"
        told = tell(sample, file)
        for name, data in {file: sample.data, **told.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            yield path
        lines.append({"complete": told.complete, "records": told.records})
    keep(folder, part, lines)


def finish_listed(folder: Path, parts: Sequence[Part], suffix: str) -> Iterator[Path]:
    """One list per split, and one below `rest` where a sample is not complete.

    Args:
        folder: The export.
        parts: All parts.
        suffix: What follows the split in a list's path: `.json`, one list with a record a line, `.jsonl`, or `/NAME`.
    """
    for split in dict.fromkeys(p.split for p in parts):
        for complete in (True, False):
            records = (r for x in kept(folder, parts, split) if x["complete"] == complete for r in x["records"])
            path = _list(folder, split, complete, suffix)
            if _write(path, records, suffix, always=complete):
                yield path


def read_listed(folder: Path, suffix: str) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """Split, whether it is complete, and the record, of all lists of an export."""
    for complete in (True, False):
        place = folder if complete else folder / REST
        for path in sorted(place.glob(f"*{suffix}")):
            if path.name in NOT_LISTS:
                continue
            text = path.read_text("utf-8")
            split = split_of(path.relative_to(place).as_posix().removesuffix(suffix))
            records = json.loads(text) if suffix.endswith(JSON) else map(json.loads, text.split("\n")[:-1])
            yield from ((split, complete, record) for record in records)


NOT_LISTS = ("croissant.json", "dataset_info.json", "facecurate-export.json")
"""JSON files of an export that are no lists of samples."""


def _list(folder: Path, split: str, complete: bool, suffix: str) -> Path:
    return (folder if complete else folder / REST) / f"{named(split)}{suffix}"


def _write(path: Path, records: Iterator[Any], suffix: str, always: bool) -> bool:
    """Write records as they come; no file where there are none, unless it is always wanted."""
    first = next(records, None)
    if first is None and not always:
        return False
    whole = suffix.endswith(JSON)
    start, between, end = ("[\n", ",\n", "\n]\n") if whole else ("", "\n", "\n")
    with replacing(path) as file:
        file.write(start.encode())
        if first is not None:
            file.write(json.dumps(first, ensure_ascii=False).encode())
        for record in records:
            file.write((between + json.dumps(record, ensure_ascii=False)).encode())
        file.write((end if first is not None or whole else "").encode())
    return True


def stored(folder: Path, file: str, split: str, face: FaceItem) -> Sample:
    """The sample whose picture stands at a path below the export."""
    path = folder / file
    with Image.open(path) as picture:
        width, height = picture.size
    return Sample(path.stem, 0, split, path.read_bytes(), path.suffix, width, height, (face,))


def only(columns: Sequence[Column], held: Sequence[Column], reason: str) -> dict[str, str]:
    """`drops` of a format that holds these columns alone."""
    return {c.name: reason for c in columns if c not in held}


def one_line(text: str | None) -> str:
    """A caption as scripts read it: one line, no space around it; empty where there is none."""
    return " ".join((text or "").splitlines()).strip()


def caption_of(face: FaceItem) -> str:
    """The face's caption on one line; empty where there is none."""
    return one_line(face.labels.get(labels.CAPTION.name))


def need(face: FaceItem, column: Column, command: str) -> Any:
    """A column's value for a face, None where it is null.

    Raises:
        UsageError: if the dataset does not have the column.
    """
    if column.name not in face.labels:
        raise UsageError(f"this format needs the column '{column.name}'", "the dataset does not have it", command)
    return face.labels[column.name]


def same_caption(column: Column, given: Any, found: Any) -> bool:
    """As `equal`, where line breaks became spaces and an empty caption is none."""
    if column is not labels.CAPTION:
        return equal(column, given, found)
    return one_line(given) == one_line(found)
