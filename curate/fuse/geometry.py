"""Fuses points and boxes: per point, a robust mean weighted by each source's error at that point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.fuse.method import Floats, Fused, Method, Said, Source, agreed, normalised, rounded
from curate.fuse.numbers import as_column
from curate.fuse.pairs import Differences
from schemas import Column

REJECT = 4.0
"""A source is rejected on a face where its points lie so many of its own errors from the others' median ..."""

REJECT_OVER = 3.0
"""... and so many times as far as the nearest source."""

HUBER = 2.0
"""A point further from the median than so many errors counts less (P. J. Huber 1964)."""


class Points(Method):
    """Fuses points of any layout; lengths are measured in face sizes, so that near and far faces tell alike.

    Args:
        column: The column of points, or the first of the four of a box.
        sources: Who speaks.
        groups: Names of groups.
        box: The four columns of a box, if it is one: its two corners are fused as points.
    """

    title = "robust mean per point"

    def __init__(
        self, column: Column, sources: Sequence[Source], groups: Sequence[str] = (), box: Sequence[Column] = ()
    ) -> None:
        super().__init__(column, sources, groups)
        self.box = tuple(box)
        self.shape = (2, 2) if box else column.shape
        self._differences = Differences(sources, int(np.prod(self.shape)), len(groups))
        self.bias: Floats = np.zeros((1 + len(groups), len(sources), int(np.prod(self.shape))))
        self.variance = np.ones((1 + len(groups), len(sources), self.shape[0]))

    def observe(self, said: Said) -> None:
        """Sum up how the sources differ, in face sizes."""
        assert said.size is not None
        truth = None if said.truth is None else said.truth / said.size[:, None]
        self._differences.add(said.values / said.size[:, None, None], said.groups, truth)

    def settle(self) -> None:
        """Estimate each source's bias and error at each point."""
        self.bias, variance = self._differences.estimate()
        self.variance = variance.reshape(*variance.shape[:2], *self.shape).mean(-1)

    def fuse(self, said: Said) -> Fused:
        """Fuse a shard."""
        assert said.size is not None
        n, k = said.values.shape[:2]
        place = np.where(said.groups >= 0, said.groups + 1, 0)
        scaled = said.values / said.size[:, None, None] - self.bias[place]
        points = scaled.reshape(n, k, *self.shape)
        variance = self.variance[place]
        there = ~np.isnan(points).any(-1)
        weights = np.where(there, self._differences.votes[:, None] / variance, 0.0)
        middle = weighted_median(points, weights)
        length = np.linalg.norm(np.where(there[..., None], points - middle[:, None], 0.0), axis=-1)
        missed = length / np.sqrt(variance * self.shape[-1])
        kept = ~self._outliers(missed, there)
        weights *= kept[:, :, None] * np.minimum(1.0, HUBER / np.maximum(missed, HUBER))
        total = weights.sum(1)
        part = (np.where(there[..., None], points, 0.0) * weights[..., None]).sum(1)
        mean = np.divide(part, total[..., None], out=np.full_like(part, np.nan), where=total[..., None] > 0)
        error = np.sqrt(np.divide(1.0, total, out=np.full_like(total, np.nan), where=total > 0))
        spoke = there.any(2)
        shares = normalised((weights / np.where(total > 0, total, 1)[:, None]).sum(2))
        known = (total > 0).any(1) & bool(self._differences.judged().any())
        uncertain = np.where(known, np.nanmean(np.where(known[:, None], error, 0.0), axis=1), np.nan) * said.size
        behind = kept & (_root_mean_square(missed, there) <= HUBER)
        distances = self._distances(said.values, mean, said.size)
        return Fused(
            self._columns(mean * said.size[:, None, None]), shares, agreed(shares, behind, spoke), uncertain, distances
        )

    def _outliers(self, missed: Floats, there: Any) -> Any:
        """Sources (n, sources) that miss the others by far; only where at least three spoke."""
        root = _root_mean_square(missed, there)
        spoke = there.any(2)
        nearest = np.where(spoke, root, np.inf).min(1, keepdims=True)
        far = (root > REJECT) & (root > REJECT_OVER * nearest)
        return far & spoke & (spoke.sum(1, keepdims=True) >= 3)

    def _distances(self, values: Floats, mean: Floats, size: Floats) -> Floats:
        """Root-mean-square distance of each source's own points to the fused ones in px."""
        points = values.reshape(*values.shape[:2], *self.shape)
        apart = np.linalg.norm(points - (mean * size[:, None, None])[:, None], axis=-1)
        return _root_mean_square(np.nan_to_num(apart), ~np.isnan(apart))

    def _columns(self, points: Floats) -> dict[Column, pa.Array]:
        if not self.box:
            return {self.column: as_column(self.column, points.reshape(len(points), -1))}
        corner, size = points[:, 0], np.maximum(points[:, 1] - points[:, 0], 0.0)
        values = np.concatenate([corner, size], axis=1)
        return {column: as_column(column, values[:, [i]]) for i, column in enumerate(self.box)}

    def facts(self) -> dict[str, Any]:
        """Errors in shares of the face's size."""
        error, judged = np.sqrt(self.variance), bool(self._differences.judged().any())
        return {
            "method": self.title,
            "unit": "face sizes (root of the box's area)",
            "sources": {
                source.layer: {
                    "faces": int(self._differences.faces[s]),
                    "vote": rounded(float(self._differences.votes[s])),
                    "error": rounded(float(error[0, s].mean())) if judged else None,
                    "worst_point": int(error[0, s].argmax()) if judged else None,
                    "worst_error": rounded(float(error[0, s].max())) if judged else None,
                }
                for s, source in enumerate(self.sources)
            },
            "faces_with_truth": int(self._differences.n[0, :, -1].max(initial=0)),
        }


def weighted_median(points: Floats, weights: Floats) -> Floats:
    """Median of the sources coordinate by coordinate, (n, points, dimensions).

    The value at which half of the weight is reached; the middle of two where it is reached exactly.

    Args:
        points: (n, sources, points, dimensions).
        weights: (n, sources, points); 0 leaves a source out.
    """
    wide = np.broadcast_to(weights[..., None], points.shape)
    order = np.argsort(np.where(wide > 0, points, np.inf), axis=1, kind="stable")
    values, heavy = np.take_along_axis(points, order, 1), np.take_along_axis(wide, order, 1)
    share = np.cumsum(heavy, axis=1)
    half = share[:, -1:] / 2
    low = (share < half - 1e-12).sum(1, keepdims=True)
    high = (share <= half + 1e-12).sum(1, keepdims=True)
    last = np.maximum((heavy > 0).sum(1, keepdims=True) - 1, 0)
    ends = [np.take_along_axis(values, np.minimum(i, last), 1)[:, 0] for i in (low, high)]
    return np.asarray((ends[0] + ends[1]) / 2)


def _root_mean_square(values: Floats, there: Any) -> Floats:
    count = there.sum(-1)
    square = np.where(there, values**2, 0.0).sum(-1)
    return np.asarray(np.sqrt(np.divide(square, count, out=np.zeros_like(square), where=count > 0)))
