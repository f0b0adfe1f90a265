"""MediaPipe's 478-point mesh in two passes, and the 68 points that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from annotators.crops import Crop, warp
from annotators.mesh_crops import DetectionCrop, mesh_square
from annotators.points import convert
from annotators.runtime import TfliteModel, zip_member
from annotators.visibility import inside, normals
from annotators.weights import ModelStore
from schemas import Column
from schemas.columns import labels

POINTS = 478
SIZE = 256
TO_UNIT = np.float32(1 / 255)
SCALE = 1.5
"""Side of the crop as a multiple of the face's longer side, as in MediaPipe's landmarker."""
TIGHT_SCALE, TIGHT_PASSES = 1.25, 3
"""Second try where no mesh came: in 400 FairFace crops, 34 had none before and 24 after; the rest are profiles."""


@dataclass(frozen=True)
class MeshConfig(Config):
    """Settings of the mesh.

    Attributes:
        passes: 1 places the mesh by the detector's box; each further pass by the mesh before it.
        min_presence: Below this belief in a face there is no mesh to speak of.
        facing: Cosine between a point's normal and the line to the camera from which it counts as visible.
    """

    passes: int = 2
    min_presence: float = 0.5
    facing: float = -0.1


class FaceMesh(FaceAnnotator):
    """Cuts the face turned upright, runs the landmark network, cuts again by its mesh, runs again.

    Faces in full profile have no mesh that fits them; they are not applicable.
    """

    name = "mesh"
    version = "1"
    doc = "478 mesh points with irises, and the 68 points that follow from them."
    provides = tuple(labels.LANDMARKS.values())
    crops = (DetectionCrop(SIZE, SCALE), DetectionCrop(SIZE, TIGHT_SCALE))
    weights = ("face_landmarker",)
    config_type = MeshConfig

    def setup(self, models: ModelStore) -> None:
        member = "face_landmarks_detector.tflite"
        self._network = TfliteModel(zip_member(models.path("face_landmarker"), member), member)

    def label(self, face: Face) -> Mapping[Column, Any]:
        config = cast(MeshConfig, self.config)
        mesh, presence = self._trace(face, self.crops[0], config.passes)
        if presence < config.min_presence:
            mesh, presence = self._trace(face, self.crops[1], max(config.passes, TIGHT_PASSES))
        if presence < config.min_presence:
            raise NotApplicable(f"no face to lay a mesh on: presence {presence:.2f}")
        height, width = face.image.shape[:2]
        points_68 = convert(mesh[:, :2], "points-478", "points-68")
        towards_camera = -convert(normals(mesh), "points-478", "points-68")[:, 2]
        return {
            labels.MESH: mesh,
            labels.POINTS_68: points_68,
            labels.VISIBLE_68: (inside(points_68, height, width) & (towards_camera > config.facing)).tolist(),
            labels.PRESENCE: presence,
            labels.IN_FRAME: float(inside(mesh, height, width).mean()),
        }

    def _trace(self, face: Face, spec: DetectionCrop, passes: int) -> tuple[NDArray[np.float32], float]:
        """Mesh and presence of the last of some passes, each cut by the mesh before it."""
        mesh, presence = self._read(face.crop(spec))
        for _ in range(passes - 1):
            matrix = mesh_square(mesh, SIZE, spec.scale)
            mesh, presence = self._read(Crop(warp(face.image, matrix, SIZE), matrix))
        return mesh, presence

    def _read(self, crop: Crop) -> tuple[NDArray[np.float32], float]:
        """The mesh, shape (478, 3) in image pixels, and the network's belief that there is a face."""
        raw, presence, _ = self._network(np.multiply(crop.pixels[None], TO_UNIT, dtype=np.float32))
        points = raw.reshape(POINTS, 3).astype(np.float64)
        pixels_per_crop_pixel = 1 / float(np.hypot(*crop.matrix[:, 0]))
        mesh = np.column_stack([crop.to_image(points), points[:, 2] * pixels_per_crop_pixel])
        return mesh.astype(np.float32), float(1 / (1 + np.exp(-float(presence.item()))))
