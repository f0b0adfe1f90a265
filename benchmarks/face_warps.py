"""Pictures of one face with and without a movement, made by moving the points of its mesh.

A movement is a smooth field over the head, in cm of the canonical head, that imitates one action unit: the
inner brows rise, the lip corners go up and out, the lids close. The picture is cut into triangles between
the moved points and each is drawn anew. These are drawings of the geometry of a unit and nothing else: no
wrinkle forms, no cheek bulges, no teeth show. Whoever finds them finds the geometry, not a coded face.

Both pictures of a pair are drawn twice: one goes half of the way and then the other half, its twin half of
the way and back. So blur or edges from the drawing itself cannot tell them apart.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, Array, fit_pose
from annotators.crops import Pixels
from curate.generators.au_movements import field, movements

INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""Outline of the mouth's inside, around."""

SUPERSAMPLING = 2
ANCHOR_SCALES = (1.35, 1.7)


DRAWN = ("AU1", "AU2", "AU4", "AU5", "AU7", "AU10", "AU12", "AU15", "AU25", "AU26", "AU43")
"""Units that are drawn here; `curate.generators.au_movements` has what they do."""


def pair(image: Pixels, mesh: NDArray[np.floating[Any]], name: str, level: float) -> tuple[Pixels, Pixels]:
    """A face with a unit and its twin without, drawn equally often.

    Args:
        image: RGB.
        mesh: (478, 3) px of its face.
        name: Unit, one of `DRAWN`.
        level: Intensity, 0-5; 5 is the movement at intensity E.
    """
    pose = fit_pose(mesh)
    head = pose.to_head(mesh[:COUNT])
    move = field(name, head) * level / 5
    still, half, full = (pose.to_image(head + move * share)[:, :2] for share in (0.0, 0.5, 1.0))
    big = np.asarray(cv2.resize(image, None, fx=SUPERSAMPLING, fy=SUPERSAMPLING, interpolation=cv2.INTER_CUBIC))
    begun = _redrawn(big, still, half)
    shown, twin = _redrawn(begun, half, full), _redrawn(begun, half, still)
    if any(m.opens for m in movements()[name]):
        shown = _darkened(shown, full)
    size = (image.shape[1], image.shape[0])
    first, second = (np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.uint8) for p in (shown, twin))
    return first, second


def _redrawn(picture: Pixels, old: Array, new: Array) -> Pixels:
    """The picture with points moved from old to new places (px of the unenlarged picture); far points stay."""
    from scipy.interpolate import LinearNDInterpolator

    centre, corner = old.mean(0), np.array(picture.shape[1::-1], float) / SUPERSAMPLING
    hull = cv2.convexHull(old.astype(np.float32))[:, 0]
    anchors = [centre + (hull - centre) * scale for scale in ANCHOR_SCALES]
    frame = np.array([[-9, -9], [corner[0] + 9, -9], [-9, corner[1] + 9], corner + 9])
    fixed = np.vstack([*anchors, frame])
    height, width = (side // SUPERSAMPLING for side in picture.shape[:2])
    small = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    shift = LinearNDInterpolator(np.vstack([new, fixed]), np.vstack([old - new, np.zeros_like(fixed)]), fill_value=0)
    moved = cv2.resize(shift(small), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR) * SUPERSAMPLING
    source = np.stack(np.meshgrid(*(np.arange(s) for s in picture.shape[1::-1])), axis=-1) + moved
    x, y = source[..., 0].astype(np.float32), source[..., 1].astype(np.float32)
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _darkened(picture: Pixels, points: Array) -> Pixels:
    """The mouth's inside painted as a dark version of the lips' colour, with a soft edge."""
    outline = (points[list(INNER_LIPS)] * SUPERSAMPLING).round().astype(np.int32)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [outline], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), SUPERSAMPLING)[..., None] / 255.0
    if not mask.any():
        return picture
    dark = np.median(picture[mask > 0], axis=0) * 0.25
    return np.asarray(picture * (1 - soft) + dark * soft, np.uint8)
