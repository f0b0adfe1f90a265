"""Which part of a portrait is the person: a soft matte by colour and place, no network.

Its seeds come from the face's mesh; C. Rother, V. Kolmogorov and A. Blake, "GrabCut: interactive foreground extraction
using iterated graph cuts", 2004, decides between them, and a guided filter follows strands of hair at the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crop_masks import filled
from curate.generators.regions import Regions, regions
from curate.generators.skin_colour import in_ellipse
from curate.generators.soft_masks import Soft, guided, soften
from curate.generators.subject import Subject

WORK = 256
"""Side at which the cut is made; its edge is refined at the portrait's own."""
ROUNDS = 6
LIKELY, RIM, HAIR, FAR = 1.12, 1.10, 1.45, 1.75
"""Distances from the skull's centre, in its own radii: up to the first head or hair is likely; beyond the second the
portrait's rim, and beyond the last any place, is surely background unless it looks like the person; hair reaches as
far as the third."""
SOLID, CLEAR = 0.93, 0.07
"""Values of the matte that count as fully person, and as none."""
TRUNK = ((0.18, -0.05), (0.20, 0.28), (0.60, 0.55), (0.85, 0.90), (0.95, 3.0))
"""Half widths of neck and chest at distances below the chin, in heights of the face."""
FEWEST = 0.004
"""Share of the portrait that must be background, and surely so, for a cut to be tried."""


@dataclass(frozen=True)
class Matte:
    """A person cut out.

    Attributes:
        alpha: 1 person, 0 background, (side, side).
        colour: The person's own colours, linear or not as given, without the old background at soft edges.
    """

    alpha: Soft
    colour: NDArray[np.float32]


def person_matte(subject: Subject) -> Matte | None:
    """The matte of a portrait, or None where no background is seen that could be told apart.

    Raises:
        CannotGenerate: if the face has no mesh.
    """
    parts = regions(subject)
    seeds = _seeds(parts)
    small = cv2.resize(subject.pixels, (WORK, WORK), interpolation=cv2.INTER_AREA)
    mask = np.asarray(cv2.resize(seeds, (WORK, WORK), interpolation=cv2.INTER_NEAREST), np.uint8)
    if min((mask == cv2.GC_BGD).mean(), (mask == cv2.GC_FGD).mean()) < FEWEST:
        return None
    cv2.setRNGSeed(0)  # its mixtures start at random places of OpenCV's own generator
    back, front = (np.zeros((1, 65), np.float64) for _ in range(2))
    picture = np.ascontiguousarray(small[..., ::-1])
    cv2.grabCut(picture, mask, (0, 0, 1, 1), back, front, ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = _joined(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)))
    side = subject.side
    rough = cv2.resize(person.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    alpha = _refined(subject, parts, np.asarray(rough, np.float32))
    return Matte(alpha, _own_colours(subject, alpha))


def _seeds(parts: Regions) -> NDArray[np.uint8]:
    """GrabCut's four classes, (side, side)."""
    away = in_ellipse(parts.mesh, parts.side)
    body = _body(parts)
    seeds = np.full(away.shape, cv2.GC_PR_BGD, np.uint8)
    alike = (parts.hair > 0.85) | (parts.grown > 0.85)
    jaw = soften(parts.face, 0.10 * parts.unit) > 0.15
    near = ((away < LIKELY) & (_above_mouth(parts) | jaw)) | (body > 0.5)
    seeds[near | (alike & (away < HAIR))] = cv2.GC_PR_FGD
    seeds[(alike & (away < 1.0)) | (parts.face > 0.5) | (_trunk(parts) > 0.5)] = cv2.GC_FGD
    seeds[(away > FAR) & (body < 0.01) & ~alike] = cv2.GC_BGD
    rim = np.zeros_like(alike)
    edge = max(round(0.02 * parts.side), 2)
    rim[:edge] = rim[:, :edge] = rim[:, -edge:] = True
    seeds[rim & (away > RIM) & (body < 0.05) & ~alike] = cv2.GC_BGD
    return seeds


def _trunk(parts: Regions) -> Soft:
    """What surely is neck and chest: a bell below the chin, well inside of an average body."""
    down = parts.mesh[152, :2] - parts.mesh[10, :2]
    across = np.array([-down[1], down[0]])
    chin = parts.mesh[152, :2]
    right = [chin + s * across + t * down for s, t in TRUNK]
    left = [chin - s * across + t * down for s, t in TRUNK[::-1]]
    return filled(np.stack(right + left), (parts.side, parts.side)).astype(np.float32)


def _above_mouth(parts: Regions) -> NDArray[np.bool_]:
    """Pixels above the line of the mouth, where the skull's outline and not the jaw's is that of the head."""
    down = parts.mesh[152, :2] - parts.mesh[10, :2]
    y, x = np.mgrid[0 : parts.side, 0 : parts.side] + 0.5
    return np.asarray((x - parts.mesh[13, 0]) * down[0] + (y - parts.mesh[13, 1]) * down[1] < 0)


def _body(parts: Regions) -> Soft:
    """Where neck, shoulders and chest likely are: a soft bell below the chin."""
    down = parts.mesh[152, :2] - parts.mesh[10, :2]
    across = np.array([-down[1], down[0]])
    across *= np.sign((parts.mesh[454, :2] - parts.mesh[234, :2]) @ across) or 1.0
    chin = parts.mesh[152, :2]
    corners = np.stack([
        chin + 0.26 * across - 0.08 * down, chin + 0.32 * across + 0.20 * down, chin + 1.05 * across + 0.50 * down,
        chin + 1.3 * across + 3 * down, chin - 1.3 * across + 3 * down, chin - 1.05 * across + 0.50 * down,
        chin - 0.32 * across + 0.20 * down, chin - 0.26 * across - 0.08 * down,
    ])  # fmt: skip
    return soften(filled(corners, (parts.side, parts.side)), 0.08 * parts.unit)


def _joined(person: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The largest piece, smoothed, with its holes filled."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    solid = cv2.morphologyEx(person.astype(np.uint8), cv2.MORPH_OPEN, disc)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()) if len(stats) > 1 else 0
    kept = (pieces == largest).astype(np.uint8)
    outside = np.pad(1 - kept, ((1, 0), (1, 1)), constant_values=1)
    _, holes = cv2.connectedComponents(outside, connectivity=4)
    filled_in = (holes != holes[0, 0])[1:, 1:-1]
    return np.asarray(cv2.morphologyEx(filled_in.astype(np.uint8), cv2.MORPH_CLOSE, disc), np.uint8)


def _refined(subject: Subject, parts: Regions, rough: Soft) -> Soft:
    """The edge bent to the picture's own, wider where there is hair."""
    smooth = soften(rough, 0.008 * subject.side)
    fine = guided(subject.pixels, smooth, 0.010 * subject.side, 1e-4)
    wide = guided(subject.pixels, smooth, 0.028 * subject.side, 1e-4)
    hairy = np.clip(soften(parts.hair, 0.15 * parts.unit) * 2.5, 0, 1)
    alpha = fine * (1 - hairy) + wide * hairy
    near = np.clip(soften(rough, 0.035 * subject.side), 0, 1)
    alpha = np.where(near > 0.97, 1, np.where(near < 0.03, 0, alpha))
    alpha = np.clip((alpha - CLEAR) / (SOLID - CLEAR), 0, 1)
    inside = np.clip(parts.face * 2, 0, 1)
    return np.asarray(np.maximum(alpha, inside), np.float32)


def _own_colours(subject: Subject, alpha: Soft) -> NDArray[np.float32]:
    """Bytes of the person; at soft edges those of the nearest solid parts, without the old background's."""
    pixels = subject.pixels.astype(np.float32)
    solid = (alpha > 0.97).astype(np.float32)
    total, weight = np.zeros_like(pixels), np.zeros_like(solid)
    for step in range(4):
        sigma = 0.004 * subject.side * 2.0**step
        share = soften(solid, sigma)
        new = (1 - weight) * np.clip(4 * share, 0, 1)
        total += cv2.GaussianBlur(pixels * solid[..., None], (0, 0), sigma) * (new / np.maximum(share, 1e-5))[..., None]
        weight += new
    near = total / np.maximum(weight, 1e-5)[..., None]
    trust = np.clip((alpha - 0.35) / 0.6, 0, 1)[..., None] * np.minimum(1, weight)[..., None]
    trust = np.where(weight[..., None] < 0.05, 1, trust)
    return np.asarray(pixels * trust + near * (1 - trust), np.float32)


def matte_share(alpha: NDArray[Any]) -> float:
    """Share of the portrait that is background."""
    return float((np.asarray(alpha) < 0.5).mean())
