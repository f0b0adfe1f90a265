"""Hair over the face in the person's own colour: a fringe down to the brows, or long strands over eye and cheek."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import linear_rgb
from curate.generators.base import CannotGenerate
from curate.generators.occluder_head import Head
from curate.generators.occluder_render import FINE, SUB, Layer, polygon_mask, reduced, softened
from curate.generators.soft_masks import soften

Array = NDArray[np.float64]
Image = NDArray[np.float32]

FORMS = ("fringe", "strands")
LEAST_HAIR = 0.006
"""Share of the portrait that must be hair for its colour, and where it begins, to be known."""
STEPS = 14
"""Pieces of a hair."""
SHEEN = (0.75, 0.42, 0.15)
"""Brightness of the band of light across the hair, its place along a hair, and its width."""
GLINT = 0.02
"""Light of the band that is the lamp's own colour, as a share of white."""
CLUMP = 0.72
"""How far hairs of one lock come together at its tip."""


def hair_layers(head: Head, numbers: Mapping[str, Any]) -> list[Layer]:
    """One layer of many hairs.

    Args:
        head: The head.
        numbers: `form`, `side` (`right` or `left`, where strands hang and a fringe is swept to), `length` in cm,
            `hairs`, `seed`.

    Raises:
        CannotGenerate: if no hair is seen.
    """
    base = hair_colour(head)
    rng = np.random.default_rng(int(numbers["seed"]))
    lines, width = _hairs(head, numbers, rng)
    side = head.subject.side * FINE
    tone: Image = np.zeros((side, side), np.float32)
    alpha: Image = np.zeros((side, side), np.float32)
    shades = rng.normal(0, 0.22, len(lines)) - 0.35 * np.linspace(1, 0, len(lines))
    for line, shade, thick in zip(lines, shades, width, strict=True):
        fixed = np.round((line * FINE - 0.5) * 2**SUB).astype(np.int32)
        for k in range(STEPS - 1):
            t = k / (STEPS - 2)
            bright = float(1 + shade + SHEEN[0] * np.exp(-(((t - SHEEN[1]) / SHEEN[2]) ** 2)))
            size = max(round(thick * (1 - 0.75 * t**2)), 1)
            ends = (fixed[k].tolist(), fixed[k + 1].tolist())
            cv2.line(tone, *ends, max(bright, 0.15), size, cv2.LINE_8, SUB)
            cv2.line(alpha, *ends, 1.0, size, cv2.LINE_8, SUB)
    small = reduced(alpha)
    bright = reduced(tone) / np.maximum(small, 1e-4)
    glint = GLINT * head.white * np.clip(bright - 1.1, 0, 1)
    light = base * bright[..., None] + glint[..., None]
    covered = np.clip(1.15 * small, 0, 1) * _below_hairline(head)
    return [softened(head, light, np.asarray(covered, np.float32), 1.0, 0.55, 0.8)]


def _below_hairline(head: Head) -> Image:
    """1 on forehead and face, falling to 0 in the hair above, so that new hairs grow out of it."""
    angles, line = hairline(head)
    rim = head.around(angles, line + 0.9, head.radius(angles, line + 0.9) + 0.4)
    down = head.around(angles[[-1, 0]] * 1.6, np.array([-12.0, -12.0]), np.array([14.0, 14.0]))
    outline = head.to_image(np.vstack([rim, down]))[:, :2]
    beyond = np.array([9 * head.cm, 0])
    ends = np.vstack([outline[:1] - beyond, outline[:-2], outline[-3:-2] + beyond, outline[-2:]])
    return soften(reduced(polygon_mask(ends, head.subject.side)), 0.35 * head.cm)


def hair_colour(head: Head) -> Image:
    """Linear light of the person's hair, shape (3,).

    Raises:
        CannotGenerate: if too little is seen.
    """
    mask = head.parts.hair > 0.6
    if mask.mean() < LEAST_HAIR:
        raise CannotGenerate("no hair is seen whose colour a fringe could have")
    return np.asarray(np.median(linear_rgb(head.subject.pixels)[mask], axis=0) * 1.1, np.float32)


def hairline(head: Head) -> tuple[Array, Array]:
    """Height of the hairline in cm at angles in degrees.

    Raises:
        CannotGenerate: if hair is not found above the forehead.
    """
    angles = np.linspace(-55, 55, 23)
    heights = np.linspace(5.0, 14.0, 60)
    grid_angle, grid_y = np.meshgrid(angles, heights, indexing="ij")
    place = head.to_image(head.around(grid_angle, grid_y, head.radius(grid_angle, grid_y)))
    column, row = (np.ascontiguousarray(place[..., k], np.float32) - 0.5 for k in (0, 1))
    found = cv2.remap(head.parts.hair, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) > 0.5
    has = found.any(1)
    if has.sum() < 5:
        raise CannotGenerate("no hair is seen above the forehead")
    y = heights[found.argmax(1)][has] + 0.5
    smooth = np.interp(angles, angles[has], np.minimum(y, np.median(y) + 1.5))
    level = np.convolve(np.pad(smooth, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return np.asarray(angles, np.float64), np.asarray(level, np.float64)


def _hairs(head: Head, numbers: Mapping[str, Any], rng: np.random.Generator) -> tuple[list[Array], Array]:
    """Lines of hairs in the portrait, (steps, 2) px each, back ones first, and their widths in samples."""
    angles, line = hairline(head)
    count, sign = int(numbers["hairs"]), -1.0 if numbers["side"] == "right" else 1.0
    fringe = numbers["form"] == "fringe"
    locks = max(count // (22 if fringe else 40), 3)
    middle = rng.uniform(-42, 42, locks) if fringe else sign * rng.uniform(4, 30, locks)
    spread = rng.uniform(2.5, 5.0, locks) if fringe else rng.uniform(2.0, 4.0, locks)
    length = float(numbers["length"]) * rng.uniform(0.85, 1.12, locks)
    sweep = sign * rng.uniform(4, 14, locks) if fringe else sign * rng.uniform(10, 26, locks)
    bow = rng.normal(0, 2.0, locks)
    lock = rng.integers(locks, size=count)
    off = rng.normal(0, 1, count)
    t = np.linspace(0, 1, STEPS)
    lines = []
    for k, o in zip(lock.tolist(), off.tolist(), strict=True):
        start = middle[k] + spread[k] * o
        closing = spread[k] * o * (1 - CLUMP * t**1.5)
        angle = middle[k] + closing + sweep[k] * t**1.3 + bow[k] * np.sin(np.pi * t)
        root = float(np.interp(start, angles, line)) + rng.uniform(0.6, 1.6)
        reach = (length[k] + 0.8) * (1 - 0.10 * abs(o)) * rng.uniform(0.92, 1.05)
        y = root - reach * t
        out = 0.25 + 0.55 * np.sin(np.pi * np.clip(t * 0.8, 0, 1)) + rng.uniform(0, 0.2)
        place = head.to_image(head.around(angle, y, head.radius(angle, y) + out))
        lines.append(place[:, :2])
    width = rng.uniform(0.045, 0.085, count) * head.cm * FINE
    return lines, width
