"""Means and shares with their intervals, as plain rows of a measure's tables: of all, by edit, by perceived group."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.intervals import Estimate, bootstrap, proportion
from curate.evaluation.metrics.counting import mean
from schemas.columns import labels

GROUPS = (labels.GENDER, labels.RACE, labels.AGE_GROUP, labels.MONK)
"""Perceived groups that figures of faces are given for, where the labels are at hand."""

Row = dict[str, Any]
Values = ArrayLike | Sequence[float | None]
"""Numbers, None where there is none."""


def number(value: float | None) -> float | None:
    """A number for JSON; what is not finite becomes None."""
    return None if value is None or not math.isfinite(value) else float(value)


def averaged(values: Values, clusters: ArrayLike | None = None) -> Estimate:
    """Mean of the values that are numbers, with its bootstrap interval.

    Args:
        values: (n,); None and NaN are left out.
        clusters: What is drawn instead of single cases, such as the person of each, (n,).
    """
    numbers = np.array([math.nan if v is None else float(v) for v in np.asarray(values, object).reshape(-1)])
    known = np.isfinite(numbers)
    who = None if clusters is None else np.asarray(clusters)[known]
    return bootstrap(mean, numbers[known], clusters=who)


def mean_of(values: Values, clusters: ArrayLike | None = None) -> Row:
    """`n`, `mean`, `low` and `high` of values; see `averaged`."""
    return row_of(averaged(values, clusters), "mean")


def share_of(hits: ArrayLike) -> Row:
    """`n`, `share`, `low` and `high` of booleans, with Wilson's interval."""
    return row_of(proportion(np.asarray(hits, bool)), "share")


def row_of(found: Estimate, what: str) -> Row:
    """An estimate as a row: `n`, the figure by its name, `low`, `high`."""
    return {"n": found.n, what: number(found.value), "low": number(found.low), "high": number(found.high)}


def by_group(
    values: Values, groups: Mapping[str, Sequence[Any]], clusters: ArrayLike | None = None, shares: bool = False
) -> list[Row]:
    """A mean, or share, for each group of each grouping.

    Args:
        values: (n,).
        groups: Grouping -> group of each case, None where it is not known.
        clusters: See `averaged`.
        shares: The values are booleans.

    Returns:
        Rows of `by`, `group`, `n`, `mean` (or `share`), `low`, `high`; no row for a group without cases.
    """
    rows = []
    for by, names in groups.items():
        for group, chosen in members(names):
            part = np.asarray(values, object)[chosen]
            who = None if clusters is None else np.asarray(clusters)[chosen]
            rows.append({"by": by, "group": group, **(share_of(part) if shares else mean_of(part, who))})
    return rows


def members(names: Sequence[Any]) -> list[tuple[str, NDArray[np.intp]]]:
    """Each group and the rows that belong to it, sorted by name; None belongs to none."""
    listed = [None if n is None else str(n) for n in names]
    present = sorted({n for n in listed if n is not None})
    return [(group, np.flatnonzero([n == group for n in listed])) for group in present]


def perceived(rows: Iterable[Mapping[str, Any] | None]) -> dict[str, list[Any]]:
    """Grouping -> group of each face, for those of `GROUPS` that any row knows.

    Args:
        rows: Labels of each face by column name, None where there is no face.
    """
    listed = [row or {} for row in rows]
    found = {c.name: [row.get(c.name) for row in listed] for c in GROUPS}
    return {name: values for name, values in found.items() if any(v is not None for v in values)}


__all__ = ["GROUPS", "Row", "averaged", "by_group", "mean_of", "members", "number", "perceived", "row_of", "share_of"]
