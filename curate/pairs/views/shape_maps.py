"""Depth and normals of a face at its pixels, from the mesh; nothing is known beyond it, and nothing is made up.

Frame of the crop: x right, y down, z away from the camera. Pictures of normals are in the usual colours: red to the
image's right, green up, blue towards the camera.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.part_maps import Mask
from annotators.visibility import normals as point_normals
from curate.export.sample import Sample
from curate.generators.regions import eye_distance
from curate.generators.subject import Subject
from curate.generators.surface import rasterised
from curate.pairs.views.base import FineView

Mesh = NDArray[np.floating[Any]]

TO_COLOURS = np.array([1.0, -1.0, -1.0], np.float32)
"""Mesh axes to those of pictures of normals: x right, y up, z towards the camera."""
DEEP = 65535
"""Value of the nearest point in a picture of depth; 0 is where nothing is known, 1 the farthest."""
DEPTH_RANGE = 3.0
"""Eye distances from the nearest point of a face to value 1; a head turned to the side is about as deep."""


def depth_map(mesh: Mesh, side: int) -> tuple[NDArray[np.float32], Mask]:
    """Depth in eye distances behind the nearest point of the face, and where it is known.

    Args:
        mesh: (478, 3) px of the crop.
        side: Of the crop.

    Returns:
        (side, side), 0 outside the mask; and the mask.
    """
    points = np.asarray(mesh, np.float64)
    depth, _, seen = rasterised(points, points[:, 2:], side)
    inside = seen > 0
    if inside.any():
        depth = (depth - depth[inside].min()) / np.float32(eye_distance(points))
    return np.where(inside, depth, 0).astype(np.float32), inside


def depth_picture(depth: NDArray[np.float32], inside: Mask) -> NDArray[np.uint16]:
    """Depth as 16-bit grey: 65535 at the nearest point, falling to 1 at `DEPTH_RANGE` behind it, 0 where unknown."""
    grey = DEEP - np.clip(depth / DEPTH_RANGE, 0, 1) * (DEEP - 1)
    return np.where(inside, np.rint(grey), 0).astype(np.uint16)


def normal_map(mesh: Mesh, side: int) -> tuple[NDArray[np.float32], Mask]:
    """Unit normals in the crop's frame, and where they are known.

    Args:
        mesh: (478, 3) px of the crop.
        side: Of the crop.

    Returns:
        (side, side, 3), zero outside the mask; and the mask.
    """
    points = np.asarray(mesh, np.float64)
    values = np.concatenate([points[:, 2:], point_normals(points)], axis=1)
    _, found, seen = rasterised(points, values, side)
    inside = seen > 0
    length = np.linalg.norm(found, axis=2, keepdims=True)
    unit = np.divide(found, length, out=np.zeros_like(found), where=length > 1e-6)
    return np.where(inside[..., None], unit, 0).astype(np.float32), inside & (length[..., 0] > 1e-6)


def normal_picture(normals: NDArray[np.float32], inside: Mask) -> NDArray[np.uint16]:
    """Normals as 16-bit RGB: 1 to 65535 for -1 to 1 in the usual colours, black where unknown."""
    coded = np.rint((normals * TO_COLOURS + 1) / 2 * (DEEP - 1)) + 1
    return np.where(inside[..., None], coded, 0).astype(np.uint16)


def normals_of_picture(picture: NDArray[np.uint16]) -> tuple[NDArray[np.float32], Mask]:
    """The reverse of `normal_picture`, to its rounding."""
    inside: Mask = np.asarray(np.any(picture, axis=2))
    values = ((picture.astype(np.float32) - 1) / (DEEP - 1) * 2 - 1) * TO_COLOURS
    return np.where(inside[..., None], values, 0).astype(np.float32), inside


class Depth(FineView):
    """Depth of the mesh."""

    name = "depth"
    doc = "Depth of the face's mesh, 16-bit grey: white nearest, black where unknown."

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.uint16]:
        """The picture of depth."""
        return depth_picture(*depth_map(subject.need_mesh(), subject.side))


class Normals(FineView):
    """Normals of the mesh."""

    name = "normals"
    doc = "Unit normals of the face's mesh, 16-bit RGB: right, up, towards the camera; black where unknown."

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.uint16]:
        """The picture of normals."""
        return normal_picture(*normal_map(subject.need_mesh(), subject.side))
