"""Lids that slide over eyeballs: iris and white stay where they are, and lids cover or uncover them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array
from annotators.crops import Pixels
from curate.generators import openings
from curate.generators.openings import LEFT_EYE, RIGHT_EYE, smooth_step
from curate.generators.skin_folds import SAMPLES, curve, stroke
from curate.generators.warping import Shift, filled, mixed, sampled

LASHES = 0.07
"""Width in cm of the lid's edge, lashes included, that moves with the lid and covers the eye."""
LASH_WIDTH = 0.05
"""Standard deviation in cm of the line of lashes on a closed eye."""
LASH_SHARE = 0.85
DARKEST = 12
"""Percentile of an eye's pixels that gives its lashes' colour."""
LEAST = 8
"""Pixels of an open eye from which a colour is read."""
FULL = 0.06
"""Movement of a lid in cm from which the eyeball stays rather than being stretched with the lids."""


def eyeball(
    pixels: Pixels, old: Array, new: Array, scale: float, chains: tuple[tuple[int, ...], ...]
) -> tuple[Pixels, NDArray[np.float32]]:
    """One eye's ball and where it shows between the lids.

    Args:
        pixels: RGB portrait.
        old: (468, 3) px mesh of the portrait.
        new: (468, 3) px mesh of the new picture.
        scale: Pixels per cm of the head.
        chains: `RIGHT_EYE` or `LEFT_EYE` of `curate.generators.openings`.

    Returns:
        Picture, and shares in 0-1 of shape (side, side).
    """
    side = pixels.shape[0]
    before = openings.edges(old, chains)
    after = openings.edges(new, chains, before)
    points = [*chains[0], *chains[1]]
    activity = float(smooth_step(np.linalg.norm((new - old)[points, :2], axis=1).max() / scale, 0, FULL))
    inside = filled(openings.outline(new, chains), side)
    y, x = np.nonzero(inside > 0)
    if not len(y) or not activity:
        return pixels, np.zeros((side, side), np.float32)
    along, down = before.frame(np.stack([x + 0.5, y + 0.5], axis=1))
    low, high = after.heights(along)
    looked = openings.stretched(down, before.heights(along), (low, high), 0.5)
    shift: Shift = np.zeros((side, side, 2), np.float32)
    shift[y, x] = (looked - down)[:, None] * before.down
    share = np.zeros((side, side), np.float32)
    share[y, x] = smooth_step(np.minimum(down - low, high - down) / scale, LASHES / 2, LASHES * 1.5) * inside[y, x]
    soft = cv2.GaussianBlur(share, (0, 0), 0.6)
    return np.asarray(sampled(pixels, shift), np.uint8), np.asarray(soft * activity, np.float32)


def lash_line(
    picture: NDArray[np.float32], pixels: Pixels, old: Array, new: Array, scale: float,
    chains: tuple[tuple[int, ...], ...],
) -> NDArray[np.float32]:  # fmt: skip
    """The picture with lashes along an eye that closes, dark as the eye's darkest parts.

    Args:
        picture: RGB in 0-255 of the moved face.
        pixels: RGB portrait.
        old: (468, 3) px mesh of the portrait.
        new: (468, 3) px mesh of the new picture.
        scale: Pixels per cm of the head.
        chains: `RIGHT_EYE` or `LEFT_EYE` of `curate.generators.openings`.
    """
    before = openings.edges(old, chains)
    gap = openings.edges(new, chains, before).gap()
    shut = float(smooth_step(1 - gap / max(before.gap(), 1e-6), 0.6, 1.0))
    inside = filled(openings.outline(old, chains), picture.shape[0]) > 0.5
    if not shut or inside.sum() < LEAST:
        return picture
    dark = np.percentile(pixels[inside], DARKEST, axis=0).astype(np.float32)
    line = new[list(chains[1])]
    share = np.zeros(picture.shape[:2], np.float32)
    taper = np.sin(np.pi * np.linspace(0.08, 0.92, SAMPLES)) ** 0.6
    stroke(share, curve(line), shut * LASH_SHARE * taper, max(LASH_WIDTH * scale, 0.7))
    return mixed(picture, np.broadcast_to(dark, picture.shape), share)


def lids_apart(head: Array) -> Array:
    """The head, shape (468, 3) cm, with upper lids that would cross the lower ones resting on them."""
    result = head.copy()
    for upper, lower in (RIGHT_EYE, LEFT_EYE):
        top, bottom = np.array(upper[1:-1]), np.array(lower[1:-1])
        result[top, 1] = np.maximum(result[top, 1], result[bottom, 1])
    return result
