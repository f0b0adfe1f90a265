"""Identity embedding by SFace (Apache-2.0). Biometric data: this module measures; it never compares or merges faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Face, FaceAnnotator
from annotators.runtime import Floats
from annotators.sface import CROP, SFace
from schemas import Column
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

SAME_PERSON = 0.40
"""Cosine from which two embeddings are usually one adult's; measured per group in benchmarks/identity.py."""


def unit_length(vector: Floats) -> Floats:
    """The vector divided by its Euclidean length."""
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


class Identity(FaceAnnotator):
    """SFace embedding of unit length. Children's and babies' embeddings are often alike: see the benchmark."""

    name = "identity"
    version = "1"
    doc = "Identity embedding (SFace, 128 numbers, unit length); never compares faces by itself."
    provides = (labels.EMBEDDING,)
    crops = (CROP,)
    weights = ("sface",)

    def setup(self, models: ModelStore) -> None:
        self._network = models.shared(SFace)

    def label(self, face: Face) -> Mapping[Column, Any]:
        return {labels.EMBEDDING: unit_length(face.once(self._network).embedding)}
