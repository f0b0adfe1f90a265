"""FiftyOne: a dataset on disk as `FiftyOneDataset`, written without a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.bridges.fiftyone_fields import DETECTIONS, FACES, attribute
from curate.export.base import PICTURES, Exporter, Part, Plan, equal
from curate.export.encode import suffix_of
from curate.export.fiftyone_documents import (
    JSON,
    VERSION,
    detection,
    detections,
    detections_field,
    field,
    incoming,
    keypoint,
    keypoints,
    keypoints_field,
    object_id,
    outgoing,
    points_of,
    sample_fields,
    sample_head,
    skeleton,
)
from curate.export.pieces import keep, kept
from curate.export.plain import columns_of, from_plain, sample_facts
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import replacing
from schemas import Column, Kind
from schemas.columns import faces

MEDIA = "data"
NUMBER, FACTS = "export_number", "facts"
KINDS = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
TOLERANCE = 1e-3


class FiftyOne(Exporter):
    """`metadata.json`, `samples.json` and `data/`: what FiftyOne itself writes, so no database is needed here.

    Field `faces` holds the boxes, each with its labels as attributes; each column of points is a field of keypoints
    with its skeleton, whose `face_id` says whose they are. The split is the sample's tag. The reader needs FiftyOne
    with its database; to look at a dataset without copying its pictures, use `facecurate view`.
    """

    name = "fiftyone"
    doc = "FiftyOneDataset on disk: boxes with labels as attributes, keypoints with skeletons, splits as tags."
    unit = PICTURES
    opened_by = "fiftyone.Dataset.from_dir('OUT', dataset_type=fiftyone.types.FiftyOneDataset)"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks of parts."""
        return {c.name: "masks of parts have no place on a detection" for c in columns if c.kind is Kind.MASK}

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their documents are kept until `finish`."""
        (folder / MEDIA).mkdir(parents=True, exist_ok=True)
        documents = []
        for sample in samples:
            path = folder / MEDIA / sample.file
            path.write_bytes(sample.data)
            yield path
            documents.append(_document(sample, part.columns))
        keep(folder, part, documents)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """Declarations and samples; one sample at a time is held in memory."""
        with replacing(folder / "metadata.json") as file:
            file.write(json.dumps(_metadata(plan), ensure_ascii=False).encode())
        yield folder / "metadata.json"
        with replacing(folder / "samples.json") as file:
            file.write(b'{"samples": [')
            for count, document in enumerate(kept(folder, parts)):
                file.write((b",\n" if count else b"\n") + json.dumps(document, ensure_ascii=False).encode())
            file.write(b"\n]}\n")
        yield folder / "samples.json"

    def read(self, folder: Path) -> Iterator[Sample]:
        """Sample by sample; their documents are held in memory."""
        for told in json.loads((folder / "samples.json").read_text("utf-8"))["samples"]:
            path = folder / told["filepath"]
            size = told["metadata"]["width"], told["metadata"]["height"]
            data = path.read_bytes()
            split = split_of(told["tags"][0])
            found = tuple(_faces(told, *size))
            yield Sample(path.stem, told[NUMBER], split, data, path.suffix, *size, found, told[FACTS])

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Points to a thousandth of a pixel, since they are kept as shares of the picture."""
        return equal(column, given, found, TOLERANCE if column.kind is Kind.POINTS else 0.0)


def _metadata(plan: Plan) -> dict[str, Any]:
    points = [c for c in plan.columns if _on_keypoints(c)]
    declared = [
        *sample_fields(), field(NUMBER, "Int"), field(FACTS, "Dict"),
        detections_field(FACES, [c for c in plan.columns if not _on_keypoints(c)]), *map(keypoints_field, points),
    ]  # fmt: skip
    return {
        "version": VERSION, "name": plan.name, "media_type": "image", "group_media_types": {}, "tags": [],
        "info": {"facecurate": {"columns": [c.name for c in plan.columns]}}, "app_config": {}, "classes": {},
        "default_classes": [], "mask_targets": {}, "default_mask_targets": {}, "sample_fields": declared,
        "skeletons": {c.name: skeleton(c) for c in points}, "frame_fields": [], "saved_views": [], "workspaces": [],
        "annotation_runs": {}, "brain_methods": {}, "evaluations": {}, "runs": {},
    }  # fmt: skip


def _document(sample: Sample, columns: Sequence[Column]) -> dict[str, Any]:
    ident = object_id(sample.key)
    about = {"size_bytes": len(sample.data), "mime_type": KINDS[suffix_of(sample.data)]}
    found = sample_head(f"{MEDIA}/{sample.file}", [named(sample.split)], (sample.width, sample.height), about)
    found |= {
        "_id": ident, "_rand": (int(ident["$oid"], 16) % 10**9) / 10**9,
        NUMBER: sample.number, FACTS: sample_facts(sample),
    }  # fmt: skip
    found[FACES] = detections([_detection(sample, face, place, columns) for place, face in enumerate(sample.faces)])
    for column in filter(_on_keypoints, columns):
        found[column.name] = keypoints(
            [
                _keypoint(sample, face, place, column)
                for place, face in enumerate(sample.faces)
                if face.labels.get(column.name) is not None
            ]
        )
    return found


def _on_keypoints(column: Column) -> bool:
    """Whether the column is a field of keypoints: points of a layout in pixels; others are lists of numbers."""
    return column.kind is Kind.POINTS and column.unit == "px" and bool(column.taxonomy)


def _name_of(sample: Sample, face: FaceItem, place: int) -> str:
    return face.face_id or f"{sample.key}.{place}"


def _detection(sample: Sample, face: FaceItem, place: int, columns: Sequence[Column]) -> dict[str, Any]:
    ident = _name_of(sample, face, place)
    assert face.box is not None
    x, y, w, h = face.box
    box = [x / sample.width, y / sample.height, w / sample.width, h / sample.height]
    values = {
        attribute(c): None if face.labels.get(c.name) is None else outgoing(c, face.labels[c.name])
        for c in columns
        if not _on_keypoints(c)
    }
    return detection(f"{ident}/box", ident, box, values, JSON)


def _keypoint(sample: Sample, face: FaceItem, place: int, column: Column) -> dict[str, Any]:
    ident = _name_of(sample, face, place)
    points = np.array(face.labels[column.name], np.float64)
    points[:, :2] /= [sample.width, sample.height]
    return keypoint(f"{ident}/{column.name}", ident, points, JSON)


def _faces(told: Mapping[str, Any], width: int, height: int) -> Iterator[FaceItem]:
    points: dict[str, dict[str, Any]] = {}
    for column in columns_of(list(told)):
        for found in (told[column.name] or {}).get("keypoints", ()):
            value = points_of(found)
            value[:, :2] *= [width, height]
            points.setdefault(found[faces.FACE_ID.name], {})[column.name] = value.astype(np.float32)
    for found in told[FACES][DETECTIONS.removeprefix(f"{FACES}.")]:
        x, y, w, h = found["bounding_box"]
        named_as = {attribute(c): c for c in columns_of([n.removesuffix("_") for n in found])}
        values = {c.name: from_plain(c, incoming(found[n])) for n, c in named_as.items() if n in found}
        ident = found[faces.FACE_ID.name]
        values.pop(faces.FACE_ID.name, None)
        yield FaceItem(ident, (x * width, y * height, w * width, h * height), values | points.get(ident, {}))
