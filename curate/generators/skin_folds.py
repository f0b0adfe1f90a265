"""Folds that skin forms when it is pushed together, drawn as soft shading, and creases of the picture made stronger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array, Pose, canonical_face
from annotators.visibility import normals
from curate.generators.au_movements import SIDES, STRONGEST, Fold, folds

SAMPLES = 16
"""Points along a fold."""
RIDGE_WIDTH = 2.4
"""Width of the bright skin beside a fold, in widths of the fold."""
CREASES = 2.5
"""How much the picture's own detail grows in a fold, per share of brightness that the fold loses."""
DETAIL = 0.22
"""Standard deviation in cm of the blur that separates detail from light."""
FACING = (0.10, 0.45)
"""Cosine between skin and view from which a fold is seen, and seen fully."""


def shaded(
    picture: NDArray[np.float32], new: Array, pose: Pose, levels: Mapping[str, float], sides: Sequence[str] = SIDES
) -> NDArray[np.float32]:
    """The picture with the folds of these units.

    Args:
        picture: RGB in 0-255, shape (side, side, 3).
        new: (468, 3) px mesh of the picture.
        pose: Of the head.
        levels: Unit -> signed intensity, 0-5.
        sides: The subject's sides that move.
    """
    side = picture.shape[0]
    light, depth = np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    facing = np.clip((-normals(new)[:, 2] - FACING[0]) / (FACING[1] - FACING[0]), 0, 1)
    mirror = canonical_face().mirror
    for name, level in levels.items():
        for fold in folds()[name]:
            line = np.array(fold.line)
            for which in sides:
                part = line if which == "right" else mirror[line]
                if which == sides[-1] and set(mirror[line]) == set(line) and len(sides) > 1:
                    continue
                sign = 1 if which == "right" else -1
                _add(light, depth, fold, new[part], facing[part], pose, level / STRONGEST, sign)
    if not light.any():
        return picture
    detail = picture - cv2.GaussianBlur(picture, (0, 0), DETAIL * pose.scale)
    return np.asarray(np.clip(picture * np.exp(light)[..., None] + CREASES * depth[..., None] * detail, 0, 255))


def _add(
    light: NDArray[np.float32], depth: NDArray[np.float32], fold: Fold, points: Array, facing: Array, pose: Pose,
    share: float, sign: int,
) -> None:  # fmt: skip
    """Add one fold's logarithm of brightness to `light` and its depth to `depth`, in place."""
    places, seen = curve(points), np.interp(np.linspace(0, 1, SAMPLES), np.linspace(0, 1, len(points)), facing)
    taper = np.sin(np.pi * np.linspace(0.06, 0.94, SAMPLES)) ** 0.7 * seen * share
    width = fold.width * pose.scale
    stroke(light, places, -fold.depth * taper, width)
    stroke(depth, places, fold.depth * taper, width)
    if fold.ridge:
        beside = np.array(fold.beside) * [sign, 1, 1]
        away = (pose.scale * pose.rotation @ beside)[:2] * [1, -1]
        stroke(light, places + away, fold.ridge * taper, width * RIDGE_WIDTH)


def curve(points: Array) -> Array:
    """A smooth curve through points, shape (SAMPLES, 2) px (Catmull-Rom)."""
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])[:, :2]
    place = np.linspace(0, len(points) - 1 - 1e-9, SAMPLES)
    first, t = place.astype(int), (place % 1)[:, None]
    a, b, c, d = (ends[first + k] for k in range(4))
    return np.asarray(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))


def stroke(canvas: NDArray[np.float32], places: Array, strength: Array | float, width: float) -> None:
    """Add a soft line to a canvas, in place.

    Args:
        canvas: Shape (side, side).
        places: (n, 2) px along it.
        strength: (n,) its height there, or one for all.
        width: Standard deviation of its profile, px.
    """
    length = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    finer = np.linspace(0, len(places) - 1, max(len(places), int(2 * length / width)))
    heights = np.interp(finer, np.arange(len(places)), np.broadcast_to(strength, len(places)))
    places = np.stack([np.interp(finer, np.arange(len(places)), places[:, k]) for k in (0, 1)], axis=1)
    side = canvas.shape[0]
    low = np.clip(np.floor(places.min(0) - 3 * width).astype(int), 0, side)
    high = np.clip(np.ceil(places.max(0) + 3 * width).astype(int), 0, side)
    if (high <= low).any():
        return
    x, y = (np.arange(low[k], high[k]) + 0.5 for k in (0, 1))
    near: Array = np.zeros((len(y), len(x)))
    for place, height in zip(places, heights, strict=True):
        bump = height * np.exp(-((x - place[0]) ** 2) / (2 * width**2)) * np.exp(
            -((y - place[1]) ** 2) / (2 * width**2))[:, None]  # fmt: skip
        near = np.where(np.abs(bump) > np.abs(near), bump, near)
    canvas[low[1] : high[1], low[0] : high[0]] += near.astype(np.float32)
