"""Identity embedding by SFace (Apache-2.0). Biometric data: this module measures; it never compares or merges faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Face, FaceAnnotator
from annotators.crops import ARCFACE_112, CropSpec, Matrix, Pixels, similarity
from annotators.runtime import Floats, OnnxModel
from schemas import Column
from schemas.columns import faces, labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

SAME_PERSON = 0.40
"""Cosine from which two embeddings are usually one adult's; measured per group in benchmarks/identity.py."""

PIXEL_CENTRE = 0.5
"""OpenCV counts points from the centre of the first pixel, this project from the picture's corner."""


@dataclass(frozen=True)
class SFaceCrop(CropSpec):
    """The 112 x 112 crop of OpenCV's `FaceRecognizerSF.alignCrop`, on which SFace was trained."""

    size: int = 112
    requires = (faces.POINTS_5,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        points = np.asarray(values[faces.POINTS_5], np.float64)
        return similarity(points + PIXEL_CENTRE, ARCFACE_112 + PIXEL_CENTRE)


CROP = SFaceCrop()


def network_input(crop: Pixels) -> Floats:
    """RGB crop, shape (112, 112, 3), as the network takes it: RGB in 0-255, shape (1, 3, 112, 112)."""
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)


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
        self._model = OnnxModel(models.path("sface"))

    def label(self, face: Face) -> Mapping[Column, Any]:
        return {labels.EMBEDDING: unit_length(self._model(network_input(face.crop(CROP).pixels))[0][0])}
