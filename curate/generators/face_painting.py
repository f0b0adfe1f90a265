"""Paints skin, nose, mouth, eyes and brows onto a mesh, in linear light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.generators.occluder_cloth import linear
from curate.generators.regions import Regions, both, polygon
from curate.generators.soft_masks import Soft, soften
from curate.generators.spherical_harmonics import basis
from curate.generators.style_tools import smooth_noise, wide_blur
from curate.generators.surface import Surface
from schemas.landmarks import layout

if TYPE_CHECKING:
    from curate.generators.synthetic_face import Nobody

Image = NDArray[np.float32]

SUB = 4
UPPER_LID = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362))
LOWER_LID = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362))
CREASE = ((130, 247, 30, 29, 27, 28, 56, 190, 243), (359, 467, 260, 259, 257, 258, 286, 414, 463))
BROW_LOW = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
BROW_HIGH = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
"""Lines of the right and the left eye and brow, from the temple to the nose."""
INNER_UP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOW = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
FOLD = (129, 203, 206, 216)
"""From the right nostril's wing along the fold to the corner of the mouth."""
NOSE_SIDE = (193, 122, 174, 198, 209, 49)
"""Down the right side of the nose."""
DETAIL = 1.1
"""Power of the shading that the shape adds to the blurred skin."""


@dataclass
class Canvas:
    """What is painted on.

    Attributes:
        parts: Where the parts of the new face lie.
        shape: Its surface.
        light: Nine coefficients of the light.
        values: Linear RGB, (side, side, 3); painting changes it.
        seed: Of noise.
    """

    parts: Regions
    shape: Surface
    light: NDArray[np.float64]
    values: Image
    seed: int

    @property
    def unit(self) -> float:
        """Distance of the eyes in px."""
        return self.parts.unit

    def shade(self, mask: NDArray[Any], factor: NDArray[Any] | float) -> None:
        """Multiply by a factor, per channel or not, where the mask is 1."""
        share = np.asarray(mask, np.float32)[..., None]
        self.values = np.asarray(self.values * (1 + share * (np.asarray(factor, np.float32) - 1)), np.float32)

    def cover(self, mask: NDArray[Any], colour: NDArray[Any]) -> None:
        """Lay a colour, linear RGB of one or all pixels, over where the mask is 1."""
        share = np.asarray(mask, np.float32)[..., None]
        self.values = np.asarray(self.values * (1 - share) + np.asarray(colour, np.float32) * share, np.float32)

    def line(self, points: NDArray[Any], width: float, soft: float) -> Soft:
        """Mask of a curve through points, (n, 2 or more) px; width and softness in eye distances."""
        mask = np.zeros(self.values.shape[:2], np.uint8)
        fixed = np.round((_curve(points[:, :2]) - 0.5) * 2**SUB).astype(np.int32)
        cv2.polylines(mask, [fixed], False, 255, max(round(width * self.unit), 1), cv2.LINE_AA, SUB)
        return soften(mask.astype(np.float32) / 255, soft * self.unit)

    def encoded(self) -> Image:
        """As sRGB values in 0-255."""
        light = np.clip(self.values, 1e-6, 1)
        coded = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
        return np.asarray(255 * coded, np.float32)


def _fixed(point: NDArray[Any]) -> list[int]:
    """A point, (2,) px, as OpenCV draws it."""
    return [int(v) for v in np.round((point - 0.5) * 2**SUB)]


def _curve(points: NDArray[Any]) -> NDArray[np.float64]:
    """A line through points, rounded by cubic interpolation along its length (Catmull-Rom)."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*pieces, points[-1:]])


def paint_skin(canvas: Canvas, nobody: Nobody) -> None:
    """Blurred skin with the shading of the new shape, folds, colour of the cheeks, and pores."""
    parts, unit = canvas.parts, canvas.unit
    shading = np.clip(basis(canvas.shape.normals) @ canvas.light.astype(np.float32), 0.02, None)
    wide = wide_blur(shading, 0.5 * unit)
    canvas.values = canvas.values * np.asarray(nobody.tone, np.float32)
    canvas.shade(np.ones_like(wide), np.clip((shading / wide) ** DETAIL, 0.5, 1.6)[..., None])
    sockets = both(parts.mesh, tuple(parts_socket()), parts.side, 0.10 * unit)
    canvas.shade(sockets, np.array([0.88, 0.84, 0.83]))
    for fold in (FOLD, tuple(_mirror(FOLD))):
        canvas.shade(canvas.line(parts.mesh[list(fold)], 0.05, 0.04), np.array([0.80, 0.76, 0.75]))
    red = parts.cheeks * 0.8 + _spot(canvas, parts.mesh[4, :2], 0.20)
    canvas.shade(np.clip(red, 0, 1) * nobody.red, np.array([1.04, 0.86, 0.87]))
    shape = canvas.values.shape[:2]
    pores = 0.014 * smooth_noise(shape, 0.018 * unit, nobody.seed) + 0.022 * smooth_noise(
        shape, 0.12 * unit, nobody.seed + 1
    )
    canvas.shade(np.ones(shape), (1 + pores)[..., None])


def parts_socket() -> tuple[int, ...]:
    """Around the right eye's socket."""
    return (46, 53, 52, 65, 55, 193, 244, 112, 26, 22, 23, 24, 110, 25, 130, 226)


def _mirror(points: tuple[int, ...]) -> tuple[int, ...]:
    table = layout("points-478").mirror
    return tuple(table[i] for i in points)


def _spot(canvas: Canvas, centre: NDArray[Any], size: float) -> Soft:
    side = canvas.parts.side
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    away = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (size * canvas.unit) ** 2
    return np.asarray(np.exp(-away), np.float32)


def paint_nose(canvas: Canvas, nobody: Nobody) -> None:
    """Nostrils, the wings' creases, the shadow below and the light on the tip."""
    parts = canvas.parts
    canvas.shade(soften(parts.nostrils, 0.02 * canvas.unit), np.array([0.24, 0.16, 0.15]))
    for wing in ((64, 129, 49), _mirror((64, 129, 49))):
        canvas.shade(canvas.line(parts.mesh[list(wing)], 0.035, 0.022), np.array([0.62, 0.54, 0.52]))
    for side in (NOSE_SIDE, _mirror(NOSE_SIDE)):
        canvas.shade(canvas.line(parts.mesh[list(side)], 0.10, 0.06), np.array([0.88, 0.84, 0.83]))
    below = polygon(parts.mesh, (98, 97, 2, 326, 327, 164), parts.side, 0.05 * canvas.unit)
    canvas.shade(below, np.array([0.84, 0.80, 0.79]))
    canvas.shade(_spot(canvas, parts.mesh[4, :2] - np.array([0.02, 0.05]) * canvas.unit, 0.09), 1.16)
    canvas.shade(canvas.line(parts.mesh[[6, 197, 195, 5]], 0.10, 0.07), 1.07)


def paint_mouth(canvas: Canvas, nobody: Nobody) -> None:
    """Lips with their texture and gloss, the line between them, or teeth and dark where the mouth is open."""
    parts, unit = canvas.parts, canvas.unit
    shape = canvas.values.shape[:2]
    lips = parts.lips
    ridges = smooth_noise((shape[0], shape[1]), 0.03 * unit, nobody.seed + 3)
    tone = 1 - nobody.lip * np.array([0.12, 0.48, 0.44])
    canvas.shade(lips, tone * (1 + 0.05 * ridges[..., None]))
    upper = polygon(
        parts.mesh, (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, *INNER_UP[::-1][1:-1]), parts.side, 0.02 * unit
    )
    canvas.shade(upper * lips, 0.82)
    gloss = _spot(canvas, parts.mesh[[17, 14], :2].mean(0), 0.16) * lips
    canvas.shade(gloss, 1.25)
    canvas.shade(canvas.line(parts.mesh[[182, 18, 406]], 0.07, 0.06), np.array([0.82, 0.78, 0.77]))
    opening = parts.mouth
    open_by = float(np.linalg.norm(parts.mesh[13, :2] - parts.mesh[14, :2])) / unit
    if open_by > 0.04:
        canvas.cover(opening, canvas.values.mean((0, 1)) * np.array([0.22, 0.08, 0.08]))
        canvas.cover(_teeth(canvas, nobody.seed) * opening, _white(canvas) * np.array([0.92, 0.88, 0.80]) * 0.8)
        edge = opening * (1 - soften(opening, 0.05 * unit))
        canvas.shade(np.clip(edge * 1.4, 0, 1), 0.45)
    line = np.vstack([(parts.mesh[list(INNER_UP)] + parts.mesh[list(INNER_LOW)]) / 2])
    canvas.shade(
        canvas.line(line, 0.025, 0.015) * float(np.clip(1 - open_by / 0.08, 0, 1)), np.array([0.30, 0.20, 0.20])
    )
    for corner in (61, 291):
        canvas.shade(_spot(canvas, parts.mesh[corner, :2], 0.05), 0.75)


def _teeth(canvas: Canvas, seed: int) -> Soft:
    """The upper row: a band below the upper lip with faint gaps."""
    parts, mesh = canvas.parts, canvas.parts.mesh
    up, low = mesh[list(INNER_UP), :2], mesh[list(INNER_LOW), :2]
    depth = 0.72 * np.sin(np.linspace(0.15, np.pi - 0.15, len(up)))[:, None]
    outline = np.vstack([up, (up + depth * (low - up))[::-1]])
    mask = np.zeros((parts.side, parts.side), np.uint8)
    cv2.fillPoly(mask, [np.round((outline - 0.5) * 2**SUB).astype(np.int32)], 255, cv2.LINE_AA, SUB)
    gaps = np.zeros_like(mask)
    for place in np.linspace(0.06, 0.94, 11):
        k = place * (len(up) - 1)
        i, rest = int(k), k - int(k)
        top, end = (a[i] * (1 - rest) + a[min(i + 1, len(up) - 1)] * rest for a in (up, low))
        cv2.line(gaps, _fixed(top), _fixed(end), 255, max(round(0.012 * canvas.unit), 1), cv2.LINE_AA, SUB)
    soft = soften(mask.astype(np.float32) / 255, 0.015 * canvas.unit)
    return np.asarray(soft * (1 - 0.35 * soften(gaps.astype(np.float32) / 255, 0.008 * canvas.unit)), np.float32)


def _white(canvas: Canvas) -> Image:
    """Light of a white surface on this face, from its skin."""
    level = np.median(canvas.values[canvas.parts.face > 0.5], axis=0) if (canvas.parts.face > 0.5).any() else np.ones(3)
    grey = float(level @ [0.2126, 0.7152, 0.0722])
    return np.asarray(np.clip(grey * 2.0 + 0.02, 0.03, 0.85) * (0.7 + 0.3 * level / max(grey, 1e-4)), np.float32)


def paint_eyes(canvas: Canvas, nobody: Nobody) -> None:
    """Whites, irises with pupils and a light, lids, lashes and the lid's crease."""
    parts, unit, mesh = canvas.parts, canvas.unit, canvas.parts.mesh
    eyes, white = parts.eyes, _white(canvas)
    deep = np.clip(soften(eyes, 0.05 * unit) * 1.5, 0, 1)
    canvas.cover(eyes, white[None, None] * np.array([0.76, 0.71, 0.69]) * (0.32 + 0.55 * deep[..., None]))
    iris = linear(nobody.iris)
    for name in ("right_iris", "left_iris"):
        centre, *rim = mesh[list(layout("points-478").group(name)), :2]
        radius = float(np.linalg.norm(np.asarray(rim) - centre, axis=1).mean())
        _iris(canvas, centre, radius, iris, white, eyes)
    for k in (0, 1):
        lid = mesh[list(UPPER_LID[k])]
        canvas.shade(canvas.line(lid, 0.035, 0.012), np.array([0.22, 0.18, 0.17]))
        canvas.shade(canvas.line(lid + np.array([0, 0.03 * unit, 0]), 0.06, 0.03) * eyes, 0.55)
        canvas.shade(canvas.line(mesh[list(LOWER_LID[k])], 0.018, 0.012), np.array([0.62, 0.52, 0.50]))
        crease = mesh[list(CREASE[k])] * 0.55 + lid * 0.45
        canvas.shade(canvas.line(crease[1:-1], 0.02, 0.018), np.array([0.62, 0.56, 0.54]))


def _iris(canvas: Canvas, centre: NDArray[Any], radius: float, colour: Image, white: Image, eyes: Soft) -> None:
    side = canvas.parts.side
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    away = np.hypot(x - centre[0], y - centre[1]) / max(radius, 1e-3)
    soft = 0.5 / max(radius, 1.0) + 0.05
    disc = np.clip((1 - away) / soft + 0.5, 0, 1) * eyes
    angle = np.arctan2(y - centre[1], x - centre[0])
    fibres = 1 + 0.18 * np.sin(angle * 23 + 4 * away) * np.clip(away, 0, 1)
    ring = np.clip(1.15 - 0.9 * np.clip(away - 0.72, 0, 1) / 0.28, 0.25, 1.15)
    canvas.cover(disc, colour * 1.5 * white * (fibres * ring)[..., None])
    canvas.cover(np.clip((0.40 - away) / soft + 0.5, 0, 1) * eyes, 0.02 * white)
    spark = np.hypot(x - centre[0] + 0.3 * radius, y - centre[1] + 0.35 * radius) / max(radius, 1e-3)
    canvas.cover(np.clip((0.17 - spark) / soft + 0.5, 0, 1) * eyes * 0.9, np.minimum(white * 1.3, 1))


def paint_brows(canvas: Canvas, nobody: Nobody) -> None:
    """Brows of single hairs, lying outwards, upright near the nose."""
    mesh, unit = canvas.parts.mesh[:, :2], canvas.unit
    rng = np.random.default_rng(nobody.seed + 9)
    side = canvas.parts.side
    hairs = np.zeros((side, side), np.uint8)
    for low, high in zip(BROW_LOW, BROW_HIGH, strict=True):
        bottom, top = _curve(mesh[list(low)]), _curve(mesh[list(high)])
        middle = (bottom + top) / 2
        half = (top - bottom) / 2 * nobody.brow_width
        count = 170
        for s, q in zip(rng.uniform(0.02, 0.98, count), rng.uniform(-0.9, 0.9, count), strict=True):
            k = s * (len(middle) - 1)
            i = min(int(k), len(middle) - 2)
            taper = min(1.0, 0.35 + 1.6 * s) * min(1.0, (1 - s) * 6 + 0.35)
            root = middle[i] + (middle[i + 1] - middle[i]) * (k - i) + half[i] * q * taper
            out = middle[i] - middle[i + 1]
            out = out / max(float(np.linalg.norm(out)), 1e-6)
            up = half[i] / max(float(np.linalg.norm(half[i])), 1e-6)
            lift = np.clip(0.25 + 0.9 * (s - 0.6), 0.0, 0.8) - 0.35 * q
            tip = root + (out + lift * up) * unit * rng.uniform(0.08, 0.14)
            cv2.line(
                hairs,
                _fixed(root),
                _fixed(tip),
                int(rng.integers(90, 230)),
                max(round(0.010 * unit), 1),
                cv2.LINE_AA,
                SUB,
            )
    base = soften(np.clip(both(canvas.parts.mesh, (*BROW_LOW[0], *BROW_HIGH[0][::-1]), side, 0.04 * unit), 0, 1), 0.01)
    canvas.shade(base * 0.35 * min(nobody.brow_width, 1.2), 0.6)
    canvas.cover(soften(hairs.astype(np.float32) / 255, 0.010 * unit), linear(nobody.brow) * _white(canvas))
