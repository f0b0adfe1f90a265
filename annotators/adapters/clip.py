"""CLIP image embedding of a face (open_clip): what it looks like, for search, near-duplicates and selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from annotators.adapters.clip_checkpoint import ClipConfig
from annotators.adapters.clip_network import Loader, View
from annotators.base import Config, Face, FaceAnnotator
from annotators.crops import BoxCrop
from schemas import Column
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore


def clip_files(config: Config) -> tuple[str, ...]:
    """Names of the model files that a `ClipConfig` asks for."""
    assert isinstance(config, ClipConfig)
    return config.source.files().names


class ClipEmbedding(FaceAnnotator):
    """Embedding of the box with some surroundings. Faces of one person are near each other: biometric data."""

    name = "clip"
    version = "1"
    doc = "Image embedding by a CLIP model of your choice (open_clip), unit length."
    provides = (labels.EMBEDDING_CLIP,)
    crops = (BoxCrop(),)
    weights = ("clip_vit_b_32",)
    default = False
    config_type = ClipConfig
    config: ClipConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        return clip_files(config)

    def setup(self, models: ModelStore) -> None:
        self._view = View(models.shared(Loader(self.config.source)), self.config.margin)

    def label(self, face: Face) -> Mapping[Column, Any]:
        return {labels.EMBEDDING_CLIP: face.once(self._view)}
