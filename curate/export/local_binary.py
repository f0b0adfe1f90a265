"""Local binary patterns of grey pictures, a companion picture for expression networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def local_binary_pattern(grey: NDArray[np.uint8], points: int = 8, radius: float = 1.0) -> NDArray[np.uint8]:
    """The pattern of each pixel: bit k is set where the neighbour at angle 2 pi k / points is as bright or brighter.

    Ojala, Pietikäinen and Mäenpää, "Multiresolution gray-scale and rotation invariant texture classification with local
    binary patterns", 2002, without rotation invariance; neighbours between pixels are interpolated, and outside the
    picture all is 0. The same numbers as scikit-image's `local_binary_pattern` with its default method.

    Args:
        grey: Shape (height, width).
        points: Neighbours, 8 at most, so that a pattern is a byte.
        radius: Of the circle that they lie on, in pixels.

    Returns:
        Shape (height, width).
    """
    margin = int(np.ceil(radius)) + 1
    padded = np.pad(grey.astype(np.float64), margin)
    height, width = grey.shape
    found = np.zeros(grey.shape, np.uint8)
    for bit in range(points):
        angle = 2 * np.pi * bit / points
        rows = np.arange(height, dtype=np.float64)[:, None] + np.round(-radius * np.sin(angle), 5)
        columns = np.arange(width, dtype=np.float64)[None, :] + np.round(radius * np.cos(angle), 5)
        found += np.uint8(1 << bit) * (_between(padded, rows, columns, margin) >= grey)
    return found


def _between(
    padded: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64], margin: int
) -> NDArray[np.float64]:
    """Values at places between pixels, first along rows, then down: the order decides the last bit."""
    low_row, low_column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    high_row, high_column = np.ceil(rows).astype(int), np.ceil(columns).astype(int)
    down, across = rows - low_row, columns - low_column

    def at(row: NDArray[np.int_], column: NDArray[np.int_]) -> NDArray[np.float64]:
        return padded[row + margin, column + margin]

    top = (1 - across) * at(low_row, low_column) + across * at(low_row, high_column)
    bottom = (1 - across) * at(high_row, low_column) + across * at(high_row, high_column)
    return np.asarray((1 - down) * top + down * bottom)
