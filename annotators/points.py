"""Landmark arrays: from one layout to another, and mirrored."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SchemaError
from schemas.landmarks import conversion, layout


def convert(points: NDArray[Any], source: str, target: str) -> NDArray[np.float32]:
    """Points of one layout from another's.

    Args:
        points: Shape (..., n, d) with the n points of `source`, in any frame and unit.
        source: Layout of the points, such as `points-478`.
        target: Layout wanted, such as `points-68`.

    Returns:
        Shape (..., m, d) with the m points of `target`; a NaN among a point's sources makes it NaN.

    Raises:
        SchemaError: if the array does not have the source's number of points.
        TaxonomyError: if no conversion between the two is defined.
    """
    _expect(points, source)
    taken, starts, counts = _gather(source, target)
    sums = np.add.reduceat(np.asarray(points, dtype=np.float64)[..., taken, :], starts, axis=-2)
    return np.asarray(sums / counts[:, None], dtype=np.float32)


def mirror(points: NDArray[Any], layout_name: str, width: float) -> NDArray[np.float32]:
    """Points of the picture mirrored left to right, renumbered so that each keeps its meaning.

    Args:
        points: Shape (..., n, 2 or 3), pixels with the origin at the picture's top-left corner.
        layout_name: Layout of the points.
        width: Width of the picture in pixels; x becomes width - x.

    Raises:
        SchemaError: if the array does not have the layout's number of points.
    """
    _expect(points, layout_name)
    mirrored = np.array(points[..., list(layout(layout_name).mirror), :], dtype=np.float32)
    mirrored[..., 0] = width - mirrored[..., 0]
    return mirrored


@cache
def _gather(source: str, target: str) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Source points one target point after another, where each begins, and how many it has."""
    parts = conversion(source, target).parts
    counts = np.array([len(part) for part in parts])
    return np.array([i for part in parts for i in part]), np.cumsum(counts) - counts, counts


def _expect(points: NDArray[Any], name: str) -> None:
    size = layout(name).size
    if points.ndim < 2 or points.shape[-2] != size or points.shape[-1] not in {2, 3}:
        raise SchemaError(f"{name} needs an array of shape (..., {size}, 2 or 3)", f"found {points.shape}")
