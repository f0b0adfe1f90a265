"""Variants of a mesh: stored weights per triangle, and differences of expression carried from one mesh to another.

S. Wang et al., "HeadEvolver: text to head avatars via locally learnable mesh deformation", 2024, scale each triangle of
a template by a weight of its own; here the weights are given, and a point moves with the triangles around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.sidecars.mesh import Mesh, Points
from schemas import UsageError


def point_weights(mesh: Mesh, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each point: the mean of the triangles around it, 0 where none is.

    Args:
        mesh: The mesh.
        weights: (m,), one per triangle.

    Raises:
        UsageError: for another number of weights.
    """
    if weights.shape != (len(mesh.triangles),):
        raise UsageError(f"{len(weights):,} weights", f"the mesh has {len(mesh.triangles):,} triangles")
    index = mesh.triangles.ravel()
    sums = np.bincount(index, np.repeat(weights, 3), len(mesh.points))
    return np.asarray(sums / np.maximum(np.bincount(index, minlength=len(mesh.points)), 1))


def varied(mesh: Mesh, weights: NDArray[np.float64], amount: float) -> Mesh:
    """Move points along their normals by their weight; triangles and texture coordinates stay.

    Args:
        mesh: The template.
        weights: (m,), one per triangle; points all of whose triangles weigh 0 stay where they are.
        amount: How far a point of weight 1 moves, in mean lengths of an edge.
    """
    by_point = point_weights(mesh, weights)
    step = amount * mean_edge(mesh) * by_point[:, None] * normals(mesh)
    return mesh.moved(np.where(by_point[:, None] != 0, mesh.points + step, mesh.points))


def transferred(target: Mesh, neutral: Mesh, expressed: Mesh, share: float = 1.0) -> Mesh:
    """A mesh with the difference of two others of the same points added, such as that of a blendshape.

    The difference is scaled by the ratio of both meshes' sizes.

    Args:
        target: What is moved.
        neutral: The other head at rest.
        expressed: The other head with the expression.
        share: Of the difference.

    Raises:
        UsageError: if the meshes do not have equally many points.
    """
    sizes = [len(m.points) for m in (target, neutral, expressed)]
    if len(set(sizes)) > 1:
        raise UsageError(f"meshes of {', '.join(f'{s:,}' for s in sizes)} points", "a difference needs the same points")
    ratio = extent(target.points) / max(extent(neutral.points), 1e-12)
    return target.moved(target.points + share * ratio * (expressed.points - neutral.points))


def extent(points: Points) -> float:
    """Root mean square distance of points to their middle."""
    return float(np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean()))


def mean_edge(mesh: Mesh) -> float:
    """Mean length of the triangles' edges."""
    corners = mesh.points[mesh.triangles]
    return float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).mean())


def normals(mesh: Mesh) -> Points:
    """Unit normals of the points, (n, 3), weighted by the areas of the triangles; zero where none is."""
    corners = mesh.points[mesh.triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros_like(mesh.points)
    for corner in range(3):
        np.add.at(sums, mesh.triangles[:, corner], across)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))
