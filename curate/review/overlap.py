"""Which boxes are the same face: pairs of boxes by their overlap, each box in one pair at most."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from annotators import boxes
from curate.review.task import Box

SAME = 0.5
"""Intersection over union from which on two boxes are one face."""


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    return float(boxes.iou(np.array([one]), np.array([other]))[0, 0])


def pairs(first: Mapping[str, Box], second: Mapping[str, Box], least: float = SAME) -> dict[str, str]:
    """Names of the first boxes -> names of the second, the best overlap first; those without a partner are absent."""
    if not first or not second:
        return {}
    table = boxes.iou(np.array(list(first.values())), np.array(list(second.values()))).tolist()
    overlaps = ((o, i, j) for i, row in zip(first, table, strict=True) for j, o in zip(second, row, strict=True))
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, i, j in sorted((o for o in overlaps if o[0] >= least), reverse=True):
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    return found
