"""A scarf drawn up over chin, mouth or nose, wound around the neck in folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from curate.generators.occluder_cloth import knit, printed, weave
from curate.generators.occluder_head import Head
from curate.generators.occluder_render import FINE, Layer, Matter, bumped, draw_sheet, layer
from curate.generators.style_tools import smooth_noise

ROWS, COLUMNS = 70, 130
HEIGHTS = {"nose": (6, 4), "mouth": (2, 0), "chin": (17, 17)}
"""What the scarf covers -> mesh points between which its upper edge lies."""
ANGLE = 104.0
LONG = 12.0
"""How far down from the chin it goes, cm."""
COLOURS = ("#7a1f2b", "#2f4156", "#3f4a3c", "#c8b89a", "#1f2024", "#8a5a2b", "#6d7f91", "#d8d2c6")
WEAVES = ("knit", "woven")


def scarf_layers(head: Head, numbers: Mapping[str, Any]) -> list[Layer]:
    """One layer.

    Args:
        head: The head.
        numbers: `up_to` (of `HEIGHTS`), `colour`, `second`, `pattern`, `weave` (of `WEAVES`), `seed`.
    """
    top = float(head.points[list(HEIGHTS[str(numbers["up_to"])]), 1].mean())
    chin = float(head.points[152, 1])
    v, u = np.meshgrid(np.linspace(0, 1, ROWS), np.linspace(-1, 1, COLUMNS), indexing="ij")
    seed = int(numbers["seed"])
    rng = np.random.default_rng(seed)
    wave = 0.25 * np.sin(2.2 * np.pi * u + rng.uniform(0, 6)) + 0.12 * np.sin(5 * np.pi * u + rng.uniform(0, 6))
    upper = top - (0.9 + 0.5 * (top - chin) / 8) * np.abs(u) ** 1.6 + wave
    y = upper + v * (chin - LONG - upper)
    angle = ANGLE * u
    cloth = head.draped(6.0, 1.3)
    down = np.clip((chin + 1 - y) / 5, 0, 1)
    radius = cloth.radius(angle, y) + 0.55 + 0.9 * np.clip(v / 0.05, 0, 1) ** 0.5
    radius = np.maximum(radius, 7.6 * down + 2.8 * down**2 * np.clip((chin - y) / 10, 0, 1) + 0.9)
    folds = _folds(u, v, rng)
    points = head.around(angle, y, radius + 0.75 * folds)
    drawn = draw_sheet(head.to_image(points), head.subject.side)
    unit = head.cm * FINE
    x, down_cm = (drawn.u - 0.5) * np.radians(2 * ANGLE) * 10, drawn.v * (top - chin + LONG)
    shape = drawn.u.shape
    relief = smooth_noise(shape, 1.8 * unit, seed + 1) * 0.08 + smooth_noise(shape, 0.6 * unit, seed + 2) * 0.02
    relief = relief + (0.07 * knit(x, down_cm, 0.45) if numbers["weave"] == "knit" else 0.012 * weave(x, down_cm, 0.13))
    colour = printed(x, down_cm, str(numbers["pattern"]), str(numbers["colour"]), str(numbers["second"]), 2.2)
    if numbers["weave"] == "knit":
        colour = colour * (0.55 + 0.45 * knit(x, down_cm, 0.45))[..., None]
    hollow = _sampled(folds, drawn.u, drawn.v)
    colour = colour * np.clip(0.78 + 0.30 * hollow, 0.45, 1.05)[..., None]
    normals = bumped(drawn.normal, relief * unit)
    return [layer(head, Matter(np.asarray(colour, np.float32), normals), drawn.seen, 0.55, 1.2)]


def _folds(u: Any, v: Any, rng: np.random.Generator) -> Any:
    """Relief of folds that hang around the neck, about -1..1: deeper in front, running up to the sides."""
    total = 0.0
    for k in range(6):
        middle = 0.10 + 0.15 * k + rng.uniform(-0.03, 0.03)
        hang = rng.uniform(0.03, 0.14) * (1 - u**2) + rng.uniform(-0.06, 0.06) * u
        width = rng.uniform(0.030, 0.055)
        total = total + rng.uniform(0.6, 1.0) * np.exp(-(((v - middle - hang) / width) ** 2))
    return 1.4 * total - 0.5


def _sampled(grid: Any, u: Any, v: Any) -> Any:
    column, row = (np.asarray(a * (n - 1), np.float32) for a, n in ((u, grid.shape[1]), (v, grid.shape[0])))
    return cv2.remap(np.asarray(grid, np.float32), column, row, cv2.INTER_LINEAR)
