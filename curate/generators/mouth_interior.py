"""What shows between the lips: teeth that the picture has stay with the skull, the rest is the dark of a mouth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array
from annotators.crops import Pixels
from curate.generators import openings
from curate.generators.openings import MOUTH, Edges, smooth_step
from curate.generators.skin_folds import SAMPLES, curve, stroke
from curate.generators.warping import Shift, filled, mixed, sampled

THIN = 0.35
"""Gap in cm below which the old mouth shows too little to be stretched: its contents stay, the rest is dark."""
TEETH = 0.62
"""Brightness of the lower part of an old mouth over that of its upper part from which teeth fill it: they stay too."""
REST = 0.55
"""Share of the old opening, from the upper lip, that stays with the skull: the upper teeth."""
SEEN = (0.08, 0.22)
"""Gap in cm, at a place along the lips, from which the old picture shows something there, and shows it fully."""
PARTED = (0.03, 0.20)
"""Gap in cm, at a place along the new lips, from which the inside shows, and shows fully."""
EDGE = 0.06
"""Softness of the edges, cm."""
REDDER = 1.7
"""Colourfulness of the dark over that of the lips; a grey picture stays grey."""
DEEP, TONGUE = 0.11, 0.36
"""Brightness of the mouth's depth and of its floor, as shares of the lips'."""
LIPS = (0, 37, 39, 267, 269, 17, 84, 314, 181, 405)
"""Mesh points on the red of the lips."""
SEAM_WIDTH, SEAM_SHARE, SEAM_LIGHT = 0.05, 0.7, 0.4
"""Standard deviation in cm of the line between closed lips, its opacity, and its brightness as a share of the lips'."""
FULL = 0.12
"""Movement of a lip in cm from which the inside is drawn rather than stretched with the lips."""


def interior(pixels: Pixels, old: Array, new: Array, scale: float) -> tuple[Pixels, NDArray[np.float32]]:
    """The inside of the mouth and where it shows.

    Args:
        pixels: RGB portrait.
        old: (468, 3) px mesh of the portrait.
        new: (468, 3) px mesh of the new picture.
        scale: Pixels per cm of the head.

    Returns:
        Picture, and shares in 0-1 of shape (side, side).
    """
    side = pixels.shape[0]
    before = openings.edges(old, MOUTH)
    after = openings.edges(new, MOUTH, before)
    inside = filled(openings.outline(new, MOUTH), side)
    share = cv2.GaussianBlur(inside, (0, 0), max(EDGE * scale / 2, 0.5))
    y, x = np.nonzero(share > 0)
    layer = pixels.copy()
    activity = _activity(old, new, scale)
    if not len(y) or not activity:
        return layer, np.zeros((side, side), np.float32)
    along, down = before.frame(np.stack([x + 0.5, y + 0.5], axis=1))
    heights_after = after.heights(along)
    place, rest = _carried(along, down, before, after)
    heights_before = before.heights(place)
    gap = heights_before[1] - heights_before[0]
    shown = tuple(h + rest - down for h in heights_after)
    hanging = before.gap() < THIN * scale or _full_of_teeth(pixels, before)
    looked = openings.stretched(rest, heights_before, (shown[0], shown[1]), REST, hanging)
    shift: Shift = np.zeros((side, side, 2), np.float32)
    shift[y, x] = (place - along)[:, None] * before.along + (looked - down)[:, None] * before.down
    found = sampled(pixels, shift)[y, x]
    # Below what hangs there is lip in the old picture, not mouth.
    seen = smooth_step(gap / scale, *SEEN)
    if hanging:
        seen *= smooth_step((heights_before[1] - looked) / scale, 0, 2 * EDGE)
    dark = _depth(pixels, old, down, heights_after)
    layer[y, x] = np.rint(np.clip(found * seen[:, None] + dark * (1 - seen[:, None]), 0, 255))
    parted = np.zeros((side, side), np.float32)
    parted[y, x] = smooth_step((heights_after[1] - heights_after[0]) / scale, *PARTED)
    return layer, np.asarray(share * parted * activity, np.float32)


def _full_of_teeth(pixels: Pixels, before: Edges) -> bool:
    """Whether the lower part of the mouth is about as bright as the upper."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    along = np.linspace(before.upper[0, 0], before.upper[0, -1], 15)[4:-4]
    upper, lower = before.heights(along)
    levels = []
    for share in (0.35, 0.75):
        down = upper + share * (lower - upper)
        places = before.origin + along[:, None] * before.along + down[:, None] * before.down
        x, y = np.clip(places.astype(int), 0, grey.shape[0] - 1).T
        levels.append(float(grey[y, x].mean()))
    return levels[1] >= TEETH * levels[0]


def _carried(along: Array, down: Array, before: Edges, after: Edges) -> tuple[Array, Array]:
    """Where the mouth's contents were: they follow the corners at the sides and stay in the middle."""
    ends_before, ends_after = before.upper[:, [0, -1]], after.upper[:, [0, -1]]
    share = (along - ends_after[0, 0]) / max(float(np.ptp(ends_after[0])), 1e-6)
    place = ends_before[0, 0] + share * np.ptp(ends_before[0])
    move = ends_after[1] - ends_before[1]
    share = np.clip(share, 0, 1)
    return place, down - np.where(share < 0.5, move[0], move[1]) * (2 * share - 1) ** 2


def _activity(old: Array, new: Array, scale: float) -> float:
    """0 for lips that stay, 1 for lips that move visibly against each other."""
    upper, lower = (list(chain) for chain in MOUTH)
    moves = (new - old)[:, :2]
    furthest = max(float(np.linalg.norm(moves[chain], axis=1).max()) for chain in (upper, lower))
    return float(smooth_step(furthest / scale, 0.0, FULL))


def _depth(pixels: Pixels, old: Array, down: Array, heights: tuple[Array, Array]) -> Array:
    """The dark of the mouth, shape (n, 3): darkest under the upper lip, a little of the tongue below."""
    lips = _lip_colour(pixels, old)
    share = np.clip((down - heights[0]) / np.maximum(heights[1] - heights[0], 1.0), 0, 1)
    light = DEEP + (TONGUE - DEEP) * smooth_step(share, 0.45, 0.95)
    grey = lips.mean()
    return np.asarray(np.clip((grey + REDDER * (lips - grey)) * light[:, None], 0, 255))


def _lip_colour(pixels: Pixels, old: Array) -> Array:
    places = np.clip(np.round(old[list(LIPS), :2]).astype(int), 0, pixels.shape[0] - 1)
    return np.asarray(np.median(pixels[places[:, 1], places[:, 0]].astype(np.float64), axis=0))


def closing_share(head: Array, move: Array, shut: Array) -> float:
    """How much of a movement that closes the mouth it takes until the lips meet, 0-1.

    Args:
        head: (468, 3) cm.
        move: (468, 3) cm, what else moves.
        shut: (468, 3) cm, the movement that closes.
    """
    upper, lower = (np.array(chain[3:-3]) for chain in MOUTH)

    def gap(points: Array) -> float:
        return float((points[upper, 1] - points[lower, 1]).mean())

    closes = -gap(shut)
    return float(np.clip(gap(head + move) / closes, 0, 1)) if closes > 0 else 1.0


def lips_apart(head: Array, together: bool = False) -> Array:
    """The head, shape (468, 3) cm, with lips that would cross meeting in the middle; all of them if `together`."""
    result = head.copy()
    upper, lower = (np.array(chain[1:-1]) for chain in MOUTH)
    crossed = result[upper, 1] - result[lower, 1]
    crossed = crossed if together else np.minimum(crossed, 0.0)
    result[upper, 1] -= crossed / 2
    result[lower, 1] += crossed / 2
    return result


def seam(picture: NDArray[np.float32], pixels: Pixels, old: Array, new: Array, scale: float) -> NDArray[np.float32]:
    """The picture with the line between lips that were apart and now meet.

    Args:
        picture: RGB in 0-255 of the moved face.
        pixels: RGB portrait.
        old: (468, 3) px mesh of the portrait.
        new: (468, 3) px mesh of the new picture.
        scale: Pixels per cm of the head.
    """
    before = openings.edges(old, MOUTH)
    gap = openings.edges(new, MOUTH, before).gap() / scale
    shut = float(smooth_step(before.gap() / scale - gap, 0.1, 0.3) * (1 - smooth_step(gap, 0.0, 0.15)))
    if not shut:
        return picture
    line = new[list(MOUTH[0])]
    share = np.zeros(picture.shape[:2], np.float32)
    taper = np.sin(np.pi * np.linspace(0.04, 0.96, SAMPLES)) ** 0.5
    stroke(share, curve(line), shut * SEAM_SHARE * taper, max(SEAM_WIDTH * scale, 0.7))
    dark = (_lip_colour(pixels, old) * SEAM_LIGHT).astype(np.float32)
    return mixed(picture, np.broadcast_to(dark, picture.shape), share)
