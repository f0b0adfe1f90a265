"""The work folder of an export that can go on: whose it is, and lines that parts leave for the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import Part
from curate.store.parts import read_json, replacing, write_json
from schemas import DatasetError

WORK = ".facecurate"
"""Folder inside an unfinished export: removed when it is finished."""


def claim(folder: Path, manifest: str, mark: str, identity: dict[str, Any], words: tuple[str, str, str]) -> None:
    """Make sure that a folder is new, or holds this very call unfinished.

    Args:
        folder: Where the call writes.
        manifest: File that stands in it once the call is finished.
        mark: File in the work folder that holds the identity meanwhile.
        identity: What decides the content: another identity must not go on in the same folder.
        words: What a finished folder holds, what an unfinished one of another identity holds, and `it was` or
            `they were`.

    Raises:
        DatasetError: if the folder holds something else.
    """
    finished, other, were = words
    if (folder / manifest).is_file():
        raise DatasetError(f"{folder} holds {finished}", fix="Give a new folder, or delete this one")
    path = folder / WORK / mark
    if path.is_file():
        if read_json(path) != identity:
            why = f"{were} begun with other data or settings"
            raise DatasetError(f"{folder} holds {other}", why, "Give a new folder")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} is not an empty folder", fix="Give the name of a new folder")
    write_json(path, identity)


def keep(folder: Path, part: Part, records: Iterable[Any]) -> None:
    """Keep a part's records, JSON data one a line, until `finish`."""
    keep_lines(folder, part, (json.dumps(record, ensure_ascii=False) for record in records))


def keep_lines(folder: Path, part: Part, lines: Iterable[str]) -> None:
    """The same for records that are JSON texts already."""
    with replacing(_path(folder, part)) as file:
        for line in lines:
            file.write(f"{line}\n".encode())


def kept(folder: Path, parts: Sequence[Part], split: str | None = None) -> Iterator[Any]:
    """Records of parts in order, of one split or of all; one at a time."""
    return map(json.loads, kept_lines(folder, parts, split))


def kept_lines(folder: Path, parts: Sequence[Part], split: str | None = None) -> Iterator[bytes]:
    """The same as JSON texts, each with the end of its line."""
    for part in parts:
        if split is None or part.split == split:
            with _path(folder, part).open("rb") as file:
                yield from file


def _path(folder: Path, part: Part) -> Path:
    return folder / WORK / f"{part.split or '_'}-{part.number:05d}.jsonl"
