"""Which points of a face are hidden: covered by something, turned away, or outside the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.cover_cells import GRID, SQUARE
from annotators.landmarks import MeshConfig
from annotators.points import convert
from annotators.visibility import inside, normals
from schemas import Column
from schemas.columns import faces, labels

COVERED = 0.5
"""Chance from which a cell counts as covered."""
NEEDED: tuple[Column, ...] = (labels.MESH, labels.OCCLUSION_MAP, faces.POINTS_5)
"""Columns that `hidden_points` reads."""


def hidden_points(values: Mapping[str, Any], layout_name: str, width: int, height: int) -> NDArray[np.bool_]:
    """Which points of a layout, taken from the mesh, are hidden; shape (n,).

    What covers is known only where the map of covers and the five points are; without them a point is hidden if it
    is turned away or outside the picture.

    Args:
        values: Column name -> value of a face with a mesh; points in the picture's pixels.
        layout_name: Such as `points-29`.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
    """
    mesh = np.asarray(values[labels.MESH.name], np.float64)
    points = convert(mesh, labels.MESH.taxonomy, layout_name)[:, :2]
    away = convert(normals(mesh), labels.MESH.taxonomy, layout_name)[:, 2] >= -MeshConfig().facing
    return np.asarray(away | ~inside(points, height, width) | covered_points(points, values))


def covered_points(points: NDArray[np.floating[Any]], values: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which points lie in a covered cell of the face's map; none where there is no map.

    Args:
        points: Shape (n, 2), in pixels of the same picture as the face's five points.
        values: Column name -> value of the face.
    """
    cells, five = (values.get(c.name) for c in (labels.OCCLUSION_MAP, faces.POINTS_5))
    if cells is None or five is None:
        return np.zeros(len(points), bool)
    chances = np.array([np.nan if v is None else v for v in np.asarray(cells, object).ravel()], np.float64)
    matrix = SQUARE.matrix({faces.POINTS_5: np.asarray(five, np.float64).reshape(5, 2)})
    place = np.floor((points @ matrix[:, :2].T + matrix[:, 2]) * GRID / SQUARE.size)
    known = np.isfinite(place).all(1) & (place >= 0).all(1) & (place < GRID).all(1)
    column, row = np.where(known[:, None], place, 0).astype(int).T
    return np.asarray(known & (chances.reshape(GRID, GRID)[row, column] >= COVERED))
