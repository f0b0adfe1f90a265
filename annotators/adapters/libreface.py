"""Action units from LibreFace: 12 intensities (DISFA) and 12 occurrences (BP4D), by ResNet-18 or RepVGG-A0.

Chang et al. 2024, "LibreFace: an open-source toolkit for deep facial expression analysis" (ihp-lab/LibreFace;
research and non-profit use only). Preprocessing as its detect_mediapipe_image.py and solvers: the head turned and cut
by eyes and mouth as CelebA-HQ, 256 px, the middle 224 px, RGB, ImageNet's statistics; intensity = 5 x output, kept in
0-5. Outside the picture is black here, where LibreFace blurs a black border. The hashes of its checkpoints are not
published: give the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators import repvgg_network
from annotators.adapters.torch_runtime import torch_of
from annotators.base import Config, Face, FaceAnnotator
from annotators.head_crops import MeshHeadCrop
from annotators.network_input import normalised
from annotators.residual_network import SEQUENTIAL_NAMES, pooled, stages
from annotators.runtime import Floats, OnnxModel
from annotators.torch_network import EXTRA, Tensors, TorchModel, first_outputs, load_network, require_loader
from schemas import Column, ModelError, taxonomy
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

CROP = MeshHeadCrop(224)
INTENSITIES, OCCURRENCES = "disfa-12", "bp4d-12"
"""Taxonomies whose orders are those of `solver_inference_image.py` (AU_Recognition) and of AU_Detection's."""
STRONGEST = 5.0
HEADS = ("classifier", "classifier_2")
"""Heads of a checkpoint; the second, in the combined one, tells occurrence."""


@dataclass(frozen=True)
class LibreFaceConfig(Config):
    """Which checkpoints; at least one.

    Attributes:
        weights: Path of the network of intensities (AU_Recognition/.../resnet.pt or repvgg.pt), or of the combined one,
            which tells occurrence as well.
        detection_weights: Path of the network of occurrences (AU_Detection/.../resnet.pt or repvgg.pt).
    """

    weights: str = ""
    detection_weights: str = ""


class LibreFace(FaceAnnotator):
    """Intensities of DISFA's units and occurrences of BP4D's; units of neither are null."""

    name = "libreface"
    version = "1"
    doc = "Action units by LibreFace's networks, from files that the user brings."
    requires = (labels.MESH,)
    provides = (labels.AU_SCORE, labels.AU_INTENSITY)
    crops = (CROP,)
    default = False
    config_type = LibreFaceConfig
    config: LibreFaceConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        assert isinstance(config, LibreFaceConfig)
        return tuple(name for name in (config.weights, config.detection_weights) if name)

    @classmethod
    def preflight(cls, config: Config) -> None:
        files = cls.weights_of(config)
        if not files:
            raise ModelError(
                "libreface has no network", "its authors publish no hashes, so none is fetched",
                "Take resnet.pt from github.com/ihp-lab/LibreFace and give it with --set libreface.weights=./resnet.pt",
            )  # fmt: skip
        require_loader(*files)

    def setup(self, models: ModelStore) -> None:
        """Load the checkpoints and run each once.

        Raises:
            ModelError: if no file is given, or one is of another network.
        """
        self.preflight(self.config)
        intensity, detection = self.config.weights, self.config.detection_weights
        self._intensity = self._loaded(models, intensity, most=2) if intensity else None
        self._detection = self._loaded(models, detection, most=1) if detection else None

    def label(self, face: Face) -> Mapping[Column, Any]:
        face.need(labels.MESH)
        picture = normalised(face.crop(CROP).pixels)
        strengths = self._intensity(picture) if self._intensity else []
        chances = self._detection(picture) if self._detection else strengths[1:]
        values: dict[Column, Any] = {}
        if strengths:
            values[labels.AU_INTENSITY] = named(INTENSITIES, np.clip(strengths[0][0] * STRONGEST, 0, STRONGEST))
        if chances:
            values[labels.AU_SCORE] = named(OCCURRENCES, np.clip(chances[0][0], 0, 1))
        return values

    def _loaded(self, models: ModelStore, name: str, most: int) -> OnnxModel | TorchModel:
        path = models.path(name)
        model = load_network(path, unit_heads, CROP.size)
        found = [o.shape for o in first_outputs(model, CROP.size, path.name)]
        if found not in ([(1, 12)], [(1, 12)] * most):
            raise ModelError(f"{path.name} is another model", f"it gives {found} where 12 numbers are expected")
        return model


def unit_heads(tensors: Tensors, x: Any) -> list[Any]:
    """The network: one output per head of the checkpoint, shape (n, 12) each.

    A residual network's heads end in a sigmoid, RepVGG's in nothing; both are trained towards 0-1.
    """
    torch = torch_of(EXTRA)
    residual = "encoder.0.weight" in tensors
    if residual:
        features = pooled(stages(tensors, x, "encoder.", SEQUENTIAL_NAMES)[-1])
    else:
        features = tensors.linear("encoder.head.fc.0", pooled(repvgg_network.features(tensors, x, "encoder.")))
        features = tensors.linear("encoder.head.fc.1", features)
    outputs = []
    for head in HEADS:
        if head == HEADS[0] or f"{head}.0.weight" in tensors:
            hidden = tensors.norm(f"{head}.2", torch.relu(tensors.linear(f"{head}.0", features)))
            score = tensors.linear(f"{head}.4", hidden)
            outputs.append(torch.sigmoid(score) if residual else score)
    return outputs


def named(order: str, values: Floats) -> dict[str, float]:
    """Numbers by the action units of a taxonomy."""
    return {name: float(v) for name, v in zip(taxonomy(order).labels, values, strict=True)}
