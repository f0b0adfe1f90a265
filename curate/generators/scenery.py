"""Backgrounds made from numbers: a studio's paper, lights at night out of focus, and the open air."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import hex_to_rgb, linear_rgb
from curate.generators.degradation_steps import disc_kernel
from curate.generators.style_tools import smooth_noise

Image = NDArray[np.float32]

PAPERS = ("#9aa0a6", "#d8dade", "#5b6670", "#2f3338", "#b9a58f", "#7a8fa6", "#8b9a83", "#a3878a", "#e9e4da")
LAMPS = ("#ffd9a0", "#ffb65c", "#fff1d6", "#a9c8ff", "#ff8a5c", "#7fd1c7", "#ff6f7a")
SKIES = (("#7fa8d8", "#dfe9f2"), ("#9db2c4", "#e6e8e8"), ("#f0b27a", "#f7e3c4"), ("#5d86bd", "#c7d9ea"))
GREENS = (("#2f4a26", "#7c9a4d"), ("#3b4a2c", "#a39b52"), ("#24392b", "#5f8a5a"))


def _linear(code: str) -> Image:
    return np.asarray(linear_rgb(hex_to_rgb(code)), np.float32)


def studio(side: int, rng: np.random.Generator) -> Image:
    """Seamless paper with a lamp's soft pool of light on it."""
    paper = _linear(PAPERS[int(rng.integers(len(PAPERS)))])
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    at = (rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.7))
    pool = np.exp(-(((x - at[0]) / rng.uniform(0.35, 0.7)) ** 2 + ((y - at[1]) / rng.uniform(0.35, 0.7)) ** 2))
    light = rng.uniform(0.35, 0.6) + rng.uniform(0.5, 0.9) * pool
    light = light * (1 + 0.015 * smooth_noise((side, side), 0.25 * side, int(rng.integers(1 << 31))))
    return np.asarray(paper * light[..., None], np.float32)


def night(side: int, rng: np.random.Generator) -> Image:
    """Street lamps and windows far out of focus."""
    y = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    dusk = _linear("#1b2233") * (1.1 - 0.6 * y) + _linear("#3a2a22") * 0.5 * y
    scene = (
        np.repeat(dusk, side, axis=1)
        * (1 + 0.35 * smooth_noise((side, side), 0.2 * side, int(rng.integers(1 << 31))))[..., None]
    )
    radius = rng.uniform(0.018, 0.045) * side
    for size in (1.0, 0.6):
        points = np.zeros((side, side, 3), np.float32)
        for _ in range(int(rng.integers(30, 60))):
            column, row = int(rng.integers(side)), int(np.clip(rng.normal(0.5, 0.22), 0, 0.999) * side)
            points[row, column] += _linear(LAMPS[int(rng.integers(len(LAMPS)))]) * float(rng.lognormal(-0.6, 0.6))
        kernel = disc_kernel(max(radius * size, 1.0))
        scene = scene + cv2.filter2D(points, -1, kernel / kernel.max(), borderType=cv2.BORDER_CONSTANT) * 0.55
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), 0.0025 * side), np.float32)


def outdoors(side: int, rng: np.random.Generator) -> Image:
    """Sky above, leaves below with the light between them, all out of focus."""
    top, low = (_linear(c) for c in SKIES[int(rng.integers(len(SKIES)))])
    dark, bright = (_linear(c) for c in GREENS[int(rng.integers(len(GREENS)))])
    y = np.linspace(0, 1, side, dtype=np.float32)[:, None]
    shape = (side, side)
    sky = top + (low - top) * np.repeat(y, side, axis=1)[..., None] ** 0.8
    leaves = smooth_noise(shape, 0.10 * side, int(rng.integers(1 << 31))) + 0.7 * smooth_noise(
        shape, 0.035 * side, int(rng.integers(1 << 31))
    )
    share = np.clip(0.5 + 0.28 * leaves, 0, 1)[..., None]
    green = dark + (bright - dark) * share**1.5
    line = rng.uniform(0.05, 0.6) + 0.09 * smooth_noise((1, side), 0.3 * side, int(rng.integers(1 << 31)))[:1]
    ground = np.clip((y - line) / 0.06, 0, 1)[..., None]
    scene = sky * (1 - ground) + green * ground
    glints = np.zeros((side, side, 3), np.float32)
    for _ in range(int(rng.integers(20, 60))):
        glints[int(rng.integers(side)), int(rng.integers(side))] = low * float(rng.lognormal(-1.2, 0.5))
    kernel = disc_kernel(rng.uniform(0.010, 0.022) * side)
    scene = scene + cv2.filter2D(glints, -1, kernel / kernel.max(), borderType=cv2.BORDER_CONSTANT) * 0.5 * ground
    blur = rng.uniform(0.008, 0.018) * side
    return np.asarray(cv2.GaussianBlur(np.asarray(scene, np.float32), (0, 0), blur), np.float32)


SCENES: Mapping[str, Callable[[int, np.random.Generator], NDArray[Any]]] = {
    "studio": studio,
    "night": night,
    "outdoors": outdoors,
}
"""Name -> linear RGB of that scene, (side, side, 3), from a generator of random numbers."""
