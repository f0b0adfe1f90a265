"""The ledger of a fill: every try with what was decided and why. It is written try by try, so a kill loses none."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.store.parts import write_table
from schemas import DatasetError

LINES = "tries.jsonl"
TABLE = "tries.parquet"


@dataclass(frozen=True)
class Try:
    """One picture of one try, or a try without pictures.

    Attributes:
        number: Of the try, from 0.
        round: From 0.
        cell: Name of the cell.
        maker: Name of the generator.
        stem: Names the request.
        face: Id of the subject.
        partner: Id of the second face.
        repeat: Number of the request among those for its face.
        step: Number of the picture; -1 where there is none.
        outcome: `accepted`, `rejected`, `refused` or `failed`.
        reason: Why it was not accepted.
        detail: In words.
        file: Name of the picture where it was kept.
        quality: Quality score.
        own: Cosine with the subject.
        nearest: Highest cosine with anyone else photographed here.
        lineage: JSON of the lineage columns, where it was accepted.
        licence: Of the photographs, where it was accepted.
        consent: Of the persons, where it was accepted.
        parameters: Text that tells equal parameters.
        memory: What later tries are compared with, where it was accepted; see `packed`.
    """

    number: int
    round: int
    cell: str
    maker: str
    stem: str
    face: str
    partner: str
    repeat: int
    step: int
    outcome: str
    reason: str = ""
    detail: str = ""
    file: str = ""
    quality: float | None = None
    own: float | None = None
    nearest: float | None = None
    lineage: str = ""
    licence: str | None = None
    consent: str | None = None
    parameters: str = ""
    memory: str = ""


SHOWN = tuple(f.name for f in fields(Try) if f.name not in ("parameters", "memory", "licence", "consent"))
"""What the table holds."""
_TYPES = {"int": pa.int64(), "float | None": pa.float64(), "str": pa.string(), "str | None": pa.string()}


class Ledger:
    """The tries of one fill; use as a context manager to write.

    Args:
        folder: Of the fill.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tries: list[Try] = []
        self._file: BinaryIO | None = None
        self._whole = 0
        path = folder / LINES
        if path.is_file():
            self._read(path)

    def _read(self, path: Path) -> None:
        """Read the tries; one of several pictures that was not written to its end is dropped."""
        ends: list[tuple[Try, int]] = []
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._whole += len(line)
                try:
                    data = json.loads(line)
                    found = [Try(**row) for row in data]
                except (ValueError, TypeError) as error:
                    fix = "Give the fill another name, or delete its folder"
                    raise DatasetError(f"{path} is damaged", str(error), fix) from error
                ends += [(one, self._whole) for one in found]
        self.tries = [one for one, _ in ends]

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / LINES).open("ab")
            self._file.truncate(self._whole)
        except OSError as error:
            raise DatasetError(f"{self.folder} cannot be written", error.strerror or str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, rows: Iterable[Try]) -> None:
        """Write what was decided of one try, all of its pictures in one line, synced.

        Raises:
            DatasetError: if the disk refuses.
        """
        assert self._file is not None
        rows = list(rows)
        try:
            self._file.write(json.dumps([asdict(r) for r in rows], ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DatasetError(f"{self.folder} cannot be written", error.strerror or str(error)) from error
        self.tries += rows

    def save(self) -> None:
        """Write all tries as a table."""
        columns = {f.name: str(f.type) for f in fields(Try) if f.name in SHOWN}
        arrays = [pa.array([getattr(t, n) for t in self.tries], _TYPES[kind]) for n, kind in columns.items()]
        write_table(self.folder / TABLE, pa.table(arrays, names=list(columns)))


def packed(hashes: dict[str, Any], small: NDArray[np.uint8], embedding: Any) -> str:
    """What later tries are compared with, as text."""
    import cv2

    picture = bytes(cv2.imencode(".png", small)[1])
    plain = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in hashes.items()}
    vector = None if embedding is None else np.asarray(embedding, np.float32).tolist()
    return json.dumps({"hashes": plain, "small": base64.b64encode(picture).decode(), "embedding": vector})


def unpacked(text: str) -> tuple[dict[str, Any], NDArray[np.uint8], Any]:
    """What `packed` was given."""
    import cv2

    data = json.loads(text)
    hashes = {k: base64.b64decode(v) if isinstance(v, str) else v for k, v in data["hashes"].items()}
    picture = np.frombuffer(base64.b64decode(data["small"]), np.uint8)
    return hashes, np.asarray(cv2.imdecode(picture, cv2.IMREAD_COLOR), np.uint8), data["embedding"]
