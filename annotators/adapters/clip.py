"""CLIP image embedding of a face (open_clip): what it looks like, for search, near-duplicates and selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from annotators.adapters.clip_checkpoint import EXTRA, ClipConfig
from annotators.adapters.clip_network import Loader, View
from annotators.base import Config, Face, FaceAnnotator
from annotators.crops import BoxCrop
from annotators.extras import require_libraries
from schemas import Column
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore


def clip_files(config: Config) -> tuple[str, ...]:
    """Names of the model files that a `ClipConfig` asks for."""
    assert isinstance(config, ClipConfig)
    return config.source.files().names


class ClipAnnotator(FaceAnnotator):
    """Common part of the annotators that look at a face with a CLIP model."""

    crops = (BoxCrop(),)
    weights = ("clip_vit_b_32",)
    default = False

    @classmethod
    def preflight(cls, config: Config) -> None:
        require_libraries(EXTRA, "torch", "open_clip", "safetensors")


class ClipEmbedding(ClipAnnotator):
    """Embedding of the box with some surroundings. Faces of one person are near each other: biometric data."""

    name = "clip"
    version = "1"
    doc = "Image embedding by a CLIP model of your choice (open_clip), unit length."
    provides = (labels.EMBEDDING_CLIP,)
    config_type = ClipConfig
    config: ClipConfig

    @classmethod
    def weights_of(cls, config: Config) -> tuple[str, ...]:
        return clip_files(config)

    def setup(self, models: ModelStore) -> None:
        self._view = View(models.shared(Loader(self.config.source)), self.config.margin)

    def label(self, face: Face) -> Mapping[Column, Any]:
        return {labels.EMBEDDING_CLIP: face.once(self._view)}
