"""Datasets with plausible values of every declared column, written through the store without any model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from annotators.canonical_face import Pose, canonical_face, rotation_of
from annotators.points import convert
from curate.ingest import content_id
from curate.store import Dataset, LayerInfo
from schemas import REGISTRY, Column, ImageStatus, Kind, Reason, Status, taxonomy
from schemas.columns import faces, images, labels

LABEL_GROUPS = {
    "second_opinion": labels.SECOND,
    "mesh": labels.LANDMARKS,
    "head_pose": labels.POSE,
    "emotion": labels.EMOTION,
    "demographics": labels.DEMOGRAPHICS,
    "action_units": labels.AU,
    "skin": labels.SKIN,
    "quality": labels.QUALITY,
    "identity": labels.IDENTITY,
    "caption": labels.CAPTION_GROUP,
}
WORDS = np.array(["A person in front of a wall.", "A face.", "Someone outdoors."], dtype=object)


def save_pictures(folder: Path, count: int, size: tuple[int, int] = (320, 240)) -> list[Path]:
    """Pictures of colour ramps, each with other bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 255, size[0])[None, :, None] * np.ones((size[1], 1, 3))
    paths = []
    for i in range(count):
        paths.append(folder / f"picture {i:03d}.png")
        Image.fromarray(np.uint8((ramp + np.array([i * 9, i * 5, 40])) % 256)).save(paths[-1])
    return paths


def image_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """An images part; what a row does not say is null."""
    full = [{**dict.fromkeys(images.IMAGES), **row} for row in rows]
    return pa.Table.from_pylist(full, schema=images.IMAGES.schema)


def picture_row(path: Path, size: tuple[int, int] = (320, 240)) -> dict[str, Any]:
    return {
        "image_id": content_id(path.read_bytes()), "uri": str(path), "name": path.name, "status": ImageStatus.OK.value,
        "reason": Reason.NONE.value, "width": size[0], "height": size[1], "format": "PNG", "byte_size": 1000,
    }  # fmt: skip


def ledger_row(name: str, reason: Reason, detail: str = "") -> dict[str, Any]:
    status = ImageStatus.DUPLICATE if reason is Reason.DUPLICATE else ImageStatus.REJECTED
    return {"uri": f"/nowhere/{name}", "name": name, "status": status.value, "reason": reason.value, "detail": detail}


def face_table(image_ids: Sequence[str], boxes: np.ndarray, first: int = 0) -> pa.Table:
    """A faces part, one face per given image id, numbered within each image."""
    seen: dict[str, int] = {}
    ids = []
    for image in image_ids:
        ids.append(f"{image}.{seen.get(image, first)}")
        seen[image] = seen.get(image, first) + 1
    x, y, w, h = np.asarray(boxes, np.float32).T
    five = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    points = five[None] * np.stack([w, h], 1)[:, None] + np.stack([x, y], 1)[:, None]
    values = {
        "face_id": ids, "image_id": list(image_ids), "box_x": x, "box_y": y, "box_w": w, "box_h": h,
        "points_5": flat(points, faces.POINTS_5.type),
        "detection_score": np.full(len(ids), 0.9, np.float32), "origin": ["model"] * len(ids),
    }  # fmt: skip
    return pa.table(values, schema=faces.FACES.schema)


def flat(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1), kind.value_type), kind.list_size)


def meshes(boxes: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Canonical faces in the boxes, turned by (yaw, pitch, roll) in degrees; shape (n, 478, 3)."""
    found = np.zeros((len(boxes), 478, 3), np.float32)
    for i, ((x, y, w, h), turn) in enumerate(zip(boxes, turns, strict=True)):
        pose = Pose(rotation_of(*turn), w / 16, np.array([x + w / 2, -(y + h / 2), 0.0]))
        found[i, :468] = pose.to_image(canonical_face().points)
        found[i, 468:] = found[i, [159] * 5 + [386] * 5]
    return found


def plausible(column: Column, rows: int, rng: np.random.Generator) -> pa.Array:
    """Random values that keep to the column's declaration, about one in ten null."""
    null = rng.random(rows) < 0.1
    if column.kind is Kind.SCORES:
        parts = rng.dirichlet(np.ones(column.type.num_fields) * 0.3, rows).astype(np.float32) * (column.high or 1)
        fields = [pa.array(part) for part in parts.T]
        return pa.StructArray.from_arrays(fields, fields=list(column.type), mask=pa.array(null))
    if pa.types.is_fixed_size_list(column.type):
        size = column.type.list_size
        if pa.types.is_boolean(column.type.value_type):
            return pa.FixedSizeListArray.from_arrays(pa.array(rng.random(rows * size) < 0.8), size)
        values = rng.normal(0, 0.05, (rows, size)).astype(np.float32)
        return flat(np.clip(values, column.low or -1, column.high or 1), column.type)
    if column.kind is Kind.LIST:
        fact = taxonomy(column.taxonomy).labels[0] if column.taxonomy else "perceived_gender=Female"
        return pa.array([[fact]] * rows, column.type)
    return pa.array(_scalars(column, rows, rng), mask=null).cast(column.type, safe=False)


def _scalars(column: Column, rows: int, rng: np.random.Generator) -> np.ndarray:
    if column.kind is Kind.FLAG:
        return rng.random(rows) < 0.2
    if column.kind is Kind.NUMBER:
        low = -30.0 if column.low is None else max(column.low, -60)
        high = 90.0 if column.high is None else min(column.high, 90)
        return low + (high - low) * rng.beta(4, 4, rows)
    labelled = taxonomy(column.taxonomy).labels if column.taxonomy else ("a", "b")
    names = WORDS if column.kind is Kind.TEXT else np.array(labelled, dtype=object)
    return names[(len(names) * rng.beta(2, 3, rows)).astype(int)]


def label_table(columns: Sequence[Column], face_ids: Sequence[str], boxes: np.ndarray, seed: int) -> pa.Table:
    """A label part: mostly ok, a few rows not applicable or failed, those with nulls throughout."""
    rng = np.random.default_rng(seed)
    rows = len(face_ids)
    outcome = rng.choice(3, rows, p=(0.94, 0.04, 0.02))
    status = np.array([Status.OK.value, Status.NOT_APPLICABLE.value, Status.FAILED.value], dtype=object)[outcome]
    errors = np.array([None, "the face is too small", "ValueError: odd"], dtype=object)[outcome]
    ok = pa.array(outcome == 0)
    table = {"face_id": face_ids, "label_status": status, "label_error": pa.array(errors, pa.string())}
    mesh = meshes(boxes, rng.normal(0, 12, (rows, 3))) if labels.MESH in columns else None
    for column in columns:
        if mesh is not None and column.name == labels.MESH.name:
            values = flat(mesh, column.type)
        elif mesh is not None and column.name == labels.POINTS_68.name:
            values = flat(convert(mesh[..., :2], "points-478", "points-68"), column.type)
        else:
            values = plausible(column, rows, rng)
        table[column.name] = nulled(values, ok)
    return pa.table(table)


def nulled(values: pa.Array, keep: pa.Array) -> pa.Array:
    """Values with null where `keep` is false; structs and lists included."""
    rows = pa.array(np.where(keep.to_numpy(zero_copy_only=False), np.arange(len(values)), -1))
    return values.take(pa.array([None if r < 0 else r for r in rows.to_pylist()], pa.int64()))


def add_labels(ds: Dataset, groups: Sequence[str] = tuple(LABEL_GROUPS), seed: int = 0) -> None:
    """Write a layer per group for every faces part."""
    for number, group in enumerate(groups):
        columns = [c for c in LABEL_GROUPS[group].values() if c.name in REGISTRY]
        weights = {"yunet": "0" * 64} if group == "mesh" else {}
        info = LayerInfo(f"{group}.v1", "model", group, "1", weights=weights, columns=tuple(c.name for c in columns))
        ds.add_layer(info)
        for key in ds.keys("faces"):
            part = ds.read("faces", key)
            boxes = np.stack([part.column(c.name).to_numpy() for c in faces.BOX], 1)
            table = label_table(columns, part.column("face_id").to_pylist(), boxes, seed + number)
            ds.write(f"labels/{info.name}", key, table)


def small_dataset(folder: Path, pictures: int = 6, labelled: bool = True) -> Dataset:
    """Two faces in every picture but the last, which has none; three entries in the ledger."""
    paths = save_pictures(folder / "photos", pictures)
    rows = [picture_row(p) for p in paths]
    ledger = [
        ledger_row("broken.jpg", Reason.TRUNCATED, "the file ends early"),
        ledger_row("page.jpg", Reason.NOT_AN_IMAGE, "HTML"),
        ledger_row("again.png", Reason.DUPLICATE),
    ]
    ds = Dataset.create(folder / "dataset", name="small")
    ds.write("images", "00000", image_table([*rows, *ledger]))
    ids = [r["image_id"] for r in rows[:-1] for _ in range(2)]
    boxes = np.array([[40, 50, 80, 100], [180, 60, 90, 110]] * (pictures - 1), np.float32)
    ds.write("faces", "00000", face_table(ids, boxes))
    if labelled:
        add_labels(ds)
    return ds


def large_dataset(folder: Path, count: int, shard: int = 1000, points: bool = True) -> Dataset:
    """Faces without pictures on disk; the same values repeat from shard to shard."""
    ds = Dataset.create(folder, name="large")
    boxes = np.random.default_rng(1).uniform([0, 0, 40, 50], [200, 100, 90, 110], (shard, 4)).astype(np.float32)
    skipped = {labels.MESH.name} if not points else set()
    infos, parts = {}, {}
    for number, group in enumerate(LABEL_GROUPS):
        columns = [c for c in LABEL_GROUPS[group].values() if c.name not in skipped]
        infos[group] = LayerInfo(f"{group}.v1", "model", group, "1", columns=tuple(c.name for c in columns))
        ds.add_layer(infos[group])
        parts[group] = label_table(columns, [""] * shard, boxes, number)
    for start in range(0, count, shard):
        key = f"{start // shard:05d}"
        ids = [f"{start + i:032x}" for i in range(shard)]
        rows = [
            {"image_id": i, "uri": f"/nowhere/{i}.jpg", "name": f"{i}.jpg", "status": "ok", "reason": "",
             "width": 320, "height": 240} for i in ids
        ]  # fmt: skip
        ds.write("images", key, image_table(rows))
        found = face_table(ids, boxes)
        ds.write("faces", key, found)
        for group, info in infos.items():
            ds.write(f"labels/{info.name}", key, parts[group].set_column(0, "face_id", found.column("face_id")))
    return ds
