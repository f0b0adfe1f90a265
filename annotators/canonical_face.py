"""MediaPipe's average head, and how a mesh is laid onto it.

Frame of the head: centimetres, x to the image's right when the head faces the camera, y up, z out of
the face. Frame of the camera: the same axes fixed to the picture, z towards the viewer. The mesh is
taken as a weak perspective picture: its own x, y and z in pixels with one scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

COUNT = 468
"""Points of the canonical face: the mesh without its ten iris points."""

TO_CAMERA = np.array([1.0, -1.0, -1.0])
"""Mesh axes (y down, z away) to camera axes (y up, z towards the viewer)."""


@dataclass(frozen=True)
class CanonicalFace:
    """The average head.

    Attributes:
        points: (468, 3) in cm, frame of the head.
        basis: Indices of the points that a pose is fitted on: those that expressions move least.
        weights: Their weights, summing to 1.
        mirror: (468,) index of each point's partner on the other side of the face.
    """

    points: Array
    basis: NDArray[np.intp]
    weights: Array
    mirror: NDArray[np.intp]


@cache
def canonical_face() -> CanonicalFace:
    """The canonical face of `data/canonical_face.csv` (MediaPipe, Apache-2.0)."""
    with resources.files("annotators").joinpath("data/canonical_face.csv").open(encoding="utf-8") as file:
        table = np.loadtxt(file, delimiter=",")
    points, weights = table[:, :3], table[:, 3]
    basis = np.flatnonzero(weights)
    flipped = points * [-1, 1, 1]
    mirror = np.linalg.norm(flipped[:, None] - points[None], axis=2).argmin(1)
    return CanonicalFace(points, basis, weights[basis] / weights[basis].sum(), mirror)


@dataclass(frozen=True)
class Pose:
    """Where a head is: `camera = scale * rotation @ head + offset`.

    Attributes:
        rotation: (3, 3), frame of the head to frame of the camera.
        scale: Pixels per cm.
        offset: (3,) camera frame, pixels.
    """

    rotation: Array
    scale: float
    offset: Array

    def to_head(self, mesh: NDArray[np.floating[Any]]) -> Array:
        """Mesh points, shape (n, 3) px, in the frame of the head in cm: pose and size taken out."""
        return np.asarray((mesh * TO_CAMERA - self.offset) @ self.rotation / self.scale)

    def to_image(self, points: NDArray[np.floating[Any]]) -> Array:
        """Points of the head, shape (n, 3) cm, as mesh points in px."""
        return np.asarray((self.scale * points @ self.rotation.T + self.offset) * TO_CAMERA)


def fit_pose(mesh: NDArray[np.floating[Any]]) -> Pose:
    """Weighted least-squares similarity of the canonical face to a mesh.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991,
    with the 33 points and weights of MediaPipe's geometry pipeline.

    Args:
        mesh: (478, 3) or (468, 3) px: x right, y down, z away from the camera.

    Raises:
        ValueError: if the points coincide or are not finite.
    """
    face = canonical_face()
    weights = face.weights
    source = face.points[face.basis]
    target = np.asarray(mesh[face.basis], np.float64) * TO_CAMERA
    source_mean, target_mean = weights @ source, weights @ target
    source, target = source - source_mean, target - target_mean
    if not np.isfinite(target).all() or np.abs(target).max() < 1e-6:
        raise ValueError("the mesh has no extent")
    u, sizes, vt = np.linalg.svd((source * weights[:, None]).T @ target)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (vt.T * signs) @ u.T
    scale = float((sizes * signs).sum() / (weights @ source**2).sum())
    return Pose(rotation, scale, target_mean - scale * rotation @ source_mean)


def direction_angles(direction: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Yaw and pitch in degrees of a direction, shape (3,), with z as zero: yaw to +x, pitch to +y."""
    x, y, z = (float(v) for v in direction / np.linalg.norm(direction))
    return float(np.degrees(np.arctan2(x, z))), float(np.degrees(np.arcsin(np.clip(y, -1, 1))))


def angles(rotation: Array) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a rotation from head to camera.

    Yaw and pitch say where the nose points; roll turns the head about that axis, positive clockwise
    as seen. The inverse is `rotation_of`; only a nose straight up or down leaves yaw and roll open.
    """
    yaw, pitch = direction_angles(rotation[:, 2])
    upright = rotation_of(yaw, pitch, 0).T @ rotation
    return yaw, pitch, float(np.degrees(np.arctan2(upright[0, 1], upright[0, 0])))


def rotation_of(yaw: float, pitch: float, roll: float) -> Array:
    """Rotation from head to camera, shape (3, 3), for angles in degrees; see `angles`."""
    (sy, sp, sr), (cy, cp, cr) = (f(np.radians([yaw, pitch, roll])) for f in (np.sin, np.cos))
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    lean = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return np.asarray(turn @ nod @ lean)
