"""Boxes as (n, 4) arrays of x, y, width, height: overlaps, and keeping one of each crowd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating[Any]]


def _intersections(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    return np.asarray(np.prod(np.maximum(high - low, 0), axis=2), np.float64)


def iou(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every box of `a` with every box of `b`, shape (len(a), len(b))."""
    both = _intersections(a, b)
    either = np.prod(a[:, 2:], axis=1)[:, None] + np.prod(b[:, 2:], axis=1)[None] - both
    return np.asarray(both / np.maximum(either, 1e-9))


def covered(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Intersection over the smaller of the two boxes, shape (len(a), len(b))."""
    least = np.minimum(np.prod(a[:, 2:], axis=1)[:, None], np.prod(b[:, 2:], axis=1)[None])
    return np.asarray(_intersections(a, b) / np.maximum(least, 1e-9))


def best_first(boxes: Boxes, scores: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Order by falling score, then from left to right and top to bottom, so that it never depends on chance."""
    return np.asarray(np.lexsort((boxes[:, 1], boxes[:, 0], -scores)), np.intp)


def suppress(boxes: Boxes, scores: NDArray[np.floating[Any]], limit: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes kept, best first.

    Args:
        boxes: Shape (n, 4).
        scores: Shape (n,).
        limit: A box that overlaps a better one by more than this IoU is dropped.
    """
    order = best_first(boxes, scores)
    overlap = iou(boxes[order], boxes[order])
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= overlap[i, i + 1 :] <= limit
    return np.asarray(order[alive], np.intp)


def crowds(boxes: Boxes, scores: NDArray[np.floating[Any]], limit: float) -> Iterator[NDArray[np.intp]]:
    """Readings of one face each: the best box and all that overlap it by more than this IoU, best first."""
    order = best_first(boxes, scores)
    while len(order):
        crowd = order[iou(boxes[order[:1]], boxes[order])[0] > limit]
        yield crowd
        order = np.setdiff1d(order, np.append(crowd, order[0]), assume_unique=False)
        order = order[best_first(boxes[order], scores[order])]
