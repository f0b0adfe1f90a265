"""Face masks: pleated surgical ones, cloth ones and folded respirators, laid over nose, mouth and chin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.generators.occluder_cloth import linear, printed, weave
from curate.generators.occluder_head import Head
from curate.generators.occluder_render import (
    FINE,
    Drawn,
    Layer,
    Matter,
    bumped,
    draw_sheet,
    inflated,
    layer,
    ribbon_mask,
)
from curate.generators.style_tools import smooth_noise

Array = NDArray[np.float64]

ROWS, COLUMNS = 70, 100
FORMS = ("surgical", "cloth", "ffp2")
COLOURS = {
    "surgical": ("#9cc4de", "#8fb9d8", "#f1f3f4", "#a9d3c5", "#2b2c2f", "#e8b9c5"),
    "cloth": ("#22252b", "#24365c", "#7b2430", "#5d6b52", "#c9b79c", "#8a8d93", "#4b3a63"),
    "ffp2": ("#f4f4f2", "#f0efea", "#2a2b2e"),
}
"""Colours to choose from."""
EAR_ANGLE = 84.0
"""Angle about the head at which loops go behind the ear, degrees."""


@dataclass(frozen=True)
class Cut:
    """Where a mask ends on this face, in the head's frame.

    Attributes:
        angle: Degrees to either side.
        top: Height of the upper edge on the nose and at the sides, cm.
        bottom: Height of the lower edge under the chin and at the sides.
        lift: Distance from the smoothed face, cm.
    """

    angle: float
    top: tuple[float, float]
    bottom: tuple[float, float]
    lift: float


def cut_for(head: Head, form: str) -> Cut:
    """How a mask of this form sits on this face."""
    y = head.points[:, 1]
    nose, chin, cheek, jaw = (
        float(y[[6, 197]].mean()),
        float(y[152]),
        float(y[[137, 366]].mean()),
        float(y[[172, 397]].mean()),
    )
    if form == "surgical":
        return Cut(60.0, (nose - 0.2, cheek + 0.4), (chin - 1.0, jaw + 0.4), 0.25)
    if form == "cloth":
        return Cut(66.0, (nose - 0.1, cheek - 0.1), (chin - 0.9, jaw + 1.2), 0.20)
    return Cut(58.0, (nose + 0.1, cheek - 1.0), (chin - 0.9, jaw + 1.4), 0.25)


def mask_layers(head: Head, numbers: Mapping[str, Any]) -> list[Layer]:
    """Loops and mask, from back to front.

    Args:
        head: The head.
        numbers: `form`, `colour`, `second`, `pattern`, `seed`.
    """
    form = str(numbers["form"])
    cut = cut_for(head, form)
    points = _sheet(head, form, cut)
    drawn = draw_sheet(head.to_image(points), head.subject.side)
    width = float(np.radians(2 * cut.angle) * 9.5)
    height = cut.top[0] - cut.bottom[0]
    x, y = (drawn.u - 0.5) * width, drawn.v * height
    colour, relief = _look(head, form, numbers, drawn, x, y)
    normals = bumped(drawn.normal, relief)
    edge = np.minimum(np.minimum(drawn.u, 1 - drawn.u) * width, np.minimum(drawn.v, 1 - drawn.v) * height)
    colour = np.asarray(colour * np.clip(0.80 + edge / 0.5, 0.80, 1)[..., None], np.float32)
    front = layer(head, Matter(colour, normals), drawn.seen, shadow=0.5, reach=0.8)
    return [_loops(head, points, cut, form, numbers), front]


def _sheet(head: Head, form: str, cut: Cut) -> Array:
    """The mask's points in the head's frame, (rows, columns, 3)."""
    v, u = np.meshgrid(np.linspace(0, 1, ROWS), np.linspace(-1, 1, COLUMNS), indexing="ij")
    side = np.abs(u)
    bend = 0.9 if form == "surgical" else 1.25
    top = cut.top[1] + (cut.top[0] - cut.top[1]) * (1 - side**bend) - 0.25 * np.exp(-(((side - 0.22) / 0.12) ** 2))
    bottom = cut.bottom[1] + (cut.bottom[0] - cut.bottom[1]) * (1 - side**2.2)
    y = top + v * (bottom - top)
    angle = cut.angle * u
    cloth = head.draped(5.0, 1.1)
    radius = cloth.radius(angle, y) + cut.lift
    under = np.clip((head.points[152, 1] - y) / 1.5, 0, 1)
    radius = radius - 1.2 * under**2
    snug = np.exp(-np.minimum(v / 0.07, (1 - v) / 0.05)) * (side < 0.97)
    radius = radius - snug * (cut.lift + 0.35) * np.clip(cloth.radius(angle, y) - head.radius(angle, y), 0.2, 1)
    if form == "ffp2":
        ridge = np.exp(-((u / 0.42) ** 2)) * np.sin(np.pi * np.clip(v * 0.95 + 0.03, 0, 1)) ** 0.8
        radius = radius + 1.1 * ridge - 0.25 * np.abs(u) * np.sin(np.pi * v)
    elif form == "cloth":
        radius = radius + 0.5 * np.exp(-((u / 0.30) ** 2)) * np.sin(np.pi * v)
    else:
        radius = radius + 0.45 * np.cos(0.5 * np.pi * u) * np.sin(np.pi * v)
    return head.around(angle, y, radius)


def _look(
    head: Head, form: str, numbers: Mapping[str, Any], drawn: Drawn, x: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear colour and relief in samples."""
    unit = head.cm * FINE
    shape, seed = drawn.u.shape, int(numbers["seed"])
    wrinkles = (
        smooth_noise(shape, 1.1 * unit, seed) * 0.035 * unit + smooth_noise(shape, 0.35 * unit, seed + 1) * 0.008 * unit
    )
    colour = printed(x, y, str(numbers["pattern"]), str(numbers["colour"]), str(numbers["second"]), 1.0)
    if form == "surgical":
        folds = _pleats(drawn.v)
        colour = colour * (1 - 0.20 * folds[1])[..., None]
        seam = np.exp(-(((drawn.v - 0.06) / 0.008) ** 2)) + np.exp(-(((drawn.v - 0.955) / 0.008) ** 2))
        stitch = np.exp(-(((np.abs(drawn.u - 0.5) - 0.475) / 0.004) ** 2))
        colour = colour * (1 - 0.10 * np.clip(seam + stitch, 0, 1))[..., None]
        return colour, np.asarray(folds[0] * 0.16 * unit + wrinkles, np.float32)
    if form == "ffp2":
        fold = np.exp(-(((drawn.u - 0.5) / 0.006) ** 2))
        rim = np.exp(-((np.minimum(drawn.v - 0.04, 0.96 - drawn.v) / 0.012) ** 2))
        dashes = rim * (np.sin(x * 22) > 0)
        colour = colour * (1 - 0.14 * fold - 0.10 * dashes)[..., None]
        return colour, np.asarray(wrinkles * 0.5, np.float32)
    seam = np.exp(-(((drawn.u - 0.5) / 0.005) ** 2))
    hem = np.exp(-((np.minimum(drawn.v - 0.06, 0.94 - drawn.v) / 0.008) ** 2))
    colour = colour * (1 - 0.25 * np.clip(seam + hem, 0, 1))[..., None]
    grain = weave(x, y, 0.12) * 0.012 * unit
    return colour, np.asarray(wrinkles * 1.2 + grain, np.float32)


def _pleats(v: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Relief of three pleats that open downwards, and the shade below each."""
    relief, shade = np.zeros(v.shape, np.float32), np.zeros(v.shape, np.float32)
    for at in (0.30, 0.47, 0.64):
        past = (v - at) / 0.10
        relief += np.where(past > 0, np.exp(-1.8 * np.maximum(past, 0)), np.exp(14 * np.minimum(past, 0))).astype(
            np.float32
        )
        shade += np.where(past > 0, np.exp(-5 * np.maximum(past, 0)), np.exp(30 * np.minimum(past, 0))).astype(
            np.float32
        )
    return relief, np.clip(shade, 0, 1)


def _loops(head: Head, points: Array, cut: Cut, form: str, numbers: Mapping[str, Any]) -> Layer:
    """Elastic loops from the mask's corners to the ears, hidden where they go behind the head."""
    colour = linear("#f2f2f0" if form != "cloth" else str(numbers["colour"]))
    ear = float(head.points[[127, 356], 1].mean())
    side = head.subject.side
    total = np.zeros((side * FINE, side * FINE), np.float32)
    for column, sign in ((0, -1.0), (COLUMNS - 1, 1.0)):
        if not _faces(head, sign * EAR_ANGLE):
            continue
        for row, height in ((2, ear - 0.2), (ROWS - 3, ear - 4.2)):
            start = points[row, column]
            t = np.linspace(0, 1, 24)
            start_angle, goal = sign * cut.angle, sign * EAR_ANGLE
            angle = start_angle + (goal - start_angle) * t
            y = start[1] + (height - start[1]) * t**0.9
            radius = head.radius(angle, y) + 0.12
            line = head.to_image(head.around(angle, y, radius))
            mask = ribbon_mask(line, 0.32 * head.cm, side)
            total = np.maximum(total, mask * _fading(line, side * FINE))
    _, normals = inflated(total, 0.16 * head.cm * FINE)
    return layer(head, Matter(np.broadcast_to(colour, normals.shape), normals), total, 0.4, 0.25)


def _faces(head: Head, angle: float) -> bool:
    """Whether the side of the head at this angle is turned to the camera enough to be seen."""
    outward = np.array([np.sin(np.radians(angle * 0.8)), 0, np.cos(np.radians(angle * 0.8))])
    return bool((head.pose.rotation @ outward)[2] > 0.02)


def _fading(line: Array, side: int) -> NDArray[np.float32]:
    """1 along a line, falling to 0 in its last part, where the ear or hair hides it."""
    start, end = line[0, :2] * FINE, line[-1, :2] * FINE
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    way = end - start
    t = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / max(float(way @ way), 1.0)
    return np.asarray(np.clip((1.02 - t) / 0.12, 0, 1), np.float32)
