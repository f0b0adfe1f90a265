"""COFW: 29 points with occlusion flags, as the JSON lists that mmpose trains on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from annotators.points import convert
from curate.export.base import Exporter, Part, Plan
from curate.export.pieces import kept
from curate.export.point_visibility import NEEDED, hidden_points
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.ties import no_place, ties, write_listed
from curate.store.parts import replacing
from schemas import Column, labels
from schemas.columns import images

LAYOUT = "points-29"
PICTURES, LISTS = "images", "annotations/cofw_{}.json"
VAL = {"validation": "val"}
OCCLUDED, VISIBLE = 1, 2
"""As mmpose writes COFW's flags."""


class Cofw(Exporter):
    """`annotations/cofw_SPLIT.json` and `images/000001.jpg`; a face without a mesh has a picture and no annotation.

    COFW itself is a MATLAB file with the pictures in it; training code converts it to these COCO-like lists first, so
    they are what is written here: `keypoints` are `x, y, v` of the 29 points in COFW's order, `v` 1 where occluded, 2
    where visible, `bbox` the face's box. The points are taken from the mesh, since the 68 points have no pupils and
    no lower edges of the brows. A point is occluded if its cell of the map of covers is, where there is such a map,
    or if it is turned away or outside the picture.
    """

    name = "cofw"
    doc = "COFW's 29 points taken from the mesh, with occlusion flags, as COCO-like JSON lists."
    opened_by = "mmpose's COFWDataset, pycocotools"
    box_tolerance = 6e-5

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All; of the mesh, the 29 points that are made from it are told."""
        found = no_place(columns, (), "COFW's list")
        if labels.MESH in columns:
            found[labels.MESH.name] = "only 29 points that are taken from the mesh stand in the list, without depth"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The mesh and what covers it."""
        return NEEDED

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their annotations are kept until `finish`."""
        return write_listed(folder, part, samples, _place, _record)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """One list per split."""
        for split in plan.splits:
            pictures, notes = [], []
            for picture, note in kept(folder, parts, split):
                pictures.append(picture)
                notes += [note] if note else []
            category = {"supercategory": "person", "id": 1, "name": "face", "keypoints": [], "skeleton": []}
            told = {"info": {"description": plan.name}, "categories": [category],
                    "images": pictures, "annotations": notes}  # fmt: skip
            path = folder / LISTS.format(VAL.get(split, named(split)))
            with replacing(path) as file:
                file.write(json.dumps(told, ensure_ascii=False).encode())
            yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the lists."""
        boxes: dict[str, Any] = {}
        for path in folder.glob(LISTS.format("*")):
            told = json.loads(path.read_text("utf-8"))
            names = {p["id"]: p["file_name"] for p in told["images"]}
            boxes |= {names[note[images.IMAGE_ID.name]]: tuple(note["bbox"]) for note in told["annotations"]}
        for tie in ties(folder):
            yield tie.sample(folder, {}, boxes.get(tie.file.removeprefix(f"{PICTURES}/")))


def _place(sample: Sample) -> str:
    return f"{PICTURES}/{sample.number + 1:06d}{sample.suffix}"


def _record(sample: Sample, file: str) -> list[Any]:
    face = sample.faces[0]
    size = {images.WIDTH.name: sample.width, images.HEIGHT.name: sample.height}
    picture = {"id": sample.number + 1, "file_name": file.removeprefix(f"{PICTURES}/"), **size}
    mesh = face.labels.get(labels.MESH.name)
    if mesh is None or face.box is None:
        return [picture, None]
    points = convert(np.asarray(mesh), labels.MESH.taxonomy, LAYOUT)[:, :2].astype(np.float64)
    hidden = hidden_points(face.labels, LAYOUT, sample.width, sample.height)
    flags = np.where(hidden, OCCLUDED, VISIBLE)
    keypoints = [v for (x, y), flag in zip(points.tolist(), flags.tolist(), strict=True)
                 for v in (round(x, 4), round(y, 4), flag)]  # fmt: skip
    x, y, w, h = (round(v, 4) for v in face.box)
    note = {
        "keypoints": keypoints, images.IMAGE_ID.name: sample.number + 1, "id": sample.number + 1,
        "num_keypoints": len(points), "bbox": [x, y, w, h], "iscrowd": 0, "area": w * h, "category_id": 1,
    }  # fmt: skip
    return [picture, note]
