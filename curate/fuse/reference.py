"""What is known to be true of some faces, from a layer or a table, so that reliabilities need not be guessed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from curate.evaluation.truth import LAYER, Truth, read_truth
from curate.fuse.method import Source
from curate.fuse.sources import Reader
from curate.store import Dataset
from curate.store.names import FACES
from curate.store.view import FaceView
from schemas import Column, Kind, TaxonomyError, UsageError, taxonomy
from schemas.columns import faces, images

KEYS = (faces.FACE_ID.name, images.NAME.name, faces.IMAGE_ID.name)
"""Columns of a table that say which face a row is about; a picture with several faces needs the face id."""


class Reference:
    """Gives the true values of a shard's faces in a column's own type, null where they are not known.

    Args:
        dataset: The dataset.
        source: `layer:NAME` or a layer's name, or a CSV, JSONL or Parquet file with a column of keys
            (`face_id`, `name` or `image_id`) and columns of the same names as those to be fused.

    Raises:
        UsageError: if there is no such layer or file, or it has no column of keys.
    """

    def __init__(self, dataset: Dataset, source: str) -> None:
        self._reader = Reader(dataset)
        self._dataset = dataset
        known = {info.name for info in dataset.layers()}
        name = source.removeprefix(LAYER)
        self.layer = name if source.startswith(LAYER) or name in known else ""
        self._table: Truth | None = None
        self._values: dict[str, dict[str, Any]] = {}
        self._view = FaceView(dataset, [])
        if self.layer:
            dataset.layer(self.layer)
            return
        self._table = read_truth(source, dataset)
        self._key = next((k for k in KEYS if k in self._table.columns), "")
        if not self._key:
            raise UsageError(f"the truth {source} has no column of keys", f"give one of {', '.join(KEYS)}")

    def __contains__(self, column: Column) -> bool:
        if self._table is None:
            return column.name in self._dataset.layer(self.layer).columns
        return column.name in self._table.columns

    def array(self, key: str, column: Column) -> pa.Array:
        """True values of a shard's faces."""
        if self._table is None:
            return self._reader.array(key, column, Source(self.layer))
        wanted = self._keys(key)
        if column.name not in self._values:
            known = map(str, self._table.columns[self._key])
            self._values[column.name] = dict(zip(known, self._table.columns[column.name], strict=True))
        values = self._values[column.name]
        return pa.array([_value(column, values.get(k)) for k in wanted], column.type)

    def _keys(self, key: str) -> list[str]:
        """Key of each face; empty where its picture has several faces and the key is the picture's."""
        own = _texts(self._view.part(key, [self._view.want(self._key)]))
        if self._key == faces.FACE_ID.name:
            return own
        pictures = _texts(self._dataset.read(FACES, key, [faces.IMAGE_ID]))
        alone = Counter(pictures)
        return [name if alone[picture] == 1 else "" for name, picture in zip(own, pictures, strict=True)]


def _texts(table: pa.Table) -> list[str]:
    """The only column of a table as texts."""
    return [str(v) for v in table.column(0).to_pylist()]


def _value(column: Column, value: Any) -> Any:
    if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
        return None
    try:
        if column.kind is Kind.LABEL:
            return taxonomy(column.taxonomy).canonical(str(value))
        if column.kind is Kind.FLAG:
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
        if column.kind is Kind.NUMBER:
            return float(value)
    except (TaxonomyError, KeyError, ValueError):
        raise UsageError(f"the truth's {column.name} holds '{value}'", f"expected a {column.kind.value}") from None
    raise UsageError(f"a truth table cannot give {column.name}", "only labels, flags and numbers", "Give a layer")
