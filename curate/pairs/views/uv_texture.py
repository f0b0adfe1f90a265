"""The skin of a face unrolled: each point of the average head has one place in the texture, for all faces the same.

The layout rolls the average head onto a cylinder about its vertical axis: u is the angle about it, v the height.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import canonical_face, fit_pose
from annotators.crops import Pixels
from annotators.part_maps import Mask
from annotators.visibility import normals as point_normals
from annotators.visibility import triangles
from curate.export.sample import Sample
from curate.generators.subject import Subject
from curate.generators.surface import rasterised
from curate.pairs.view import Drawn
from curate.pairs.views.base import ArrayView

Mesh = NDArray[np.floating[Any]]

AXIS_BEHIND = 4.0
"""How far behind the average head's own origin the cylinder's axis stands, cm: the middle of a skull."""
ROOM = 0.03
"""Share of the texture left free at each edge."""
POINTS = 468
TEXTURE_SIDE = 512
"""Of the view."""
EDGE_ON = 0.12
"""A texture pixel counts as seen where its normal turns at least so far (cosine) towards the camera."""


@cache
def uv_points() -> NDArray[np.float64]:
    """Places of the mesh's 468 points in the texture, (468, 2) in 0-1: u to the right, v down."""
    points = canonical_face().points
    angle = np.arctan2(points[:, 0], points[:, 2] + AXIS_BEHIND)
    flat = np.stack([angle, -points[:, 1]], axis=1)
    low, high = flat.min(0), flat.max(0)
    # Left and right half have the same room, so that mirroring the texture mirrors the face.
    low[0], high[0] = -max(-low[0], high[0]), max(-low[0], high[0])
    return np.asarray(ROOM + (1 - 2 * ROOM) * (flat - low) / (high - low))


def texture(pixels: Pixels, mesh: Mesh, size: int = 256) -> tuple[Pixels, Mask]:
    """Unroll a face.

    Args:
        pixels: RGB crop.
        mesh: (478, 3) px of the crop: x right, y down, z away from the camera.
        size: Side of the texture.

    Returns:
        RGB texture (size, size, 3), black where nothing was seen; and where the camera sees the skin.
    """
    points = np.asarray(mesh, np.float64)[:POINTS]
    places = np.zeros((len(mesh), 3))
    places[:POINTS, :2] = uv_points() * size
    turned = -point_normals(np.asarray(mesh, np.float64))[:POINTS, 2]
    values = np.zeros((len(mesh), 4))
    values[:POINTS] = np.column_stack([np.zeros(POINTS), points[:, :2], turned])
    _, found, inside = rasterised(places, values, size)
    x, y = (np.ascontiguousarray(found[..., k] - 0.5) for k in (0, 1))
    cut = cv2.remap(pixels, x, y, cv2.INTER_LINEAR)
    height, width = pixels.shape[:2]
    in_picture = (x >= -0.5) & (y >= -0.5) & (x <= width - 0.5) & (y <= height - 0.5)
    seen = (inside > 0) & (found[..., 2] > EDGE_ON) & in_picture
    return np.where(seen[..., None], cut, 0).astype(np.uint8), seen


def rolled_on(unrolled: Pixels, mesh: Mesh, side: int) -> tuple[Pixels, Mask]:
    """The reverse: a texture on a mesh.

    Args:
        unrolled: RGB texture.
        mesh: (478, 3) px.
        side: Of the picture made.

    Returns:
        RGB picture (side, side, 3), black beyond the mesh; and the mesh's mask.
    """
    size = unrolled.shape[0]
    values = np.zeros((len(mesh), 3))
    values[:POINTS, 1:] = uv_points() * size
    _, found, inside = rasterised(np.asarray(mesh, np.float64), values, side)
    x, y = (np.ascontiguousarray(found[..., k] - 0.5) for k in (0, 1))
    picture = cv2.remap(unrolled, x, y, cv2.INTER_LINEAR)
    return np.where(inside[..., None] > 0, picture, 0).astype(np.uint8), inside > 0


class UvTexture(ArrayView):
    """The unrolled skin."""

    name = "uv_texture"
    doc = "The face's skin unrolled on the average head, 512 px RGB; black where the camera does not see it."

    def made(self, subject: Subject, sample: Sample) -> Pixels:
        """The texture."""
        return texture(subject.pixels, subject.need_mesh(), TEXTURE_SIDE)[0]


class UvGeometry(ArrayView):
    """The shape that goes with the texture."""

    name = "uv_geometry"
    doc = "The face's 468 points in cm in the head's own frame, with triangles and places in the texture, npz."
    suffix = ".npz"

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.float32]:
        """The points."""
        return geometry(subject.need_mesh())

    def written(self, made: NDArray[Any], pixels: Pixels) -> Drawn:
        """As npz."""
        return geometry_file(made)


def geometry(mesh: Mesh) -> NDArray[np.float32]:
    """Points of a mesh in cm in the frame of the head, (468, 3): pose and size taken out."""
    points = np.asarray(mesh, np.float64)
    return fit_pose(points).to_head(points[:POINTS]).astype(np.float32)


def geometry_file(points: NDArray[np.float32]) -> bytes:
    """Points, triangles and places in the texture as npz: `vertices`, `triangles`, `uv`."""
    file = io.BytesIO()
    np.savez(file, vertices=points, triangles=triangles().astype(np.int32), uv=uv_points().astype(np.float32))
    return file.getvalue()
