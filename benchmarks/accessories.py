"""Drawn glasses, sunglasses and masks: pasted on faces to fit and test what the `covers` annotator says of them.

Lenses and frames lie on the mesh: each lens is as wide as its eye is seen, so that a turned head foreshortens it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.landmarks import layout

Pixels = NDArray[np.uint8]
Layer = NDArray[np.float32]
Array = NDArray[Any]
Random = np.random.Generator

EYES = (("right_eye", 33, 133, 127), ("left_eye", 263, 362, 356))
"""Group, outer corner, inner corner and the point of the outline where the temple ends."""
UPRIGHT = (168, 2)
"""From the nose bridge to its base: the direction and length of what is upright on the face."""
SHIFT = 4
"""Binary digits of subpixel precision in OpenCV's drawing."""
LOWER_OUTLINE = (93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323)
"""The mesh's outline from ear to ear under the chin."""
MASK_TOPS = (
    (117, 126, 197, 355, 346),
    (118, 126, 195, 355, 347),
    (117, 122, 6, 351, 346),
    (118, 129, 5, 358, 347),
    (50, 129, 4, 358, 280),
)
"""Upper edges of masks, cheek to cheek over the nose."""
OUTLINE_STEPS = 48


@dataclass(frozen=True)
class Frame:
    """Looks of a pair of glasses.

    Attributes:
        power: Exponent of the lens's superellipse: 1 round, smaller squarer.
        width: Half width of a lens over the width of its eye.
        height: Half height over the length of the nose.
        droop: How far the lower half is wider than the upper (aviators).
        sweep: How far the outer upper corner rises (cat eye).
        rim: Share of the outline that is drawn, from the top: 1 full, 0.5 half rim, 0 rimless.
        thickness: Of the rim over the length of the nose.
        colour: Of the rim, RGB.
    """

    power: float
    width: float
    height: float
    droop: float
    sweep: float
    rim: float
    thickness: float
    colour: Array

    @classmethod
    def any(cls, rng: Random, large: bool) -> Frame:
        """Some frame; large ones as sunglasses often are."""
        metal = np.array([[30, 30, 32], [20, 20, 20], [90, 60, 40], [150, 140, 130], [190, 160, 90], [60, 40, 30]])
        colour = metal[rng.integers(len(metal))] if rng.random() < 0.85 else rng.uniform(0, 255, 3)
        return cls(
            power=float(rng.choice([1.0, 0.8, 0.55, 0.4])),
            width=float(rng.uniform(0.8, 1.1) * (1.1 if large else 1.0)),
            height=float(rng.uniform(0.3, 0.5) * (1.15 if large else 1.0)) * (0.8 if rng.random() < 0.3 else 1.0),
            droop=float(rng.uniform(0, 0.25)) if rng.random() < 0.3 else 0.0,
            sweep=float(rng.uniform(0.05, 0.2)) if rng.random() < 0.25 else 0.0,
            rim=float(rng.choice([1.0, 0.5, 0.0], p=[0.7, 0.2, 0.1])),
            thickness=float(rng.uniform(0.015, 0.045) if rng.random() < 0.5 else rng.uniform(0.045, 0.11)),
            colour=np.asarray(colour, float),
        )


def _lens(mesh: Array, eye: tuple[str, int, int, int], frame: Frame, slip: float) -> Array:
    """Outline of a lens in image points, shape (OUTLINE_STEPS, 2), from its outer end over the top."""
    group, outer, inner, _ = eye
    centre = mesh[list(layout("points-478").group(group)), :2].mean(0)
    across = mesh[outer, :2] - mesh[inner, :2]
    down = mesh[UPRIGHT[1], :2] - mesh[UPRIGHT[0], :2]
    turn = np.linspace(0, 2 * np.pi, OUTLINE_STEPS, endpoint=False)
    u = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** frame.power
    v = -np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** frame.power
    u = u * (1 + frame.droop * v * 0.5)
    v = v - frame.sweep * np.maximum(u, 0) * (v < 0)
    return np.asarray(centre + slip * down + np.outer(u * frame.width, across) + np.outer(v * frame.height, down))


def _subpixel(points: Array) -> Array:
    return np.asarray(np.round(points * 2**SHIFT), np.int32)


def _filled(shape: tuple[int, ...], corners: Array) -> Layer:
    area = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(area, [_subpixel(corners)], 255, cv2.LINE_AA, SHIFT)
    return np.asarray(area / np.float32(255), np.float32)


def _line(shape: tuple[int, ...], points: Array, thickness: float, closed: bool = False) -> Layer:
    """A line of any thickness: below one pixel it fades."""
    area = np.zeros(shape[:2], np.uint8)
    cv2.polylines(area, [_subpixel(points)], closed, 255, max(1, round(thickness)), cv2.LINE_AA, SHIFT)
    return np.asarray(area / np.float32(255) * min(1.0, max(thickness, 0.35)), np.float32)


def _over(image: Array, alpha: Layer, colour: Array) -> Array:
    return np.asarray(image * (1 - alpha[..., None]) + colour * alpha[..., None])


def _glare(image: Array, lens: Layer, outline: Array, rng: Random, strength: float) -> Array:
    """A slanted bright streak or spot on a lens."""
    low, high = outline.min(0), outline.max(0)
    at, width = rng.uniform(0.1, 0.8), rng.uniform(0.08, 0.35)
    span = high - low
    x0, x1 = low[0] + at * span[0], low[0] + (at + width) * span[0]
    lean = rng.uniform(-0.4, 0.4) * span[0]
    streak = _filled(image.shape, np.array([[x0 + lean, low[1]], [x1 + lean, low[1]], [x1, high[1]], [x0, high[1]]]))
    streak = np.asarray(cv2.GaussianBlur(streak, (0, 0), max(0.5, 0.04 * span[0])), np.float32)
    return _over(image, streak * lens * np.float32(strength), rng.uniform(190, 255, 3))


def _eyewear(image: Pixels, mesh: Array, rng: Random, dark: bool) -> tuple[Pixels, Pixels]:
    frame = Frame.any(rng, large=dark)
    nose = float(np.linalg.norm(mesh[UPRIGHT[1], :2] - mesh[UPRIGHT[0], :2]))
    thickness, slip = frame.thickness * nose, rng.uniform(-0.03, 0.12)
    outlines = [_lens(mesh, eye, frame, slip) for eye in EYES]
    drawn: Array = image.astype(np.float64)
    cover = np.zeros(image.shape[:2], np.float32)
    tint = rng.uniform(0, 60, 3) * rng.uniform(0.2, 1) if dark else rng.uniform(100, 255, 3)
    opacity = rng.uniform(0.8, 1.0) if dark else rng.uniform(0, 0.12)
    shiny = rng.random() < (0.6 if dark else 0.45)
    for outline in outlines:
        lens = _filled(image.shape, outline)
        height = np.clip((np.arange(image.shape[0]) - outline[:, 1].min()) / max(np.ptp(outline[:, 1]), 1), 0, 1)
        fade = np.float32(opacity) * (1 - np.float32(0.25 * dark * rng.random()) * height.astype(np.float32))[:, None]
        drawn = _over(drawn, lens * fade, tint)
        if shiny:
            drawn = _glare(drawn, lens, outline, rng, rng.uniform(0.1, 0.5 if dark else 0.75))
        if dark:
            cover = np.maximum(cover, lens)
    rim = np.zeros(image.shape[:2], np.float32)
    for outline, (_, _, _, ear) in zip(outlines, EYES, strict=True):
        if frame.rim == 1.0:
            rim = np.maximum(rim, _line(image.shape, outline, thickness, closed=True))
        elif frame.rim == 0.5:
            rim = np.maximum(rim, _line(image.shape, outline[: OUTLINE_STEPS // 2 + 1], thickness))
        rim = np.maximum(rim, _line(image.shape, np.stack([outline[0], mesh[ear, :2]]), thickness))
    inner = [o[OUTLINE_STEPS // 2 - rng.integers(1, 5)] for o in outlines]
    middle = np.mean(inner, 0) + (mesh[168, :2] - mesh[2, :2]) * rng.uniform(0, 0.08)
    rim = np.maximum(rim, _line(image.shape, np.stack([inner[0], middle, inner[1]]), thickness))
    shadow = np.roll(rim, max(1, round(thickness)), axis=0) * np.float32(rng.uniform(0, 0.35))
    drawn = _over(drawn, shadow, np.zeros(3))
    drawn = _over(drawn, rim, frame.colour * rng.uniform(0.8, 1.2))
    cover = np.maximum(cover, rim)
    return np.clip(drawn, 0, 255).astype(np.uint8), (cover > 0.5).astype(np.uint8)


def glasses(image: Pixels, mesh: Array, rng: Random) -> tuple[Pixels, Pixels]:
    """Clear glasses: the rim covers, the lenses do not."""
    return _eyewear(image, mesh, rng, dark=False)


def shades(image: Pixels, mesh: Array, rng: Random) -> tuple[Pixels, Pixels]:
    """Dark glasses with a rim, reflections and lenses that may lighten towards their lower edge."""
    return _eyewear(image, mesh, rng, dark=True)


def _mask_area(mesh: Array, rng: Random) -> Array:
    """Outline of a mask in image points: upper edge from cheek to cheek, then round the chin."""
    top = mesh[list(MASK_TOPS[rng.integers(len(MASK_TOPS))]), :2]
    low, high = rng.integers(0, 4), len(LOWER_OUTLINE) - rng.integers(0, 4)
    under = mesh[list(LOWER_OUTLINE[low:high]), :2][::-1]
    centre = mesh[[13, 14], :2].mean(0)
    under = centre + (under - centre) * rng.uniform(0.9, 1.12 if rng.random() < 0.6 else 1.4)
    if rng.random() < 0.2:
        # A cloth wound round the neck has no lower edge near the chin.
        down = mesh[UPRIGHT[1], :2] - mesh[UPRIGHT[0], :2]
        under = under + np.outer(np.clip((under - centre) @ down / (down @ down), 0, None), down)
    return np.concatenate([top, under])


def _cloth(shape: tuple[int, ...], mesh: Array, rng: Random) -> Array:
    """Colours of a mask: shaded away from the middle, pleated, seamed, printed or plain."""
    usual = np.array([[150, 190, 215], [235, 238, 240], [25, 25, 28], [140, 195, 175], [225, 190, 200], [60, 70, 110]])
    base = usual[rng.integers(len(usual))] * rng.uniform(0.75, 1.05) if rng.random() < 0.7 else rng.uniform(5, 250, 3)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    middle, across = mesh[[13, 14], :2].mean(0), mesh[263, :2] - mesh[33, :2]
    size = max(float(np.linalg.norm(across)), 1.0)
    direction = across / size
    u = ((columns - middle[0]) * direction[0] + (rows - middle[1]) * direction[1]) / size
    v = ((rows - middle[1]) * direction[0] - (columns - middle[0]) * direction[1]) / size
    light = 1 - rng.uniform(0.1, 0.5) * (u - rng.uniform(-0.3, 0.3)) ** 2 - rng.uniform(0, 0.3) * np.abs(v)
    style = rng.integers(5)
    if style in (0, 1):
        light = light - rng.uniform(0.04, 0.2) * (np.sin(v * rng.uniform(16, 30) + rng.uniform(0, 6)) > 0.6)
    if style == 2:
        light = (
            light - rng.uniform(0.05, 0.25) * (np.abs(u) < 0.015) + rng.uniform(0, 0.15) * np.exp(-((u / 0.08) ** 2))
        )
    folds = cv2.resize(rng.normal(0, 1, (7, 7)).astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    light = light + rng.uniform(0.02, 0.12) * folds
    colours = base * light[..., None]
    if style == 3:
        print_ = (np.sin(u * rng.uniform(10, 40)) * np.sin(v * rng.uniform(10, 40)) > rng.uniform(0, 0.6))[..., None]
        colours = np.where(print_, rng.uniform(0, 255, 3) * light[..., None], colours)
    return np.asarray(colours + rng.normal(0, 3, (*shape[:2], 1)))


def face_mask(image: Pixels, mesh: Array, rng: Random) -> tuple[Pixels, Pixels]:
    """A mask over nose, mouth and chin, of paper or cloth, with ear loops."""
    corners = _mask_area(mesh, rng)
    area = np.asarray(cv2.GaussianBlur(_filled(image.shape, corners), (0, 0), 0.6), np.float32)
    drawn = _over(image.astype(np.float64), area, _cloth(image.shape, mesh, rng))
    width = 0.02 * float(np.linalg.norm(mesh[33, :2] - mesh[263, :2]))
    loops = np.zeros(image.shape[:2], np.float32)
    for corner, ear in ((corners[0], 127), (corners[4], 356)):
        loops = np.maximum(loops, _line(image.shape, np.stack([corner, mesh[ear, :2]]), width))
    drawn = _over(drawn, loops, np.full(3, rng.uniform(20, 250)))
    return np.clip(drawn, 0, 255).astype(np.uint8), (np.maximum(area, loops) > 0.5).astype(np.uint8)


Accessory = Callable[[Pixels, Array, Random], tuple[Pixels, Pixels]]
EYEWEAR: dict[str, Accessory] = {"glasses": glasses, "sunglasses": shades}
"""By label of the `eyewear` taxonomy."""
