"""Where a face in pain differs from the same face at rest, and how much of that lies where PSPI looks.

PSPI (K. Prkachin and P. Solomon, 2008) scores brows, lids and cheeks, nose and upper lip, and closed eyes; 3DPain gives
a heatmap of such regions beside every picture in pain.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.generators.regions import NOSTRIL, Regions, both, polygon
from schemas.landmarks import layout

Map = NDArray[np.float32]

NOISE = 0.01
"""Difference in 0-1 below which two pixels count as the same."""
NOSE = (193, 245, 188, 174, 217, 126, 142, 129, 98, 97, 2, 326, 327, 358, 371, 355, 437, 399, 412, 465, 417, 168)
"""Around bridge and sides of the nose, where AU9 wrinkles."""
UPPER_CHEEK = (226, 31, 228, 229, 230, 231, 232, 128, 126, 100, 101, 50, 123, 116, 143)
"""Around the subject's right lower lid and the part of the cheek that AU6 raises."""
GLABELLA = (9, 107, 55, 193, 168, 417, 285, 336)
"""Between the brows, where AU4 folds the skin."""
NASOLABIAL = (129, 203, 206, 216, 57, 61, 37, 0, 2, 98)
"""From the subject's right wing of the nose to the corner of the mouth, where AU10 lifts the lip."""
MARGIN = 0.10
"""What a region reaches beyond its outline, in distances of the eyes: moved skin shows on both sides of an edge."""


@dataclass(frozen=True)
class PainHeat:
    """A heatmap and what it says.

    Attributes:
        heat: (side, side) in 0-1, 1 where the face changed most; all 0 where nothing changed.
        mass: Region -> its share of the heat; regions overlap.
        inside: Share of the heat in all regions together.
        area: Share of the face that these regions cover: what `inside` would be if heat lay anywhere on the face.
    """

    heat: Map
    mass: dict[str, float]
    inside: float
    area: float


def heatmap(neutral: Pixels, pain: Pixels, blur: float) -> Map:
    """How much each pixel changed: mean absolute difference of the channels, smoothed, its largest value 1.

    Args:
        neutral: RGB, (side, side, 3).
        pain: The same portrait in pain.
        blur: Standard deviation of the smoothing in px.
    """
    change = np.abs(pain.astype(np.float32) - neutral.astype(np.float32)).mean(2) / 255
    change = np.where(change > NOISE, change, 0).astype(np.float32)
    smooth = cv2.GaussianBlur(change, (0, 0), blur)
    top = float(smooth.max())
    return np.asarray(smooth / top if top > 0 else smooth, np.float32)


def pain_regions(parts: Regions) -> dict[str, Map]:
    """Brow, eye, nose and lip regions as soft masks, each a little wider than the part itself.

    The eye region reaches down to the upper cheek, which AU6 raises against the lower lid; the lip region up the fold
    beside the nose, which AU10 deepens.
    """
    mesh, side, unit = parts.mesh, parts.side, parts.unit
    lips = polygon(mesh, layout("points-478").group("outer_lip"), side)
    regions = {
        "brow": np.maximum(parts.brows, polygon(mesh, GLABELLA, side)),
        "eye": np.maximum.reduce([parts.eyes, parts.upper_lids, both(mesh, UPPER_CHEEK, side)]),
        "nose": np.maximum(polygon(mesh, NOSE, side), both(mesh, NOSTRIL, side)),
        "lip": np.maximum(lips, both(mesh, NASOLABIAL, side)),
    }
    reach = max(round(2 * MARGIN * unit) | 1, 3)
    round_brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return {name: np.asarray(cv2.dilate(mask, round_brush), np.float32) for name, mask in regions.items()}


def pain_heat(neutral: Pixels, pain: Pixels, parts: Regions) -> PainHeat:
    """The heatmap of a pair and how much of it lies in the regions of pain.

    Args:
        neutral: RGB portrait.
        pain: The same portrait in pain.
        parts: Regions of the neutral portrait.
    """
    heat = heatmap(neutral, pain, 0.03 * parts.unit)
    total = float(heat.sum())
    regions = pain_regions(parts)
    every = np.maximum.reduce(list(regions.values()))
    area = float((parts.face * every).sum() / max(float(parts.face.sum()), 1.0))
    if total <= 0:
        return PainHeat(heat, dict.fromkeys(regions, 0.0), 0.0, area)
    mass = {name: float((heat * mask).sum()) / total for name, mask in regions.items()}
    return PainHeat(heat, mass, float((heat * every).sum()) / total, area)
