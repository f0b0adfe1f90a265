"""Tables that a user supplies for a layout: CSV, TSV, JSON lines or Parquet, with one clear line for what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas import UsageError

EMPTY = frozenset({"", "null", "none", "nan"})


def rows_of(path: Path, needed: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table; empty cells and words for nothing become None.

    Raises:
        UsageError: if it cannot be read or lacks a column.
    """
    from curate.measures.run import read_table

    table = read_table(path)
    if missing := [c for c in needed if c not in table.column_names]:
        raise UsageError(f"{path} has no column {', '.join(missing)}", f"it has {', '.join(table.column_names)}")
    return [{k: _cell(v) for k, v in row.items()} for row in table.to_pylist()]


def _cell(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() in EMPTY else value


def needed(row: dict[str, Any], name: str, path: Path, number: int) -> str:
    """A cell that must not be empty, as text.

    Raises:
        UsageError: if it is.
    """
    if row.get(name) is None:
        raise UsageError(f"{path}, row {number + 1}: {name} is empty")
    return str(row[name]).strip()


def file_beside(path: Path, named: Any, number: int) -> Path:
    """A file that a table names; relative paths start at the table's folder.

    Raises:
        UsageError: if there is none.
    """
    found = Path(str(named))
    found = found if found.is_absolute() else path.parent / found
    if not found.is_file():
        raise UsageError(f"{path}, row {number + 1} names {named}", f"there is no file {found}")
    return found
