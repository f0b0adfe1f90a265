"""Two labels against each other, as counts."""

from __future__ import annotations

from dataclasses import dataclass

from curate.report.distributions import MISSING
from curate.store import Dataset
from schemas import Column, taxonomy

SHADES = 5


@dataclass(frozen=True)
class Crosstab:
    """Counts of two label columns.

    Attributes:
        rows: Name of the column down the side.
        columns: Name of the column across the top.
        head: Labels across the top.
        body: A label and, for each label of the head, (count, shade 0 to 5).
    """

    rows: str
    columns: str
    head: tuple[str, ...]
    body: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]


def crosstab(ds: Dataset, down: Column, across: Column) -> Crosstab | None:
    """Count the faces in every cell, or None if either column is not in the dataset."""
    if not {down.name, across.name} <= set(ds.columns()):
        return None
    counted = ds.faces([down, across]).group_by([down.name, across.name]).aggregate([([], "count_all")])
    cells = {(r[down.name], r[across.name]): int(r["count_all"]) for r in counted.to_pylist()}
    sides = [_labels(down, {k[0] for k in cells}), _labels(across, {k[1] for k in cells})]
    peak = max(cells.values(), default=1)
    body = tuple(
        (label or MISSING, tuple((n := cells.get((label, other), 0), -(-SHADES * n // peak)) for other in sides[1]))
        for label in sides[0]
    )
    return Crosstab(down.name, across.name, tuple(label or MISSING for label in sides[1]), body)


def _labels(column: Column, found: set[str | None]) -> list[str | None]:
    """Labels in the taxonomy's order, then what else was found, then null."""
    known = list(taxonomy(column.taxonomy).labels) if column.taxonomy else []
    others = sorted(v for v in found if v is not None and v not in known)
    return [*known, *others, *([None] if None in found else [])]
