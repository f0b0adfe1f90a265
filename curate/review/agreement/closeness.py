"""How near one answer is to another: the same or not, a distance, an overlap, an error in shares of the face's size."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from curate.evaluation.measures import Measure
from curate.evaluation.metrics import landmarks
from curate.evaluation.metrics.counting import Floats, mean
from schemas import Column
from schemas.columns import faces

SAME = Measure("same", "same answer", "Share of answers that are the same.", mean, share=True)
IOU = Measure("iou", "box overlap (IoU)", "Intersection over union of the two boxes, mean.", mean)
NME = Measure(
    "nme", "point distance (NME)",
    "Mean distance of the two sets of points, in shares of the distance of the outer eye corners, or of the box's size "
    "where a layout has no corners.", mean, better="lower",
)  # fmt: skip


def apart(unit: str) -> Measure:
    """The mean distance of two numbers."""
    return Measure("apart", "mean distance", "Mean distance of the two numbers.", mean, better="lower", unit=unit)


def same(one: Floats, other: Floats) -> Floats:
    """1 where two codes are the same, 0 where they differ, NaN where one is missing."""
    return np.where(np.isnan(one) | np.isnan(other), np.nan, (one == other).astype(np.float64))


def distance(one: Floats, other: Floats) -> Floats:
    """Absolute difference."""
    return np.abs(one - other)


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes (..., 4) as left, top, width, height; NaN where one is missing."""
    near = np.maximum(one[..., :2], other[..., :2])
    far = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    shared = np.maximum(far - near, 0.0).prod(-1)
    whole = one[..., 2:].prod(-1) + other[..., 2:].prod(-1) - shared
    return np.asarray(np.divide(shared, whole, out=np.full(shared.shape, np.nan), where=whole > 0))


class PointDistance:
    """Normalised mean error between sets of points of a column, over the points that both have.

    Args:
        column: Of points.
        boxes: Box of each face, (n, 4), for layouts without outer eye corners and faces that lack these two points.
    """

    def __init__(self, column: Column, boxes: Floats) -> None:
        self._shape = column.shape
        self._layout = "" if column == faces.POINTS_5 else column.taxonomy
        self._box = np.sqrt(np.maximum(boxes[:, 2] * boxes[:, 3], 0.0))

    def __call__(self, one: Floats, other: Floats) -> Floats:
        """Errors, (n,), NaN where the two share no point; sets of points are (n, 2k).

        The eyes' distance is that of the mean of both.
        """
        a, b = (x.reshape(len(x), *self._shape)[..., :2] for x in (one, other))
        size = np.where(self._box > 0, self._box, np.nan)
        if self._layout and landmarks.outer_corners(self._layout):
            eyes = landmarks.face_size((a + b) / 2, self._layout)
            size = np.where(np.isnan(eyes), size, eyes)
        both = np.isfinite(a).all(-1) & np.isfinite(b).all(-1)
        return np.asarray(landmarks.nme(a, b, size, visible=both))


def pairs_of(raters: int) -> list[tuple[int, int]]:
    """All pairs of raters."""
    return list(combinations(range(raters), 2))
