"""Which boxes are the same face: pairs of boxes by their overlap, each box in one pair at most."""

from __future__ import annotations

from collections.abc import Mapping

from curate.review.task import Box

SAME = 0.5
"""Intersection over union from which on two boxes are one face."""


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    ax, ay, aw, ah = one
    bx, by, bw, bh = other
    w = min(ax + aw, bx + bw) - max(ax, bx)
    h = min(ay + ah, by + bh) - max(ay, by)
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (aw * ah + bw * bh - w * h)


def pairs(first: Mapping[str, Box], second: Mapping[str, Box], least: float = SAME) -> dict[str, str]:
    """Names of the first boxes -> names of the second, the best overlap first; those without a partner are absent."""
    overlaps = ((iou(a, b), i, j) for i, a in first.items() for j, b in second.items())
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, i, j in sorted((o for o in overlaps if o[0] >= least), reverse=True):
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    return found
