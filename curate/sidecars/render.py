"""Grey pictures of a mesh from several sides, to look at it: flat shading, near triangles over far ones."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import rotation_of
from curate.sidecars.mesh import Mesh

YAWS = (0.0, 90.0, 180.0, 270.0)
LIGHT = np.array([0.3, 0.5, 1.0]) / np.linalg.norm([0.3, 0.5, 1.0])
BACKGROUND, DARKEST = 255, 60


def rendered(mesh: Mesh, yaw: float, side: int = 256) -> NDArray[np.uint8]:
    """A grey picture, (side, side), the mesh in its middle; x to the right, y up, z towards the viewer.

    Args:
        mesh: Of at least one triangle.
        yaw: Degrees that the mesh is turned about its vertical axis.
        side: Of the picture in px.
    """
    centred = mesh.points - (mesh.points.min(0) + mesh.points.max(0)) / 2
    points = centred @ rotation_of(yaw, 0, 0).T
    # By the radius, so that no turn leaves the picture and all views are of one scale.
    scale = 0.47 * side / max(float(np.linalg.norm(centred, axis=1).max()), 1e-12)
    corners = points[mesh.triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    # Both sides of a triangle are lit: scans do not agree on which is the outer one.
    grey = DARKEST + (BACKGROUND - 20 - DARKEST) * np.abs(facing @ LIGHT)
    flat = corners[..., :2] * [scale, -scale] + side / 2
    image = np.full((side, side), BACKGROUND, np.uint8)
    for index in np.argsort(corners[..., 2].mean(1), kind="stable").tolist():
        cv2.fillConvexPoly(image, np.round(flat[index] * 16).astype(np.int32), float(grey[index]), cv2.LINE_8, 4)
    return image
