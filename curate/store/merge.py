"""Cell by cell, the first layer that has a value speaks; nested fields count as cells of their own."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def field_of(values: pa.Array, name: str) -> pa.Array:
    """A field of a struct array, null where the struct is null."""
    return pc.struct_field(values, name)


def conform(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values in the wanted type; fields that a struct lacks become null.

    Raises:
        pa.ArrowInvalid: if they do not fit.
    """
    if values.type == kind:
        return values
    if pa.types.is_struct(kind) and pa.types.is_struct(values.type):
        names = {f.name for f in values.type}
        fields = [
            conform(field_of(values, f.name), f.type) if f.name in names else pa.nulls(len(values), f.type)
            for f in kind
        ]
        return _struct(fields, kind, values.is_null())
    return values.cast(kind)


def _struct(fields: list[pa.Array], kind: pa.DataType, mask: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays(fields, fields=list(kind), mask=mask)


def fall_through(first: pa.Array, second: pa.Array) -> pa.Array:
    """`first` where it has a value, else `second`."""
    if not pa.types.is_struct(first.type):
        return pc.coalesce(first, second)
    fields = [fall_through(field_of(first, f.name), field_of(second, f.name)) for f in first.type]
    return _struct(fields, first.type, pc.and_(first.is_null(), second.is_null()))


def complete(values: pa.Array) -> bool:
    """Whether no cell is null, so that no further layer need be asked."""
    if values.null_count:
        return False
    return not pa.types.is_struct(values.type) or all(complete(field_of(values, f.name)) for f in values.type)


def contributes(first: pa.Array | None, second: pa.Array) -> pa.Array:
    """Rows where `second` gives a value that `first` lacks."""
    if pa.types.is_struct(second.type) and second.type.num_fields:
        rows = pa.array([False] * len(second), pa.bool_())
        for field in second.type:
            mine = None if first is None else field_of(first, field.name)
            rows = pc.or_(rows, contributes(mine, field_of(second, field.name)))
        return rows
    return second.is_valid() if first is None else pc.and_(first.is_null(), second.is_valid())


class Cells:
    """One column of one shard, filled layer by layer.

    Args:
        kind: The Arrow type it must have; None takes the first layer's.
        provenance: Keep for each row which layers spoke.
    """

    def __init__(self, kind: pa.DataType | None, provenance: bool) -> None:
        self.kind = kind
        self.values: pa.Array | None = None
        self.sources: pa.Array | None = None
        self._provenance = provenance

    @property
    def complete(self) -> bool:
        """Whether no later layer can add anything."""
        return self.values is not None and complete(self.values)

    def add(self, values: pa.Array, source: str) -> None:
        """Let the next layer speak where nothing has been said."""
        self.kind = self.kind or values.type
        values = conform(values, self.kind)
        if self._provenance:
            self._note(values, source)
        self.values = values if self.values is None else fall_through(self.values, values)

    def _note(self, values: pa.Array, source: str) -> None:
        spoke = contributes(self.values, values)
        name = pa.scalar(source)
        if self.sources is None:
            self.sources = pc.if_else(spoke, name, pa.scalar(None, pa.string()))
            return
        joined = pc.binary_join_element_wise(self.sources, name, "+", null_handling="skip")
        self.sources = pc.if_else(spoke, joined, self.sources)

    def arrays(self, rows: int) -> tuple[pa.Array, pa.Array]:
        """Values and sources, all null where nobody spoke."""
        values = pa.nulls(rows, self.kind or pa.null()) if self.values is None else self.values
        return values, pa.nulls(rows, pa.string()) if self.sources is None else self.sources
