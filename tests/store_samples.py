"""Small datasets with known content for the tests of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.store import Dataset, LayerInfo
from schemas import Column
from schemas.columns import faces, images, labels

KEYS = ("00000", "00001")
PER_SHARD = 3


def table(values: dict[Column, list[Any]]) -> pa.Table:
    return pa.table([pa.array(v, c.type) for c, v in values.items()], schema=pa.schema([c.field for c in values]))


def image_table(ids: list[str], **changes: list[Any]) -> pa.Table:
    n = len(ids)
    values = {
        images.IMAGE_ID: ids,
        images.URI: [f"/photos/{i}.jpg" for i in ids],
        images.MEMBER: [None] * n,
        images.WIDTH: [640] * n,
        images.STATUS: ["ok"] * n,
        images.REASON: [""] * n,
        images.EXTRA: [None] * n,
    }
    values.update({images.IMAGES[name]: v for name, v in changes.items()})
    return table(values)


def face_table(image_ids: list[str], suffix: str = ".0") -> pa.Table:
    n = len(image_ids)
    return table(
        {
            faces.FACE_ID: [i + suffix for i in image_ids],
            faces.IMAGE_ID: image_ids,
            **{c: [float(i) for i in range(n)] for c in faces.BOX},
            faces.POINTS_5: [[float(j) for j in range(10)]] * n,
            faces.SCORE: [0.5] * n,
            faces.ORIGIN: ["model"] * n,
        }
    )


def label_table(face_ids: list[str], values: dict[Column, list[Any]], status: list[str] | None = None) -> pa.Table:
    first = next(iter(values.values()))
    said = status or ["not_applicable" if v is None else "ok" for v in first]
    head = {faces.FACE_ID: face_ids, labels.STATUS: said, labels.ERROR: [None] * len(face_ids)}
    return table({**head, **values})


def ids(key: str) -> list[str]:
    return [f"{key}-{i}" for i in range(PER_SHARD)]


def sample(path: Path) -> Dataset:
    """Two shards of three pictures with a face each; no labels."""
    dataset = Dataset.create(path, name="sample")
    for key in KEYS:
        dataset.write("images", key, image_table(ids(key)))
        dataset.write("faces", key, face_table(ids(key)))
    return dataset


def add(
    dataset: Dataset,
    layer: str,
    kind: str,
    created: str,
    values: dict[Column, list[Any]],
    key: str = KEYS[0],
    **info: Any,
) -> None:
    """Declare a layer and write its labels for one shard."""
    columns = tuple(c.name for c in values)
    annotator = info.pop("annotator", layer)
    dataset.add_layer(LayerInfo(layer, kind, annotator, created=created, columns=columns, **info))
    names = dataset.read("faces", key, [faces.FACE_ID]).column(0).to_pylist()
    dataset.write(f"labels/{layer}", key, label_table(names, values))
