"""Label Studio: tasks with predictions, and the labelling configuration they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from annotators.base import Config
from curate.export.attributes import lists_dropped
from curate.export.base import PICTURES, Exporter, Part, Plan, equal
from curate.export.encode import picture_size
from curate.export.label_studio_regions import PICTURE, POINTS, Scale, configuration, faces_in, regions
from curate.export.plain import columns_of
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import replacing
from schemas import Column
from schemas.columns import images

CONFIG = "label_config.xml"
TASKS = "tasks"
VERSION = "facecurate"
TOLERANCE = 1e-3
FILE, NUMBER = "file", "number"


@dataclass(frozen=True)
class LabelStudioConfig(Config):
    """Where Label Studio finds the pictures.

    Attributes:
        prefix: Stands before each picture's path below the export. The default is for local files, with the export
            as `LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT`; a storage's address or an empty text are possible too.
    """

    prefix: str = "/data/local-files/?d="


class LabelStudio(Exporter):
    """`tasks/SPLIT-00000.json`, `label_config.xml` and `images/SPLIT/`.

    A task has one prediction with all faces: a rectangle each, its labels as answers for that region, its 68 points
    as keypoints with the rectangle as parent. Set a project up with `label_config.xml`, import the tasks, and let
    the server find the pictures: `LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`,
    `LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT` the export's folder, and a storage of local files for `images`.
    """

    name = "label_studio"
    doc = "Label Studio JSON: tasks with boxes, points and labels as predictions, and the labelling configuration."
    unit = PICTURES
    opened_by = "Label Studio: project with label_config.xml, import tasks/*.json"
    config_type = LabelStudioConfig
    config: LabelStudioConfig

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Columns whose value is more than one text, all but the 68 points."""
        return dict.fromkeys(lists_dropped(columns, POINTS), "no control holds such values")

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures, and the part's tasks."""
        place = Path("images") / named(part.split)
        (folder / place).mkdir(parents=True, exist_ok=True)
        tasks = folder / TASKS / f"{named(part.split)}-{part.number:05d}.json"
        first = True
        with replacing(tasks) as file:
            for sample in samples:
                path = place / sample.file
                (folder / path).write_bytes(sample.data)
                yield folder / path
                task = json.dumps(self._task(sample, path.as_posix(), part.columns), ensure_ascii=False)
                file.write(("[\n" if first else ",\n").encode() + task.encode())
                first = False
            file.write(b"[]\n" if first else b"\n]\n")
        yield tasks

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The labelling configuration."""
        with replacing(folder / CONFIG) as file:
            root = configuration(plan.columns)
            ElementTree.indent(root)
            file.write(ElementTree.tostring(root, "utf-8") + b"\n")
        yield folder / CONFIG

    def read(self, folder: Path) -> Iterator[Sample]:
        """Task by task; one part is held in memory."""
        names = [e.get("name", "") for e in ElementTree.parse(folder / CONFIG).getroot()]
        columns = columns_of(names)
        for path in sorted((folder / TASKS).glob("*.json")):
            for task in json.loads(path.read_text("utf-8")):
                told = task["data"]
                picture = folder / told[FILE]
                data = picture.read_bytes()
                size = picture_size(data)
                (prediction,) = task["predictions"]
                found = tuple(faces_in(prediction["result"], Scale(*size), columns))
                split = split_of(told[images.SPLIT.name])
                yield Sample(picture.stem, told[NUMBER], split, data, picture.suffix, *size, found)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Points to a thousandth of a pixel; those without any known point have no keypoints."""
        if column in POINTS and given is not None and found is None:
            return not np.isfinite(given).all(1).any()
        return equal(column, given, found, TOLERANCE if column in POINTS else 0.0)

    def _task(self, sample: Sample, file: str, columns: Sequence[Column]) -> dict[str, Any]:
        scale = Scale(sample.width, sample.height)
        result = [
            item
            for number, face in enumerate(sample.faces)
            for item in regions(face, _ident(face, number), scale, columns)
        ]
        data = {
            PICTURE: f"{self.config.prefix}{file}", FILE: file, NUMBER: sample.number,
            images.SPLIT.name: named(sample.split),
        }  # fmt: skip
        return {"data": data, "predictions": [{"model_version": VERSION, "result": result}]}


def _ident(face: FaceItem, number: int) -> str:
    return face.face_id or f"face-{number}"
