"""A face shown to the camera a second time: printed on paper, or on a screen. Simulations, for detectors to fail on.

Print: the printer's smaller range of colours, the paper's grain, and the loss of detail of both. Replay: a screen's
grid beside the camera's own, whose beat is a moire, and the screen's blue light.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.export.sample import Sample
from curate.generators.soft_masks import soften
from curate.pairs.view import Drawn, View
from curate.pairs.views.base import chance_of

PRINT_BLUR, PRINT_RANGE = 0.006, (0.10, 0.88)
"""Blur in shares of the side, and the darkest and brightest that paper shows."""
PAPER = 0.004
"""Standard deviation of the paper's grain."""
SCREEN, BEAT = 0.10, (5.0, 9.0)
"""Strength of the moire, and its least and greatest period in px."""
GLOW = (0.94, 0.98, 1.05)
"""What a screen's light does to red, green and blue."""


def printed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A photo of a print of the picture."""
    side = pixels.shape[0]
    light = np.dstack([soften(pixels[..., k], PRINT_BLUR * side) for k in range(3)]) / 255
    low, high = PRINT_RANGE
    light = low + (high - low) * light
    grain = soften(rng.normal(0, 1, pixels.shape[:2]).astype(np.float32), 1.2)
    light = light * (1 + PAPER * grain / max(float(grain.std()), 1e-6))[..., None]
    cast = 1 + rng.uniform(-0.03, 0.03, 3)
    return np.asarray(np.clip(np.rint(light * cast * 255), 0, 255), np.uint8)


def replayed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A photo of a screen that shows the picture."""
    period, angle = float(rng.uniform(*BEAT)), float(rng.uniform(-0.2, 0.2))
    light = pixels.astype(np.float32) / 255 * np.asarray(GLOW, np.float32)
    beat = 1 + SCREEN * moire(pixels.shape[:2], period, angle)
    return np.asarray(np.clip(np.rint(light * beat[..., None] * 255), 0, 255), np.uint8)


def moire(shape: tuple[int, ...], period: float, angle: float) -> NDArray[np.float32]:
    """The beat of two crossed grids in -1..1.

    Args:
        shape: Height and width.
        period: In px.
        angle: Of one of them to the picture's rows, radians.
    """
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    along = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period)
    across = (y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / period)
    return np.asarray((np.sin(along) + np.sin(across)) / 2, np.float32)


class PrintAttack(View):
    """A print held before the camera."""

    name = "print_attack"
    doc = "The picture as if it were printed and photographed again: less detail, fewer colours, paper."

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The print."""
        return printed(pixels, chance_of(sample, self.name))


class ReplayAttack(View):
    """A screen held before the camera."""

    name = "replay_attack"
    doc = "The picture as if it were shown on a screen and photographed: moire and the screen's light."

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The screen."""
        return replayed(pixels, chance_of(sample, self.name))
