"""52 expression coefficients from the face mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.base import Face, FaceAnnotator
from annotators.runtime import TfliteModel, zip_member
from schemas import Column, taxonomy
from schemas.columns import labels

if TYPE_CHECKING:
    from annotators.weights import ModelStore

# fmt: off
NETWORK_POINTS = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78,
    80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152,
    153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246,
    249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312,
    314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381,
    382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472,
    473, 474, 475, 476, 477,
])
# fmt: on
"""The mesh points that the network reads, in its order (MediaPipe, face_blendshapes_graph.cc)."""


class Blendshapes(FaceAnnotator):
    """MediaPipe's blendshape network on 146 points of the mesh.

    The network takes pixels and removes place and size itself. "Left" is the subject's left: closing
    the lids at the image's right edge of the face raises `eyeBlinkLeft`. The mesh ties both sides
    together (left and right correlate at .91-.98 but for the wink), so small differences mean nothing.
    """

    name = "blendshapes"
    version = "1"
    doc = "52 expression coefficients from 146 mesh points."
    requires = (labels.MESH,)
    provides = tuple(labels.BLENDSHAPE.values())
    weights = ("face_landmarker",)

    def setup(self, models: ModelStore) -> None:
        member = "face_blendshapes.tflite"
        self._network = TfliteModel(zip_member(models.path("face_landmarker"), member), member)
        self._names = taxonomy(labels.BLENDSHAPES.taxonomy).labels

    def label(self, face: Face) -> Mapping[Column, Any]:
        points = face.need(labels.MESH)[None, NETWORK_POINTS, :2]
        values = np.clip(self._network(points)[0].ravel(), 0, 1)
        return {labels.BLENDSHAPES: dict(zip(self._names, values.tolist(), strict=True))}
