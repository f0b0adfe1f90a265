"""Pencil by lines and tone: strokes that overshoot, and graphite whose tones follow those of real drawings.

C. Lu, L. Xu and J. Jia, "Combining sketch and tone for pencil drawing production", NPAR 2012: each edge pixel joins the
straight stroke of the direction that fits it best; tone is matched to a histogram of drawings and laid on with texture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.generators.degradation_steps import line_kernel
from curate.generators.style_tools import Array, blurred, lightness, paper, scale_of, to_bytes

DIRECTIONS = 8
SLANT = -52.0
"""Direction of shading in degrees, a right-handed draughtsman's."""
SHARES = (0.62, 0.30, 0.08)
"""Shares of light, middle and dark tones in a drawing; the paper finds 52, 37 and 11 %."""


@dataclass(frozen=True)
class Pencil:
    """Numbers of a pencil drawing; lengths in px at 512.

    Attributes:
        stroke: Length of strokes.
        dark: How hard lines are pressed, 0-1.
        tone: How dark the shading is, 0-1.
        grain: How much the paper shows through, 0-1.
        colour: 0 is graphite, 1 coloured pencils.
        bend: Exponent of lightness; see `style_tools.bend_for`.
        seed: Of the paper.
    """

    stroke: float = 22.0
    dark: float = 0.8
    tone: float = 0.7
    grain: float = 0.6
    colour: float = 0.0
    bend: float = 1.0
    seed: int = 0


def pencil(pixels: Pixels, style: Pencil) -> Pixels:
    """Strokes over shading on paper."""
    scale = scale_of(pixels)
    values = blurred(lightness(pixels, style.bend), 0.8 * scale)
    grain = paper(values.shape, scale, style.seed)
    shade = matched(blurred(values, 1.5 * scale)) ** np.float32(1.6 * style.tone)
    hatch = streaks(values.shape, style.stroke * scale, style.seed + 31)
    shade = 1 - (1 - shade) * np.clip(1 + 0.30 * hatch + 0.22 * style.grain * grain, 0.25, 1.6)
    lines = np.clip(style.dark * strokes(values, style.stroke * scale, scale), 0, 1)
    lines = lines * np.clip(1 + 0.15 * style.grain * grain, 0, 1.3)
    drawn = np.clip(shade, 0.12, 1) * np.clip(1 - lines, 0.12, 1)
    if style.colour <= 0:
        return to_bytes(drawn)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 0] = 100 * np.clip(drawn, 0, 1)
    lab[..., 1:] = cv2.GaussianBlur(lab[..., 1:], (0, 0), 2 * scale) * style.colour
    return to_bytes(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def strokes(values: Array, length: float, scale: float) -> Array:
    """Straight strokes along the edges of a lightness in 0-1; 0 is no line, 1 and more a dark one."""
    slope = np.hypot(cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1)) * np.float32(scale)
    kernels = _lines(round(max(length, 3.0), 2))
    answers = np.stack([cv2.filter2D(slope, -1, k) for k in kernels])
    best = answers.argmax(0)
    drawn = sum(cv2.filter2D(np.where(best == i, slope, np.float32(0)), -1, k) for i, k in enumerate(kernels))
    return np.asarray(np.clip(3.2 * (np.asarray(drawn) - 0.03), 0, None), np.float32)


def streaks(shape: tuple[int, ...], length: float, seed: int) -> Array:
    """The traces of a pencil moved to and fro along `SLANT`, mean 0 and deviation 1."""
    noise = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    drawn = np.asarray(cv2.filter2D(noise, -1, line_kernel(max(length, 3.0), SLANT)), np.float32)
    return np.asarray(np.tanh(drawn / max(float(drawn.std()), 1e-6)), np.float32)


@cache
def _lines(length: float) -> tuple[NDArray[np.float32], ...]:
    return tuple(line_kernel(length, 180 * k / DIRECTIONS) for k in range(DIRECTIONS))


def matched(values: Array) -> Array:
    """Lightness whose histogram is that of a drawing: mostly paper, some grey, little black."""
    tones = np.linspace(0, 1, 256)
    light = np.exp(-(1 - tones) / 0.09) / 0.09
    middle = ((tones >= 0.42) & (tones <= 0.88)) / 0.46
    dark = np.exp(-0.5 * ((tones - 0.35) / 0.10) ** 2) / (0.10 * np.sqrt(2 * np.pi))
    wanted = np.cumsum(SHARES[0] * light + SHARES[1] * middle + SHARES[2] * dark)
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.int64)
    have = np.cumsum(np.bincount(levels.ravel(), minlength=256)) / levels.size
    table = np.interp(have, wanted / wanted[-1], tones)
    return np.asarray(0.5 * table[levels] + 0.5 * np.clip(values * 1.25, 0, 1), np.float32)
