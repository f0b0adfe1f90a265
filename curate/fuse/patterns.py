"""Who said which label how often: all that estimating reliabilities needs, whatever the number of faces."""

from __future__ import annotations

import numpy as np

from curate.fuse.method import Codes, Floats


class Patterns:
    """Counts of the distinct rows of codes that were seen.

    Args:
        width: Codes in a row.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: Codes = np.zeros((0, width), np.int64)
        self._counts: Floats = np.zeros(0)

    def add(self, rows: Codes) -> None:
        """Count rows, shape (n, width)."""
        if len(rows):
            both = np.concatenate([self._rows, rows.astype(np.int64)])
            weights = np.concatenate([self._counts, np.ones(len(rows))])
            rows, place = np.unique(both, axis=0, return_inverse=True)
            self._rows = rows
            self._counts = np.bincount(place.reshape(-1), weights, len(rows)).astype(np.float64)

    @property
    def rows(self) -> Codes:
        """Distinct rows in order, shape (patterns, width)."""
        return self._rows

    @property
    def counts(self) -> Floats:
        """How often each was seen."""
        return self._counts
