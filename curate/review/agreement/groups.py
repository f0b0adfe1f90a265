"""Ways to divide the faces: by perceived groups as they stood when the review began, and by what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.grouping import BETWEEN, CROSS
from curate.review.agreement.beside import Beside
from curate.review.agreement.items import seen_blind
from schemas import REGISTRY, Column, Kind, UnknownNameError, UsageError, taxonomy
from schemas.bins import bins
from schemas.columns import labels

DEFAULT = (labels.RACE, labels.GENDER)
ARM = "what was shown"
ASSISTED, BLIND = "the model's answers", "the picture alone"
BINS = {labels.AGE.name: "age-fairface", labels.ITA.name: "ita"}
"""Numbers that are grouped by their classes."""
FLAG = ("no", "yes")


@dataclass(frozen=True)
class Grouping:
    """One way to divide the faces.

    Attributes:
        by: Name of the column, `a*b` where two are crossed, or `ARM`.
        names: Group of each face, None where it is not known.
        order: Groups in order.
        demographic: It is about people, so that the best and the worst group are compared.
    """

    by: str
    names: NDArray[Any]
    order: tuple[str, ...]
    demographic: bool = True


def groupings(beside: Beside, by: Sequence[str] | None) -> list[Grouping]:
    """The groupings that were asked for, by default perceived race and gender where they are known.

    Args:
        beside: What the review began with: groups are as the models perceived the faces, not as reviewers say.
        by: Columns; `a*b` crosses two.

    Raises:
        UnknownNameError: if a column is not in the dataset.
        UsageError: if a column's values are no groups.
    """
    wanted = by if by is not None else [c.name for c in DEFAULT if c.name in beside.columns]
    return [_crossed([_single(beside, part.strip()) for part in name.split(CROSS)]) for name in wanted]


def by_arm(beside: Beside) -> Grouping:
    """Faces that all reviewers saw with the model's answers, or all saw without."""
    blind = seen_blind(beside.words)
    known = np.isfinite(blind)
    told = [set(row[ok].tolist()) for row, ok in zip(blind, known, strict=True)]
    names = [BLIND if t == {1.0} else ASSISTED if t == {0.0} else None for t in told]
    order = tuple(g for g in (ASSISTED, BLIND) if g in names)
    return Grouping(ARM, np.array(names, dtype=object), order, demographic=False)


def _single(beside: Beside, name: str) -> Grouping:
    if name not in beside.columns or name not in REGISTRY:
        raise UnknownNameError("column to group by", name, beside.columns)
    column = REGISTRY[name]
    values, order = _labelled(column, beside.shown(column))
    seen = set(values)
    return Grouping(name, np.array(values, dtype=object), tuple(o for o in order if o in seen))


def _labelled(column: Column, values: Sequence[Any]) -> tuple[list[str | None], tuple[str, ...]]:
    if column.name in BINS:
        found = bins(BINS[column.name])
        return [None if v is None else found.label(float(v)) for v in values], taxonomy(found.taxonomy_name).labels
    if column.kind is Kind.LABEL and column.taxonomy:
        return list(values), taxonomy(column.taxonomy).labels
    if column.kind is Kind.FLAG:
        return [None if v is None else FLAG[bool(v)] for v in values], FLAG
    raise UsageError(f"column {column.name} has no groups", f"it is {column.kind.value}", "Group by a label or a flag")


def _crossed(parts: Sequence[Grouping]) -> Grouping:
    if len(parts) == 1:
        return parts[0]
    rows = list(zip(*(p.names for p in parts), strict=True))
    names = np.array([None if None in row else BETWEEN.join(row) for row in rows], dtype=object)
    order: list[tuple[str, ...]] = [()]
    for part in parts:
        order = [(*head, tail) for head in order for tail in part.order]
    seen = set(names.tolist())
    return Grouping(CROSS.join(p.by for p in parts), names, tuple(t for o in order if (t := BETWEEN.join(o)) in seen))
