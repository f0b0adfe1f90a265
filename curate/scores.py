"""Which probabilities stand beside a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas import REGISTRY, Column, Kind


def scores_beside(column: Column) -> Column | None:
    """The column of probabilities for the classes of a label column, if one is declared.

    It is called `NAME_prob`, where a trailing `_group` of the label's name is dropped
    (`perceived_age_group` stands beside `perceived_age_prob`).
    """
    if column.kind is not Kind.LABEL:
        return None
    for stem in (column.name, column.name.removesuffix("_group")):
        found = REGISTRY.get(f"{stem}_prob")
        if found is not None and found.kind is Kind.SCORES and found.taxonomy == column.taxonomy:
            return found
    return None


def probability(row: Mapping[str, Any], column: Column) -> float | None:
    """The probability of a row's label, or None where either is missing."""
    beside = scores_beside(column)
    scores = row.get(beside.name) if beside else None
    value = scores.get(row[column.name]) if isinstance(scores, Mapping) and row.get(column.name) else None
    return None if value is None else float(value)
