"""Label values as the three kinds of lists that a `tf.train.Feature` knows, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from curate.export.plain import from_plain, to_plain
from schemas import Column, Kind

BYTES, FLOAT, INT = "bytes", "float", "int64"
Feature = tuple[str, list[Any]]
"""The kind of a list, and what is in it."""


def features_of(column: Column, value: Any) -> Iterator[tuple[str, Feature]]:
    """Names and features of a value; none where it is null.

    Points and vectors are flat lists of numbers, scores one number per name in the taxonomy's order with NaN for
    those that are not known, lists one JSON text, masks `COLUMN/png` and `COLUMN/matrix`.
    """
    if value is None:
        return
    if column.kind is Kind.MASK:
        for name, part in value.items():
            kind = BYTES if isinstance(part, bytes) else FLOAT
            yield f"{column.name}/{name}", (kind, [part] if kind == BYTES else list(part))
    elif column.kind is Kind.SCORES:
        yield column.name, (FLOAT, [np.nan if value.get(f.name) is None else value[f.name] for f in column.type])
    elif column.kind in (Kind.POINTS, Kind.VECTOR):
        yield column.name, (FLOAT, np.asarray(value, np.float32).ravel().tolist())
    else:
        yield column.name, _plain(column, value)


def _plain(column: Column, value: Any) -> Feature:
    if column.kind is Kind.LIST:
        return BYTES, [json.dumps(to_plain(value), ensure_ascii=False).encode()]
    if pa.types.is_uint64(column.type):  # beyond what an int64 holds
        return BYTES, [str(value).encode()]
    if isinstance(value, bool | int | np.integer):
        return INT, [int(value)]
    if isinstance(value, float):
        return FLOAT, [value]
    return BYTES, [value if isinstance(value, bytes) else str(value).encode()]


def value_of(column: Column, found: Mapping[str, Feature]) -> Any:
    """The value of a column from a record's features, the reverse of `features_of`."""
    if column.kind is Kind.MASK:
        parts = {name: found[f"{column.name}/{name}"] for name in _mask_parts(column, found)}
        return {n: v[0] if kind == BYTES else list(v) for n, (kind, v) in parts.items()} or None
    if column.name not in found:
        return None
    kind, values = found[column.name]
    if column.kind is Kind.SCORES:
        return {f.name: None if np.isnan(v) else float(v) for f, v in zip(column.type, values, strict=True)}
    if column.kind in (Kind.POINTS, Kind.VECTOR):
        array = np.array(values, np.float32)
        return array.reshape(column.shape) if column.shape else array.tolist()
    return _scalar(column, kind, values[0])


def _mask_parts(column: Column, found: Mapping[str, Feature]) -> list[str]:
    return [f.name for f in column.type if f"{column.name}/{f.name}" in found]


def _scalar(column: Column, kind: str, value: Any) -> Any:
    if column.kind is Kind.LIST:
        return from_plain(column, json.loads(value))
    if pa.types.is_uint64(column.type):
        return int(value)
    if kind == BYTES:
        return bytes(value) if pa.types.is_fixed_size_binary(column.type) else value.decode()
    return bool(value) if column.kind is Kind.FLAG else value


def description(column: Column) -> dict[str, Any]:
    """What a parser must know of a column's feature: its kind, length, and the names of its numbers."""
    kind, shape = _described(column)
    told: dict[str, Any] = {"kind": kind, "shape": shape, "doc": column.doc}
    if column.kind is Kind.SCORES:
        told["names"] = [f.name for f in column.type]
    return told


def _described(column: Column) -> tuple[str, list[int] | None]:
    if column.kind is Kind.SCORES:
        return FLOAT, [len(column.type)]
    if column.kind in (Kind.POINTS, Kind.VECTOR):
        return FLOAT, list(column.shape) or None
    if column.kind is Kind.FLAG or (pa.types.is_integer(column.type) and not pa.types.is_uint64(column.type)):
        return INT, []
    return (FLOAT, []) if column.kind is Kind.NUMBER else (BYTES, [])
