"""How a face's own skin is coloured, and where that colour goes on beyond the mesh; hair by its place and colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import fit_pose
from annotators.crop_masks import filled
from curate.generators.soft_masks import Soft, soften

Array = NDArray[np.float64]

SKULL_CENTRE = np.array([0.0, 3.0, -4.5])
SKULL_AXES = np.array([8.3, 11.0, 9.0])
"""An ellipsoid about the average head, cm in the frame of the canonical face: from chin to crown, from ear to ear."""
EASY = 2.2
"""Distance from the skin's colour, in standard deviations, up to which a pixel is like it; at twice that none is."""
MOST_SPREAD = np.array([13.0, 4.5, 5.5])
"""Greatest ones: beyond lie glasses, hair or a hand before the face."""
HAIR_EASY = 2.0
HAIR_REACH, HAIR_CLEAR = (1.3, 1.65), 0.12
"""How far hair reaches from the skull's centre, in the skull's own radii: if what lies farther out has its colour, and
if less than this share of it has."""
HAIR_A, HAIR_B = (-7.0, 22.0), (-5.0, 36.0)
"""Ranges of a* and b* of hair; other colours are hats, scarves or dyed, and left alone."""
SHINE = 0.03
"""How much easier a pixel passes for skin per L* above the middle: shine is brighter and paler skin."""
LEAST_SPREAD = np.array([5.0, 2.2, 2.8])
"""Least standard deviations of L*, a*, b* of skin: a smooth face under even light still has shadows on its neck."""
SHADE = 0.2
"""How far below the face's darkest skin, as a share of its L*, skin beyond it may lie: necks are in the shade."""
FEWEST = 200
"""Pixels that a colour is taken from at least."""


@dataclass(frozen=True)
class SkinColour:
    """Colour of the face's skin: a* and b* follow lightness along a line.

    Attributes:
        middle: Median CIELAB, shape (3,).
        slope: Change of a* and b* per unit of L*, shape (2,).
        spread: Standard deviations of L*, and of a* and b* about the line, shape (3,).
        darkest: L* above which nearly all of the face's skin lies; darker pixels beyond the face are hair or cloth.
    """

    middle: Array
    slope: Array
    spread: Array
    darkest: float

    def distance(self, lab: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance of colours from skin in standard deviations; shape of `lab` less its last axis."""
        light = lab[..., 0] - self.middle[0]
        clipped = np.clip(light, -2.5 * self.spread[0], 2.5 * self.spread[0])
        easier = 1 + SHINE * np.maximum(light, 0)
        a = (lab[..., 1] - self.middle[1] - self.slope[0] * clipped) / (self.spread[1] * easier)
        b = (lab[..., 2] - self.middle[2] - self.slope[1] * clipped) / (self.spread[2] * easier)
        return np.asarray(np.sqrt((light / (self.spread[0] * easier)) ** 2 + a**2 + b**2), np.float32)

    def likeness(self, lab: NDArray[np.float32]) -> Soft:
        """1 for colours of skin, falling to 0 for colours that are none."""
        return np.clip(2 - self.distance(lab) / EASY, 0, 1).astype(np.float32)


def skin_colour(lab: NDArray[np.float32], skin: Soft) -> SkinColour:
    """The colour of what the mesh calls skin, without its darkest and brightest parts (hair, glasses, shine).

    Args:
        lab: CIELAB of the portrait, (side, side, 3).
        skin: Mask of skin.
    """
    chosen = lab[skin > 0.9].astype(np.float64)
    if len(chosen) < FEWEST:
        chosen = lab[skin > 0].astype(np.float64).reshape(-1, 3)
    chosen = chosen[:: max(len(chosen) // 20000, 1)]
    for _ in range(3):
        middle = np.median(chosen, axis=0)
        off = chosen - middle
        away = np.abs(off) / np.maximum(1.4826 * np.median(np.abs(off), axis=0), LEAST_SPREAD)
        chosen = chosen[(away < 2.5).all(1)] if (away < 2.5).all(1).sum() >= FEWEST else chosen
    middle = np.median(chosen, axis=0)
    off = chosen - middle
    slope = off[:, 0] @ off[:, 1:] / max(float(off[:, 0] @ off[:, 0]), 1e-6)
    rest = off[:, 1:] - off[:, :1] * slope
    spread = np.array([off[:, 0].std(), *rest.std(0)])
    return SkinColour(
        middle, slope, np.clip(spread * 1.2, LEAST_SPREAD, MOST_SPREAD), float(np.quantile(chosen[:, 0], 0.08))
    )


def head_ellipse(mesh: Array, grown: float = 1.0) -> tuple[Array, Array]:
    """Outline of an average skull around the face as the camera sees it.

    Args:
        mesh: (478, 3) px.
        grown: Factor on its size.

    Returns:
        Centre, shape (2,) px, and the matrix whose quadratic form of an offset from it is 1 on the outline, (2, 2).
    """
    pose = fit_pose(mesh)
    centre = pose.to_image(SKULL_CENTRE[None])[0, :2]
    turn = pose.scale * pose.rotation[:2] * [[1.0], [-1.0]]
    return centre, np.asarray(np.linalg.inv(turn * (SKULL_AXES * grown) ** 2 @ turn.T))


def in_ellipse(mesh: Array, side: int) -> NDArray[np.float32]:
    """Distance of each pixel from the skull's centre, 1 on its outline, (side, side)."""
    centre, form = head_ellipse(mesh)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    dx, dy = x - centre[0], y - centre[1]
    return np.asarray(np.sqrt(form[0, 0] * dx * dx + 2 * form[0, 1] * dx * dy + form[1, 1] * dy * dy), np.float32)


def grown_skin(mesh: Array, lab: NDArray[np.float32], colour: SkinColour, face: Soft) -> Soft:
    """Skin beyond the mesh: coloured like the face's, in a plausible place, and joined to the face.

    Args:
        mesh: (478, 3) px.
        lab: CIELAB of the portrait.
        colour: Of the face's skin.
        face: Mask of the mesh.
    """
    side = face.shape[0]
    scale = float(np.linalg.norm(mesh[468] - mesh[473]))
    like = colour.likeness(lab) * np.clip(1 + (lab[..., 0] - colour.darkest) / (SHADE * colour.darkest + 1), 0, 1)
    like = soften(like, 0.03 * scale) * np.maximum(
        _neck(mesh, side), np.clip((1.06 - in_ellipse(mesh, side)) * 12, 0, 1)
    )
    solid = ((like > 0.5) | (face > 0.5)).astype(np.uint8)
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, _disc(0.05 * scale)) | (face > 0.5).astype(np.uint8)
    _, parts = cv2.connectedComponents(solid, connectivity=4)
    near = np.unique(parts[face > 0.5])
    joined = np.isin(parts, near[near > 0]).astype(np.float32)
    return np.asarray(joined * np.clip(like * 1.6, 0, 1), np.float32)


def grown_hair(mesh: Array, lab: NDArray[np.float32], covered: Soft, likeness: Soft) -> Soft:
    """Hair: what lies around the skull in the colour of what lies above the forehead.

    Args:
        mesh: (478, 3) px.
        lab: CIELAB of the portrait.
        covered: Skin and face, which are no hair.
        likeness: How like skin each pixel is coloured.
    """
    side = covered.shape[0]
    scale = float(np.linalg.norm(mesh[468] - mesh[473]))
    away = in_ellipse(mesh, side)
    down = mesh[152, :2] - mesh[10, :2]
    down /= max(float(np.linalg.norm(down)), 1.0)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    below = (x - mesh[168, 0]) * down[0] + (y - mesh[168, 1]) * down[1]
    seed = (away < 1.0) & (below < -0.3 * scale) & (covered < 0.3) & (likeness < 0.7)
    if seed.sum() < 0.15 * scale**2:
        return np.zeros((side, side), np.float32)
    chosen = lab[seed].astype(np.float64)
    middle = np.median(chosen, axis=0)
    if not (HAIR_A[0] <= middle[1] <= HAIR_A[1] and HAIR_B[0] <= middle[2] <= HAIR_B[1]):
        return np.zeros((side, side), np.float32)
    spread = np.maximum(1.4826 * np.median(np.abs(chosen - middle), axis=0) * 1.3, (7, 3, 3.5))
    off = (lab - middle) / spread
    off[..., 0] = np.where(off[..., 0] > 0, off[..., 0] * 0.7, off[..., 0])  # shine is brighter hair
    like = np.clip(2 - np.sqrt((off**2).sum(-1)) / HAIR_EASY, 0, 1)
    far = away > HAIR_REACH[1]
    reach = HAIR_REACH[int(far.any() and float(like[far].mean()) < HAIR_CLEAR)]
    like = soften(like * np.clip((reach - away) * 4, 0, 1) * (1 - covered), 0.02 * scale)
    solid = (like > 0.4).astype(np.uint8)
    _, parts = cv2.connectedComponents(solid, connectivity=4)
    sizes = np.bincount(parts[seed & (solid > 0)], minlength=int(parts.max()) + 1)
    sizes[0] = 0
    joined = np.isin(parts, np.flatnonzero(sizes > 0.03 * scale**2)).astype(np.float32)
    return np.asarray(joined * np.clip(like * 1.5, 0, 1), np.float32)


def _neck(mesh: Array, side: int) -> Soft:
    """Below the jaw: a trapezium from ear to ear down to the portrait's end, wider at the shoulders."""
    down = mesh[152, :2] - mesh[10, :2]
    across = np.array([-down[1], down[0]])
    across *= np.sign((mesh[454, :2] - mesh[234, :2]) @ across) or 1.0
    left, right, chin = mesh[234, :2], mesh[454, :2], mesh[152, :2]
    corners = np.stack([
        left - 0.06 * across, right + 0.06 * across,
        chin + 0.50 * across + 0.25 * down, chin + 1.1 * across + 0.9 * down, chin + 1.1 * across + 3 * down,
        chin - 1.1 * across + 3 * down, chin - 1.1 * across + 0.9 * down, chin - 0.50 * across + 0.25 * down,
    ])  # fmt: skip
    return soften(filled(corners, (side, side)), 0.15 * float(np.linalg.norm(mesh[468] - mesh[473])))


def _disc(radius: float) -> NDArray[np.uint8]:
    size = 2 * max(round(radius), 1) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
