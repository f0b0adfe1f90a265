"""Cartoons: flattened colours in a few steps of lightness, and ink along the edges.

H. Winnemöller, S. Olsen and B. Gooch, "Real-time video abstraction", 2006.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.generators.painterly import saturated
from curate.generators.style_tools import scale_of, to_bytes
from curate.generators.xdog import XDoG, sharpened, thresholded


@dataclass(frozen=True)
class Cartoon:
    """Numbers of a cartoon; lengths in px at 512.

    Attributes:
        passes: How often the bilateral filter runs.
        levels: Steps of lightness.
        soft: Width of the blend between two steps, in steps.
        ink: How black the lines are, 0-1.
        line: Width of lines.
        colour: Factor of saturation.
        bend: Exponent of lightness for the lines; see `style_tools.bend_for`.
    """

    passes: int = 4
    levels: int = 8
    soft: float = 0.35
    ink: float = 0.9
    line: float = 1.3
    colour: float = 1.3
    bend: float = 1.0


def cartoon(pixels: Pixels, style: Cartoon) -> Pixels:
    """Bilateral smoothing in Lab, soft steps of lightness, more colour, and lines from the flattened picture."""
    scale = scale_of(pixels)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    for _ in range(int(style.passes)):
        lab = cv2.bilateralFilter(lab, 0, 9.0, 3.0 * scale)
    flat = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)
    light = lab[..., 0] / 100 * style.levels
    step = np.floor(light)
    rise = np.clip((light - step - 0.5) / max(style.soft, 1e-3) + 0.5, 0, 1)
    lab[..., 0] = 100 * np.clip((step + rise * rise * (3 - 2 * rise)) / style.levels, 0, 1)
    painted = saturated(np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1), style.colour)
    drawn = XDoG(style.line, 30.0, 0.4, 6.0, 4.0, style.bend)
    lines = thresholded(sharpened(to_bytes(flat), drawn), drawn)
    return to_bytes(painted * (1 - style.ink * (1 - lines[..., None])))
