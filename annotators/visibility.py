"""Which points of a mesh face the camera, by the normals of its surface."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def triangles() -> NDArray[np.intp]:
    """Corners of the mesh's 898 triangles, shape (898, 3), from MediaPipe's canonical face."""
    with resources.files("annotators").joinpath("data/mesh_triangles.csv").open(encoding="utf-8") as file:
        return np.loadtxt(file, delimiter=",", dtype=np.intp)


def normals(mesh: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Unit normals of a mesh, out of the face; zero at the irises, which no triangle meets.

    Args:
        mesh: (478, 3) px: x right, y down, z away from the camera.

    Returns:
        Shape (478, 3), same frame; means over the adjoining triangles, weighted by their areas.
    """
    corners = np.asarray(mesh, np.float64)[triangles()]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    index = triangles().T.ravel()
    sums = np.stack([np.bincount(index, np.tile(faces[:, k], 3), len(mesh)) for k in range(3)], axis=1)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))


def inside(points: NDArray[np.floating[Any]], height: int, width: int) -> NDArray[np.bool_]:
    """Which points, shape (n, 2 or more), lie inside a picture of that size."""
    x, y = points[:, 0], points[:, 1]
    return np.asarray((x >= 0) & (y >= 0) & (x <= width) & (y <= height))
