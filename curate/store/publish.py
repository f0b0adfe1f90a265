"""A layer over the whole dataset that appears all at once, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pyarrow as pa

from curate.store import checks, parts
from curate.store.dataset import LAYER_FILE, Dataset
from curate.store.layers import LayerInfo
from curate.store.names import FACES, LABELS
from schemas import DatasetError
from schemas.columns.faces import FACE_ID


def publish_layer(dataset: Dataset, info: LayerInfo, rows: Callable[[str, pa.Array], pa.Table]) -> bool:
    """Write a layer's parts beside the dataset's layers and move the folder into place when all are there.

    What a killed call left behind is removed by the next one. The caller holds the dataset's lock.

    Args:
        dataset: The dataset.
        info: The layer.
        rows: Gives the label rows of a shard from its key and its face ids, in their order.

    Returns:
        False if the same layer was there already and nothing was written.

    Raises:
        DatasetError: if a layer of that name has other content.
        SchemaError: if rows do not keep to the columns or to the faces.
    """
    target = dataset.part_path(f"{LABELS}/{info.name}", "x").parent
    if (target / LAYER_FILE).is_file():
        if dataset.layer(info.name).same_content(info):
            return False
        reason = "other settings or data were used"
        raise DatasetError(f"layer '{info.name}' exists with other content", reason, "Give another name")
    staging = dataset.path / f".{info.name}.unfinished"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        for key in dataset.keys(FACES):
            ids = checks.as_array(dataset.read(FACES, key, [FACE_ID]).column(FACE_ID.name))
            table, expected = rows(key, ids), dataset.face_digest(key)
            checks.check_labels(table, info.columns, info.name)
            checks.check_aligned(table.column(FACE_ID.name), expected, f"{info.name}/{key}")
            metadata = {parts.DIGEST: expected}
            parts.write_table(staging / f"{key}{parts.SUFFIX}", checks.with_fields(table, metadata))
        parts.write_json(staging / LAYER_FILE, info.as_dict())
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)  # parts without a declaration: nobody can see them
        staging.rename(target)
        _sync(target.parent)
    except BaseException as error:
        shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError):
            raise DatasetError(f"{target} cannot be written", error.strerror or str(error)) from error
        raise
    return True


def _sync(folder: os.PathLike[str]) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
