"""FACS annotations as a table, one row a frame: shown by which group more often, and how atypical they look.

For annotations like Hugging Rain Man's, whose pictures may not be shared. Each unit is a presence (any side), each
rating a number; all p-values are adjusted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from curate.audit.compare_tests import Tested, levels, presences
from curate.audit.testing import adjusted
from curate.evaluation.intervals import Estimate
from schemas import UsageError

LEAST = 3
"""Frames that a group must have for a test."""


@dataclass(frozen=True)
class Row:
    """One unit or rating compared between two or more groups.

    Attributes:
        name: Column.
        test: `chi2` or `fisher` of presences, `mann-whitney` or `kruskal` of ratings.
        statistic: NaN where the test has none.
        p: p-value; NaN where nothing could be tested.
        p_adjusted: By Benjamini and Hochberg over all rows.
        values: Group -> share of frames that show the unit, or mean rating.
        n: Group -> frames with a value.
        effect: Odds ratio or Cliff's delta, of the first group against the second.
        measure: What the effect is.
    """

    name: str
    test: str
    statistic: float
    p: float
    p_adjusted: float
    values: dict[str, float]
    n: dict[str, int]
    effect: Estimate
    measure: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; NaN becomes None."""
        numbers = {"statistic": self.statistic, "p": self.p, "p_adjusted": self.p_adjusted}
        return {
            "name": self.name, "test": self.test, **{k: v if np.isfinite(v) else None for k, v in numbers.items()},
            "values": self.values, "n": self.n, "effect": self.effect.as_dict(), "measure": self.measure,
        }  # fmt: skip


def compare_table(table: pa.Table, by: str, units: Sequence[str], ratings: Sequence[str] = ()) -> list[Row]:
    """Every unit and rating, compared between the groups of a column; the least adjusted p-value first.

    Args:
        table: A row per frame.
        by: Column of the groups; frames without one take no part.
        units: Columns of codes; any code above 0 is a presence, null is not coded.
        ratings: Columns of numbers, as numbers or as text.

    Raises:
        UsageError: for a missing column, a rating that is no number, or fewer than two groups of `LEAST` frames.
    """
    missing = [name for name in (by, *units, *ratings) if name not in table.column_names]
    if missing:
        raise UsageError(f"the table has no column {', '.join(missing)}", f"it has {', '.join(table.column_names)}")
    group = np.array([None if g is None else str(g) for g in table.column(by).to_pylist()], object)
    names = [g for g in sorted({g for g in group if g is not None}) if (group == g).sum() >= LEAST]
    if len(names) < 2:
        raise UsageError(f"column {by} has {len(names)} groups of {LEAST} frames or more", "a comparison needs two")
    found = []
    for name in (*units, *ratings):
        numbers = _numbers(table.column(name).to_pylist(), name)
        values = numbers if name in ratings else np.where(np.isfinite(numbers), numbers > 0, np.nan)
        split = [values[(group == g) & np.isfinite(values)] for g in names]
        if min(map(len, split)) < LEAST:
            continue
        test = levels(split) if name in ratings else presences([int(v.sum()) for v in split], [len(v) for v in split])
        found.append((name, test, split))
    over = adjusted([test.test.p for _, test, _ in found])
    rows = [_row(name, test, float(q), names, split) for (name, test, split), q in zip(found, over, strict=True)]
    return sorted(rows, key=lambda r: (not np.isfinite(r.p), r.p_adjusted, r.p, r.name))


def _row(name: str, found: Tested, q: float, names: Sequence[str], split: Sequence[Any]) -> Row:
    values = {g: float(v.mean()) for g, v in zip(names, split, strict=True)}
    n = {g: len(v) for g, v in zip(names, split, strict=True)}
    test = found.test
    return Row(name, test.name, test.statistic, test.p, q, values, n, found.effect, found.measure)


def _numbers(cells: Sequence[Any], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.array([np.nan if c in (None, "") else float(c) for c in cells], np.float64)
    except ValueError as error:
        raise UsageError(f"column {name} holds what is no number", str(error)) from error
