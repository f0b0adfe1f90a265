"""The faces that rows are made of, in memory: only the columns that are needed, embeddings as one matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.export.index import Entry
from curate.identity.gather import unfold
from curate.store.checks import as_array
from schemas import Column
from schemas.columns import labels

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
UNKNOWN = -1
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Pool:
    """Faces by row. Numbers of people, pictures and so on are codes; `UNKNOWN` where there is none.

    Attributes:
        entries: Where each face stands in the dataset.
        face_ids: Their ids.
        table: Columns that the kind needs, one row per face.
        picture: Which picture a face lies in.
        identity: Whom it is taken for.
        copies: Its group of duplicates.
        hashes: 64-bit perceptual hash of the picture, and of its mirror image, shape (n, 2).
        hashed: Whether the hash is known.
        minor: It may be a minor's, or lies in a picture with a face that may be; generated pictures count as the
            photographs that they were made from.
        synthetic: Its picture is generated.
        parent: Pool row of the face it was made from.
        partner: Pool row of the second face that went into it.
        roots: Photographs that went into its picture; its own picture for a photograph.
    """

    entries: Sequence[Entry]
    face_ids: Sequence[str]
    table: pa.Table
    picture: Ints
    identity: Ints
    copies: Ints
    hashes: NDArray[np.uint64]
    hashed: Flags
    minor: Flags
    synthetic: Flags
    parent: Ints
    partner: Ints
    roots: Sequence[frozenset[str]]
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def split(self) -> NDArray[np.str_]:
        """The split of each face, empty for none."""
        return np.array([e.split for e in self.entries], np.str_)

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Face id -> row."""
        return {face: row for row, face in enumerate(self.face_ids)}

    def has(self, column: Column) -> bool:
        """Whether the column was read."""
        return column.name in self.table.column_names

    def numbers(self, column: Column) -> Floats:
        """A column of numbers, shape (n,); NaN for null and where there is no such column."""
        return self.once(column.name, lambda: self._numbers(column))

    def scores(self, column: Column, names: Iterable[str] | None = None) -> Floats:
        """A column of scores, shape (n, names); NaN for null and where there is no such column.

        Args:
            column: With one number per name.
            names: In this order; all by default.
        """
        wanted = tuple(names) if names is not None else tuple(f.name for f in column.type)
        return self.once(f"{column.name}:{wanted}", lambda: self._scores(column, wanted))

    def texts(self, column: Column) -> list[str | None]:
        """A column of labels or texts; None for null and where there is no such column."""
        return self.cells(column)

    def cells(self, column: Column) -> list[Any]:
        """A column as plain values; None for null and where there is no such column."""
        return self.once(f"{column.name}:cells", lambda: self._cells(column))

    @property
    def vectors(self) -> Floats:
        """Embeddings, shape (n, d); NaN where there is none."""
        return self.once("vectors", self._vectors)

    def groups(self, rows: Iterable[int] | None = None) -> dict[int, Ints]:
        """Identity -> its rows, unknown ones left out.

        Args:
            rows: Only these.
        """
        found: dict[int, list[int]] = {}
        for row in range(len(self)) if rows is None else rows:
            if self.identity[row] != UNKNOWN:
                found.setdefault(int(self.identity[row]), []).append(int(row))
        return {who: np.array(members, np.int64) for who, members in found.items()}

    def children(self) -> dict[int, list[int]]:
        """Row of a face -> rows of the generated faces that were made from it."""
        found: dict[int, list[int]] = {}
        for row in np.flatnonzero(self.parent != UNKNOWN).tolist():
            found.setdefault(int(self.parent[row]), []).append(row)
        return found

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, computed once and kept under a key."""
        if key not in self._cache:
            self._cache[key] = make()
        found: T = self._cache[key]
        return found

    def _numbers(self, column: Column) -> Floats:
        if not self.has(column):
            return np.full(len(self), np.nan)
        return _floats(as_array(self.table.column(column.name)))

    def _scores(self, column: Column, names: tuple[str, ...]) -> Floats:
        if not self.has(column):
            return np.full((len(self), len(names)), np.nan)
        values = as_array(self.table.column(column.name))
        return np.column_stack([_floats(_field(values, name)) for name in names])

    def _cells(self, column: Column) -> list[Any]:
        return list(self.table.column(column.name).to_pylist()) if self.has(column) else [None] * len(self)

    def _vectors(self) -> Floats:
        if not self.has(labels.EMBEDDING):
            return np.full((len(self), labels.EMBEDDING.shape[0]), np.nan)
        found, known = unfold(self.table.column(labels.EMBEDDING.name))
        return np.where(known[:, None], found.astype(np.float64), np.nan)


def _field(values: pa.Array, name: str) -> pa.Array:
    import pyarrow.compute as pc

    return pc.struct_field(values, name)


def _floats(values: pa.Array) -> Floats:
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
