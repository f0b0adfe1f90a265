"""A dataset of hard cases for the exporters: no model runs, every value is drawn and known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from curate.ingest import list_sources, load, plan_shards, write_shards
from curate.store import Dataset, LayerInfo
from schemas import Column, Kind, Status, taxonomy
from schemas.columns import faces, images, labels
from tests.store_samples import table

NAMES = ("plain", "größe ü", "顔 写真", "with space", "quote's", "comma, semicolon;", "UPPER", "dots.in.name", "тест")
SPLITS = ("train", "train", "train", "validation", "test", "")
FACES_OF = (1, 1, 1, 3, 0, 1, 2, 1, 1, 1)
"""Faces in the pictures, in turn."""
LABELLED = (
    labels.GENDER, labels.AGE_GROUP, labels.AGE, labels.RACE, labels.PERCEIVED_EMOTION, labels.EMOTION_PROB,
    labels.VALENCE, labels.AU_INTENSITY, labels.MESH, labels.POINTS_68, labels.YAW, labels.QUALITY_SCORE,
    labels.CAPTION, labels.EYEWEAR, labels.MASK_WORN, labels.EMBEDDING, labels.IDENTITY_ID,
)  # fmt: skip
TEXTS = ("a woman, smiling", "lines\u2028that end oddly", 'quotes " and \\ and\ttabs', "Größe ü 顔", "", "<b>&amp;</b>")


def hard_cases(folder: Path, pictures: int = 240, seed: int = 0) -> Dataset:
    """About 290 faces in pictures of odd names, forms and counts; a quarter of the labels are null."""
    rng = np.random.default_rng(seed)
    for number in range(pictures):
        _write(folder / "photos", number, rng)
    ds = Dataset.create(folder / "hard", name="hard cases", licence="CC BY 4.0")
    write_shards(ds, plan_shards(ds, list_sources([folder / "photos"]), 100))
    layer = LayerInfo("drawn.v1", "model", "drawn", "1", columns=tuple(c.name for c in LABELLED))
    for key in ds.keys("sources"):
        rows = [load(source).row for source in ds.read("sources", key).to_pylist()]
        for i, row in enumerate(rows):
            row[images.SPLIT.name] = SPLITS[(int(key) * 100 + i) % len(SPLITS)] or None
            row[images.LICENCE.name] = ("CC BY 4.0", "CC BY-NC 4.0", "")[i % 3]
        ds.write("images", key, table({c: [r[c.name] for r in rows] for c in images.IMAGES.values()}))
        ds.write("faces", key, _faces(rows, int(key), rng))
    ds.add_layer(layer)
    for key in ds.keys("faces"):
        ids = ds.read("faces", key, [faces.FACE_ID]).column(0).to_pylist()
        boxes = np.column_stack([ds.read("faces", key, [c]).column(0).to_numpy() for c in faces.BOX])
        ds.write("labels/drawn.v1", key, _labels(ids, boxes, rng))
    return ds


def _write(folder: Path, number: int, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    height, width = (int(s) for s in rng.integers(60, 200, 2))
    pixels = cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    kind = (".jpg", ".png", ".jpg", ".webp", ".png")[number % 5]
    if number % 7 == 0:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    data = cv2.imencode(kind, pixels)[1].tobytes()
    (folder / f"{number:03d} {NAMES[number % len(NAMES)]}{kind}").write_bytes(data)


def _faces(rows: list[dict[str, Any]], shard: int, rng: np.random.Generator) -> pa.Table:
    found: dict[Column, list[Any]] = {c: [] for c in faces.FACES.values()}
    for place, row in enumerate(rows):
        for number in range(FACES_OF[(shard * 100 + place) % len(FACES_OF)]):
            width, height = row[images.WIDTH.name], row[images.HEIGHT.name]
            w, h = (float(rng.uniform(20, 0.6 * s)) for s in (width, height))
            x, y = float(rng.uniform(0, width - w)), float(rng.uniform(0, height - h))
            points = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]]) * [w, h] + [x, y]
            image_id = row[images.IMAGE_ID.name]
            values = (f"{image_id}.{number}", image_id, x, y, w, h, points.ravel().tolist(), 0.9, "model")
            for column, value in zip((faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.POINTS_5, faces.SCORE,
                                      faces.ORIGIN), values, strict=True):  # fmt: skip
                found[column].append(value)
    return table(found)


def _labels(ids: list[str], boxes: Any, rng: np.random.Generator) -> pa.Table:
    values: dict[Column, list[Any]] = {c: [] for c in LABELLED}
    for i in range(len(ids)):
        for column in LABELLED:
            present = rng.random() > 0.25
            values[column].append(_value(column, boxes[i], i, rng) if present else None)
    head = {faces.FACE_ID: ids, labels.STATUS: [Status.OK.value] * len(ids), labels.ERROR: [None] * len(ids)}
    return table({**head, **values})


def _value(column: Column, box: Any, number: int, rng: np.random.Generator) -> Any:
    """A value of the column's kind, for a face in that box."""
    return _DRAWN[column.kind](column, box, number, rng)


def _scores(column: Column, _box: Any, _number: int, rng: np.random.Generator) -> dict[str, float | None]:
    drawn = rng.dirichlet(np.ones(len(column.type))) * (column.high or 1.0)
    drawn = [None if rng.random() < 0.1 else float(v) for v in drawn]
    return {f.name: v for f, v in zip(column.type, drawn, strict=True)}


def _points(column: Column, box: Any, _number: int, rng: np.random.Generator) -> list[float]:
    shares = rng.uniform(0, 1, column.shape)
    shares[:, :2] = shares[:, :2] * box[2:] + box[:2]
    return shares.astype(np.float32).ravel().tolist()


def _vector(column: Column, _box: Any, _number: int, rng: np.random.Generator) -> list[float]:
    vector = rng.standard_normal(column.shape[0])
    return (vector / np.linalg.norm(vector)).astype(np.float32).tolist()


def _number(column: Column, _box: Any, _number: int, rng: np.random.Generator) -> float:
    low, high = (default if end is None else end for end, default in ((column.low, -1.0), (column.high, 1.0)))
    return float(np.float32(rng.uniform(low, high)))


_DRAWN = {
    Kind.LABEL: lambda column, _b, _n, rng: str(rng.choice(taxonomy(column.taxonomy).labels)),
    Kind.SCORES: _scores,
    Kind.POINTS: _points,
    Kind.VECTOR: _vector,
    Kind.FLAG: lambda _c, _b, _n, rng: bool(rng.random() < 0.5),
    Kind.TEXT: lambda _c, _b, number, _r: TEXTS[number % len(TEXTS)],
    Kind.ID: lambda _c, _b, _n, rng: f"person-{int(rng.integers(40))}",
    Kind.NUMBER: _number,
}


__all__ = ["LABELLED", "hard_cases"]
