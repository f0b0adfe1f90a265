"""Reads a folder of pairs back: every file opens at its size, both tables agree, rules and figures come out again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.encode import picture_size
from curate.pairs.base import PairKind, Row
from curate.pairs.pool import Pool
from curate.pairs.rules import Rules
from curate.pairs.table import LINES, PARQUET, computed
from curate.pairs.write import Shots
from curate.store.parts import read_table
from schemas import DatasetError

TOLERANCE = 1e-6
MOST = 20
"""Differences that are told one by one."""


@dataclass
class Check:
    """What came back.

    Attributes:
        rows: Rows that were read.
        files: Files that were opened.
        values: Figures that were computed again.
        wrong: What differs -> how often.
        examples: Some differences in words.
    """

    rows: int = 0
    files: int = 0
    values: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether everything is as it was given."""
        return not self.wrong

    def tell(self, what: str, text: str) -> None:
        """Note a difference."""
        self.wrong[what] += 1
        if len(self.examples) < MOST:
            self.examples.append(text)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the manifest."""
        return {"equal": self.equal, "rows": self.rows, "files": self.files, "values": self.values,
                "wrong": dict(self.wrong), "examples": self.examples}  # fmt: skip


def check(
    folder: Path, pool: Pool, kind: PairKind, rows: Sequence[Row], given: Sequence[Mapping[str, Any]], shots: Shots
) -> Check:
    """Read a folder back.

    Args:
        folder: It.
        pool: Read from the dataset anew.
        kind: Of the pairs.
        rows: Rows that were written.
        given: Their records.
        shots: Their pictures.
    """
    found = Check()
    table = read_table(folder / PARQUET).to_pylist()
    with (folder / LINES).open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    if not len(table) == len(lines) == len(given):
        found.tell("rows", f"{len(given)} rows were given, {PARQUET} has {len(table)}, {LINES} has {len(lines)}")
    rules = Rules(kind)
    for record, line, row, told in zip(given, lines, rows, table, strict=False):
        found.rows += 1
        for form, back in ((PARQUET, told), (LINES, line)):
            if name := _unlike(record, back):
                found.tell(name, f"{form}, row {record['pair_id']}: {name} is {_short(back.get(name))}")
        _recompute(found, pool, rules, row, told, kind)
    _open(found, folder, shots)
    return found


def _recompute(found: Check, pool: Pool, rules: Rules, row: Row, told: Mapping[str, Any], kind: PairKind) -> None:
    """Find the faces by the ids in the file, and judge and measure them again."""
    faces = {}
    for role in kind.roles:
        ids = told[f"{role.name}_faces"] if role.many else [told[f"{role.name}_face"]]
        faces[role.name] = tuple(pool.row_of[i] for i in ids or () if i is not None)
    again = Row(faces, row.notes)
    verdict = rules.judge(pool, again)
    if not verdict:
        found.tell("rules", f"row {told['pair_id']}: {verdict.reason}")
    for name, value in computed(pool, rules, again).items():
        found.values += 1
        if not close(value, told.get(name)):
            found.tell(name, f"row {told['pair_id']}: {name} is {_short(told.get(name))}, computed {_short(value)}")


def close(first: Any, second: Any) -> bool:
    """Whether two plain values are the same, numbers to within 1e-6; what is absent is null."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return all(close(first.get(k), second.get(k)) for k in {*first, *second})
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(close(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, float | int) and isinstance(second, float | int):
        return bool(np.isclose(first, second, rtol=TOLERANCE, atol=TOLERANCE))
    return bool(first == second)


def _unlike(given: Mapping[str, Any], back: Mapping[str, Any]) -> str:
    """The first column that did not come back; empty if all did."""
    return next((n for n in {**given, **back} if not close(given.get(n), back.get(n))), "")


def _open(found: Check, folder: Path, shots: Shots) -> None:
    sizes = {w.file: (w.width, w.height) for w in shots.written.values()}
    for name, facts in shots.files.items():
        found.files += 1
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            found.tell("files", f"{name} cannot be read: {error.strerror}")
            continue
        if len(data) != facts["bytes"] or hashlib.sha256(data).hexdigest() != facts["sha256"]:
            found.tell("files", f"{name} has other bytes")
        elif (name in sizes or name.endswith(".png")) and not _pictured(data, sizes.get(name)):
            found.tell("files", f"{name} is no picture of its size")


def _pictured(data: bytes, size: tuple[int, int] | None) -> bool:
    from curate.export.encode import decode

    try:
        pixels = decode(data)
        found = picture_size(data)
    except (ValueError, OSError):
        return False
    return found == (pixels.shape[1], pixels.shape[0]) and size in (None, found)


def _short(value: Any) -> str:
    return " ".join(repr(value).split())[:80]


def faithful(found: Check, folder: Path) -> None:
    """Raise if a folder did not come back as it was given.

    Raises:
        DatasetError: with the first difference.
    """
    if not found.equal:
        raise DatasetError(f"{folder} is not as it was given", found.examples[0], "Delete the folder and try again")
