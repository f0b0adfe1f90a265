"""FiftyOne: a dataset on disk as FiftyOne exports it, read without FiftyOne and its database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from curate.bridges.fiftyone_fields import RESERVED, attribute
from curate.export.fiftyone_documents import incoming, points_of
from curate.importers.base import Found, Importer, Record, need
from curate.importers.formats.coco import FACES, declared
from schemas import REGISTRY, UsageError
from schemas.columns import faces, images, labels

SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
OWN = {"_id", "_cls", faces.FACE_ID.name} | RESERVED
WIDTH, HEIGHT = images.WIDTH.name, images.HEIGHT.name
POINTS = {68: labels.POINTS_68, 5: faces.POINTS_5}
"""Number of points -> the column that they are; other keypoints are counted."""


class FiftyOne(Importer):
    """Every field of detections; those labelled face, head or human face are faces, others are counted.

    Attributes named as columns here become labels. Keypoints belong to the box with the same `face_id`, or with the
    same place in its list where neither field names any. A sample's tag train, val or test is its split.
    """

    name = "fiftyone"
    doc = "FiftyOne's export on disk: detections of faces with their attributes, 5 or 68 keypoints, tags as splits."
    files = "samples.json and data/, as Dataset.export(dataset_type=fiftyone.types.FiftyOneDataset) writes them"
    licence = ""
    labelled_by = "whoever made the annotations"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Sample by sample."""
        path = need(folder, "samples.json", what="FiftyOne's samples")
        try:
            samples = json.loads(path.read_text("utf-8"))["samples"]
            for sample in samples:
                place = _place(folder, sample["filepath"])
                split = next((SPLITS[t] for t in sample.get("tags") or () if t in SPLITS), None)
                records = list(_records(sample, place, split, found))
                found.records += records or [Record(place, split=split, face=False)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"'{path}' holds no samples of FiftyOne", f"{type(error).__name__}: {error}") from None


def _place(folder: Path, told: str) -> Path:
    """The picture: below the export, or where FiftyOne knew it if it is not there."""
    inside = folder / told
    beside = folder / "data" / Path(told).name
    return next((p for p in (inside, beside) if p.is_file()), inside)


def _records(sample: Mapping[str, Any], place: Path, split: str | None, found: Found) -> Iterator[Record]:
    boxes = [box for held in _held(sample, "Detections") for box in held["detections"]]
    points = [point for held in _held(sample, "Keypoints") for point in held["keypoints"]]
    for number, box in enumerate(boxes):
        if str(box.get("label") or FACES[0]).lower() not in FACES:
            found.left_out[f"detections labelled '{box['label']}', which is no face"] += 1
            continue
        x, y, w, h = (float(v) for v in box["bounding_box"])
        values, extra = declared(_attributes(box), found)
        given = _points_of(box, number, sample, points, len(boxes), found)
        if labels.POINTS_68.name in given:
            values[labels.POINTS_68.name] = given.pop(labels.POINTS_68.name)
        five = given.get(faces.POINTS_5.name)
        yield Record(
            place, values, box=(x, y, w, h), points=five, layout="points-5" if five is not None else "",
            relative=True, split=split, extra=extra,
        )  # fmt: skip


def _held(sample: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [value for value in sample.values() if isinstance(value, Mapping) and value.get("_cls") == kind]


def _attributes(box: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by the names of their columns; old exports keep them in `attributes`."""
    renamed = {attribute(column): name for name, column in REGISTRY.items()}
    old = {n: v.get("value") for n, v in (box.get("attributes") or {}).items() if isinstance(v, Mapping)}
    told = {renamed.get(n, n): incoming(v) for n, v in {**old, **box}.items() if n not in OWN}
    return {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in told.items()}


def _points_of(
    box: Mapping[str, Any], number: int, sample: Mapping[str, Any], points: list[Any], boxes: int, found: Found
) -> dict[str, Any]:
    """Points of a face: 68 flat in pixels, five relative, shape (5, 2); those that are not all known are left out."""
    ident, result = box.get(faces.FACE_ID.name), dict[str, Any]()
    for place, keypoint in enumerate(points):
        owner = keypoint.get(faces.FACE_ID.name)
        if owner != ident if owner or ident else place % boxes != number:
            continue
        known = points_of(keypoint)[:, :2]
        column = POINTS.get(len(known))
        if column is None or not np.isfinite(known).all():
            found.left_out["keypoints that are neither 5 nor 68, or not all known"] += 1
        elif column is labels.POINTS_68:
            size = sample.get("metadata") or {}
            if size.get(WIDTH) and size.get(HEIGHT):
                pixels = known * [size[WIDTH], size[HEIGHT]]
                result[column.name] = pixels.astype(np.float32).ravel().tolist()
        else:
            result[column.name] = known.astype(np.float32)
    return result
