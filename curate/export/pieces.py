"""Lines that parts of an export leave for the end, when one file needs them all; kept where an export can go on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from curate.export.base import Part
from curate.store.parts import replacing

WORK = ".facecurate"
"""Folder inside an unfinished export: removed when it is finished."""


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
