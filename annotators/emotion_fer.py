"""Perceived expression by the `fer` network alone (MIT): what `emotion` is measured against."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.fer import LEVEL_VIEW, UPRIGHT_VIEW, Fer
from schemas import Column
from schemas.coding import coding
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

FLOOR = 1e-4
"""Added to probabilities before their logarithm."""


@dataclass(frozen=True)
class EmotionFerConfig(Config):
    """When the model answers.

    Attributes:
        calibrate: Correct the network's bias between classes as `data/emotion_calibration.toml` says.
        threshold: Least probability of a label; under it the label is null, which it then is for a fifth of faces.
    """

    calibrate: bool = True
    threshold: float = 0.4


@dataclass(frozen=True)
class Calibration:
    """Correction of a classifier's probabilities.

    Attributes:
        sharpness: Exponent of the probabilities; below 1 makes them less sure.
        bias: Added log probability per label.
    """

    sharpness: float
    bias: Mapping[str, float]

    def __call__(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Corrected probabilities; they sum to 1."""
        logits = {k: self.sharpness * np.log(p + FLOOR) + self.bias[k] for k, p in probabilities.items()}
        top = max(logits.values())
        weights = {k: float(np.exp(z - top)) for k, z in logits.items()}
        total = sum(weights.values())
        return {k: w / total for k, w in weights.items()}


@cache
def calibration() -> Calibration:
    """The fitted correction."""
    table = tomllib.loads(resources.files("annotators").joinpath("data/emotion_calibration.toml").read_text("utf-8"))
    return Calibration(float(table["sharpness"]), table["bias"])


class EmotionFer(FaceAnnotator):
    """Mean of the network over two views, corrected for its bias between classes. Kept for comparison."""

    name = "emotion_fer"
    version = "1"
    doc = "Perceived expression by the fer network alone, null where it is unsure; kept to compare `emotion` with."
    provides = (labels.PERCEIVED_EMOTION, labels.EMOTION_PROB)
    crops = (LEVEL_VIEW, UPRIGHT_VIEW)
    weights = ("fer",)
    default = False
    config_type = EmotionFerConfig
    config: EmotionFerConfig

    def setup(self, models: ModelStore) -> None:
        self._network = models.shared(Fer)

    def label(self, face: Face) -> Mapping[Column, Any]:
        probabilities = coding("fer").scores(face.once(self._network).probabilities[:2].mean(0))
        if self.config.calibrate:
            probabilities = calibration()(probabilities)
        best = max(probabilities, key=lambda name: probabilities[name])
        sure = probabilities[best] >= self.config.threshold
        return {labels.PERCEIVED_EMOTION: best if sure else None, labels.EMOTION_PROB: probabilities}
