"""Perceived race, gender and age bin from FairFace's own ResNet-34.

Preprocessing as dchen236/FairFace predict.py: dlib's face chip with padding .25, 224 px, RGB, ImageNet's statistics.
The chip is aligned by the detector's five points carried into dlib's frame, cut at 224 px at once instead of 300 px
and then resized. Outputs: 7 (or 4) races, 2 genders (male first), 9 age bins; one vector of 18 in the torch files,
three vectors in the ONNX export of yakhyo/fairface-onnx.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Config, Face, FaceAnnotator
from annotators.chips import DetectorChip
from annotators.network_input import flat_outputs, normalised, softmax, sure_label
from annotators.residual_network import classifier
from annotators.runtime import Floats
from annotators.torch_network import first_outputs, load_network, require_loader
from schemas import Column, ModelError
from schemas.coding import coding
from schemas.columns import faces, labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

CHIP = DetectorChip(224, padding=0.25)
GENDERS, AGES, ALL = 2, 9, 18
RACES = {7: "fairface-race", 4: "fairface-race4"}
"""Number of races -> their order. The four-race torch file has 18 outputs too, and leaves three of them unused."""


@dataclass(frozen=True)
class FairFaceConfig(Config):
    """Which networks, and when they answer.

    Attributes:
        weights: The network of seven races, gender and age: a name of `models list`, or a path (ONNX, torch or
            safetensors).
        race4_weights: The network of four races: a path; empty leaves `perceived_race4` null.
        threshold: Least probability of a label; under it the label is null.
    """

    weights: str = "fairface_resnet34"
    race4_weights: str = ""
    threshold: float = 0.0


class FairFace(FaceAnnotator):
    """FairFace's own networks: what its authors' program writes, by name."""

    name = "fairface"
    version = "1"
    doc = "Perceived race, gender and age bin by FairFace's ResNet-34, fetched by name."
    provides = (
        labels.RACE, labels.RACE_PROB, labels.RACE4, labels.RACE4_PROB,
        labels.GENDER, labels.GENDER_PROB, labels.AGE_GROUP, labels.AGE_PROB,
    )  # fmt: skip
    crops = (CHIP,)
    weights = ("fairface_resnet34",)
    default = False
    config_type = FairFaceConfig
    config: FairFaceConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, FairFaceConfig)
        return tuple(name for name in (config.weights, config.race4_weights) if name)

    @classmethod
    def preflight(cls, config: Config) -> None:
        require_loader(*cls.weights_of(config))

    def setup(self, models: ModelStore) -> None:
        """Load the networks and run each once, so that a wrong file is told before the first face."""
        path = models.path(self.config.weights)
        self._file, self._seven = path.name, load_network(path, classifier, CHIP.size)
        self._four = None
        self._check_order(first_outputs(self._seven, CHIP.size, self._file))
        if self.config.race4_weights:
            path = models.path(self.config.race4_weights)
            self._four = load_network(path, classifier, CHIP.size)
            flat_outputs(first_outputs(self._four, CHIP.size, path.name), (ALL - 3, ALL), path.name)

    def label(self, face: Face) -> Mapping[Column, Any]:
        face.need(faces.POINTS_5)
        picture = normalised(face.crop(CHIP).pixels)
        raw = flat_outputs(self._seven(picture), (ALL,), self._file)
        races, genders, ages = np.split(raw, [7, 7 + GENDERS])
        values = self._labelled(labels.RACE, labels.RACE_PROB, RACES[7], races)
        values |= self._labelled(labels.GENDER, labels.GENDER_PROB, "fairface-gender", genders)
        values |= self._labelled(labels.AGE_GROUP, labels.AGE_PROB, "fairface-age", ages)
        if self._four is not None:
            races = np.concatenate([o.reshape(-1) for o in self._four(picture)])[:4]
            values |= self._labelled(labels.RACE4, labels.RACE4_PROB, RACES[4], races)
        return values

    def _check_order(self, outputs: Sequence[Floats]) -> None:
        """Refuse a file whose outputs, though 18 in all, are not races, genders, ages: they would be read as others."""
        flat_outputs(outputs, (ALL,), self._file)
        sizes = [o.size for o in outputs]
        if sizes not in ([ALL], [7, GENDERS, AGES]):
            raise ModelError(
                f"{self._file} is another model", f"its outputs have {sizes} numbers, not 18 or 7, 2 and 9"
            )

    def _labelled(self, label: Column, shares: Column, order: str, logits: Floats) -> dict[Column, Any]:
        probabilities = coding(order).scores(softmax(logits).tolist())
        return {label: sure_label(probabilities, self.config.threshold), shares: probabilities}
