"""Rows by what they share, in one pass over any number of groups."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def rows_by(names: Iterable[str | None]) -> dict[str, NDArray[np.int64]]:
    """Name -> its rows in order, by name; rows without a name are in none."""
    found: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is not None:
            found.setdefault(str(name), []).append(row)
    return {name: np.array(found[name], np.int64) for name in sorted(found)}
