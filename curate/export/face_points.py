"""Columns of points that formats can be asked for."""

from __future__ import annotations

from schemas import Column, Kind, UsageError, column


def pixel_points(name: str) -> Column:
    """The column of points of that name.

    Raises:
        UnknownNameError: if there is none.
        UsageError: if it holds no points of a layout in pixels.
    """
    found = column(name)
    if found.kind is not Kind.POINTS or found.unit != "px" or not found.taxonomy:
        raise UsageError(f"{name} cannot be the points", "it holds no points in pixels")
    return found
