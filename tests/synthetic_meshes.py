"""Meshes made from the canonical face, for tests with known answers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from annotators.base import FaceBatch
from annotators.canonical_face import Pose, canonical_face, rotation_of
from annotators.points import mirror
from schemas import taxonomy
from schemas.columns import faces, labels


def mesh_at(yaw: float, pitch: float, roll: float, scale: float = 12.0) -> np.ndarray:
    pose = Pose(rotation_of(yaw, pitch, roll), scale, np.array([200.0, -150.0, 0.0]))
    mesh = np.zeros((478, 3), np.float32)
    mesh[:468] = pose.to_image(canonical_face().points)
    return mesh


def batch_of(*meshes: np.ndarray | None, blinks: tuple[float, float] = (0.1, 0.1)) -> FaceBatch:
    """Faces with these meshes; of their blendshapes only eyeBlink left and right is not 0."""
    shapes = dict.fromkeys(taxonomy("blendshapes-mediapipe").labels, 0.0)
    shapes |= {"eyeBlinkLeft": blinks[0], "eyeBlinkRight": blinks[1]}
    table = pa.table(
        {
            faces.FACE_ID.name: [f"a.{i}" for i in range(len(meshes))],
            labels.MESH.name: pa.array([None if m is None else m.reshape(-1) for m in meshes], labels.MESH.type),
            labels.BLENDSHAPES.name: pa.array([shapes] * len(meshes), labels.BLENDSHAPES.type),
        }
    )
    return FaceBatch(table, {})


def with_lids(mesh: np.ndarray, lids: np.ndarray, corners: tuple[int, int], opening: float) -> np.ndarray:
    width = np.linalg.norm(mesh[corners[0]] - mesh[corners[1]])
    for upper, lower in lids:
        mesh[upper] = mesh[lower] - [0, opening * width, 0]
    return mesh


def mirrored(mesh: np.ndarray) -> np.ndarray:
    """The mesh of the mirrored picture."""
    return mirror(mesh, "points-478", 1000.0)
