"""Columns of one shard as NumPy arrays; what is null is NaN or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.scores import scores_beside
from schemas import Column

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]
Labels = NDArray[np.object_]


def ramp(values: Numbers, start: float, full: float) -> Numbers:
    """How far values have gone from `start` (0) to `full` (1); either may be the greater; NaN stays NaN."""
    return np.clip((values - start) / (full - start), 0.0, 1.0)


class Values:
    """The rows that rules look at.

    Args:
        table: Rows of the resolved view.
        layers: Column -> (n,) the layer that each value comes from, where that matters.
    """

    def __init__(self, table: pa.Table, layers: Mapping[str, Labels] | None = None) -> None:
        self.table = table
        self._layers = layers or {}
        self._kept: dict[tuple[str, str], Any] = {}

    def _once(self, what: str, column: Column, make: Callable[[], Any]) -> Any:
        """Many rules ask for the same arrays: each is made once."""
        key = (what, column.name)
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def of_one_layer(self, columns: Sequence[Column]) -> Mask:
        """Rows in which all of the columns come from one layer."""
        first, *others = (self._layers[c.name] for c in columns)
        return np.array([all(o[i] == first[i] for o in others) for i in range(len(self))], bool)

    def __contains__(self, column: Column) -> bool:
        return column.name in self.table.column_names

    def _column(self, column: Column) -> pa.Array:
        found = self.table.column(column.name)
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found

    def number(self, column: Column) -> Numbers:
        """A number or flag per row, shape (n,); null is NaN."""
        return np.asarray(self._once("number", column, lambda: _floats(self._column(column))))

    def field(self, column: Column, *names: str) -> Numbers:
        """Mean of the named fields of a struct of scores, shape (n,); NaN where one is null."""
        places = [column.type.get_field_index(name) for name in names]
        return np.asarray(self.fields(column)[:, places].mean(1))

    def fields(self, column: Column) -> Numbers:
        """All fields of a struct of scores in its order, shape (n, fields)."""

        def make() -> Numbers:
            values = self._column(column)
            return np.stack([_floats(pc.struct_field(values, f.name)) for f in column.type], axis=1)

        return np.asarray(self._once("fields", column, make))

    def label(self, column: Column) -> Labels:
        """A label or text per row, shape (n,); null is None."""

        def make() -> Labels:
            return np.array([*self._column(column).to_pylist(), None], dtype=object)[:-1]

        return np.asarray(self._once("label", column, make))

    def probability(self, column: Column) -> Numbers:
        """Probability of each row's label, from the scores beside it; NaN where there is no label or no score."""
        return np.asarray(self._once("probability", column, lambda: self._probability(column)))

    def _probability(self, column: Column) -> Numbers:
        beside = scores_beside(column)
        if beside is None:
            return np.full(len(self), np.nan)
        scores = self.fields(beside)
        place = {f.name: i for i, f in enumerate(beside.type)}
        rows = np.array([place.get(label, -1) for label in self.label(column)], dtype=np.intp)
        found = scores[np.arange(len(self)), rows]
        return np.where(rows >= 0, found, np.nan)

    def array(self, column: Column) -> Numbers:
        """Points or vectors per row, shape (n, *column.shape); NaN where null."""
        return np.asarray(self._once("array", column, lambda: self._array(column)))

    def _array(self, column: Column) -> Numbers:
        values = self._column(column)
        size = int(np.prod(column.shape))
        found = np.full((len(self), size), np.nan)
        known = np.asarray(values.is_valid())
        if known.any():
            found[known] = _floats(values.drop_null().flatten()).reshape(-1, size)
        return found.reshape(len(self), *column.shape)

    def lists(self, column: Column) -> list[list[str] | None]:
        """A list of texts per row."""
        return self._column(column).to_pylist()  # type: ignore[no-any-return]


def _floats(values: pa.Array) -> Numbers:
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def is_label(values: Labels, *names: str) -> Numbers:
    """1 where the label is one of the names, 0 where it is another, NaN where it is null."""
    return np.array([np.nan if v is None else float(v in names) for v in values], dtype=np.float64)


def scaled(part: Numbers, whole: Numbers) -> Numbers:
    """`part / whole`, NaN where the whole is not positive."""
    out: Any = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return np.asarray(out)
