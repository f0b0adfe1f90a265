"""Columns of a user's table as arrays, with one clear line where a value is not what it should be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.measures.summary import GROUPS
from schemas import UsageError

EMPTY = frozenset({"", "nan", "none", "null"})


def numbers(table: pa.Table, column: str, path: Path, gaps: bool = False) -> NDArray[np.float64]:
    """A column as numbers, (rows,).

    Args:
        table: The table.
        column: Its name.
        path: Of the table, for the message.
        gaps: Empty cells become NaN; if not, they are an error.

    Raises:
        UsageError: for a cell that is no number.
    """
    found = []
    for row, value in enumerate(table.column(column).to_pylist()):
        if value is None or str(value).strip().lower() in EMPTY:
            if not gaps:
                raise UsageError(f"{path} has no {column} in row {row + 1}")
            found.append(math.nan)
            continue
        try:
            found.append(float(value))
        except ValueError:
            raise UsageError(f"{path} says {value!r} in {column}, row {row + 1}", "it is no number") from None
    return np.array(found, np.float64)


def texts(table: pa.Table, column: str) -> list[str | None]:
    """A column as texts; empty cells are None."""
    return [None if v is None or not str(v).strip() else str(v).strip() for v in table.column(column).to_pylist()]


def groups_of(table: pa.Table, *more: str) -> dict[str, list[Any]]:
    """Grouping -> group of each row, for perceived groups and other columns that the table has."""
    names = [*(c.name for c in GROUPS), *more]
    return {name: texts(table, name) for name in dict.fromkeys(names) if name in table.column_names}
