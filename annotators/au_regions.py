"""Where on the face an action unit shows: centres on the mesh and heat maps, for attention targets and pictures."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UnknownNameError
from schemas.landmarks import layout

FULL = 5.0
"""Intensity E of the Facial Action Coding System, which gives a peak of 1."""
SPREAD = 0.18
"""Standard deviation of a region in eye distances, about the width of a lip."""
IRISES = (468, 473)
HALF_PIXEL = 0.5


@cache
def regions() -> dict[str, tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Action unit -> mesh points on the subject's left and right; a point on the midline stands on both sides."""
    table = tomllib.loads(resources.files("annotators").joinpath("data/au_regions.toml").read_text("utf-8"))
    mirror = layout("points-478").mirror
    return {unit: (np.array([mirror[i] for i in right]), np.array(right)) for unit, right in table.items()}


def centres(mesh: NDArray[np.floating[Any]], unit: str) -> NDArray[np.float64]:
    """Centres of an action unit, subject's left and right.

    Args:
        mesh: (478, 2 or 3) in any frame.
        unit: Such as `AU12`.

    Returns:
        Shape (2, 2) in the mesh's frame.

    Raises:
        UnknownNameError: for a unit without a place of its own (head and eye movements, actions of the tongue).
    """
    try:
        sides = regions()[unit]
    except KeyError:
        raise UnknownNameError("action unit with a region", unit, regions()) from None
    return np.stack([np.asarray(mesh, np.float64)[points, :2].mean(0) for points in sides])


def heat_map(
    mesh: NDArray[np.floating[Any]],
    left: Mapping[str, float | None],
    right: Mapping[str, float | None] | None = None,
    size: int = 112,
    spread: float = SPREAD,
) -> NDArray[np.float32]:
    """Heat map of active units: at each pixel the strongest of one Gaussian per unit and side.

    The maximum over units, as in EAC-Net (Li et al. 2018): regions that share a place do not add up.

    Args:
        mesh: (478, 2 or 3) in pixels of the map, such as `crop.to_crop(mesh)`; its origin is the map's corner.
        left: Unit -> intensity 0-5 on the subject's left; None and units without a region count as absent.
        right: The same for the right; the left's if not given.
        size: Side of the map in pixels.
        spread: Standard deviation of a region in distances between the iris centres.

    Returns:
        Shape (size, size), 0-1.
    """
    points = np.asarray(mesh, np.float64)[:, :2]
    sigma = spread * max(float(np.linalg.norm(points[IRISES[0]] - points[IRISES[1]])), 1e-6)
    grid = np.arange(size) + HALF_PIXEL
    heat = np.zeros((size, size))
    for side, intensities in enumerate((left, left if right is None else right)):
        for unit in regions().keys() & intensities.keys():
            strength = min(max(float(intensities[unit] or 0), 0.0), FULL) / FULL
            if strength > 0:
                x, y = centres(points, unit)[side]
                across, down = np.exp(-(((grid - x) / sigma) ** 2) / 2), np.exp(-(((grid - y) / sigma) ** 2) / 2)
                heat = np.maximum(heat, strength * down[:, None] * across[None, :])
    return heat.astype(np.float32)
