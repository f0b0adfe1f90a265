"""The record of who said what, with what weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.fuse.method import Fused, Said, Source
from schemas import Column


def said_what(column: Column, sources: Sequence[Source], said: Said, fused: Fused) -> pa.Array:
    """A list per face with an entry per source that spoke: layer, value, weight.

    Args:
        column: From `labels.sources_of`.
        sources: In the order of the weights.
        said: What they said.
        fused: Their weights and, of points, their distances.
    """
    n = len(fused.weights)
    spoke = _spoke(said, fused)
    row, source = np.nonzero(spoke)
    names = pa.array([s.layer for s in sources], pa.string())
    kind = column.type.value_type
    if fused.distances is not None:
        values = pa.array(fused.distances[row, source].astype(np.float32))
    else:
        value_type = kind.field("value").type
        every = pa.concat_arrays([r.cast(value_type) for r in said.raw])
        values = every.take(pa.array(source * n + row))
    entries = pa.StructArray.from_arrays(
        [names.take(pa.array(source)), values, pa.array(fused.weights[row, source].astype(np.float32))],
        fields=list(kind),
    )
    starts = np.concatenate([[0], np.cumsum(spoke.sum(1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(starts), entries, type=column.type)


def _spoke(said: Said, fused: Fused) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Who said anything of each face, also those whose weight came to nothing."""
    if isinstance(said.values, list):
        return np.array([[v is not None for v in lists] for lists in said.values], bool).reshape(len(said.values), -1).T
    values = said.values
    if values.ndim == 2 and np.issubdtype(values.dtype, np.integer):
        return np.asarray(values >= 0)
    there = ~np.isnan(values.reshape(*values.shape[:2], -1)).all(2)
    return np.asarray(there if said.codes is None else there | (said.codes >= 0))
