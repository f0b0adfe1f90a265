"""Lines that age draws into a face, laid along the mesh: where they run, and how they shade.

Each line is a smooth curve through mesh points, deep in the middle and running out at its ends. It shades like a
crease under light from above: a dark line with a brighter ridge at its lower side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.skin_tone import mirrored
from annotators.visibility import normals
from curate.generators.regions import eye_distance
from curate.generators.soft_masks import Soft, soften

Array = NDArray[np.float64]
Knot = tuple[int, ...]
"""A point of a line: the mean of these mesh points."""

TOP = (103, 67, 109, 10, 338, 297, 332)
MIDDLE = (104, 69, 108, 151, 337, 299, 333)
LOW = (105, 66, 107, 9, 336, 296, 334)
"""Three rows of the forehead, from the subject's right to the left."""
STEPS = 28
"""Points that a curve is drawn with."""
UNEVEN = 0.35
"""How much a line's depth changes along it, at random."""
FACING = (0.15, 0.5)
"""Parts of a normal towards the camera at which lines begin to show, and show in full."""


@dataclass(frozen=True)
class Line:
    """A family of lines.

    Attributes:
        knots: Its points on the subject's right, or from side to side.
        depth: How dark it is, 1 for the deepest.
        width: Standard deviation of its profile in eye distances.
        onset: Years of ageing from which it shows; it is full 25 years later.
        mirrored: It has a counterpart on the left.
    """

    knots: tuple[Knot, ...]
    depth: float
    width: float
    onset: float
    mirrored: bool = True


def _ray(*ends: int) -> tuple[Knot, ...]:
    """A crow's foot: from beside the eye's corner towards the mean of some points."""
    return ((226,) * 8 + ends, (226,) * 3 + ends, (226, *ends), (226, *ends, *ends))


LINES = (
    Line(((49, 129), (129, 129, 203), (206,), (216,), (216, 212), (212,), (212, 43)), 0.9, 0.018, 0),
    Line(((129, 203), (206, 203), (206,), (216,), (212, 216)), 0.4, 0.06, 0),
    Line(((61, 57), (43, 43, 57), (202, 106), (204, 210)), 0.6, 0.024, 8),
    Line(((244,), (128, 232), (121, 232), (120, 231), (119, 230), (118, 229), (228, 117)), 0.75, 0.020, 0),
    Line(((233,), (232,), (231,), (230,), (229,), (228,), (31, 228)), 0.45, 0.010, 4),
    Line(((112, 233), (22, 231), (23, 230), (24, 229), (110, 228)), 0.35, 0.008, 12),
    Line(_ray(156, 139), 0.45, 0.012, 5),
    Line(_ray(143, 34), 0.5, 0.012, 0),
    Line(_ray(143, 227), 0.45, 0.012, 3),
    Line(_ray(111, 116), 0.4, 0.012, 10),
    Line(((55, 55, 8), (107, 55, 9, 8), (107, 9), (107, 107, 9, 108)), 0.65, 0.016, 4),
    Line(((50, 187), (205, 187, 207), (207, 207, 192), (214, 192)), 0.35, 0.016, 18),
)
"""Nasolabial folds (the crease, then its shade), marionette lines, bags and fine lines below the eyes, crow's feet,
frown lines and cheek lines, on the subject's right."""

ROWS = ((LOW, MIDDLE, 0.72, 6.0), (MIDDLE, TOP, 0.12, 0.0), (MIDDLE, TOP, 0.52, 3.0), (MIDDLE, TOP, 0.92, 8.0))
"""Lines of the forehead: two rows of points, how far between them, onset."""


def wrinkle_map(mesh: Array, side: int, years: float, rng: np.random.Generator) -> Soft:
    """Shade that lines of age add, as a share of the light: below 0 in creases, above beside them; (side, side).

    Args:
        mesh: (478, 3) px of the portrait.
        side: Side of the portrait.
        years: Years of ageing, above 0.
        rng: Bends the lines a little, so that no two faces wear the same.
    """
    unit = eye_distance(mesh)
    facing = np.clip((-normals(mesh)[:, 2] - FACING[0]) / (FACING[1] - FACING[0]), 0, 1)
    by_width: dict[float, NDArray[np.uint8]] = {}
    for points, seen, line in _curves(mesh, facing, unit, rng):
        grown = float(np.clip((years - line.onset) / 25, 0, 1))
        course = smooth(np.clip(rng.normal(1, UNEVEN, (6, 1)), 0.2, 1.6), STEPS)[:, 0]
        taper = np.sin(np.linspace(0.12, np.pi - 0.12, STEPS)) ** 0.7
        depth = line.depth * grown * taper * course * seen
        canvas = by_width.setdefault(line.width, np.zeros((side, side), np.uint8))
        _draw(canvas, points, depth)
    shade = np.zeros((side, side), np.float32)
    down = mesh[152, :2] - mesh[10, :2]
    down = down / max(float(np.linalg.norm(down)), 1.0)
    for width, canvas in by_width.items():
        shade += _profile(canvas, max(width * unit, 0.5), down, side)
    return shade


def _curves(mesh: Array, facing: Array, unit: float, rng: np.random.Generator) -> Iterator[tuple[Array, Array, Line]]:
    """Points of every line, how far they face the camera, and its family."""
    both = np.column_stack([mesh[:, :2], facing])
    for line in LINES:
        sides = (line.knots, tuple(mirrored(k) for k in line.knots)) if line.mirrored else (line.knots,)
        for knots in sides:
            way = smooth(np.stack([both[list(k)].mean(0) for k in knots]), STEPS)
            yield (
                _wavered(way[:, :2], 0.012 * float(np.ptp(way[:, :2], axis=0).max()), rng),
                np.clip(way[:, 2], 0, 1),
                line,
            )
    for first, second, share, onset in ROWS:
        row = both[list(first)] * (1 - share) + both[list(second)] * share
        begin, end = (float(rng.uniform(*v)) for v in ((0.04, 0.2), (0.8, 0.96)))
        way = smooth(row, 4 * STEPS)
        kept = way[(np.linspace(begin, end, STEPS) * (len(way) - 1)).astype(int)]
        line = Line((), 0.75, 0.013, onset, mirrored=False)
        yield _wavered(kept[:, :2], 0.012 * unit, rng), np.clip(kept[:, 2], 0, 1), line


def smooth(knots: Array, count: int) -> Array:
    """Points of a Catmull-Rom curve through knots, shape (n, k) -> (count, k)."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    at = np.linspace(0, len(knots) - 1, count)
    number = np.minimum(at.astype(int), len(knots) - 2)
    t = (at - number)[:, None]
    a, b, c, d = (padded[number + k] for k in range(4))
    return np.asarray(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))


def _wavered(points: Array, size: float, rng: np.random.Generator) -> Array:
    """A line led by a hand that is not quite steady."""
    return np.asarray(points + smooth(rng.normal(0, size, (5, 2)), len(points)))


def _draw(canvas: NDArray[np.uint8], points: Array, depth: Array) -> None:
    fixed = np.round((points - 0.5) * 16).astype(int)
    for first, second, value in zip(fixed[:-1].tolist(), fixed[1:].tolist(), depth[:-1].tolist(), strict=True):
        if value > 0.01:
            cv2.line(canvas, first, second, round(min(value, 1.6) * 150), 1, cv2.LINE_AA, 4)


def _profile(canvas: NDArray[np.uint8], sigma: float, down: Array, side: int) -> Soft:
    """Shade of lines of one width: the crease, and the ridges beside it, the lower one catching more light."""
    line = canvas.astype(np.float32) / 150
    full = np.sqrt(2 * np.pi) * sigma
    crease, wide = soften(line, sigma) * full, soften(line, 2 * sigma) * full
    shift = np.array([[1, 0, 1.8 * sigma * down[0]], [0, 1, 1.8 * sigma * down[1]]], np.float64)
    ridge = cv2.warpAffine(wide, shift, (side, side))
    return np.asarray(0.55 * ridge + 0.25 * wide - crease, np.float32)
