"""COCO: one JSON file per split with pictures, boxes, 68 points as keypoints, and labels as attributes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.export.base import PICTURES, Exporter, Part, Plan
from curate.export.pieces import keep, kept
from curate.export.plain import columns_of, face_record, from_plain, record_face, sample_facts, to_plain
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import replacing
from schemas import Column, Kind
from schemas.columns import faces, images, labels
from schemas.landmarks import layout

POINTS = labels.POINTS_68
HIDDEN, VISIBLE = 0, 2


class Coco(Exporter):
    """`images/SPLIT/` and `annotations/SPLIT.json`; samples without a split are in `unassigned`.

    `bbox` is left, top, width, height in pixels. Category 1, `face`, has the 68 points of 300-W as keypoints, with
    names `0` to `67` and a skeleton that counts from 1; a point that is not known is `0, 0, 0`. All other labels are
    the annotation's `attributes`, as CVAT and Datumaro write them; what is not known is left out.
    """

    name = "coco"
    doc = "COCO JSON with boxes, 68 keypoints, and labels as attributes."
    unit = PICTURES
    opened_by = "pycocotools.coco.COCO('annotations/train.json')"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks, which JSON has no bytes for."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their annotations are kept until `finish`."""
        place = folder / "images" / named(part.split)
        place.mkdir(parents=True, exist_ok=True)
        records = []
        for sample in samples:
            path = place / sample.file
            path.write_bytes(sample.data)
            yield path
            picture = {"id": sample.number + 1, "file_name": sample.file, images.WIDTH.name: sample.width,
                       images.HEIGHT.name: sample.height, "facts": sample_facts(sample)}  # fmt: skip
            found = [_annotation(face, part.columns) for face in sample.faces]
            records.append({"image": picture, "annotations": found})
        keep(folder, part, records)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One JSON file per split; annotations are numbered from 1 in each."""
        points = POINTS in plan.columns
        for split in plan.splits:
            path = folder / "annotations" / f"{named(split)}.json"
            with replacing(path) as file:
                head = {"info": {"description": plan.name}, "licenses": [], "categories": [_category(points)]}
                file.write(_json(head)[:-1] + b', "images": [')
                for number, record in enumerate(kept(folder, parts, split)):
                    file.write((b",\n" if number else b"\n") + _json(record["image"]))
                file.write(b'], "annotations": [')
                number = 0
                for record in kept(folder, parts, split):
                    for found in record["annotations"]:
                        ids = {"id": number + 1, images.IMAGE_ID.name: record["image"]["id"], "category_id": 1}
                        file.write((b",\n" if number else b"\n") + _json(ids | found))
                        number += 1
                file.write(b"]}\n")
            yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture; the JSON of a split is held in memory."""
        for path in sorted((folder / "annotations").glob("*.json")):
            told = json.loads(path.read_text("utf-8"))
            faces_of: dict[int, list[FaceItem]] = {}
            for found in told["annotations"]:
                faces_of.setdefault(found[images.IMAGE_ID.name], []).append(_face(found))
            for picture in told["images"]:
                file = folder / "images" / path.stem / picture["file_name"]
                size = picture[images.WIDTH.name], picture[images.HEIGHT.name]
                found_faces = tuple(faces_of.get(picture["id"], ()))
                yield Sample(file.stem, picture["id"] - 1, split_of(path.stem), file.read_bytes(), file.suffix, *size,
                             found_faces, picture["facts"])  # fmt: skip


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def _category(points: bool) -> dict[str, Any]:
    category: dict[str, Any] = {"id": 1, "name": "face", "supercategory": "person"}
    if points:
        parts = layout(POINTS.taxonomy)
        category["keypoints"] = [str(i) for i in range(parts.size)]
        category["skeleton"] = [[a + 1, b + 1] for a, b in parts.edges]
    return category


def _annotation(face: FaceItem, columns: Sequence[Column]) -> dict[str, Any]:
    record = face_record(face, [c for c in columns if c != POINTS])
    box = record.pop("box")
    found = {"bbox": box, "area": box[2] * box[3], "iscrowd": 0, "segmentation": [], "attributes": record}
    if POINTS in columns:
        found |= _keypoints(face.labels.get(POINTS.name))
    return found


def _keypoints(points: Any) -> dict[str, Any]:
    if points is None:
        points = np.full(POINTS.shape, np.nan, np.float32)
    known = np.isfinite(points).all(1)
    flat: list[Any] = []
    for point, ok in zip(points, known, strict=True):
        flat += [*to_plain(point), VISIBLE] if ok else [0, 0, HIDDEN]
    return {"keypoints": flat, "num_keypoints": int(known.sum())}


def _face(found: Mapping[str, Any]) -> FaceItem:
    record = dict(found["attributes"]) | {"box": found["bbox"]}
    if found.get("num_keypoints"):
        values = np.array(found["keypoints"], np.float64).reshape(-1, 3)
        values[values[:, 2] == HIDDEN] = np.nan
        record[POINTS.name] = from_plain(POINTS, values[:, :2].tolist())
    columns = [c for c in columns_of(list(record)) if c.name != faces.FACE_ID.name]
    return record_face(record, columns)
