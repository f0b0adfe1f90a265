"""The shape of a hand seen from its back: bones as tapering tubes, their height towards the viewer, nails and creases.

Frame of the hand: cm, x from the wrist to the fingers, y to the thumb, heights towards the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.float32]

KNUCKLES = ((9.0, 2.85), (9.45, 0.95), (9.0, -1.0), (8.1, -2.75))
"""Where index, middle, ring and little finger begin."""
LENGTHS = (7.2, 8.0, 7.4, 5.9)
RADII = (0.93, 0.95, 0.90, 0.78)
PARTS = (0.46, 0.29, 0.25)
"""Shares of a finger's three bones in its length."""
SPREAD = (4.5, 1.2, -2.4, -7.5)
"""Directions of the fingers in degrees when they lie side by side."""
THUMB = ((1.8, 2.6), (4.6, 5.0), (7.4, 6.2), (9.7, 6.7))
THUMB_RADII = (1.35, 1.12, 1.02, 0.82)
TAPER = (1.0, 1.02, 0.88, 0.74)
"""Radius at a finger's joints and tip, as a share of its own."""
REACH = 30.0
"""Length of the forearm that is drawn."""


@dataclass(frozen=True)
class Hand:
    """A drawn hand at sample points.

    Attributes:
        height: Towards the viewer, cm.
        inside: 1 in the hand, 0 outside, soft over a sample.
        nail: 1 on nails.
        crease: Depth of wrinkles at the joints, 0-1.
        red: How much redder the skin is, at knuckles and tips, 0-1.
        arm: Distance along the forearm from the wrist, cm, positive away from the hand.
    """

    height: Image
    inside: Image
    nail: Image
    crease: Image
    red: Image
    arm: Image


def fingers(spread: float, bends: tuple[float, ...]) -> list[Array]:
    """Joints of the four fingers, each (4, 2) cm.

    Args:
        spread: Factor on the directions: more than 1 opens the hand.
        bends: For each finger degrees that each further bone turns within the plane.
    """
    found = []
    for knuckle, length, turn, bend in zip(KNUCKLES, LENGTHS, SPREAD, bends, strict=True):
        points, angle = [np.array(knuckle)], np.radians(turn * spread)
        for share in PARTS:
            points.append(points[-1] + share * length * np.array([np.cos(angle), np.sin(angle)]))
            angle += np.radians(bend)
        found.append(np.array(points))
    return found


def drawn_hand(x: NDArray[Any], y: NDArray[Any], pitch: float, spread: float, bends: tuple[float, ...]) -> Hand:
    """A hand at sample points.

    Args:
        x: Points, cm, frame of the hand, shape (height, width).
        y: The same.
        pitch: Distance of neighbouring samples in cm.
        spread: See `fingers`.
        bends: See `fingers`.
    """
    chains = [(f, np.array(TAPER) * r) for f, r in zip(fingers(spread, bends), RADII, strict=True)]
    chains.append((np.array(THUMB), np.array(THUMB_RADII)))
    palm, edge = _palm(x, y)
    height, shape = palm, edge
    nail, crease, red = (np.zeros(np.shape(x), np.float32) for _ in range(3))
    for joints, radii in chains:
        tube, border = _chain(x, y, joints, radii)
        base = 0.35
        height = _soft_max(height, np.where(border < 0, tube + base, -1), 0.10)
        shape = np.minimum(shape, border)
        nail = np.maximum(nail, _nail(x, y, joints, radii))
        crease = np.maximum(crease, _creases(x, y, joints, radii))
        red = np.maximum(red, _spot(x, y, joints[-1], 0.8) * 0.8)
        red = np.maximum(red, _spot(x, y, joints[1], 0.7) * 0.7)
    for knuckle in KNUCKLES:
        bump = _spot(x, y, np.array(knuckle), 0.75)
        height = height + 0.16 * bump
        red = np.maximum(red, bump * 0.6)
        height = height + 0.05 * _ridge(x, y, np.array([0.5, knuckle[1] * 0.3]), np.array(knuckle), 0.22)
    inside = np.clip(0.5 - shape / pitch, 0, 1)
    smooth = cv2.GaussianBlur(np.asarray(height, np.float32), (0, 0), 0.07 / pitch)
    return Hand(*(np.asarray(a, np.float32) for a in (smooth, inside, nail * inside, crease, red, -x)))


def _chain(x: Array, y: Array, joints: Array, radii: Array) -> tuple[Array, Array]:
    """Height of a chain of tapering tubes, and signed distance from its outline, negative inside."""
    height, border = np.full(np.shape(x), -1.0), np.full(np.shape(x), 1e3)
    for start, end, first, last in zip(joints[:-1], joints[1:], radii[:-1], radii[1:], strict=True):
        distance, t = _segment(x, y, start, end)
        radius = first + (last - first) * t
        border = np.minimum(border, distance - radius)
        height = np.maximum(height, np.sqrt(np.maximum(radius**2 - distance**2, 0)))
    return height, border


def _palm(x: Array, y: Array) -> tuple[Array, Array]:
    """Height of the back of the hand with the forearm, flat in the middle, and its signed distance."""
    border = np.full(np.shape(x), 1e3)
    for knuckle, radius in zip(KNUCKLES, (1.15, 1.12, 1.1, 1.15), strict=True):
        distance, t = _segment(x, y, np.array([0.6, knuckle[1] * 0.62]), np.array(knuckle) - [0.2, 0])
        border = _soft_min(border, distance - (1.45 + (radius - 1.45) * t), 0.7)
    distance, t = _segment(x, y, np.array([-REACH, 0.0]), np.array([0.5, 0.0]))
    border = _soft_min(border, distance - (4.6 + (2.75 - 4.6) * np.clip(t * REACH - (REACH - 14), 0, 14) / 14), 1.2)
    web, t = _segment(x, y, np.array([3.0, 2.6]), np.array([6.2, 4.0]))
    border = _soft_min(border, web - 1.1, 0.9)
    part = np.clip(-border / 1.7, 0, 1)
    return 1.25 * np.sqrt(1 - (1 - part) ** 2) * (border < 0), border


def _nail(x: Array, y: Array, joints: Array, radii: Array) -> Image:
    """1 on the nail of a finger."""
    way = (joints[-1] - joints[-2]) / np.linalg.norm(joints[-1] - joints[-2])
    centre = joints[-1] + way * 0.12 * radii[-1]
    along = (x - centre[0]) * way[0] + (y - centre[1]) * way[1]
    across = -(x - centre[0]) * way[1] + (y - centre[1]) * way[0]
    size = radii[-1]
    inside = 1 - ((np.abs(along) / (0.82 * size)) ** 2.8 + (np.abs(across) / (0.66 * size)) ** 2.8)
    return np.asarray(np.clip(inside * 4, 0, 1), np.float32)


def _creases(x: Array, y: Array, joints: Array, radii: Array) -> Image:
    """Wrinkles across the two joints of a finger."""
    total = np.zeros(np.shape(x), np.float32)
    for index, offsets in ((1, (-0.30, -0.12, 0.05, 0.24)), (2, (-0.12, 0.06))):
        way = (joints[index] - joints[index - 1]) / np.linalg.norm(joints[index] - joints[index - 1])
        along = (x - joints[index, 0]) * way[0] + (y - joints[index, 1]) * way[1]
        across = -(x - joints[index, 0]) * way[1] + (y - joints[index, 1]) * way[0]
        side = np.clip(1 - np.abs(across) / (0.85 * radii[index]), 0, 1) ** 0.5
        for k, offset in enumerate(offsets):
            bow = offset + 0.12 * np.sign(offset or 1) * (1 - (across / radii[index]) ** 2)
            total = np.maximum(total, np.exp(-(((along - bow) / 0.045) ** 2)) * side * (0.9 - 0.12 * k))
    return total


def _spot(x: Array, y: Array, centre: Array, size: float) -> Array:
    return np.asarray(np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / size**2))


def _ridge(x: Array, y: Array, start: Array, end: Array, width: float) -> Array:
    distance, t = _segment(x, y, start, end)
    return np.asarray(np.exp(-((distance / width) ** 2)) * np.sin(np.pi * np.clip(0.1 + 0.85 * t, 0, 1)))


def _segment(x: Array, y: Array, start: Array, end: Array) -> tuple[Array, Array]:
    """Distance from a line between two points, and how far along it the nearest point lies, 0-1."""
    way = end - start
    t = np.clip(((x - start[0]) * way[0] + (y - start[1]) * way[1]) / float(way @ way), 0, 1)
    return np.hypot(x - start[0] - t * way[0], y - start[1] - t * way[1]), t


def _soft_min(a: Array, b: Array, width: float) -> Array:
    """The smaller of two distances, rounded where they are alike (I. Quilez, "Smooth minimum")."""
    share = np.maximum(width - np.abs(a - b), 0) / width
    return np.asarray(np.minimum(a, b) - share * share * width / 4)


def _soft_max(a: Array, b: Array, width: float) -> Array:
    return -_soft_min(-a, -b, width)
