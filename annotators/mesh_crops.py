"""Squares cut from the mesh, turned so that the eyes are level; shared by all who look at the whole face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.crops import CropSpec, Matrix, square
from schemas import Column
from schemas.columns import faces, labels

OUTER_EYES = (33, 263)
"""Outer eye corners of the mesh, image-left first for a face that looks at the camera."""


@dataclass(frozen=True)
class MeshCrop(CropSpec):
    """Square around the mesh, turned by the line between the outer eye corners.

    Attributes:
        size: Side of the crop in pixels.
        scale: Its side as a multiple of the mesh's longer side in the turned frame.
    """

    size: int = 128
    scale: float = 1.0
    requires = (labels.MESH,)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        return mesh_square(np.asarray(values[labels.MESH]), self.size, self.scale)


@dataclass(frozen=True)
class DetectionCrop(CropSpec):
    """Square around the detector's box, turned by the line between its eye points, upright if it gave none.

    Attributes:
        size: Side of the crop in pixels.
        scale: Its side as a multiple of the box's longer side (1.5 in MediaPipe's landmarker).
    """

    size: int = 256
    scale: float = 1.5
    requires = (*faces.BOX, faces.POINTS_5)

    def matrix(self, values: Mapping[Column, Any]) -> Matrix:
        x, y, w, h = (float(values[c]) for c in faces.BOX)
        points = values[faces.POINTS_5]
        angle = 0.0 if points is None else line_angle(points[0], points[1])
        return square((x + w / 2, y + h / 2), max(w, h) * self.scale, angle, self.size)


def mesh_square(mesh: NDArray[np.floating[Any]], size: int, scale: float) -> Matrix:
    """Map from image points to a square around a mesh, shape (478, 2 or 3) px; see `MeshCrop`."""
    points = np.asarray(mesh[:, :2], np.float64)
    angle = line_angle(points[OUTER_EYES[0]], points[OUTER_EYES[1]])
    cos, sin = np.cos(angle), np.sin(angle)
    turned = points @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(0), turned.max(0)
    u, v = (low + high) / 2
    centre = (float(cos * u - sin * v), float(sin * u + cos * v))
    return square(centre, float((high - low).max()) * scale, angle, size)


def line_angle(start: NDArray[np.floating[Any]], end: NDArray[np.floating[Any]]) -> float:
    """Direction from one point to another in radians, clockwise as seen (y down)."""
    return float(np.arctan2(float(end[1]) - float(start[1]), float(end[0]) - float(start[0])))
