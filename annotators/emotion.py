"""Perceived expression in seven classes, by a small head of our own over four kinds of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.calibration import Array, Scaling, conformity, prediction_sets
from annotators.expression_features import features
from annotators.fer import LEVEL_VIEW, UPRIGHT_VIEW, Fer
from annotators.heads import load_head
from annotators.runtime import Floats
from annotators.sface import CROP, SFace
from schemas import Column
from schemas.columns import faces, labels
from schemas.taxonomy import taxonomy

if TYPE_CHECKING:
    from annotators.weights import ModelStore


@dataclass(frozen=True)
class EmotionConfig(Config):
    """When the head answers.

    Attributes:
        threshold: Least probability of a label; under it the label is null and `perceived_emotion_abstained` is true.
        profiles: Answer for faces without a mesh too. The labelled sets have hardly any, and of FairFace's the head
            calls many sad who are not.
    """

    threshold: float = 0.4
    profiles: bool = False


@dataclass(frozen=True)
class Calibration:
    """What turns the head's scores into probabilities and sets, from `data/heads/emotion.toml`.

    Attributes:
        scaling: Temperature and bias of the scores.
        quantile: Greatest misfit of a class that is still in the set.
        coverage: Share of faces whose set holds the truth, where the faces are like those it was fitted on.
    """

    scaling: Scaling
    quantile: float
    coverage: float

    def set_of(self, probabilities: Array) -> tuple[str, ...]:
        """Labels of the conformal set, the most probable first, which is always in it."""
        inside = prediction_sets(conformity(probabilities[None]), self.quantile)[0]
        names = taxonomy("emotion-7").labels
        order = np.argsort(-probabilities, kind="stable")
        return tuple(names[k] for rank, k in enumerate(order) if inside[k] or rank == 0)


def calibration(facts: Mapping[str, Any]) -> Calibration:
    """The calibration in the facts of the head."""
    table = facts["calibration"]
    bias = tuple(float(table["bias"][label]) for label in taxonomy("emotion-7").labels)
    return Calibration(Scaling(float(table["temperature"]), bias), float(table["quantile"]), float(table["coverage"]))


class Emotion(FaceAnnotator):
    """Seven-class expression from fer, blendshapes, the mesh's shape and SFace's inner maps: `data/heads/emotion.md`.

    A face without a mesh (in profile) or without the detector's five points is judged by what there is; without a mesh
    it gets probabilities and a set, but no label.
    """

    name = "emotion"
    version = "3"
    doc = (
        "Perceived expression in seven classes with a 90 % set, null where the model is unsure or the face in profile."
    )
    requires = (labels.MESH, labels.BLENDSHAPES, faces.POINTS_5)
    provides = (
        labels.PERCEIVED_EMOTION,
        labels.EMOTION_PROB,
        labels.EMOTION_ABSTAINED,
        labels.EMOTION_SET,
    )
    crops = (LEVEL_VIEW, UPRIGHT_VIEW, CROP)
    weights = ("fer", "sface")
    config_type = EmotionConfig
    config: EmotionConfig

    def setup(self, models: ModelStore) -> None:
        self._fer = models.shared(Fer)
        self._sface = models.shared(SFace)
        head = load_head("emotion")
        self._network, self._calibration = head.network, calibration(head.facts)

    def label(self, face: Face) -> Mapping[Column, Any]:
        scores = self._network(self.features(face)[None])[0][0]
        probabilities = self._calibration.scaling(scores)
        names = taxonomy("emotion-7").labels
        best = int(np.argmax(probabilities))
        seen = self.config.profiles or face[labels.MESH] is not None
        sure = seen and bool(probabilities[best] >= self.config.threshold)
        return {
            labels.PERCEIVED_EMOTION: names[best] if sure else None,
            labels.EMOTION_PROB: dict(zip(names, probabilities.tolist(), strict=True)),
            labels.EMOTION_ABSTAINED: not sure,
            labels.EMOTION_SET: list(self._calibration.set_of(probabilities)),
        }

    def features(self, face: Face) -> Floats:
        """What the head reads; see `expression_features`."""
        maps = None if face[faces.POINTS_5] is None else face.once(self._sface)
        return features(face.once(self._fer), face[labels.MESH], face[labels.BLENDSHAPES], maps)
