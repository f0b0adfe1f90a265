"""Truth and labels of the same faces, side by side, with what became of every face."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.evaluation.descent import made_from
from curate.evaluation.matching import Matches, Pictures
from curate.evaluation.options import EvaluateOptions
from curate.evaluation.roles import Roles
from curate.evaluation.truth import Truth
from curate.scores import scores_beside
from curate.store import Dataset, LayerInfo
from curate.store.view import PROVENANCE
from schemas import REGISTRY, Column, Status
from schemas.columns import faces


class State(StrEnum):
    """What the dataset says of one face in one column."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    NOT_APPLICABLE = "not applicable"
    FAILED = "failed"
    NO_VALUE = "no value"
    NOT_COMPUTED = "not computed"


@dataclass(frozen=True)
class Board:
    """Everything the tasks read.

    Attributes:
        ds: The dataset.
        truth: The truth, one row per matched face, in the order of `table`.
        roles: What its columns are.
        here: The dataset's faces and pictures.
        matches: How rows of the whole truth were matched.
        whole: The whole truth as it was read.
        table: The dataset's columns of the matched faces.
        layers: Layers that speak.
        options: The caller's choices.
    """

    ds: Dataset
    truth: Truth
    roles: Roles
    here: Pictures
    matches: Matches
    whole: Truth
    table: pa.Table
    layers: tuple[LayerInfo, ...]
    options: EvaluateOptions

    def __len__(self) -> int:
        return len(self.matches.face_rows)

    def values(self, column: Column | str) -> pa.Array:
        """A column of the dataset, one entry per matched face."""
        name = column if isinstance(column, str) else column.name
        return _array(self.table.column(name))

    def has(self, name: str) -> bool:
        """Whether the dataset column was read."""
        return name in self.table.column_names

    def states(self, column: Column) -> NDArray[Any]:
        """`State` of every matched face in a column."""
        values = self.values(column)
        found = np.full(len(self), State.NOT_COMPUTED.value, dtype="<U16")
        for layer in self._providers(column):
            status = self._status(layer)
            for code, state in (
                (Status.OK, State.NO_VALUE), (Status.NOT_APPLICABLE, State.NOT_APPLICABLE),
                (Status.FAILED, State.FAILED),
            ):  # fmt: skip
                found[(status == code.value) & (found == State.NOT_COMPUTED.value)] = state.value
        found[_mask(pc.is_valid(values))] = State.ANSWERED.value
        found[self._abstained(column, values)] = State.ABSTAINED.value
        return found

    def _abstained(self, column: Column, values: pa.Array) -> NDArray[np.bool_]:
        """Null labels beside probabilities, and rows flagged by a column of abstentions.

        A flag does not silence a label by a layer that speaks before the flag's own, such as a reviewer's.
        """
        said = np.zeros(len(self), bool)
        flag = f"{column.name}_abstained"
        if self.has(flag) and pa.types.is_boolean(self.values(flag).type):
            flagged = _mask(pc.fill_null(self.values(flag), False))
            said |= flagged & (self._turn(column.name) >= self._turn(flag))
        beside = scores_beside(column)
        if beside is not None and self.has(beside.name):
            said |= _mask(pc.and_(pc.is_null(values), pc.is_valid(self.values(beside))))
        return said

    def _turn(self, name: str) -> NDArray[np.intp]:
        """Place, among the layers that speak, of the one that gives each face's value; last where there is none."""
        turn = {layer.name: i for i, layer in enumerate(self.layers)}
        spoke = self.values(name + PROVENANCE).to_pylist()
        return np.array([turn.get(str(who).partition("+")[0], len(turn)) for who in spoke], np.intp)

    def _providers(self, column: Column) -> list[LayerInfo]:
        return [layer for layer in self.layers if column.name in layer.columns]

    def _status(self, layer: LayerInfo) -> NDArray[Any]:
        return np.asarray(self.values(f"status.{layer.name}").fill_null("").to_pylist(), dtype="<U16")

    def speakers(self, column: Column, rows: NDArray[np.intp]) -> dict[str, int]:
        """Layer -> how many of these matched faces it speaks for in a column."""
        name = column.name + PROVENANCE
        said = self.values(name).take(rows).to_pylist() if self.has(name) else []
        return dict(Counter(layer for layer in said if layer is not None).most_common())

    @cached_property
    def image_ids(self) -> NDArray[Any]:
        """Picture of every matched face."""
        return np.asarray(self.values(faces.IMAGE_ID).to_pylist(), dtype=object)

    @cached_property
    def clusters(self) -> NDArray[Any] | None:
        """Faces that are not independent: of one person where the truth names persons, else of one picture."""
        named = self.truth.columns.get(self.roles.identity, [])
        keys = [image if who is None else f"person {who}" for who, image in zip(named, self.image_ids, strict=False)]
        keys = keys or list(self.image_ids)
        number: dict[Any, int] = {}
        clusters = np.array([number.setdefault(key, len(number)) for key in keys], np.intp)
        return clusters if len(number) < len(keys) else None


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _mask(values: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)


def speaking_layers(ds: Dataset, chosen: Sequence[str] | None, truth: Truth) -> tuple[LayerInfo, ...]:
    """Layers that speak: those chosen, or all but the one that is the truth and those made from it.

    Raises:
        UnknownNameError: for a layer that does not exist.
    """
    layers = ds.layers()
    if chosen is None:
        mute = {truth.layer, *made_from(truth, layers)}
        return tuple(x for x in layers if x.name not in mute)
    wanted = {ds.layer(name).name for name in chosen} - {truth.layer}
    return tuple(x for x in layers if x.name in wanted)


def needed(columns: Iterable[Column], present: Iterable[str]) -> list[Column]:
    """The columns and what stands beside them: probabilities, abstentions, sets, deviations."""
    here = set(present)
    found: dict[str, Column] = {}
    for column in columns:
        beside = scores_beside(column)
        kin = [f"{column.name}_{end}" for end in ("abstained", "set", "sd", "prob")]
        for name in (column.name, *kin, beside.name if beside else ""):
            if name in here and name in REGISTRY:
                found[name] = REGISTRY[name]
    return list(found.values())


def read_table(ds: Dataset, columns: Iterable[Column], layers: Sequence[LayerInfo], rows: Sequence[int]) -> pa.Table:
    """The dataset's columns of some faces, with who speaks and every layer's status.

    Args:
        ds: The dataset.
        columns: Label columns.
        layers: Layers that speak.
        rows: Rows of the view, in the order wanted.
    """
    wanted = list(dict.fromkeys([faces.FACE_ID.name, faces.IMAGE_ID.name, *(c.name for c in columns)]))
    names = [layer.name for layer in layers]
    values = ds.faces(wanted, layers=names, provenance=True)
    statuses = [f"status.{layer.name}" for layer in layers if {c.name for c in columns} & set(layer.columns)]
    if statuses:
        for name, column in zip(statuses, ds.faces(statuses, layers=names).columns, strict=True):
            values = values.append_column(name, column)
    return values.take(pa.array(rows, pa.int64()))
