"""Masks of a face and its parts from its mesh: the hull, the lower face, single parts, and what is around.

A mask is boolean, shape (side, side), in the pixels of the square crop that the mesh lies in.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crop_masks import filled
from annotators.part_maps import Mask, PartMap
from annotators.points import convert
from curate.export.sample import Sample
from curate.generators.subject import Subject
from curate.pairs.views.base import MaskView
from schemas import UnknownNameError
from schemas.landmarks import layout

Points = NDArray[np.floating[Any]]

SKIN_POINTS = 468
"""Points of the mesh without its irises."""
LOWER_FROM = 2
"""Mesh point below the nose, where the lower face begins."""
FOREHEAD_TOP, CHIN = 10, 152
NOSE = (168, 193, 245, 188, 174, 217, 126, 142, 129, 98, 97, 2, 326, 327, 358, 371, 355, 437, 399, 412, 465, 417)
"""Around the nose: bridge, the subject's right side, nostrils, and up on the left."""
PARTS = ("right_eye", "left_eye", "nose", "mouth", "right_brow", "left_brow")
MARGIN = 0.08
"""How far the views grow parts, in eye distances."""
GROUPS = {"mouth": "outer_lip"}
"""Part -> group of points where it is named otherwise."""
IN_MAPS = {
    "right_eye": ("r_eye",), "left_eye": ("l_eye",), "nose": ("nose",), "mouth": ("mouth", "u_lip", "l_lip"),
    "right_brow": ("r_brow",), "left_brow": ("l_brow",),
}  # fmt: skip
"""Part -> parts of a parsing map."""


def hull_mask(points: Points, side: int) -> Mask:
    """Convex hull of points, shape (n, 2 or 3) px."""
    hull = cv2.convexHull(np.ascontiguousarray(points[:, :2], np.float32))
    return filled(np.asarray(hull[:, 0], np.float64), (side, side)).astype(bool)


def face_mask(mesh: Points, side: int) -> Mask:
    """Hull of the whole mesh, forehead to chin; mesh of shape (478, 2 or 3)."""
    return hull_mask(mesh[:SKIN_POINTS], side)


def context_mask(mesh: Points, side: int) -> Mask:
    """All that is not face: hair, clothes and background."""
    return ~face_mask(mesh, side)


def lower_face_mask(mesh: Points, side: int) -> Mask:
    """The face from below the nose down to the chin, as masks of lip-sync and of face veils have it."""
    down = np.asarray(mesh[CHIN, :2] - mesh[FOREHEAD_TOP, :2], np.float64)
    y, x = np.mgrid[0:side, 0:side] + 0.5
    below = (x - mesh[LOWER_FROM, 0]) * down[0] + (y - mesh[LOWER_FROM, 1]) * down[1] >= 0
    return np.asarray(face_mask(mesh, side) & below)


def part_mask(points: Points, part: str, side: int) -> Mask:
    """One part, from 478 or 68 points.

    Args:
        points: (478 or 68, 2 or 3) px.
        part: One of `PARTS`.
        side: Of the crop.

    Raises:
        UnknownNameError: for another part.
    """
    if part not in PARTS:
        raise UnknownNameError("part of a face", part, PARTS)
    name = f"points-{len(points)}"
    if part == "nose":
        outline = list(NOSE) if name == "points-478" else _nose_of_68()
        return hull_mask(points[outline], side)
    return hull_mask(points[list(layout(name).group(GROUPS.get(part, part)))], side)


def part_masks(points: Points, side: int, margin: float = 0.0) -> dict[str, Mask]:
    """All six parts, apart from each other.

    Args:
        points: (478 or 68, 2 or 3) px.
        side: Of the crop.
        margin: How far each part is grown, in eye distances. Where two grown parts meet, the first of `PARTS` keeps
            the pixel.
    """
    reach = round(margin * eye_distance(points))
    taken = np.zeros((side, side), bool)
    found = {}
    for part in PARTS:
        mask = grown(part_mask(points, part, side), reach) & ~taken
        taken |= mask
        found[part] = mask
    return found


def parsed_masks(parts: PartMap) -> dict[str, Mask]:
    """The six parts of a parsing map, in the map's own pixels; a part that it does not show is empty."""
    return {part: parts.mask(*names) for part, names in IN_MAPS.items()}


def grown(mask: Mask, reach: int) -> Mask:
    """A mask and all within so many pixels of it."""
    if reach < 1:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def eye_distance(points: Points) -> float:
    """Distance of the eyes' middles in the picture's plane, px, from 478 or 68 points."""
    five = convert(np.asarray(points)[None, :, :2], f"points-{len(points)}", "points-5")[0]
    return max(float(np.linalg.norm(five[0] - five[1])), 1.0)


def bounds(mask: Mask) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of a mask, ends not included; None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _nose_of_68() -> list[int]:
    parts = layout("points-68")
    return [*parts.group("nose_bridge"), *parts.group("nose_base")]


class FaceMask(MaskView):
    """Hull of the mesh."""

    name = "face_mask"
    doc = "White on the face, forehead to chin: the hull of its mesh."

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """The hull."""
        return face_mask(subject.need_mesh(), subject.side)


class ContextMask(MaskView):
    """All but the face."""

    name = "context_mask"
    doc = "White on all that is not face: hair, clothes and background."

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """The complement of the hull."""
        return context_mask(subject.need_mesh(), subject.side)


class LowerFaceMask(MaskView):
    """Mouth, jaw and chin."""

    name = "lower_face_mask"
    doc = "White on the face from below the nose to the chin."

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """The lower face."""
        return lower_face_mask(subject.need_mesh(), subject.side)


class _PartsMask(MaskView):
    """One or two parts, a little grown, so that blending has an edge to work on."""

    parts: tuple[str, ...]

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """The parts' masks together."""
        masks = part_masks(subject.need_mesh(), subject.side, MARGIN)
        return np.asarray(np.logical_or.reduce([masks[part] for part in self.parts]))


class EyesMask(_PartsMask):
    """Both eyes."""

    name = "eyes_mask"
    doc = "White on both eyes and a rim of lid."
    parts = ("right_eye", "left_eye")


class NoseMask(_PartsMask):
    """The nose."""

    name = "nose_mask"
    doc = "White on the nose from its bridge to the nostrils."
    parts = ("nose",)


class MouthMask(_PartsMask):
    """The mouth."""

    name = "mouth_mask"
    doc = "White on the lips and what lies between them."
    parts = ("mouth",)


class BrowsMask(_PartsMask):
    """Both brows."""

    name = "brows_mask"
    doc = "White on both brows."
    parts = ("right_brow", "left_brow")
