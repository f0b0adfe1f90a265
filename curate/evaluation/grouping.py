"""Groups of faces: by the truth's columns, else by the dataset's, alone or crossed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.board import Board
from curate.evaluation.roles import DEMOGRAPHIC, concept_of, concept_of_column
from curate.evaluation.vocabulary import read_labels
from schemas import REGISTRY, Column, FacecurateError, Kind, UnknownNameError, UsageError, taxonomy
from schemas.bins import bins
from schemas.columns import labels

CROSS = "*"
BETWEEN = " · "
MOST_GROUPS = 60
"""A column with more values than this is no column of groups."""
_BINS_OF_COLUMN = {labels.AGE.name: "age-fairface", labels.ITA.name: "ita"}
_FIRST_TAXONOMY = {"age": "age-fairface-9", "gender": "gender-2", "race": "race-fairface-7", "skin": "monk-10"}


@dataclass(frozen=True)
class Grouping:
    """One way to divide the matched faces.

    Attributes:
        by: Name, `a*b` where two are crossed.
        source: `truth`, `dataset`, or `truth and dataset`.
        names: Group of every matched face, None where it is not known.
        order: Groups in order.
    """

    by: str
    source: str
    names: NDArray[Any]
    order: tuple[str, ...]


def groupings(board: Board) -> list[Grouping]:
    """The groupings that were asked for, or the demographic ones at hand.

    Raises:
        UnknownNameError: if a column to group by is neither in the truth nor in the dataset.
        UsageError: if it has too many values to be groups.
    """
    wanted = board.options.by
    if wanted is None:
        return [g for g in (_single(board, name) for name in default_by(board)) if len(g.order) > 1]
    return [_crossed(board, name.split(CROSS)) for name in wanted]


def default_by(board: Board) -> list[str]:
    """Demographic columns: the truth's own, and the dataset's where the truth is silent."""
    chosen: list[str] = []
    present = [REGISTRY[n] for n in board.table.column_names if n in REGISTRY]
    for concept in DEMOGRAPHIC:
        own = [n for n in board.truth.columns if concept_of(n) == concept]
        own = [n for n in own if any(v is not None for v in board.truth.columns[n])]
        others = [c.name for c in present if concept_of_column(c) == concept and c.kind is Kind.LABEL]
        if own or others:
            chosen.append((own or others)[0])
    return chosen


def group_columns(by: Sequence[str] | None, truth_columns: Sequence[str], present: Sequence[str]) -> list[Column]:
    """Dataset columns that grouping may read."""
    known = [REGISTRY[n] for n in present if n in REGISTRY]
    if by is None:
        return [c for c in known if c.kind is Kind.LABEL and concept_of_column(c) in DEMOGRAPHIC]
    parts = {p.strip() for name in by for p in name.split(CROSS)} - set(truth_columns)
    return [c for c in known if c.name in parts]


def _crossed(board: Board, parts: Sequence[str]) -> Grouping:
    singles = [_single(board, part.strip()) for part in parts]
    if len(singles) == 1:
        return singles[0]
    rows = list(zip(*(s.names for s in singles), strict=True))
    names = np.array([None if None in row else BETWEEN.join(row) for row in rows], dtype=object)
    seen = set(names.tolist()) - {None}
    order: list[tuple[str, ...]] = [()]
    for single in singles:
        order = [(*head, tail) for head in order for tail in single.order]
    present = tuple(name for name in (BETWEEN.join(o) for o in order) if name in seen)
    source = " and ".join(dict.fromkeys(s.source for s in singles))
    return Grouping(CROSS.join(s.by for s in singles), source, names, present)


def _single(board: Board, name: str) -> Grouping:
    if name in board.truth.columns:
        return _of_truth(board, name)
    if board.has(name) and name in REGISTRY:
        return _of_dataset(board, REGISTRY[name])
    raise UnknownNameError("column to group by", name, [*board.truth.columns, *board.ds.columns()])


def _of_truth(board: Board, name: str) -> Grouping:
    values = board.truth.columns[name]
    concept = concept_of(name)
    if concept == "age" and all(v is None or _is_number(v) for v in values):
        return _binned(name, "truth", values, "age-fairface")
    target = _FIRST_TAXONOMY.get(concept, "")
    if name in REGISTRY and REGISTRY[name].taxonomy and REGISTRY[name].kind is Kind.LABEL:
        target = REGISTRY[name].taxonomy
    if target:
        try:
            spoken = read_labels(name, values, target, board.options.maps.get(name, ""))
            return _ordered(name, "truth", spoken.labels, taxonomy(spoken.taxonomy).labels)
        except FacecurateError:
            if name in board.options.maps:
                raise
    return _by_value(name, "truth", values)


def _of_dataset(board: Board, column: Column) -> Grouping:
    values = board.values(column).to_pylist()
    if column.name in _BINS_OF_COLUMN:
        return _binned(column.name, "dataset", values, _BINS_OF_COLUMN[column.name])
    if column.kind is Kind.LABEL and column.taxonomy:
        return _ordered(column.name, "dataset", values, taxonomy(column.taxonomy).labels)
    return _by_value(column.name, "dataset", values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _binned(name: str, source: str, values: Sequence[Any], by: str) -> Grouping:
    found = bins(by)
    named = [None if v is None or not found.low <= v <= found.high else found.label(float(v)) for v in values]
    return _ordered(name, source, named, taxonomy(found.taxonomy_name).labels)


def _ordered(name: str, source: str, values: Sequence[str | None], order: Sequence[str]) -> Grouping:
    seen = set(values)
    return Grouping(name, source, np.array(values, dtype=object), tuple(o for o in order if o in seen))


def _by_value(name: str, source: str, values: Sequence[Any]) -> Grouping:
    filled = [v for v in values if v is not None]
    if len(set(map(str, filled))) > 12 and all(_is_number(v) for v in filled):
        return _quarters(name, source, values)
    texts = [None if v is None else str(v) for v in values]
    counts = Counter(t for t in texts if t is not None)
    if len(counts) > MOST_GROUPS:
        raise UsageError(
            f"column {name} has {len(counts):,} values", "too many to be groups", "Group by another column"
        )
    ranked = sorted(counts, key=lambda t: (-counts[t], t))
    return Grouping(name, source, np.array(texts, dtype=object), tuple(ranked))


def _quarters(name: str, source: str, values: Sequence[Any]) -> Grouping:
    numbers = np.array([np.nan if v is None else float(v) for v in values])
    cuts = np.unique(np.nanquantile(numbers, (0.25, 0.5, 0.75)))
    edges = [float(np.nanmin(numbers)), *cuts.tolist(), float(np.nanmax(numbers))]
    order = tuple(f"{a:.3g} to {b:.3g}" for a, b in itertools.pairwise(edges))
    index = np.searchsorted(cuts, numbers, side="right")
    named = [None if np.isnan(v) else order[i] for v, i in zip(numbers, index, strict=True)]
    return Grouping(name, source, np.array(named, dtype=object), order)
