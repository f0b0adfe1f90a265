"""Who can speak for a column, and what they say, shard by shard, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.consistency.values import Values
from curate.fuse.labels import names_of
from curate.fuse.method import Codes, Floats, Source
from curate.store import Dataset
from curate.store.names import FACES
from curate.store.view import FaceView, Wanted
from schemas import Column, Kind, UsageError
from schemas.columns import faces

DETECTOR = Source(FACES)
"""The detector's own boxes and points, which stand in the faces table."""


def find_sources(dataset: Dataset, columns: Sequence[Column], wanted: Sequence[str] | None) -> tuple[Source, ...]:
    """Layers that provide any of these columns, oldest first; the detector too where it does.

    Args:
        dataset: The dataset.
        columns: The column, and those that can stand in for it.
        wanted: Only these layers (`faces` for the detector); all but fused ones by default.

    Raises:
        UnknownNameError: for an unknown layer.
        UsageError: if a wanted layer is itself fused, or nobody provides the column.
    """
    for name in wanted or ():
        if name != FACES and dataset.layer(name).kind == "fused":
            raise UsageError(f"layer '{name}' is itself fused", "its sources would count twice", "Name its sources")
    names = {c.name for c in columns}
    found = [DETECTOR] if names & set(faces.FACES) and (wanted is None or FACES in wanted) else []
    for info in sorted(dataset.layers(), key=lambda i: (i.created, i.name)):
        chosen = info.name in wanted if wanted is not None else info.kind != "fused"
        if chosen and names & set(info.columns):
            human = info.kind == "human"
            found.append(Source(info.name, human, "" if human else info.annotator))
    if not found:
        among = f" among {', '.join(wanted)}" if wanted else ""
        raise UsageError(f"no layer{among} provides {columns[0].name}", fix="See: facecurate info DATASET")
    return tuple(found)


class Reader:
    """Reads single layers of single columns, aligned with the faces.

    Args:
        dataset: The dataset.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._views: dict[str, FaceView] = {}

    def array(self, key: str, column: Column, source: Source) -> pa.Array:
        """What one source says of a shard; null where it says nothing or has no part."""
        if source.layer not in self._views:
            self._views[source.layer] = FaceView(self.dataset, [] if source == DETECTOR else [source.layer])
        view = self._views[source.layer]
        if source == DETECTOR:
            known = column.name in faces.FACES
            want = Wanted(column.name, column.name, (), FACES if known else "", column.type)
        else:
            provides = column.name in self.dataset.layer(source.layer).columns
            want = Wanted(column.name, column.name, (source.layer,) if provides else (), "", column.type)
        found = view.part(key, [want]).column(0)
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def codes_of(column: Column, values: pa.Array) -> Codes:
    """Labels or flags as positions in the column's label set; -1 where null."""
    if column.kind is Kind.FLAG:
        return np.asarray(pc.fill_null(values.cast(pa.int64()), -1)).astype(np.int64)
    place = pa.array(names_of(column), pa.string())
    return np.asarray(pc.fill_null(pc.index_in(values, place), -1)).astype(np.int64)


def floats_of(column: Column, values: pa.Array) -> Floats:
    """Numbers as (n, width); NaN where null."""
    rows = Values(pa.table({column.name: values}))
    if column.kind is Kind.SCORES:
        return rows.fields(column)
    if column.shape:
        return rows.array(column).reshape(len(values), -1)
    return rows.number(column)[:, None]
