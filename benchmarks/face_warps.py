"""Pictures of one face with and without a movement, made by moving the points of its mesh.

A movement is a smooth field over the head, in cm of the canonical head, that imitates one action unit: the
inner brows rise, the lip corners go up and out, the lids close. The picture is cut into triangles between
the moved points and each is drawn anew. These are drawings of the geometry of a unit and nothing else: no
wrinkle forms, no cheek bulges, no teeth show. Whoever finds them finds the geometry, not a coded face.

Both pictures of a pair are drawn twice: one goes half of the way and then the other half, its twin half of
the way and back. So blur or edges from the drawing itself cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, Array, canonical_face, fit_pose
from annotators.crops import Pixels

UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173)
LOWER_LIDS = (7, 163, 144, 145, 153, 154, 155)
EYE = (33, 133, *UPPER_LIDS, *LOWER_LIDS)
BROW = (46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
UPPER_LIP = (0, 37, 39, 40, 185, 11, 72, 73, 74, 184, 12, 38, 41, 42, 183, 13, 82, 81, 80, 191)
LOWER_LIP = (17, 84, 181, 91, 146, 16, 85, 180, 90, 77, 15, 86, 179, 89, 96, 14, 87, 178, 88, 95)
CORNERS = (61, 78, 62, 76)
JAW = (14, 87, 178, 152, 148, 199, 200)
NOSE = (1, 2, 4, 5, 6, 48, 64, 98, 97, 168, 195, 197)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""Outline of the mouth's inside, around."""

HOLD_RADIUS = 0.45
"""How far, in cm, points that stay calm the field around them."""
SUPERSAMPLING = 2
ANCHOR_SCALES = (1.35, 1.7)


@dataclass(frozen=True)
class Movement:
    """One unit's movement of the subject's right half; the left half moves as its mirror image.

    Attributes:
        centres: Mesh points that move in full.
        shift: What they move by at intensity E (5 of 5), cm: x to the midline's left in the picture, y up, z out.
        radius: How far the skin around follows, cm.
        stay: Mesh points that do not move.
        opens: Whether the mouth's inside, of which the picture shows nothing, is painted dark.
    """

    centres: tuple[int, ...]
    shift: tuple[float, float, float]
    radius: float
    stay: tuple[int, ...] = ()
    opens: bool = False


MOVEMENTS: Mapping[str, tuple[Movement, ...]] = {
    "AU1": (Movement((55, 107, 65, 66), (0.1, 0.9, 0.0), 0.9, EYE + NOSE),),
    "AU2": (Movement((46, 53, 70, 63), (0.0, 0.9, 0.0), 0.9, EYE),),
    "AU4": (Movement((55, 107, 65, 66), (0.35, -0.6, 0.0), 1.0, EYE + NOSE),),
    "AU5": (Movement(UPPER_LIDS, (0.0, 0.28, 0.0), 0.12, LOWER_LIDS),),
    "AU7": (Movement(LOWER_LIDS, (0.0, 0.25, 0.0), 0.2, UPPER_LIDS),),
    "AU10": (Movement((37, 39, 40, 0, 82, 81, 13), (0.0, 0.55, 0.1), 0.5, LOWER_LIP + NOSE, opens=True),),
    "AU12": (Movement(CORNERS, (-0.8, 0.8, -0.6), 1.0, NOSE + EYE),),
    "AU15": (Movement(CORNERS, (0.0, -0.8, 0.0), 0.7, NOSE),),
    "AU25": (
        Movement((14, 87, 178, 17, 84), (0.0, -0.55, 0.0), 0.6, UPPER_LIP, opens=True),
        Movement((13, 82, 81, 0, 37), (0.0, 0.15, 0.0), 0.4, LOWER_LIP + NOSE),
    ),
    "AU26": (
        Movement((14, 87, 178, 17, 84, 181, 152, 148, 199, 200), (0.0, -1.6, -0.3), 1.5, UPPER_LIP + NOSE, opens=True),
    ),
    "AU43": (Movement(UPPER_LIDS, (0.0, -0.85, 0.0), 0.15, (*LOWER_LIDS, 33, 133, *BROW)),),
}
"""Drawn units. Lids that close stop at the lower lid: see `_closing`."""


def field(name: str, head: Array) -> Array:
    """Movement of every mesh point at intensity E, shape (468, 3) in cm, for a head of that shape.

    Args:
        name: Unit, such as `AU12`.
        head: (468, 3) mesh points in the frame of the head.
    """
    mirror = canonical_face().mirror
    total = np.zeros_like(head)
    for movement in MOVEMENTS[name]:
        for side in (1, -1):
            right = np.array(movement.centres)
            centres, calm = right if side == 1 else mirror[right], np.array(movement.stay, int)
            stay = np.union1d(calm, mirror[calm])
            follow = np.exp(-((_gap(head, centres) / movement.radius) ** 2) / 2)
            if len(stay):
                follow *= 1 - np.exp(-((_gap(head, stay) / HOLD_RADIUS) ** 2) / 2)
            follow[centres] = 1.0
            shift = np.array(movement.shift) * [side, 1, 1]
            part = follow[:, None] * shift
            # A point between both halves follows one of them, not both.
            total = np.where(np.abs(part) > np.abs(total), part, total)
    total[mirror == np.arange(COUNT), 0] = 0
    return _closing(head, total) if name == "AU43" else total


def pair(image: Pixels, mesh: NDArray[np.floating[Any]], name: str, level: float) -> tuple[Pixels, Pixels]:
    """A face with a unit and its twin without, drawn equally often.

    Args:
        image: RGB.
        mesh: (478, 3) px of its face.
        name: Unit, a key of `MOVEMENTS`.
        level: Intensity, 0-5; 5 is the movement of `MOVEMENTS`.
    """
    pose = fit_pose(mesh)
    head = pose.to_head(mesh[:COUNT])
    move = field(name, head) * level / 5
    still, half, full = (pose.to_image(head + move * share)[:, :2] for share in (0.0, 0.5, 1.0))
    big = np.asarray(cv2.resize(image, None, fx=SUPERSAMPLING, fy=SUPERSAMPLING, interpolation=cv2.INTER_CUBIC))
    begun = _redrawn(big, still, half)
    shown, twin = _redrawn(begun, half, full), _redrawn(begun, half, still)
    if any(m.opens for m in MOVEMENTS[name]):
        shown = _darkened(shown, full)
    size = (image.shape[1], image.shape[0])
    first, second = (np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.uint8) for p in (shown, twin))
    return first, second


def _gap(head: Array, points: NDArray[np.intp]) -> Array:
    """Distance of every point to the nearest of some, cm; depth counts half, as cheeks are thick."""
    difference = (head[:, None] - head[None, points]) * [1, 1, 0.5]
    return np.asarray(np.linalg.norm(difference, axis=2).min(1))


def _closing(head: Array, total: Array) -> Array:
    """Upper lids go to the lower lids and no further, whatever the size of the eye."""
    mirror = canonical_face().mirror
    for side in (1, -1):
        upper, lower = (np.array(p if side == 1 else mirror[list(p)]) for p in (UPPER_LIDS, LOWER_LIDS))
        way = (head[lower] - head[upper]) * 0.95
        reach = total[upper, 1].min()
        around = np.flatnonzero((total[:, 1] < 0) & ((head[:, 0] * head[upper, 0].mean()) > 0))
        nearest = np.linalg.norm(head[around, None, :2] - head[None, upper, :2], axis=2).argmin(1)
        total[around] = way[nearest] * (total[around, 1:2] / reach)
    return total


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
