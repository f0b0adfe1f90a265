"""Two known faces, one with labels and one without, and what an exporter writes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.base import Config
from curate.export.base import Exporter, Part, Plan
from curate.export.sample import FaceItem, Sample
from schemas import Column, taxonomy
from schemas.columns import faces, labels

UNITS = taxonomy(labels.AU_INTENSITY.taxonomy).labels
EMOTIONS = taxonomy(labels.PERCEIVED_EMOTION.taxonomy).labels
EMBEDDING = np.linspace(-0.1, 0.1, 128, dtype=np.float32)
POINTS = np.array([[20, 22], [44, 22], [32, 34], [24, 48], [40, 48.5]], np.float32)


def intensities(**known: float) -> dict[str, float | None]:
    return {name: known.get(name) for name in UNITS}


HAPPY: dict[Column, Any] = {
    labels.CAPTION: 'A woman, "smiling"\nat ease.',
    labels.GENDER: "Female",
    labels.AGE: 34.4,
    labels.PERCEIVED_EMOTION: "happiness",
    labels.AU_INTENSITY: intensities(AU4=0.0, AU6=2.04, AU12=3.5, AU25=0.9),
    labels.MASK_WORN: False,
    labels.EYES_STATE: "narrowed",
    labels.EMBEDDING: EMBEDDING,
    faces.POINTS_5: POINTS,
}
COLUMNS = tuple(c for c in HAPPY if c is not faces.POINTS_5)
PLAN = Plan(COLUMNS, ("train",), "my faces", 64)
PNG = cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()


def sample(key: str, values: dict[Column, Any], split: str = "train") -> Sample:
    known = {c.name: values.get(c) for c in (*COLUMNS, faces.POINTS_5, labels.FACE_PARSING)}
    face = FaceItem(f"{key}.0", (10.0, 8.5, 40.0, 50.0), known)
    return Sample(key, 0, split, PNG, ".png", 64, 64, (face,), {"crop_matrix": [1, 0, 0, 0, 1, 0]})


def written(
    cls: type[Exporter],
    folder: Path,
    config: Config | None = None,
    samples: Sequence[Sample] = (sample("one", HAPPY), sample("two", {})),
) -> tuple[Exporter, dict[str, Sample]]:
    """What an exporter writes of one part, and the samples as it reads them."""
    if config is not None:
        cls.preflight(config)
    writer, part = cls(config), Part("train", 0, COLUMNS)
    writer.begin(folder, PLAN)
    files = [*writer.write(folder, part, samples), *writer.finish(folder, PLAN, [part])]
    assert all(f.is_file() for f in files) and len(set(files)) == len(files)
    return writer, {s.key: s for s in writer.read(folder)}


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
