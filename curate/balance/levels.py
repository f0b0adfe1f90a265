"""Columns as groups: labels as they are, numbers by their bins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.evaluation.grouping import MOST_GROUPS
from schemas import REGISTRY, Kind, UnknownNameError, UsageError, taxonomy
from schemas.bins import bins
from schemas.columns import labels

_BINS_OF_COLUMN = {labels.AGE.name: "age-fairface", labels.ITA.name: "ita"}
Texts = Callable[[pa.Array], pa.Array]
Side = Literal["left", "right"]


class Levels:
    """The groups of one column.

    Args:
        column: Name of the column.
        edges: Limits between the groups of a column of numbers; a number equal to a limit is above it.

    Attributes:
        order: Labels met so far, those of a taxonomy or of bins in their order, others by name.
    """

    def __init__(self, column: str, edges: tuple[float, ...] = ()) -> None:
        self.column = column
        self._numbers: dict[str, int] = {}
        self._known: tuple[str, ...] = ()
        self._texts: Texts = self._as_text
        declared = REGISTRY.get(column)
        if edges:
            self._known = _names(edges)
            self._texts = _cut(edges, self._known)
        elif column in _BINS_OF_COLUMN:
            found = bins(_BINS_OF_COLUMN[column])
            self._known = found.labels
            side: Side = "right" if found.limit_belongs_above else "left"
            self._texts = _cut(found.limits, found.labels, side, found.low, found.high)
        elif declared is not None and declared.kind is Kind.LABEL and declared.taxonomy:
            self._known = taxonomy(declared.taxonomy).labels
        elif declared is not None and declared.kind not in (Kind.LABEL, Kind.FLAG, Kind.TEXT, Kind.ID):
            raise _not_groups(column, f"its kind is {declared.kind.value}")

    @property
    def order(self) -> tuple[str, ...]:
        """Labels met so far."""
        met = set(self._numbers)
        return tuple(n for n in self._known if n in met) + tuple(sorted(met - set(self._known)))

    def codes(self, values: pa.Array) -> NDArray[np.int32]:
        """A number per value by the order in which labels were first met; -1 for null."""
        texts = self._texts(values).dictionary_encode()
        table = np.array([self._number(text) for text in texts.dictionary.to_pylist()] + [-1], np.int32)
        return table[np.asarray(pc.fill_null(texts.indices, len(table) - 1), np.int64)]

    def place(self) -> NDArray[np.int32]:
        """Place in `order` of each number that `codes` gave."""
        order = self.order
        return np.array([order.index(text) for text in self._numbers], np.int32)

    def expect(self, label: str) -> None:
        """Count a label as met, whether a face has it or not."""
        self._number(self.canonical(label))

    def canonical(self, label: str) -> str:
        """The spelling of a label: one that was met, or one of the taxonomy or the bins.

        Raises:
            UnknownNameError: for any other, unless the column's labels are free text.
        """
        known = {**dict.fromkeys(self._known), **dict.fromkeys(self._numbers)}
        lower = {name.lower(): name for name in known}
        if label.lower() in lower:
            return lower[label.lower()]
        if self._known or not label:
            raise UnknownNameError(f"label of {self.column}", label, known)
        return label

    def _number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self._numbers)
            if len(self._numbers) > MOST_GROUPS:
                raise _not_groups(self.column, f"it has more than {MOST_GROUPS} values")
        return self._numbers[text]

    def _as_text(self, values: pa.Array) -> pa.Array:
        if pa.types.is_nested(values.type) or pa.types.is_floating(values.type):
            raise _not_groups(self.column, f"its values are {values.type}")
        return values.cast(pa.string())


def _not_groups(column: str, why: str) -> UsageError:
    declared = REGISTRY.get(column)
    number = declared is None or declared.kind is Kind.NUMBER
    fix = f"Give limits: --bins {column}=LIMIT,LIMIT" if number else "Give a column of labels"
    return UsageError(f"column '{column}' has no groups", why, fix)


def _names(edges: tuple[float, ...]) -> tuple[str, ...]:
    inner = [f"{a:g} to {b:g}" for a, b in itertools.pairwise(edges)]
    return (f"below {edges[0]:g}", *inner, f"{edges[-1]:g} and above")


def _cut(
    edges: tuple[float, ...],
    names: tuple[str, ...],
    side: Side = "right",
    low: float = -math.inf,
    high: float = math.inf,
) -> Texts:
    def texts(values: pa.Array) -> pa.Array:
        if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type) or pa.types.is_null(values.type)):
            raise UsageError("--bins is for columns of numbers", f"these values are {values.type}")
        numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        place = np.searchsorted(np.array(edges), numbers, side=side)
        return pa.array(names).take(pa.array(place, mask=~((numbers >= low) & (numbers <= high))))

    return texts


def levels_of(by: tuple[str, ...], edges: Mapping[str, tuple[float, ...]]) -> list[Levels]:
    """Levels of each column.

    Raises:
        UsageError: for a column that has no groups, or limits for one that is not asked for.
    """
    for name in edges:
        if name not in by:
            raise UsageError(f"--bins {name}: this is not a column of the plan", fix="Add it to --by")
    return [Levels(name, edges.get(name, ())) for name in by]
