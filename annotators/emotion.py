"""Perceived expression in seven classes, from the `fer` package's network (MIT)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.crops import BoxCrop, Pixels
from annotators.mesh_crops import DetectionCrop
from annotators.runtime import Floats, TfliteModel
from annotators.views import mirrored
from schemas import Column
from schemas.coding import coding
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

LEVEL_VIEW = DetectionCrop(64, scale=1.0)
UPRIGHT_VIEW = BoxCrop(64, margin=-0.025)
"""Two views of the detector's box, one turned so that the eyes are level, the other mirrored: the simplest of the best
pairs among 39 crops by box, five points and mesh on the choosing half of two sets (benchmarks/emotion.py)."""

FLOOR = 1e-4
"""Added to probabilities before their logarithm."""


@dataclass(frozen=True)
class EmotionConfig(Config):
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


def network_input(crop: Pixels) -> Floats:
    """RGB crop, shape (64, 64, 3), as the network takes it: grey in -1..1, shape (1, 64, 64, 1)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey[None, :, :, None], np.float32) / np.float32(127.5) - np.float32(1)


class Emotion(FaceAnnotator):
    """Seven-class expression: mean of the network over two views, corrected for its bias between classes."""

    name = "emotion"
    version = "1"
    doc = "Perceived expression in seven classes, null where the model is unsure."
    provides = (labels.PERCEIVED_EMOTION, labels.EMOTION_PROB)
    crops = (LEVEL_VIEW, UPRIGHT_VIEW)
    weights = ("fer",)
    config_type = EmotionConfig
    config: EmotionConfig

    def setup(self, models: ModelStore) -> None:
        self._model = TfliteModel(models.path("fer"))

    def label(self, face: Face) -> Mapping[Column, Any]:
        probabilities = self.raw(face)
        if self.config.calibrate:
            probabilities = calibration()(probabilities)
        best = max(probabilities, key=lambda name: probabilities[name])
        sure = probabilities[best] >= self.config.threshold
        return {labels.PERCEIVED_EMOTION: best if sure else None, labels.EMOTION_PROB: probabilities}

    def raw(self, face: Face) -> dict[str, float]:
        """The network's own probabilities by label, averaged over the two views."""
        views = face.crop(LEVEL_VIEW).pixels, mirrored(face.crop(UPRIGHT_VIEW).pixels)
        mean = np.mean([self._model(network_input(view))[0][0] for view in views], axis=0)
        return coding("fer").scores(mean)
