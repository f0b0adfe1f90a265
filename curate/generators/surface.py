"""Shape of the head at the portrait's pixels: depth and normals of the mesh, carried on beyond it.

Frame of the portrait: x right, y down, z away from the camera, px. Normals point out of the face, towards the camera
where z is negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crop_masks import FAR
from annotators.visibility import normals as point_normals
from annotators.visibility import triangles
from curate.generators.regions import eye_distance
from curate.generators.skin_colour import head_ellipse
from curate.generators.soft_masks import Soft, soften
from curate.generators.subject import Subject

SMOOTH = 0.08
"""Standard deviation of the blur that hides the triangles, in eye distances."""
REACH = 0.35
"""How far the mesh's own shape is trusted beyond its edge, in eye distances."""
SKULL = 1.15
"""Size of the ellipsoid that stands for the rest of the head, with its hair, over the average skull."""
FINE = 32
"""Pixels per eye distance at which the shape is worked out; it is smooth, and enlarged afterwards."""


@dataclass(frozen=True)
class Surface:
    """The head's shape in a portrait.

    Attributes:
        normals: (side, side, 3) unit vectors; those beyond the head face the camera.
        depth: (side, side) px away from the camera, on the mesh's own scale; beyond the mesh it goes on smoothly.
        coverage: 1 on the mesh, falling to 0 at the end of the head; how far the shape is known.
        mesh: 1 where the mesh is seen, 0 elsewhere, with a soft edge.
    """

    normals: NDArray[np.float32]
    depth: NDArray[np.float32]
    coverage: Soft
    mesh: Soft


def surface(subject: Subject) -> Surface:
    """Draw the mesh's shape at the portrait's pixels and carry it on over the rest of the head.

    Raises:
        CannotGenerate: if the face has no mesh.
    """
    mesh, side = subject.need_mesh(), subject.side
    step = min(max(int(eye_distance(mesh) / FINE), 1), 4)
    small = -(-side // step)
    found = _at_scale(mesh / step, small)
    depth, bent, coverage, seen = (_enlarged(v, small * step)[:side, :side] for v in found)
    length = np.maximum(np.linalg.norm(bent, axis=2, keepdims=True), 1e-6)
    return Surface((bent / length).astype(np.float32), depth * step, coverage, seen)


def _at_scale(mesh: NDArray[np.float64], side: int) -> tuple[NDArray[np.float32], NDArray[np.float32], Soft, Soft]:
    """Depth, normals not yet of unit length, coverage and the mesh's mask, for a mesh in a portrait of this side."""
    unit = eye_distance(mesh)
    sigma = SMOOTH * unit
    depth, bump, seen = rasterised(mesh, np.concatenate([mesh[:, 2:], point_normals(mesh)], axis=1), side)
    near = _spread(np.dstack([depth, bump]), seen, sigma)
    known = soften(seen, 0.5 * sigma)
    skull, inside = _skull(mesh, side)
    trust = np.maximum(seen, np.clip(2 * soften(seen, REACH * unit), 0, 1))
    trust = soften(trust, sigma)[..., None]
    bent = near[..., 1:] * trust + skull * (1 - trust)
    ends = inside[..., None]
    bent = bent * ends + np.array([0, 0, -1], np.float32) * (1 - ends)
    return near[..., 0], bent, np.maximum(known, inside), known


def _enlarged(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR))


def rasterised(
    mesh: NDArray[np.float64], values: NDArray[np.float64], side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], Soft]:
    """Values of mesh points drawn at pixels, each triangle linearly, nearer triangles over farther ones.

    Args:
        mesh: (478, 3) px of the portrait.
        values: (478, n) values of the points.
        side: Side of the portrait.

    Returns:
        The first value (side, side), the others (side, side, n - 1), and where a triangle that faces the camera lies.
    """
    corners = mesh[triangles(), :2]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    order = np.argsort(-mesh[triangles(), 2].mean(1), kind="stable")
    owner = np.full((side, side), -1, np.int32)
    facing = np.sign(np.sum(area)) * area > 0
    fixed = np.round((np.clip(corners, -FAR, FAR) - 0.5) * 16).astype(np.int32)
    for index in order[facing[order]].tolist():
        cv2.fillConvexPoly(owner, fixed[index], index, shift=4)
    y, x = np.nonzero(owner >= 0)
    chosen = owner[y, x]
    at = np.stack([x, y], axis=1) + 0.5 - corners[chosen, 0]
    a = (at[:, 0] * second[chosen, 1] - at[:, 1] * second[chosen, 0]) / area[chosen]
    b = (first[chosen, 0] * at[:, 1] - first[chosen, 1] * at[:, 0]) / area[chosen]
    weights = np.clip(np.stack([1 - a - b, a, b], axis=1), 0, 1)  # pixels on an edge lie a little outside
    weights /= weights.sum(1, keepdims=True)
    found = np.zeros((side, side, values.shape[1]), np.float32)
    found[y, x] = np.einsum("nk,nkv->nv", weights, values[triangles()[chosen]])
    return found[..., 0], found[..., 1:], (owner >= 0).astype(np.float32)


def _spread(values: NDArray[np.float32], seen: Soft, sigma: float) -> NDArray[np.float32]:
    """Smooth values and carry them beyond where they are known: blurs of growing width fill what is left open."""
    total = np.zeros_like(values)
    weight = np.zeros_like(seen)
    for step in range(5):
        wide = sigma * 2**step
        share = soften(seen, wide)
        new = (1 - weight) * np.clip(share * 2, 0, 1)
        total += cv2.GaussianBlur(values * seen[..., None], (0, 0), wide) * (new / np.maximum(share, 1e-6))[..., None]
        weight += new
    return np.asarray(total / np.maximum(weight, 1e-6)[..., None], np.float32)


def _skull(mesh: NDArray[np.float64], side: int) -> tuple[NDArray[np.float32], Soft]:
    """Normals of an ellipsoid about the head, and where it is, with a soft end."""
    centre, form = head_ellipse(mesh, SKULL)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    dx, dy = x - centre[0], y - centre[1]
    gx, gy = form[0, 0] * dx + form[0, 1] * dy, form[0, 1] * dx + form[1, 1] * dy
    away = np.sqrt(np.maximum(gx * dx + gy * dy, 0))
    size = 1 / np.sqrt(np.linalg.eigvalsh(form).mean())
    # A sphere seen from the front: the normal's part in the picture grows as the distance from the centre.
    bend = np.stack([gx, gy], axis=2) * size / np.maximum(away, 1e-6)[..., None] * np.minimum(away, 0.97)[..., None]
    length = np.linalg.norm(bend, axis=2, keepdims=True)
    bend = bend / np.maximum(length, 1e-6) * np.minimum(length, 0.97)
    front = -np.sqrt(1 - np.minimum((bend**2).sum(2), 0.95))
    found = np.dstack([bend, front])
    return found.astype(np.float32), np.clip((1.12 - away) * 6, 0, 1).astype(np.float32)
