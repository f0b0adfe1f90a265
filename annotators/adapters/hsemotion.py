"""Perceived expression in eight classes, valence and arousal, from HSEmotion's (EmotiEffLib's) ONNX networks.

Preprocessing as EmotiEffLib's facial_analysis.py: the detector's box resized to a square, RGB; 112 px in -1..1 for
MobileFaceNet (`mbf_`), else ImageNet's statistics at 260 px (`_b2_`) or 224 px. A network of 7 or 8 outputs gives
classes in alphabetical order; two more are valence and arousal. EmotiEffLib detects with MTCNN, whose boxes differ
from YuNet's by a little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.head_crops import StretchedBox
from annotators.network_input import HALVES, IMAGENET, flat_outputs, normalised, softmax, sure_label
from annotators.runtime import OnnxModel
from annotators.torch_network import first_outputs
from schemas import Column
from schemas.coding import coding
from schemas.columns import labels
from schemas.mapping import mapping

if TYPE_CHECKING:
    from annotators.weights import ModelStore

OUTPUTS = (7, 8, 9, 10)
AFFECT = 2
"""Valence and arousal, the last outputs of multi-task networks."""


@dataclass(frozen=True)
class HSEmotionConfig(Config):
    """Which network, and when it answers.

    Attributes:
        weights: A name of `models list`, or the path of an ONNX file of EmotiEffLib's set under its own name.
        threshold: Least probability of a label; under it the label is null.
    """

    weights: str = "hsemotion_enet_b0_8_va_mtl"
    threshold: float = 0.0


class HSEmotion(FaceAnnotator):
    """Eight classes as the network gives them, and seven by leaving contempt out.

    `perceived_emotion` is null where contempt is the most probable of the eight: the seven have no name for it.
    """

    name = "hsemotion"
    version = "1"
    doc = "Perceived expression in eight classes, valence and arousal, by a network fetched by name."
    provides = (
        labels.EMOTION8, labels.EMOTION8_PROB, labels.PERCEIVED_EMOTION, labels.EMOTION_PROB,
        labels.VALENCE, labels.AROUSAL,
    )  # fmt: skip
    crops = (StretchedBox(224),)
    weights = ("hsemotion_enet_b0_8_va_mtl",)
    default = False
    config_type = HSEmotionConfig
    config: HSEmotionConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, HSEmotionConfig)
        return (config.weights,)

    def setup(self, models: ModelStore) -> None:
        path = models.path(self.config.weights)
        self._file = path.name
        self._size, self._statistics = input_of(path.stem)
        self._model = OnnxModel(path)
        flat_outputs(first_outputs(self._model, self._size, path.name), OUTPUTS, path.name)

    def label(self, face: Face) -> Mapping[Column, Any]:
        raw = self._raw(face.crop(StretchedBox(self._size)).pixels)
        affect = raw[-AFFECT:] if len(raw) in OUTPUTS[-2:] else None
        classes = softmax(raw if affect is None else raw[:-AFFECT]).tolist()
        values = self._seven(classes) if len(classes) == OUTPUTS[0] else self._eight(classes)
        if affect is not None:
            valence, arousal = (float(v) for v in np.clip(affect, -1, 1))
            values |= {labels.VALENCE: valence, labels.AROUSAL: arousal}
        return values

    def _raw(self, crop: Any) -> Any:
        return flat_outputs(self._model(normalised(crop, self._statistics)), OUTPUTS, self._file)

    def _eight(self, classes: Any) -> dict[Column, Any]:
        eight = coding("hsemotion-8").scores(classes)
        seven = mapping("emotion-8", "emotion-7").map_scores(eight)
        total = sum(seven.scores.values())
        shares = {name: share / total for name, share in seven.scores.items()} if total else None
        best = sure_label(eight, self.config.threshold)
        return {
            labels.EMOTION8: best,
            labels.EMOTION8_PROB: eight,
            labels.PERCEIVED_EMOTION: best if best in seven.scores else None,
            labels.EMOTION_PROB: shares,
        }

    def _seven(self, classes: Any) -> dict[Column, Any]:
        seven = coding("hsemotion-7").scores(classes)
        return {labels.PERCEIVED_EMOTION: sure_label(seven, self.config.threshold), labels.EMOTION_PROB: seven}


def input_of(stem: str) -> tuple[int, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Side of the picture and statistics, by the network's file name without its suffix, as EmotiEffLib decides."""
    name = PurePath(stem).name
    if "mbf_" in name:
        return 112, HALVES
    return (260 if "_b2_" in name else 224), IMAGENET
