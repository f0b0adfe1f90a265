"""A face of nobody, painted over a person's: shape and colours from a seed; the person's pose, expression and light.

Of the person's face only what a blur of half an eye's distance leaves of its skin is used, which is light and tone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, canonical_face, fit_pose
from annotators.colour import linear_rgb
from annotators.crops import Pixels
from curate.generators.face_painting import Canvas, paint_brows, paint_eyes, paint_mouth, paint_nose, paint_skin
from curate.generators.regions import Regions
from curate.generators.relighting import estimated_light
from curate.generators.soft_masks import Soft, blend, soften
from curate.generators.style_tools import wide_blur
from curate.generators.subject import Subject
from curate.generators.surface import surface

Array = NDArray[np.float64]

MOVES: Mapping[str, tuple[tuple[float, float, float], tuple[float, float], str, float]] = {
    "eyes_apart": ((3.2, 2.6, 3.6), (2.0, 1.4), "x", 0.22),
    "eyes_up": ((3.2, 2.6, 3.6), (2.2, 1.3), "y", 0.22),
    "brows_up": ((3.0, 5.0, 5.0), (3.2, 1.1), "y", 0.34),
    "nose_wide": ((1.6, -1.4, 5.6), (1.2, 1.3), "x", 0.26),
    "nose_down": ((0.0, -1.2, 6.6), (2.0, 1.7), "y", 0.34),
    "mouth_wide": ((2.4, -4.2, 5.0), (1.5, 1.5), "x", 0.34),
    "mouth_up": ((0.0, -4.2, 5.5), (3.4, 1.4), "y", 0.30),
    "lips_full": ((0.0, -4.0, 5.6), (2.2, 1.3), "spread", 0.30),
}
"""Change of shape -> where it is greatest on the average head (cm), its reach in x and y, its direction, and how far it
may go in cm. None reaches the outline of the face, so that what is around it can stay."""
TONES = {
    "iris": ("#3a2416", "#4a3020", "#5a4a2a", "#54606a", "#4c5a44", "#2a1a12"),
    "brow": ("#17120f", "#2a1d15", "#3a2a1e", "#4a3a2c", "#201a18"),
}
"""Colours to choose from."""
FLAT = 0.50
"""Blur of the person's skin, in eye distances: nothing finer of it is seen."""
FEATHER = 0.07
"""Width of the soft edge in eye distances."""


@dataclass(frozen=True)
class Nobody:
    """The numbers of a synthetic face.

    Attributes:
        moves: For each of `MOVES` -1 to 1.
        iris: Colour of the irises.
        brow: Colour of the brows.
        brow_width: Thickness of the brows, 1 is average.
        lip: How much redder and darker the lips are than the skin, 0-1.
        red: How red cheeks and nose are, 0-1.
        tone: Factor on the light of the skin, per channel.
        seed: Of hairs, pores and teeth.
    """

    moves: Mapping[str, float]
    iris: str
    brow: str
    brow_width: float
    lip: float
    red: float
    tone: tuple[float, float, float]
    seed: int


def drawn_nobody(rng: np.random.Generator) -> dict[str, Any]:
    """Numbers of a new face, plain data."""
    moves = {name: float(rng.choice([-1, 1]) * rng.uniform(0.4, 1.0)) for name in MOVES}
    light = float(rng.uniform(1.0, 1.12))
    return {
        "moves": moves,
        "iris": TONES["iris"][int(rng.integers(len(TONES["iris"])))],
        "brow": TONES["brow"][int(rng.integers(len(TONES["brow"])))],
        "brow_width": float(rng.uniform(0.7, 1.35)),
        "lip": float(rng.uniform(0.25, 0.8)),
        "red": float(rng.uniform(0.1, 0.7)),
        "tone": [light, light * float(rng.uniform(0.97, 1.02)), light * float(rng.uniform(0.95, 1.03))],
        "seed": int(rng.integers(1 << 31)),
    }


def moved_mesh(mesh: Array, moves: Mapping[str, float]) -> Array:
    """A mesh with another face's proportions, in the same pose and with the same expression.

    Args:
        mesh: (478, 3) px of the portrait.
        moves: For each of `MOVES` -1 to 1.
    """
    pose, average = fit_pose(mesh), canonical_face().points
    points = pose.to_head(mesh)
    shift = np.zeros((COUNT, 3))
    for name, amount in moves.items():
        centre, reach, way, most = MOVES[name]
        right = _bump(average, (-centre[0], *centre[1:]), reach)
        left = _bump(average, centre, reach)
        if way == "x":
            shift[:, 0] += amount * most * (left - right)
        elif way == "y":
            shift[:, 1] += amount * most * np.maximum(left, right)
        else:
            shift[:, 1] += amount * most * left * np.tanh((average[:, 1] - centre[1]) / 0.5)
    new = points.copy()
    new[:COUNT] += shift
    for iris, corners in ((range(468, 473), (33, 133)), (range(473, 478), (263, 362))):
        new[list(iris)] += shift[list(corners)].mean(0)
    return np.asarray(pose.to_image(new))


def _bump(points: Array, centre: tuple[float, ...], reach: tuple[float, float]) -> Array:
    off = points[:, :2] - np.asarray(centre[:2])
    return np.asarray(np.exp(-((off / reach) ** 2).sum(1)))


def painted(subject: Subject, numbers: Mapping[str, Any]) -> tuple[Pixels, Soft]:
    """The portrait with nobody's face, and how much of each pixel is new.

    Raises:
        CannotGenerate: if the face has no mesh.
    """
    nobody = Nobody(**{**numbers, "tone": tuple(numbers["tone"])})
    mesh = moved_mesh(subject.need_mesh(), nobody.moves)
    own = Regions(subject.pixels, subject.need_mesh())
    parts = Regions(subject.pixels, mesh)
    shape = surface(replace(subject, mesh=mesh))
    light = estimated_light(own, surface(subject))
    canvas = Canvas(parts, shape, light, flat_skin(own), nobody.seed)
    for paint in (paint_skin, paint_nose, paint_mouth, paint_eyes, paint_brows):
        paint(canvas, nobody)
    region = soften((soften(own.face, 0.5 * FEATHER * own.unit) > 0.75).astype(np.float32), FEATHER * own.unit)
    region = np.where(region < 0.01, 0, region).astype(np.float32)
    grain = 0.30 * max(float(np.hypot(*subject.matrix[:, 0])), 1.0)
    drawn = cv2.GaussianBlur(canvas.encoded(), (0, 0), grain)
    return blend(subject.pixels, drawn, region), region


def flat_skin(parts: Regions) -> NDArray[np.float32]:
    """Linear light of a face's skin, blurred until nothing but light and tone is left, (side, side, 3)."""
    light = linear_rgb(parts.pixels).astype(np.float32)
    weight = np.asarray(parts.skin * np.clip(parts.likeness * 1.5, 0, 1) + 1e-3 * parts.face, np.float32)
    total, share = np.zeros_like(light), np.zeros_like(weight)
    for step in range(4):
        sigma = FLAT * parts.unit * 1.7**step
        near = wide_blur(weight, sigma)
        new = (1 - share) * np.clip(3 * near, 0, 1)
        total += wide_blur(light * weight[..., None], sigma) * (new / np.maximum(near, 1e-6))[..., None]
        share += new
    return np.asarray(total / np.maximum(share, 1e-6)[..., None], np.float32)
