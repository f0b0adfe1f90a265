"""Which pictures the faces of a part lie in, and where a face lies that a person drew as a box only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.store import Dataset
from schemas import DatasetError, ImageStatus
from schemas.columns import faces, images

USUAL_POINTS = np.array([[0.27, 0.34], [0.73, 0.34], [0.5, 0.55], [0.3, 0.72], [0.7, 0.72]], np.float32)
"""The five points as shares of YuNet's box: means over 273 near-frontal faces, made symmetric; spread .03-.07."""


def sources_of(ds: Dataset, key: str, image_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """`image_id` -> source row, in the order in which the images are asked for.

    A planned shard holds the sources of its own faces; a part of faces that people drew may lie in any, and so may
    those of an empty key.

    Raises:
        DatasetError: if a face's picture is in no shard.
    """
    wanted = dict.fromkeys(image_ids)
    found: dict[str, Mapping[str, Any]] = {}
    for shard in [key] if key and ds.has("sources", key) else ds.keys("images"):
        stored = ds.read("images", shard, [images.IMAGE_ID.name, images.STATUS.name]).to_pylist()
        hits = [row[images.STATUS.name] == ImageStatus.OK and row[images.IMAGE_ID.name] in wanted for row in stored]
        if not any(hits):
            continue
        rows = ds.read("sources", shard).to_pylist()
        found |= {r[images.IMAGE_ID.name]: s for r, s, hit in zip(stored, rows, hits, strict=True) if hit}
    missing = [i for i in wanted if i not in found]
    if missing:
        raise DatasetError(f"faces of part {key} lie in picture {missing[0]}", "no shard holds it")
    return {i: found[i] for i in wanted}


def with_points(table: pa.Table) -> pa.Table:
    """Fill in the five points of faces that have a box only, at their usual places in it.

    Annotators that need exact points trace the mesh from there; the stored faces part is not changed.
    """
    column = table.column(faces.POINTS_5.name)
    if not column.null_count:
        return table
    rows = column.to_pylist()
    boxes = np.stack([table.column(c.name).to_numpy() for c in faces.BOX], axis=1)
    guessed = boxes[:, None, :2] + USUAL_POINTS * boxes[:, None, 2:]
    values = [g.reshape(-1) if r is None else r for r, g in zip(rows, guessed, strict=True)]
    index = table.column_names.index(faces.POINTS_5.name)
    return table.set_column(index, faces.POINTS_5.field, pa.array(values, faces.POINTS_5.type))
