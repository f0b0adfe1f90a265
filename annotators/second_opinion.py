"""BlazeFace looks again at every face: a doubt to show, never a reason to drop a face unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.blazeface import SIZE, BlazeNetwork
from annotators.boxes import iou
from annotators.mesh_crops import DetectionCrop
from annotators.weights import ModelStore
from schemas import Column
from schemas.columns import faces, labels

HINT = 0.05


@dataclass(frozen=True)
class SecondOpinionConfig(Config):
    """Settings of the second look.

    Attributes:
        threshold: Below this score of BlazeFace the face is doubtful.
        min_iou: Least overlap of the two boxes for them to mean the same face.
    """

    threshold: float = 0.3
    min_iou: float = 0.2


class SecondOpinion(FaceAnnotator):
    """The face with as much around it again, turned upright, and what BlazeFace makes of it.

    YuNet takes animals and patterns for faces that BlazeFace does not; BlazeFace in turn misses some
    hard human faces (small, blurred, covered). So the flag asks for a look; it is no verdict.
    """

    name = "second_opinion"
    version = "1"
    doc = "BlazeFace's score for each face; a flag where it sees none (an animal, a pattern, a hard face)."
    provides = tuple(labels.SECOND.values())
    crops = (DetectionCrop(SIZE, 2.0),)
    weights = ("blazeface_full",)
    config_type = SecondOpinionConfig

    def setup(self, models: ModelStore) -> None:
        self._network = BlazeNetwork(models)

    def label(self, face: Face) -> Mapping[Column, Any]:
        config = cast(SecondOpinionConfig, self.config)
        spec = self.crops[0]
        found = self._network.read(face.crop(spec).pixels, HINT)
        width, height = float(face[faces.BOX_W]), float(face[faces.BOX_H])
        half = np.array([width, height]) / max(width, height, 1e-6) * SIZE / spec.scale / 2
        expected = np.array([[*(SIZE / 2 - half), *(2 * half)]])
        overlaps = iou(expected, found.boxes)[0]
        same = np.where(overlaps >= config.min_iou, found.scores, 0)
        best = int(same.argmax()) if same.any() else None
        score = 0.0 if best is None else float(same[best])
        return {
            labels.SECOND_SCORE: score,
            labels.SECOND_IOU: 0.0 if best is None else float(overlaps[best]),
            labels.FACE_DOUBTFUL: score < config.threshold,
        }
