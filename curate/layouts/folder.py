"""A new folder with rows: JSON lines, Parquet, and a manifest with the hash of every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate import __version__
from curate.store.parts import read_json, replacing, write_json, write_table
from schemas import DatasetError

ROWS, TABLE, MANIFEST = "rows.jsonl", "rows.parquet", "facecurate-layout.json"


def claim(folder: Path) -> None:
    """Make sure that a folder is new or empty, and make it.

    Raises:
        DatasetError: if it holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} is not an empty folder", fix="Give the name of a new folder")
    folder.mkdir(parents=True, exist_ok=True)


def put(folder: Path, name: str, data: bytes) -> str:
    """Write a file below the folder, whole or not at all; gives its name."""
    with replacing(folder / name) as file:
        file.write(data)
    return name


def finish(folder: Path, kind: str, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> dict[str, Any]:
    """Write the rows and the manifest.

    Args:
        folder: One that `claim` made.
        kind: What the rows are.
        rows: Plain JSON data with the same keys.
        about: What was chosen and counted, for the manifest.

    Returns:
        The manifest.
    """
    put(folder, ROWS, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())
    names = list(dict.fromkeys(name for row in rows for name in row))
    write_table(folder / TABLE, pa.table({n: pa.array([r.get(n) for r in rows]) for n in names}))
    told = {
        "format": "facecurate-layout", "version": 1, "kind": kind, "made_by": f"facecurate {__version__}",
        "rows": len(rows), **about, "files": _hashes(folder),
    }  # fmt: skip
    write_json(folder / MANIFEST, told)
    return told


def read(folder: Path) -> list[dict[str, Any]]:
    """The rows of a folder, once all of its files are as the manifest says.

    Raises:
        DatasetError: if it is no such folder, or a file is missing or another.
    """
    if not (folder / MANIFEST).is_file():
        raise DatasetError(f"{folder} is no folder that `layout` wrote", f"it has no {MANIFEST}")
    told, found = read_json(folder / MANIFEST)["files"], _hashes(folder)
    if odd := sorted(name for name in {*told, *found} if told.get(name) != found.get(name)):
        raise DatasetError(f"{folder} is not as it was written", f"{odd[0]} is missing, new or another")
    return [json.loads(line) for line in (folder / ROWS).read_text("utf-8").splitlines()]


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
