"""Face shape with pose and size taken out, symmetry, and the aspect ratios of the literature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from annotators.canonical_face import COUNT, Array, canonical_face, direction_angles, fit_pose
from annotators.crops import Pixels
from annotators.mesh_crops import MeshCrop
from annotators.points import convert
from schemas import Column
from schemas.columns import labels
from schemas.landmarks import layout

CROP = MeshCrop(128, 1.0)

EYE_CENTRES = ((33, 133), (263, 362))
"""Corners of the subject's right and left eye in the mesh; their means are the eye centres."""

PARTS = {
    "brows": ("right_brow", "left_brow"),
    "eyes": ("right_eye", "left_eye"),
    "nose": ("nose_base",),
    "mouth": ("outer_lip", "inner_lip"),
    "outline": ("oval",),
}
"""Part of taxonomy symmetry-part -> groups of layout points-478."""


@dataclass(frozen=True)
class ShapeConfig(Config):
    """Limits.

    Attributes:
        max_yaw: Head yaw in degrees past which nothing is said of symmetry: half of the face is guessed.
        blur: Standard deviation in crop pixels (128 across the face) of the blur before brightness is compared.
    """

    max_yaw: float = 30.0
    blur: float = 2.0


class Shape(FaceAnnotator):
    """Shape, symmetry and aspect ratios.

    Shape is the mesh in the frame of the average head (`canonical_face.fit_pose`), so two pictures of one
    face differ by expression and by the mesh's error only. The mesh model leans towards symmetric faces:
    its symmetry is an upper bound.
    """

    name = "shape"
    version = "1"
    doc = "Face shape with pose and size taken out, symmetry of shape and brightness, eye and mouth aspect ratios."
    requires = (labels.MESH, labels.POINTS_68)
    provides = tuple(labels.SHAPE.values())
    crops = (CROP,)
    default = False
    config_type = ShapeConfig
    config: ShapeConfig

    def label(self, face: Face) -> Mapping[Column, Any]:
        mesh = face.need(labels.MESH)
        try:
            pose = fit_pose(mesh)
        except ValueError as error:
            raise NotApplicable(str(error)) from error
        head = pose.to_head(mesh[:COUNT])
        points = np.asarray(face.need(labels.POINTS_68), np.float64)
        right, left = eye_aspect(points)
        values: dict[Column, Any] = {
            labels.SHAPE_68: to_68(head),
            labels.EYE_ASPECT_RIGHT: right,
            labels.EYE_ASPECT_LEFT: left,
            labels.MOUTH_ASPECT: mouth_aspect(points),
        }
        yaw, _ = direction_angles(pose.rotation[:, 2])
        if abs(yaw) <= self.config.max_yaw:
            whole, parts = symmetry(head)
            crop = face.crop(CROP)
            values[labels.SYMMETRY], values[labels.SYMMETRY_PARTS] = whole, parts
            values[labels.SYMMETRY_APPEARANCE] = appearance(crop.pixels, crop.to_crop(mesh), self.config.blur)
        return values


def to_68(head: Array) -> NDArray[np.float32]:
    """The 68 points, shape (68, 3), of a mesh without irises, shape (468, 3), in any frame."""
    padded = np.vstack([head, np.zeros((layout("points-478").size - COUNT, head.shape[1]))])
    return convert(padded, "points-478", "points-68")


def symmetry(head: Array) -> tuple[float, dict[str, float]]:
    """Symmetry of a shape: 1 less the mean distance to its mirror image, in eye distances; not below 0.

    Args:
        head: (468, 3) in the frame of the head, x across the face, 0 on its midline.

    Returns:
        Of the whole mesh, and by part of taxonomy symmetry-part.
    """
    centres = [head[list(pair)].mean(0) for pair in EYE_CENTRES]
    unit = max(float(np.linalg.norm(centres[0] - centres[1])), 1e-6)
    away = np.linalg.norm(head - head[canonical_face().mirror] * [-1, 1, 1], axis=1) / unit
    parts = {name: max(0.0, 1 - float(away[points].mean())) for name, points in _part_points().items()}
    return max(0.0, 1 - float(away.mean())), parts


@cache
def _part_points() -> dict[str, NDArray[np.intp]]:
    groups = layout("points-478").groups
    return {part: np.array(sorted({i for name in names for i in groups[name]})) for part, names in PARTS.items()}


def appearance(pixels: Pixels, points: NDArray[np.floating[Any]], blur: float) -> float | None:
    """Pearson correlation of the brightness at points of one half of the face with that at their mirror points.

    Args:
        pixels: RGB crop, shape (size, size, 3).
        points: Mesh in crop points, shape (478, 2 or 3).
        blur: Standard deviation of the blur, crop pixels.

    Returns:
        -1..1, or None where the face has no contrast.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), blur)
    x, y = (np.ascontiguousarray(points[None, :COUNT, k] - 0.5, np.float32) for k in (0, 1))
    values = cv2.remap(grey, x, y, cv2.INTER_LINEAR)[0].astype(np.float64)
    mirror = canonical_face().mirror
    one = np.flatnonzero(mirror > np.arange(COUNT))
    a, b = values[one], values[mirror[one]]
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return None if spread < 1e-6 else float(np.clip((a * b).sum() / spread, -1, 1))


def eye_aspect(points: Array) -> tuple[float, float]:
    """Eye aspect ratio (|p2 p6| + |p3 p5|) / (2 |p1 p4|), subject's right and left.

    Soukupova and Cech, "Real-Time Eye Blink Detection using Facial Landmarks", 2016.

    Args:
        points: The 68 points, shape (68, 2), px.
    """
    right, left = (_aspect(points, corners, lids) for corners, lids in ((36, (37, 38)), (42, (43, 44))))
    return right, left


def _aspect(points: Array, first: int, uppers: tuple[int, int]) -> float:
    """Mean lid gap over width of the six points of an eye that begin with `first`, its corner."""
    lowers = (first + 5, first + 4)
    gaps = [float(np.linalg.norm(points[u] - points[low])) for u, low in zip(uppers, lowers, strict=True)]
    return sum(gaps) / (2 * max(float(np.linalg.norm(points[first] - points[first + 3])), 1e-6))


def mouth_aspect(points: Array) -> float:
    """Mouth aspect ratio of the inner lips: the mean of three gaps over the width between the corners.

    The eye's formula on points 60-67 of the 68: (|p61 p67| + |p62 p66| + |p63 p65|) / (3 |p60 p64|).

    Args:
        points: The 68 points, shape (68, 2), px.
    """
    gaps = [float(np.linalg.norm(points[u] - points[low])) for u, low in ((61, 67), (62, 66), (63, 65))]
    return sum(gaps) / (3 * max(float(np.linalg.norm(points[60] - points[64])), 1e-6))
