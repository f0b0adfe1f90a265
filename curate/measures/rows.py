"""Ratings, names and vectors in a user's table, with one clear line where a value is not what it must be."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.measures.columns_of_tables import texts
from schemas import UsageError

Floats = NDArray[np.float64]


def filled(table: pa.Table, name: str, path: Path) -> list[str]:
    """A column of texts in which none may be missing.

    Raises:
        UsageError: naming the row in which nothing stands.
    """
    found = []
    for row, value in enumerate(texts(table, name), start=1):
        if value is None:
            raise UsageError(f"{path} has nothing in {name} of row {row}")
        found.append(value)
    return found


def vectors(table: pa.Table, name: str, path: Path) -> Floats:
    """A column of lists of numbers, or of their JSON, shape (n, length).

    Raises:
        UsageError: if one is missing, of another length, or no list of numbers.
    """
    rows = []
    for row, value in enumerate(table.column(name).to_pylist(), start=1):
        try:
            rows.append(np.asarray(json.loads(value) if isinstance(value, str) else value, np.float64).reshape(-1))
        except (TypeError, ValueError) as error:
            raise UsageError(f"{path} has no list of numbers in {name} of row {row}", str(error)) from error
        if len(rows[-1]) != len(rows[0]) or not np.isfinite(rows[-1]).all():
            raise UsageError(f"{path} has {len(rows[-1])} numbers in {name} of row {row}, {len(rows[0])} in row 1")
    if not rows:
        raise UsageError(f"{path} has no rows")
    return np.stack(rows)


def pivot(cases: Sequence[str], raters: Sequence[str], values: Sequence[Any], path: Path) -> Rated:
    """A long list of ratings as a table of cases by raters.

    Raises:
        UsageError: if a rater rated a case twice.
    """
    names, people = list(dict.fromkeys(cases)), list(dict.fromkeys(raters))
    row, column = {c: i for i, c in enumerate(names)}, {r: i for i, r in enumerate(people)}
    found: list[list[Any]] = [[None] * len(people) for _ in names]
    for case, rater, value in zip(cases, raters, values, strict=True):
        if value is None:
            continue
        if found[row[case]][column[rater]] is not None:
            raise UsageError(f"{path}: {rater} rated {case} twice", fix="Keep one of the two rows")
        found[row[case]][column[rater]] = value
    return Rated(names, people, found)


class Rated:
    """Ratings as a table.

    Args:
        cases: Names of the rows.
        raters: Names of the columns.
        values: (cases, raters); None where a rater said nothing.
    """

    def __init__(self, cases: list[str], raters: list[str], values: list[list[Any]]) -> None:
        self.cases = cases
        self.raters = raters
        self.values = values

    def numbers(self) -> Floats:
        """(cases, raters) of numbers; NaN where a rater said nothing."""
        told = [[math.nan if v is None else float(v) for v in row] for row in self.values]
        return np.asarray(told, np.float64).reshape(len(self.cases), len(self.raters))
