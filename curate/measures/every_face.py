"""All faces of a picture with their labels, for pictures that are in no dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from annotators.base import FaceBatch
from annotators.crops import Pixels
from annotators.weights import ModelStore
from curate.engine.plan import DEFAULT_DETECTOR, choose
from schemas.columns import faces

HERE = "picture"


class EveryFace:
    """Detects and labels all faces of single pictures; holds the loaded models.

    Args:
        names: Annotators; those that they read from are added.
        finder: The detector.
    """

    def __init__(self, names: Sequence[str], finder: str = DEFAULT_DETECTOR) -> None:
        choice = choose(names, None, finder)
        models = ModelStore()
        self._finder = choice.detector(choice.detector_config)
        self._finder.setup(models)
        self._annotators = [cls(config) for cls, config in choice.annotators]
        for runner in self._annotators:
            runner.setup(models)

    def look(self, pixels: Pixels) -> list[dict[str, Any]]:
        """A row for each face, by column name, from left to right.

        Args:
            pixels: Upright RGB, shape (height, width, 3).
        """
        with threadpool_limits(limits=1):
            found = self._finder.detect(pixels)
            rows = [
                {
                    faces.FACE_ID.name: f"{HERE}.{number}",
                    faces.IMAGE_ID.name: HERE,
                    **{c.name: float(v) for c, v in zip(faces.BOX, found.boxes[number], strict=True)},
                    faces.POINTS_5.name: found.points[number].reshape(-1).astype(np.float32).tolist(),
                    faces.SCORE.name: float(np.clip(found.scores[number], 0, 1)),
                    faces.ORIGIN.name: "model",
                }
                for number in range(len(found))
            ]
            if not rows:
                return []
            batch = FaceBatch(pa.Table.from_pylist(rows, schema=faces.FACES.schema), {HERE: pixels})
            for runner in self._annotators:
                said = runner.annotate(batch)
                batch.add({c.name: said.column(c.name) for c in runner.provides if c.name not in faces.FACES})
        labelled: list[dict[str, Any]] = batch.table.to_pylist()
        return sorted(labelled, key=lambda row: float(row[faces.BOX[0].name]))


def box_of(row: dict[str, Any]) -> tuple[float, float, float, float]:
    """x, y, width and height of a face in pixels."""
    x, y, width, height = (float(row[c.name]) for c in faces.BOX)
    return x, y, width, height
