"""Where makeup goes: patterns drawn once on the average face, and laid onto a face by its mesh.

A pattern is a picture of the canonical face seen from the front, so it follows every face's own eyes, cheeks and
brows, is the same pattern on all of them, and stays off what is turned away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, canonical_face
from curate.generators.regions import Regions
from curate.generators.soft_masks import Soft, soften
from curate.generators.surface import rasterised
from schemas.landmarks import layout

Array = NDArray[np.float64]
Outline = tuple[tuple[float, float], ...]

SCALE = 40
"""Pixels of a pattern per centimetre of the average face."""
CORNER = (-8.0, 9.0)
"""Left and upper end of a pattern, cm."""
SIZE = (16 * SCALE, 19 * SCALE)
"""Width and height of a pattern in px."""


@dataclass(frozen=True)
class Shape:
    """A soft shape on the subject's right half of the average face; the left half has its mirror image.

    Attributes:
        outline: Corners in cm, x to the image's right, y up; or, with two entries, centre and half axes of an ellipse.
        feather: Standard deviation of its edge in cm.
        tilt: Degrees by which an ellipse is turned, its outer end up.
    """

    outline: Outline
    feather: float
    tilt: float = 0.0


LASHES: Outline = (
    (-4.45, 2.66), (-4.25, 2.77), (-4.02, 2.86), (-3.67, 2.93), (-3.18, 2.96), (-2.72, 2.96), (-2.29, 2.89),
    (-2.0, 2.74), (-1.86, 2.59),
)  # fmt: skip
"""Upper lashes from the outer corner to the inner one, as the canonical mesh has them."""
LOWER_LASHES: Outline = (
    (-4.45, 2.66), (-4.25, 2.58), (-4.02, 2.48), (-3.67, 2.36), (-3.18, 2.29), (-2.72, 2.32), (-2.29, 2.4),
)  # fmt: skip
_BELOW: Outline = ((-2.4, 2.2), (-2.9, 2.0), (-3.4, 1.95), (-4.0, 2.1), (-4.5, 2.4))

SHADOWS: dict[str, tuple[Shape, ...]] = {
    "lid": (Shape((*LASHES, (-2.1, 3.15), (-2.7, 3.32), (-3.25, 3.34), (-3.8, 3.28), (-4.3, 3.1)), 0.10),),
    "socket": (Shape((*LASHES, (-2.0, 3.4), (-2.7, 3.7), (-3.5, 3.75), (-4.3, 3.6), (-4.95, 3.2)), 0.18),),
    "wing": (Shape((*LASHES, (-2.1, 3.3), (-2.8, 3.6), (-3.6, 3.7), (-4.6, 3.75), (-5.9, 3.75), (-5.0, 3.0)), 0.16),),
    "to_brow": (Shape((*LASHES, (-1.7, 3.6), (-2.6, 4.2), (-3.7, 4.25), (-4.7, 4.0), (-5.2, 3.4)), 0.22),),
    "smoky": (
        Shape((*LASHES, (-1.9, 3.3), (-2.7, 3.75), (-3.5, 3.8), (-4.4, 3.65), (-5.2, 3.2)), 0.2),
        Shape((*LOWER_LASHES, *_BELOW), 0.1),
    ),
}
BLUSHES: dict[str, tuple[Shape, ...]] = {
    "apple": (Shape(((-4.3, -0.5), (1.25, 0.9)), 0.75),),
    "draped": (Shape(((-5.2, 0.1), (1.7, 0.6)), 0.65, 28.0),),
    "sun": (Shape(((-3.6, 0.1), (2.2, 0.55)), 0.6), Shape(((0.0, 0.9), (1.0, 0.35)), 0.4)),
}
_WING: Outline = ((-5.35, 3.12), (-4.6, 2.62))


def _stripe(line: Outline, thick: tuple[float, float]) -> Outline:
    """A line thickened upwards, from its first point's thickness to its last one's, and a little downwards."""
    up = np.linspace(*thick, len(line))
    above = tuple((x, y + t) for (x, y), t in zip(line, up.tolist(), strict=True))
    return (*((x, y - 0.05) for x, y in line), *reversed(above))


LINERS: dict[str, tuple[Shape, ...]] = {
    "thin": (Shape(_stripe(LASHES, (0.12, 0.03)), 0.035),),
    "winged": (
        Shape(_stripe(LASHES, (0.2, 0.03)), 0.035),
        Shape((LASHES[3], (LASHES[0][0], LASHES[0][1] + 0.22), *_WING, LASHES[0]), 0.03),
    ),
    "full": (
        Shape(_stripe(LASHES, (0.2, 0.06)), 0.05),
        Shape(_stripe(LOWER_LASHES, (0.03, 0.03)), 0.05),
    ),
}
BROWS = (
    Shape(((-5.35, 4.15), (-4.6, 4.45), (-3.73, 4.62), (-2.64, 4.62), (-1.5, 4.35), (-1.55, 4.8), (-2.76, 4.98),
           (-3.99, 5.0), (-4.99, 4.7)), 0.14),
)  # fmt: skip
LASH_OPEN = 0.6
"""Share of a liner that covers the eye's own edge; the rest stays on the lid."""


@cache
def texture(shapes: tuple[Shape, ...]) -> Soft:
    """Shapes and their mirror images on the average face, `SIZE` px."""
    width, height = SIZE
    found = np.zeros((height, width), np.float32)
    for shape in shapes:
        drawn = np.zeros((height, width), np.uint8)
        if len(shape.outline) == 2:
            (x, y), axes = shape.outline
            centre = (round((x - CORNER[0]) * SCALE), round((CORNER[1] - y) * SCALE))
            cv2.ellipse(drawn, centre, (round(axes[0] * SCALE), round(axes[1] * SCALE)), shape.tilt, 0, 360, 255, -1)
        else:
            corners = (np.asarray(shape.outline) - CORNER) * (SCALE, -SCALE)
            cv2.fillPoly(drawn, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        soft = soften(drawn.astype(np.float32) / 255, shape.feather * SCALE)
        found = np.maximum(found, np.maximum(soft, soft[:, ::-1]))
    return found


class Laid:
    """Lays patterns onto one face."""

    def __init__(self, parts: Regions) -> None:
        self.parts = parts
        places = np.zeros((len(parts.mesh), 3))
        places[:COUNT, :2] = (canonical_face().points[:, :2] - CORNER) * (SCALE, -SCALE)
        places[:, 2] = 1
        first, rest, seen = rasterised(parts.mesh, places, parts.side)
        self._x, self._y = first - 0.5, rest[..., 0] - 0.5
        self._seen = soften(seen, 0.006 * parts.unit) * seen
        self._free = unhidden(parts)

    def mask(self, shapes: tuple[Shape, ...]) -> Soft:
        """Where a pattern lies on the skin, (side, side)."""
        return np.asarray(self._on(shapes) * (1 - np.maximum(self.parts.eyes, self.parts.mouth)), np.float32)

    def liner(self, shapes: tuple[Shape, ...]) -> Soft:
        """Where a liner lies: on the lid's edge, and a little over it."""
        return np.asarray(self._on(shapes) * (1 - (1 - LASH_OPEN) * self.parts.eyes), np.float32)

    def brows(self) -> Soft:
        """Where brows are filled."""
        return self.mask(BROWS)

    def lips(self, finish: str) -> Soft:
        """Where lip colour goes; a gradient fades from the lips' inner line outwards."""
        lips = self.parts.lips * np.clip(0.3 + self._free, 0, 1)
        if finish != "gradient":
            return np.asarray(lips, np.float32)
        inner = np.zeros(lips.shape, np.uint8)
        ring = self.parts.mesh[list(layout("points-478").group("inner_lip")), :2]
        cv2.polylines(inner, [np.round((ring - 0.5) * 16).astype(np.int32)], True, 255, 1, cv2.LINE_AA, 4)
        away = np.asarray(cv2.distanceTransform((inner == 0).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
        return np.asarray(lips * np.exp(-((away / (0.075 * self.parts.unit)) ** 2)), np.float32)

    def _on(self, shapes: tuple[Shape, ...]) -> Soft:
        found = cv2.remap(texture(shapes), self._x, self._y, cv2.INTER_LINEAR)
        return np.asarray(found * self._seen * self._free, np.float32)


def unhidden(parts: Regions) -> Soft:
    """1 where the face shows, 0 where its colour says glasses, hair or something held before it; generous and soft."""
    plain = np.clip(2.0 - parts.colour.distance(parts.lab) / 2.8, 0, 1)
    light = np.maximum(plain, 0.85 * np.maximum.reduce([parts.lips, parts.eyes, parts.brows]))
    return soften(light, 0.03 * parts.unit)
