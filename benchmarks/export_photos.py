"""A dataset of photos with made-up labels, for measuring how fast files are copied: what they show plays no part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from skimage.data import astronaut

from curate.ingest import list_sources, load, plan_shards, write_shards
from curate.store import Dataset, LayerInfo
from schemas import Column, Kind, Status, taxonomy
from schemas.columns import faces, images, labels

LABELS = (labels.GENDER, labels.AGE, labels.AGE_GROUP, labels.RACE, labels.PERCEIVED_EMOTION, labels.QUALITY_SCORE,
          labels.YAW, labels.PITCH, labels.CAPTION)  # fmt: skip
SHARD = 1000


def photos(folder: Path, number: int, side: int) -> Dataset:
    """So many square JPEGs of scikit-image's astronaut (NASA, public domain) with noise, a face and labels each."""
    rng = np.random.default_rng(0)
    picture = cv2.cvtColor(cv2.resize(astronaut(), (side, side)), cv2.COLOR_RGB2BGR)
    (folder / "photos").mkdir(parents=True)
    for i in range(number):
        noisy = np.clip(picture + rng.normal(0, 3, (side, side, 1)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "photos" / f"{i:06d}.jpg"), noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])
    ds = Dataset.create(folder / "faces", name="photos", licence="CC0-1.0")
    write_shards(ds, plan_shards(ds, list_sources([folder / "photos"]), SHARD))
    ds.add_layer(LayerInfo("drawn.v1", "model", "drawn", "1", columns=tuple(c.name for c in LABELS)))
    for key in ds.keys("sources"):
        rows = [load(source).row for source in ds.read("sources", key).to_pylist()]
        ds.write("images", key, _table({c: [r[c.name] for r in rows] for c in images.IMAGES.values()}))
        ids = [r[images.IMAGE_ID.name] for r in rows]
        box = np.array([0.35, 0.1, 0.22, 0.3]) * side
        points = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]]) * box[2:] + box[:2]
        placed = [[float(v)] * len(ids) for v in box]
        values = ([f"{i}.0" for i in ids], ids, *placed, [points.ravel().tolist()] * len(ids), [0.9] * len(ids),
                  ["model"] * len(ids))  # fmt: skip
        names = (faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.POINTS_5, faces.SCORE, faces.ORIGIN)
        ds.write("faces", key, _table(dict(zip(names, values, strict=True))))
        status = [Status.OK.value] * len(ids)
        head = {faces.FACE_ID: values[0], labels.STATUS: status, labels.ERROR: [None] * len(ids)}
        ds.write("labels/drawn.v1", key, _table({**head, **{c: [_drawn(c, rng) for _ in ids] for c in LABELS}}))
    return ds


def _drawn(column: Column, rng: np.random.Generator) -> Any:
    if column.kind is Kind.LABEL:
        return str(rng.choice(taxonomy(column.taxonomy).labels))
    return "A person in a suit looks at the camera." if column.kind is Kind.TEXT else float(np.float32(rng.random()))


def _table(columns: dict[Column, list[Any]]) -> pa.Table:
    return pa.table([pa.array(v, c.type) for c, v in columns.items()], pa.schema([c.field for c in columns]))
