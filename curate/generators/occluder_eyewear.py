"""Glasses and sunglasses: frames of several shapes in space, with bridge, temples, lenses and what lenses reflect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import linear_rgb
from curate.generators.occluder_cloth import linear
from curate.generators.occluder_head import Head
from curate.generators.occluder_render import (
    FINE,
    Layer,
    Matter,
    draw_sheet,
    inflated,
    layer,
    polygon_mask,
    reduced,
    ribbon_mask,
    softened,
)

Array = NDArray[np.float64]
Image = NDArray[np.float32]

EYES = ((33, 133), (263, 362))
"""Corners of the right and the left eye."""
TYPICAL_EYES = 6.3
"""Distance of eye centres in cm that sizes refer to."""
CORNERS = 72
"""Points of a lens's outline."""


@dataclass(frozen=True)
class Form:
    """A shape of frame, sizes in cm for eyes 6.3 cm apart.

    Attributes:
        width: Half width of a lens.
        height: Half height.
        square: Exponent of the outline: 2 is an ellipse, more is squarer.
        taper: How much wider the top is than the bottom, as a share.
        flick: How far the outer upper corner is drawn up.
        drop: How far below the eyes the lens's middle lies.
        rim: Thickness of the rim.
        brow: Further thickness on top.
    """

    width: float
    height: float
    square: float
    taper: float = 0.0
    flick: float = 0.0
    drop: float = 0.35
    rim: float = 0.35
    brow: float = 0.0


FORMS: Mapping[str, Form] = {
    "round": Form(2.35, 2.25, 2.0, rim=0.15),
    "oval": Form(2.55, 1.75, 2.3, rim=0.16),
    "rectangular": Form(2.70, 1.62, 4.0, taper=0.04, rim=0.30),
    "wayfarer": Form(2.62, 2.00, 3.2, taper=0.12, flick=0.12, rim=0.42, brow=0.12),
    "cat_eye": Form(2.62, 1.85, 2.8, taper=0.14, flick=0.55, rim=0.36, brow=0.10),
    "browline": Form(2.55, 1.85, 3.0, taper=0.10, rim=0.14, brow=0.42),
    "aviator": Form(2.95, 2.55, 2.5, taper=0.16, drop=0.75, rim=0.13),
}
"""Shapes of frames."""
METAL = ("round", "oval", "aviator")
FRAMES = ("#16161a", "#3a2418", "#5b3a1f", "#1d2a44", "#4a1620", "#6d6a66")
METALS = ("#b8a06a", "#8d8f94", "#2a2a2e", "#a8745a")
LENSES = ("#0b0c0e", "#1d120a", "#0e1610", "#10182a")
"""Colours to choose from; lenses are for sunglasses."""


@dataclass(frozen=True)
class Frame:
    """A frame fitted to a face: from its own plane to the head.

    Attributes:
        form: Its shape.
        scale: Size over that of a face with eyes 6.3 cm apart.
        centres: (2, 2) x and y of the lenses' middles in the head's frame, cm, the subject's right first.
        front: z of the middle of the bridge.
    """

    form: Form
    scale: float
    centres: Array
    front: float

    def lift(self, flat: Array) -> Array:
        """Points of the frame's plane, (n, 2) cm in the head's x and y, in the head's frame: curved and tilted."""
        x, y = flat[:, 0], flat[:, 1]
        away = (x - self.centres[:, 0].mean()) / self.scale
        tilt = 0.13 * (y - self.centres[:, 1].mean())
        return np.stack([x, y, self.front + 0.15 - 0.030 * away**2 + tilt], axis=1)

    def outline(self, which: int, grown: float = 0.0) -> Array:
        """Outline of a lens, (72, 2) cm; `grown` cm outwards, on top by the brow's thickness more."""
        form, size = self.form, self.scale
        turn = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        c, s = np.cos(turn), np.sin(turn)
        power = 2 / form.square
        brow = form.brow * size * np.clip(s, 0, 1) ** 0.5 if grown else 0.0
        x = np.sign(c) * np.abs(c) ** power * (form.width * size + grown)
        y = np.sign(s) * np.abs(s) ** power * (form.height * size + grown) + brow
        up = y / (form.height * size)
        x = x * (1 + form.taper * np.clip(up, -1, 1))
        y = y + form.flick * size * np.clip(up, 0, 1) ** 2 * np.clip(c, 0, 1) ** 2
        outer = -1.0 if which == 0 else 1.0
        return np.stack([self.centres[which, 0] + outer * x, self.centres[which, 1] + y], axis=1)


def fitted_frame(head: Head, form: str) -> Frame:
    """A frame of this shape where it would sit on this face."""
    eyes = np.array([head.points[list(c)].mean(0) for c in EYES])
    apart = float(np.linalg.norm(eyes[1, :2] - eyes[0, :2]))
    scale, shape = apart / TYPICAL_EYES, FORMS[form]
    gap = max(0.95 * scale, apart / 2 - shape.width * scale)
    out = gap + shape.width * scale + 0.02
    middle, y = float(eyes[:, 0].mean()), float(eyes[:, 1].mean()) - shape.drop * scale
    centres = np.array([[middle - out, y], [middle + out, y]])
    return Frame(shape, scale, centres, float(head.points[[168, 6], 2].mean()) + 0.35)


def eyewear_layers(head: Head, numbers: Mapping[str, Any]) -> list[Layer]:
    """Temples, lenses and frame, from back to front.

    Args:
        head: The head.
        numbers: `form`, `colour` of the frame, `lens` (empty for clear lenses), `opacity` of dark ones, `glare` 0-1.
    """
    form = str(numbers["form"])
    frame = fitted_frame(head, form)
    colour = linear(str(numbers["colour"]))
    glossy = {"gloss": 0.55 if form in METAL else 0.28, "sharpness": 14.0 if form in METAL else 26.0}
    lenses = [polygon_mask(head.to_image(frame.lift(frame.outline(k))), head.subject.side) for k in (0, 1)]
    glass = np.maximum(*lenses)
    rim, half = _rim(head, frame, glass)
    _, normal = inflated(rim, half)
    sides = _temples(head, frame)
    layers = [_painted(head, colour, sides, 0.22 * head.cm * FINE, glossy)]
    layers.append(
        _dark(head, numbers, glass) if numbers["lens"] else _clear(head, frame, glass, float(numbers["glare"]))
    )
    layers.append(layer(head, Matter(np.broadcast_to(colour, normal.shape), normal, **glossy), rim, 0.5, 0.7))
    if numbers["lens"]:
        layers.append(_clear(head, frame, glass, 0.45 * float(numbers["glare"])))
    return layers


def _painted(head: Head, colour: Image, mask: Image, half: float, glossy: Mapping[str, float]) -> Layer:
    _, normal = inflated(mask, half)
    return layer(head, Matter(np.broadcast_to(colour, normal.shape), normal, **glossy), mask, 0.4, 0.5)


def _rim(head: Head, frame: Frame, glass: Image) -> tuple[Image, float]:
    """Mask of both rims and the bridge, and half their thickness in samples."""
    side, size = head.subject.side, frame.scale
    thick = frame.form.rim * size
    outer = [polygon_mask(head.to_image(frame.lift(frame.outline(k, thick))), side) for k in (0, 1)]
    mask = np.clip(np.maximum(*outer) - glass, 0, 1)
    inner = [
        frame.centres[k] + [s * frame.form.width * size * 0.97, 0.30 * frame.form.height * size]
        for k, s in ((0, 1), (1, -1))
    ]
    t = np.linspace(0, 1, 16)[:, None]
    line = inner[0] * (1 - t) + inner[1] * t + np.array([0, 0.35 * size]) * np.sin(np.pi * t)
    bars = [line] + ([line + np.array([0, 0.75 * size])] if frame.form is FORMS["aviator"] else [])
    width = max(thick, 0.18) * (1.15 if thick > 0.25 else 1.0) * head.cm
    for bar in bars:
        mask = np.maximum(mask, ribbon_mask(head.to_image(frame.lift(bar)), width, side) * (1 - glass))
    return np.asarray(mask, np.float32), max(0.5 * thick * head.cm * FINE, 1.5)


def _temples(head: Head, frame: Frame) -> Image:
    """Mask of both temples where the face does not hide them; they fade where hair and ears do."""
    side, size, form = head.subject.side, frame.scale, frame.form
    total = np.zeros((side * FINE, side * FINE), np.float32)
    for k, (sign, ear) in enumerate(((-1.0, 127), (1.0, 356))):
        start = frame.centres[k] + [
            sign * (form.width * size + 0.5 * form.rim),
            0.55 * form.height * size + 0.3 * form.flick,
        ]
        hinge = frame.lift(start[None])[0]
        end = head.points[ear] + [sign * 0.25, 0.5, -1.2]
        t = np.linspace(0, 1, 40)[:, None]
        line = hinge + (end - hinge) * t
        line[:, 0] = hinge[0] + (end[0] - hinge[0]) * np.sqrt(t[:, 0])
        tall = (0.32 + 0.55 * form.rim) * size * (1 - 0.25 * t[:, 0])
        edges = np.stack([line + np.outer(tall / 2, [0, 1, 0]), line - np.outer(tall / 2, [0, 1, 0])])
        drawn = draw_sheet(head.to_image(edges if sign > 0 else edges[:, ::-1]), side, both_sides=True)
        along = drawn.u if sign > 0 else 1 - drawn.u
        face, depth, hair = (_enlarged(v) for v in (head.parts.face, head.shape.depth, head.parts.hair))
        hidden = (face > 0.5) & (drawn.depth > depth + 0.6 * head.cm)
        end_fade = np.clip((0.98 - along) / 0.2, 0, 1) * (1 - hair * np.clip((along - 0.25) / 0.2, 0, 1))
        total = np.maximum(total, drawn.seen * np.where(hidden, 0, end_fade))
    return np.asarray(total, np.float32)


def _enlarged(values: Image) -> Image:
    return np.asarray(cv2.resize(values, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_LINEAR), np.float32)


def _clear(head: Head, frame: Frame, glass: Image, glare: float) -> Layer:
    """What clear lenses reflect: a window's soft diagonal bands, strongest above, and a bright rim."""
    alpha = reduced(glass)
    side = head.subject.side
    place = head.to_image(frame.lift(frame.centres))[:, :2]
    right = place[1] - place[0]
    unit = right / max(float(np.linalg.norm(right)), 1e-6)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) + 0.5
    strength = np.zeros((side, side), np.float32)
    for centre in place:
        across = ((x - centre[0]) * unit[0] + (y - centre[1]) * unit[1]) / (head.cm * frame.scale)
        down = (-(x - centre[0]) * unit[1] + (y - centre[1]) * unit[0]) / (head.cm * frame.scale)
        slant = across + 0.55 * down
        bands = np.exp(-(((slant + 0.9) / 0.55) ** 4)) + 0.6 * np.exp(-(((slant - 0.35) / 0.16) ** 4))
        near = np.hypot(across, down) < 3.6
        strength = np.maximum(strength, np.where(near, bands * np.clip(0.75 - 0.28 * down, 0.1, 1.2), 0))
    rim = np.clip(1 - cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / (0.25 * head.cm), 0, 1)
    veil = glare * (0.26 * cv2.GaussianBlur(strength, (0, 0), 0.10 * head.cm) + 0.10 * rim) + 0.015
    light = np.broadcast_to(np.array([0.95, 1.0, 1.06], np.float32) * np.float32(head.white), (side, side, 3))
    return softened(head, light, np.asarray(alpha * veil, np.float32), 1.0, 0.0, 0.5)


def _dark(head: Head, numbers: Mapping[str, Any], glass: Image) -> Layer:
    """Tinted lenses, a little lighter below, with a blurred reflection of the scene before the face."""
    alpha, side = reduced(glass), head.subject.side
    scene = cv2.GaussianBlur(linear_rgb(head.subject.pixels).astype(np.float32)[:, ::-1], (0, 0), 0.05 * side)
    rows = np.nonzero(alpha.max(1) > 0.5)[0]
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, side)
    fall = np.clip((np.arange(side) - top) / max(bottom - top, 1), 0, 1).astype(np.float32)[:, None, None]
    sky = head.white * (0.10 + 0.16 * (1 - fall) ** 2)
    light = (
        linear(str(numbers["lens"])) * head.white * (0.8 + 0.8 * fall)
        + 0.03 * scene
        + 0.12 * sky * float(numbers["glare"])
    )
    return softened(head, light, alpha, float(numbers["opacity"]), 0.35, 0.6)
