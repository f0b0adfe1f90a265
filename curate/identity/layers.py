"""Writing values that were found over all faces back as a layer, row by row beside the faces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.store import Dataset, LayerInfo
from curate.store.publish import publish_layer
from schemas import Column, Status
from schemas.columns import faces, labels


def publish(
    ds: Dataset, info: LayerInfo, ids: pa.Array, values: Mapping[Column, pa.Array], known: NDArray[np.bool_], why: str
) -> bool:
    """Publish a layer from values over the faces of a dataset.

    Args:
        ds: The dataset, locked by the caller.
        info: The layer.
        ids: Face ids that the values stand for.
        values: Column -> one value per id.
        known: Which of the ids have an answer; the others become `not_applicable`.
        why: The reason that stands beside those.

    Returns:
        False if the same layer was there already.
    """
    answered = pa.array(known)

    def rows(key: str, face_ids: pa.Array) -> pa.Table:
        place = pc.index_in(face_ids, value_set=ids)
        ok = pc.fill_null(answered.take(place), False)
        status = pc.if_else(ok, Status.OK.value, Status.NOT_APPLICABLE.value)
        error = pc.if_else(ok, pa.scalar(None, pa.string()), pa.scalar(why))
        names = [faces.FACE_ID.name, labels.STATUS.name, labels.ERROR.name]
        data = [face_ids, status, error]
        for column, array in values.items():
            names.append(column.name)
            data.append(pc.if_else(ok, array.take(place).cast(column.type), pa.scalar(None, column.type)))
        return pa.table(data, names=names)

    return publish_layer(ds, info, rows)
