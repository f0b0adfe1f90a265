"""Draws a portrait anew with its mesh moved by an expression: skin, eyeballs, the mouth's inside, folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array, Pose
from annotators.crops import Pixels
from annotators.visibility import triangles
from curate.generators import warping
from curate.generators.au_movements import SIDES
from curate.generators.eyelids import eyeball, lash_line
from curate.generators.mouth_interior import interior, seam
from curate.generators.openings import LEFT_EYE, MOUTH, RIGHT_EYE
from curate.generators.skin_folds import shaded

AROUND = (0.8, 5.0)
"""Least and greatest distance in cm from the face at which nothing moves any more."""
GENTLE = 3.0
"""That distance over the greatest movement of the face's edge; 1.5 would let the picture around it fold."""
SOFT = 0.18
"""Blur of the movement in cm, against kinks at the mesh's edges."""


@dataclass(frozen=True)
class Drawn:
    """A new picture.

    Attributes:
        pixels: RGB, shape (side, side, 3).
        changed: 255 where it may differ from the old one, shape (side, side).
    """

    pixels: Pixels
    changed: NDArray[np.uint8]


def drawn(
    pixels: Pixels, old: Array, new: Array, pose: Pose, levels: Mapping[str, float], sides: Sequence[str] = SIDES
) -> Drawn:
    """The portrait with its face moved.

    Args:
        pixels: RGB portrait.
        old: (468, 3) px its mesh.
        new: (468, 3) px the mesh that the new picture has.
        pose: Of the head.
        levels: Unit -> signed intensity, for the folds of the skin.
        sides: The subject's sides that move.
    """
    shift = face_shift(old, new, pixels.shape[0], pose.scale)
    picture = warping.sampled(pixels, shift).astype(np.float32)
    layers = [interior(pixels, old, new, pose.scale)]
    layers += [eyeball(pixels, old, new, pose.scale, chains) for chains in (RIGHT_EYE, LEFT_EYE)]
    for layer, share in layers:
        picture = warping.mixed(picture, layer, share)
    picture = seam(picture, pixels, old, new, pose.scale)
    for chains in (RIGHT_EYE, LEFT_EYE):
        picture = lash_line(picture, pixels, old, new, pose.scale, chains)
    result = shaded(picture, new, pose, levels, sides)
    differs = warping.moved(shift) | (np.abs(result - pixels).max(2) >= 0.5)
    return Drawn(warping.as_pixels(np.where(differs[..., None], result, pixels)), differs.astype(np.uint8) * 255)


def face_shift(old: Array, new: Array, side: int, scale: float) -> warping.Shift:
    """Backward shift of the skin and of what surrounds the face; lids go on over the eyes, the mouth is stretched."""
    owner = warping.owners(new, triangles(), side)
    shift = warping.shifts(old, new, triangles(), owner)
    eyes = (owner >= 0) & np.isin(warping.holes()[owner], ("right_eye", "left_eye"))
    shift = np.where(eyes[..., None], warping.spread(shift, (owner >= 0) & ~eyes, np.inf), shift)
    shift = warping.spread(shift, owner >= 0, _reach(shift, owner >= 0, scale))
    return warping.softened(shift, SOFT * scale, _seams(new, side))


def _reach(shift: warping.Shift, face: NDArray[np.bool_], scale: float) -> float:
    """Distance from the face in px up to which its surroundings give way: no further than its edge's movement asks."""
    edge = face & (cv2.erode(face.astype(np.uint8), warping.disc(1), borderValue=1) == 0)
    most = float(np.hypot(*shift[edge].T).max(initial=0.0))
    least, greatest = AROUND
    return float(np.clip(GENTLE * most, least * scale, greatest * scale))


def _seams(mesh: Array, side: int) -> NDArray[np.bool_]:
    """Pixels at the edges of mouth and eyes."""
    canvas = np.zeros((side, side), np.uint8)
    for chains in (MOUTH, RIGHT_EYE, LEFT_EYE):
        for chain in chains:
            cv2.polylines(canvas, [np.round(mesh[list(chain), :2] - 0.5).astype(np.int32)], False, 255)
    return canvas > 0
