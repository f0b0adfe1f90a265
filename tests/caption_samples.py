"""Faces with the columns that captions are made from and checked against, and answers of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from annotators.adapters.vlm import CaptionVlm
from annotators.adapters.vlm_questions import questionnaire
from annotators.base import FaceBatch
from schemas import Column, taxonomy
from schemas.columns import faces, labels


def scores(column: Column, least: float = 0.0, **known: float) -> dict[str, float]:
    """A struct of scores, all others at the least value."""
    names = taxonomy(column.taxonomy).labels
    return {name: known.get(name, least) for name in names}


def ages(**known: float) -> dict[str, float]:
    """An age distribution; keys such as `a30_39`."""
    return scores(labels.AGE_PROB, **{k[1:].replace("_", "-"): v for k, v in known.items()})


ADULT: dict[Column, Any] = {
    labels.FACE_DOUBTFUL: False,
    labels.GENDER: "Female",
    labels.GENDER_PROB: {"Female": 0.97, "Male": 0.03},
    labels.AGE_PROB: ages(a30_39=0.8, a40_49=0.2),
    labels.PERCEIVED_EMOTION: "sadness",
    labels.EMOTION_PROB: scores(labels.EMOTION_PROB, sadness=0.9, neutral=0.1),
    labels.AU_SCORE: scores(labels.AU_SCORE, AU12=0.02),
    labels.MOUTH_STATE: "closed",
    labels.EYES_STATE: "open",
    labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, least=0.99),
    labels.SHARPNESS: 0.9,
    labels.YAW: 2.0,
    labels.PITCH: 1.0,
    labels.ROLL: 0.0,
    labels.GAZE_YAW: 1.0,
    labels.GAZE_PITCH: 1.0,
    labels.LOOKS_AT_CAMERA: True,
    labels.ITA_CLASS: None,
    labels.SKIN_CONFIDENCE: 0.9,
    labels.SKIN_LIGHTING: "usable",
    labels.EYEWEAR: None,
}
"""A sad woman in her thirties who looks at the camera with closed lips."""

UNKNOWN: dict[Column, Any] = dict.fromkeys(ADULT)
"""A face of which nothing is known."""


def batch_of(
    people: Sequence[Mapping[Column, Any]], boxes: Sequence[tuple[float, ...]] = (), picture: str = ""
) -> FaceBatch:
    """Faces with these columns, each in a picture of its own, or all in one if it is named."""
    rows = []
    images = {}
    for i, person in enumerate(people):
        name = picture or f"p{i}"
        images[name] = np.random.default_rng(i).integers(0, 256, (120, 400, 3), np.uint8)
        box = boxes[i] if boxes else (20.0, 20.0, 60.0, 70.0)
        rows.append(
            {
                faces.FACE_ID.name: f"{name}.{i}",
                faces.IMAGE_ID.name: name,
                **dict(zip((c.name for c in faces.BOX), box, strict=True)),
                **{column.name: value for column, value in person.items()},
            }
        )
    columns = (faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, *CaptionVlm.requires)
    return FaceBatch(pa.Table.from_pylist(rows, schema=pa.schema([c.field for c in columns])), images)


def answer(caption: str = "A woman in her thirties looks at the camera with closed lips.", **known: str) -> str:
    """A model's answer in the right form; questions that are not named get null."""
    keys = dict.fromkeys(questionnaire().facts)
    return json.dumps({"caption": caption, **keys, **known})
