"""Labels of pictures that are not in a dataset: what verifiers say of a picture's largest face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from annotators.base import Annotator, Detections, FaceBatch
from annotators.crops import Pixels
from annotators.registry import annotator_names
from annotators.weights import ModelStore
from curate.engine.plan import DEFAULT_DETECTOR, Choice, choose
from schemas import Column
from schemas.columns import faces, labels

FREE = ("age", "gender", "shape")
"""Annotators outside the default set whose models come with the product: second opinions, and what none else gives."""
BATCH = 16


def usual_verifiers() -> tuple[str, ...]:
    """Annotators that look at generated pictures unless others are named."""
    return (*annotator_names(only_default=True), *FREE)


@dataclass(frozen=True)
class Seen:
    """What annotators say of one face.

    Attributes:
        box: x, y, width, height in pixels of the picture.
        points: The detector's five points, x and y in turn.
        count: Faces in the picture.
        said: Annotator -> column name -> value.
    """

    box: tuple[float, float, float, float]
    points: tuple[float, ...]
    count: int
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def by(self, column: Column, without: Iterable[str] = ()) -> dict[str, Mapping[str, Any]]:
        """Annotators that speak of a column, but for those left out, with all that they say."""
        left = set(without)
        return {name: values for name, values in self.said.items() if column.name in values and name not in left}

    def value(self, column: Column) -> Any:
        """What the first annotator that has an answer says of a column."""
        return next((v[column.name] for v in self.said.values() if v.get(column.name) is not None), None)

    def row(self) -> dict[str, Any]:
        """The face as a row of a dataset would have it: its place and what the last annotator says of each column."""
        place = dict(zip((c.name for c in faces.BOX), self.box, strict=True))
        labelled = {name: value for values in self.said.values() for name, value in values.items()}
        return {**labelled, **place, faces.POINTS_5.name: list(self.points)}

    @property
    def embedding(self) -> Any:
        """The identity embedding, None if there is none."""
        return self.value(labels.EMBEDDING)


class Looker:
    """Detects and labels; holds the loaded models of one process.

    Args:
        names: Annotators; those that they read from are added.
        settings: Annotator or detector -> option -> text.
        finder: The detector.
    """

    def __init__(
        self,
        names: Sequence[str],
        settings: Mapping[str, Mapping[str, str]] | None = None,
        finder: str = DEFAULT_DETECTOR,
    ) -> None:
        choice = choose(names, settings, finder)
        models = ModelStore()
        self._finder = choice.detector(choice.detector_config)
        self._finder.setup(models)
        self._annotators = _ready(choice, models)

    def look(self, pictures: Sequence[Pixels]) -> list[Seen | None]:
        """What is said of each picture's largest face; None where there is no face.

        Args:
            pictures: Upright RGB, shape (height, width, 3).
        """
        found: list[Seen | None] = []
        with threadpool_limits(limits=1):
            for start in range(0, len(pictures), BATCH):
                found += self._batch(pictures[start : start + BATCH])
        return found

    def _batch(self, pictures: Sequence[Pixels]) -> list[Seen | None]:
        images = {str(i): p for i, p in enumerate(pictures)}
        detections = {key: self._finder.detect(image) for key, image in images.items()}
        present = {key: d for key, d in detections.items() if len(d)}
        if not present:
            return [None] * len(pictures)
        batch = FaceBatch(_largest(present), images)
        said: list[dict[str, dict[str, Any]]] = [{} for _ in present]
        for runner in self._annotators:
            rows = runner.annotate(batch)
            batch.add({c.name: rows.column(c.name) for c in runner.provides if c.name not in faces.FACES})
            for values, row in zip(said, rows.to_pylist(), strict=True):
                values[runner.name] = {c.name: row[c.name] for c in runner.provides}
        seen = {}
        points = batch.table.column(faces.POINTS_5.name).to_pylist()
        for key, values, box, five in zip(present, said, _boxes(batch.table), points, strict=True):
            seen[key] = Seen(box, tuple(five), len(present[key]), values)
        return [seen.get(key) for key in images]


def _ready(choice: Choice, models: ModelStore) -> list[Annotator]:
    made = [cls(config) for cls, config in choice.annotators]
    for runner in made:
        runner.setup(models)
    return made


def _largest(found: Mapping[str, Detections]) -> pa.Table:
    rows: dict[str, list[Any]] = {f.name: [] for f in faces.FACES.schema}
    for key, detections in found.items():
        best = int(np.argmax(detections.boxes[:, 2] * detections.boxes[:, 3]))
        rows[faces.FACE_ID.name].append(f"{key}.{best}")
        rows[faces.IMAGE_ID.name].append(key)
        for column, value in zip(faces.BOX, detections.boxes[best].tolist(), strict=True):
            rows[column.name].append(value)
        rows[faces.POINTS_5.name].append(detections.points[best].reshape(-1).astype(np.float32))
        rows[faces.SCORE.name].append(float(np.clip(detections.scores[best], 0, 1)))
        rows[faces.ORIGIN.name].append("model")
    return pa.table([pa.array(rows[f.name], f.type) for f in faces.FACES.schema], schema=faces.FACES.schema)


def _boxes(table: pa.Table) -> list[tuple[float, float, float, float]]:
    return list(zip(*(table.column(c.name).to_pylist() for c in faces.BOX), strict=True))
