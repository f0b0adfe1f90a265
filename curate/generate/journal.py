"""What became of each request, one line each: a second run does only what is missing.

A line is written when the pictures of its request are on disk. A line that a killed run left half written is dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from schemas import DatasetError

MADE, REFUSED, FAILED = "made", "refused", "failed"
NAME = "requests.jsonl"


@dataclass(frozen=True)
class Entry:
    """A request that was worked off.

    Attributes:
        stem: Names it and begins the names of its files.
        outcome: `made`, `refused` (the face does not allow the change) or `failed` (an error).
        face: Id of the subject.
        partner: Id of the second face.
        number: Number of the request among those for its face.
        files: Names of its pictures.
        reason: Why there are none.
        licence: Of the photographs that it was made from.
        consent: Of the persons that they show.
        rows: Lineage columns of each picture.
    """

    stem: str
    outcome: str
    face: str = ""
    partner: str = ""
    number: int = 0
    files: tuple[str, ...] = ()
    reason: str = ""
    licence: str | None = None
    consent: str | None = None
    rows: tuple[dict[str, Any], ...] = field(default_factory=tuple)


class Journal:
    """The requests of one generator; use as a context manager to write.

    Args:
        folder: Where the pictures lie too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self.entries: dict[str, Entry] = {}
        self._file: BinaryIO | None = None
        self._whole = 0
        if self.path.is_file():
            self._read()

    def _read(self) -> None:
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    data = json.loads(line)
                    entry = Entry(**{**data, "files": tuple(data["files"]), "rows": tuple(data["rows"])})
                except (ValueError, KeyError, TypeError) as error:
                    fix = "Delete this file: pictures are then made again, the same as before"
                    raise DatasetError(f"{self.path} is damaged", str(error), fix) from error
                self.entries[entry.stem] = entry
                self._whole += len(line)

    def __enter__(self) -> Journal:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
            self._file.truncate(self._whole)
        except OSError as error:
            raise DatasetError(f"{self.path} cannot be written", error.strerror or str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, entry: Entry) -> None:
        """Write a line, synced.

        Raises:
            DatasetError: if the disk refuses.
        """
        assert self._file is not None
        try:
            self._file.write(json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DatasetError(f"{self.path} cannot be written", error.strerror or str(error)) from error
        self.entries[entry.stem] = entry

    def done(self, stem: str) -> Entry | None:
        """The entry of a request that need not be worked off again: refused, or made with its files still there."""
        entry = self.entries.get(stem)
        if entry is None or entry.outcome == FAILED:
            return None
        return entry if all((self.folder / name).is_file() for name in entry.files) else None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())
