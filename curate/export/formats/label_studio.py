"""Label Studio: tasks with predictions, and the labelling configuration they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.base import Config
from curate.export.base import PICTURES, Exporter, Part, Plan, equal
from curate.export.encode import picture_size
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.review.controls import PICTURE
from curate.review.reading import Reading
from curate.review.spec import Spec, config, reviewable
from curate.review.task import Seen, results, shown_points
from curate.store.parts import read_json, replacing, write_json
from schemas import Column, Kind
from schemas.columns import images

CONFIG, QUESTIONS = "label_config.xml", "questions.json"
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
        """What people are not asked for, and intensities: a checklist cannot say that one is unknown."""
        told = {c.name: reviewable(c) for c in columns}
        lists = {
            c.name: "a checklist cannot say what is unknown" for c in columns if c.kind in (Kind.SCORES, Kind.LIST)
        }
        return {n: why for n, why in told.items() if why} | lists

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
        """The labelling configuration, and the questions that it asks."""
        spec = Spec(plan.columns, comments=False)
        with replacing(folder / CONFIG) as file:
            file.write(config(spec).encode() + b"\n")
        write_json(folder / QUESTIONS, spec.as_dict())
        yield from (folder / CONFIG, folder / QUESTIONS)

    def read(self, folder: Path) -> Iterator[Sample]:
        """Task by task; one part is held in memory."""
        spec = Spec.from_dict(read_json(folder / QUESTIONS))
        for path in sorted((folder / TASKS).glob("*.json")):
            for task in json.loads(path.read_text("utf-8")):
                told = task["data"]
                picture = folder / told[FILE]
                data = picture.read_bytes()
                size = picture_size(data)
                (prediction,) = task["predictions"]
                word = Reading(spec, (), *size).word(prediction["result"])
                found = tuple(FaceItem(f.face_id, f.box, _labels(spec, f)) for f in word.faces)
                split = split_of(told[images.SPLIT.name])
                yield Sample(picture.stem, told[NUMBER], split, data, picture.suffix, *size, found)

    def same_in(self, sample: Sample, column: Column, given: Any, found: Any) -> bool:
        """Points to a thousandth of a pixel where they lie in the picture; numbers and texts as they are."""
        if column.kind is not Kind.POINTS or given is None:
            return equal(column, given, found)
        shown = shown_points(np.asarray(given, np.float64), sample.width, sample.height)
        if not shown.any():
            return found is None
        return found is not None and bool(np.allclose(given[shown], found[shown], rtol=0, atol=TOLERANCE))

    def _task(self, sample: Sample, file: str, columns: Sequence[Column]) -> dict[str, Any]:
        spec = Spec(tuple(columns), comments=False)
        found = (_seen(spec, face, number) for number, face in enumerate(sample.faces))
        result = [item for face in found for item in results(spec, face, sample.width, sample.height)]
        data = {
            PICTURE: f"{self.config.prefix}{file}", FILE: file, NUMBER: sample.number,
            images.SPLIT.name: named(sample.split),
        }  # fmt: skip
        return {"data": data, "predictions": [{"model_version": VERSION, "result": result}]}


def _seen(spec: Spec, face: FaceItem, number: int) -> Seen:
    assert face.box is not None
    values = {c.name: face.labels.get(c.name) for c in spec.columns}
    for column in spec.points:
        if values[column.name] is not None:
            values[column.name] = np.asarray(values[column.name], np.float64)
    return Seen(face.face_id or f"face-{number}", face.box, {n: v for n, v in values.items() if v is not None})


def _labels(spec: Spec, face: Seen) -> dict[str, Any]:
    return {c.name: face.values.get(c.name) for c in spec.columns}
