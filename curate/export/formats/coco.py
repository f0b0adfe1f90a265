"""COCO: one JSON file per split with pictures, boxes, points as keypoints, and labels as attributes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.base import PICTURES, Exporter, Part, Plan
from curate.export.face_points import pixel_points
from curate.export.pieces import keep, kept
from curate.export.plain import columns_of, face_record, from_plain, record_face, sample_facts, to_plain
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import replacing
from schemas import Column, Kind, column
from schemas.columns import faces, images, labels
from schemas.landmarks import layout

HIDDEN, VISIBLE = 0, 2
FLAT = 2
"""Dimensions of points that keypoints hold whole."""


@dataclass(frozen=True)
class CocoConfig(Config):
    """What the keypoints are.

    Attributes:
        points: A column of points in pixels, such as `landmarks_68`, `points_5` or `landmarks_478`.
    """

    points: str = labels.POINTS_68.name


class Coco(Exporter):
    """`images/SPLIT/` and `annotations/SPLIT.json`; samples without a split are in `unassigned`.

    `bbox` is left, top, width, height in pixels. Category 1, `face`, has the points as keypoints, the 68 of 300-W
    unless others are asked for, with names `0` to `67` and a skeleton that counts from 1; a point that is not known is
    `0, 0, 0`. All other labels are the annotation's `attributes`, as CVAT and Datumaro write them, points in space
    too; what is not known is left out.
    """

    name = "coco"
    doc = "COCO JSON with boxes, keypoints (68, or 5 or 478), and labels as attributes."
    unit = PICTURES
    opened_by = "pycocotools.coco.COCO('annotations/train.json')"
    config_type = CocoConfig
    config: CocoConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse points that are none."""
        assert isinstance(config, CocoConfig)
        pixel_points(config.points)

    @property
    def points(self) -> Column:
        """The column whose points are the keypoints."""
        return column(self.config.points)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Only masks, which JSON has no bytes for."""
        return {c.name: "JSON holds no bytes" for c in columns if c.kind is Kind.MASK}

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The points, where they are not among the exported columns but asked for."""
        return () if self.config == CocoConfig() else (self.points,)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their annotations are kept until `finish`."""
        place = folder / "images" / named(part.split)
        place.mkdir(parents=True, exist_ok=True)
        records, shown = [], self._shown(part.columns)
        for sample in samples:
            path = place / sample.file
            path.write_bytes(sample.data)
            yield path
            picture = {"id": sample.number + 1, "file_name": sample.file, images.WIDTH.name: sample.width,
                       images.HEIGHT.name: sample.height, "facts": sample_facts(sample)}  # fmt: skip
            found = [annotation(face, part.columns, self.points, shown) for face in sample.faces]
            records.append([picture["id"], _text(picture), [_text(note) for note in found]])
        keep(folder, part, records)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One JSON file per split; annotations are numbered from 1 in each."""
        points = self._shown(plan.columns)
        for split in plan.splits:
            path = folder / "annotations" / f"{named(split)}.json"
            with replacing(path) as file:
                head = {
                    "info": {"description": plan.name},
                    "licenses": [],
                    "categories": [_category(self.points if points else None)],
                }
                file.write(f'{_text(head)[:-1]}, "images": ['.encode())
                for number, (_, picture, _) in enumerate(kept(folder, parts, split)):
                    file.write(f"{',' if number else ''}\n{picture}".encode())
                file.write(b'], "annotations": [')
                number = 0
                for picture_id, _, notes in kept(folder, parts, split):
                    for note in notes:
                        ids = {"id": number + 1, images.IMAGE_ID.name: picture_id, "category_id": 1}
                        file.write(f"{',' if number else ''}\n{_text(ids)[:-1]}, {note[1:]}".encode())
                        number += 1
                file.write(b"]}\n")
            yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture; the JSON of a split is held in memory."""
        for path in sorted((folder / "annotations").glob("*.json")):
            told = json.loads(path.read_text("utf-8"))
            faces_of: dict[int, list[FaceItem]] = {}
            for found in told["annotations"]:
                faces_of.setdefault(found[images.IMAGE_ID.name], []).append(self._face(found))
            for picture in told["images"]:
                file = folder / "images" / path.stem / picture["file_name"]
                size = picture[images.WIDTH.name], picture[images.HEIGHT.name]
                found_faces = tuple(faces_of.get(picture["id"], ()))
                yield Sample(file.stem, picture["id"] - 1, split_of(path.stem), file.read_bytes(), file.suffix, *size,
                             found_faces, picture["facts"])  # fmt: skip

    def _shown(self, columns: Sequence[Column]) -> bool:
        """Whether there are keypoints: where their column is exported or asked for."""
        return self.points in columns or self.points in self.needs(columns)

    def _face(self, found: Mapping[str, Any]) -> FaceItem:
        record = dict(found["attributes"]) | {"box": found["bbox"]}
        if found.get("num_keypoints") and self.points.shape[1] == FLAT:
            values = np.array(found["keypoints"], np.float64).reshape(-1, 3)
            values[values[:, 2] == HIDDEN] = np.nan
            record[self.points.name] = from_plain(self.points, values[:, :2].tolist())
        columns = [c for c in columns_of(list(record)) if c.name != faces.FACE_ID.name]
        return record_face(record, columns)


def annotation(
    face: FaceItem, columns: Sequence[Column], points: Column = labels.POINTS_68, shown: bool | None = None
) -> dict[str, Any]:
    """What COCO's list of annotations says of a face, without its numbers.

    Args:
        face: With a box.
        columns: Those that are told as attributes; flat points that are keypoints are not told twice.
        points: Column of the keypoints.
        shown: Whether there are keypoints; None is where their column is told.
    """
    record = face_record(face, [c for c in columns if c != points or points.shape[1] != FLAT])
    box = record.pop("box")
    found = {"bbox": box, "area": box[2] * box[3], "iscrowd": 0, "segmentation": [], "attributes": record}
    if points in columns if shown is None else shown:
        found |= _keypoints(face.labels.get(points.name), points)
    return found


_text = json.JSONEncoder(ensure_ascii=False).encode
"""`json.dumps` makes an encoder anew for every call that keeps letters as they are."""


def _category(points: Column | None) -> dict[str, Any]:
    category: dict[str, Any] = {"id": 1, "name": "face", "supercategory": "person"}
    if points is not None:
        parts = layout(points.taxonomy)
        category["keypoints"] = [str(i) for i in range(parts.size)]
        category["skeleton"] = [[a + 1, b + 1] for a, b in parts.edges]
    return category


def _keypoints(points: Any, column: Column) -> dict[str, Any]:
    flat = np.full((column.shape[0], 2), np.nan) if points is None else np.asarray(points)[:, :2]
    known = np.isfinite(flat).all(1)
    told: list[Any] = []
    for point, ok in zip(flat, known, strict=True):
        told += [*to_plain(point), VISIBLE] if ok else [0, 0, HIDDEN]
    return {"keypoints": told, "num_keypoints": int(known.sum())}
