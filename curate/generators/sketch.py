"""A portrait drawn by hand, as forensic artists do: flowing outlines, and hatching that follows the tone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.generators.base import Config, Generator, Made, Parameters, Request
from curate.generators.degradation_steps import line_kernel
from curate.generators.edge_flow import edge_flow
from curate.generators.kept_labels import SAME_FACE
from curate.generators.promise import Identity, Promise
from curate.generators.style_tools import Array, bend_for, blurred, lightness, paper, scale_of, smooth_noise, to_bytes
from schemas import UsageError

LAYERS = ((-48.0, 0.66), (-20.0, 0.44), (58.0, 0.27))
"""Direction in degrees of each layer of hatching, and the lightness below which it begins."""
WIDTHS = ((1.0, 1.0), (2.0, 0.95), (3.6, 0.6))
"""Widths of lines in px at 512, as the sigma of the narrower Gaussian, and how hard they are pressed."""
FULL = 0.97
"""Quantile of the depth of dark lines that is drawn black."""
SHALLOWEST = 0.006
"""Depth that counts as that quantile at least, so that noise is not drawn where there are no lines."""
GRAPHITE: Array = np.array([0.17, 0.17, 0.19], np.float32)
SHEET: Array = np.array([0.965, 0.955, 0.93], np.float32)
LEAST_DETAIL = 0.2


@dataclass(frozen=True)
class SketchConfig(Config):
    """How it is drawn.

    Attributes:
        detail: 0 (few bold lines) to 1 (every fold); NaN draws from 0.2.
        hatching: 0 (outlines alone) to 1 (full tone); NaN draws.
    """

    detail: float = math.nan
    hatching: float = math.nan


class Sketch(Generator):
    """Lines by a flow-based difference of Gaussians, tone by layers of hatching, graphite on paper."""

    name = "sketch"
    version = "1"
    doc = "A pencil sketch: flowing outlines with hatching by tone."
    config_type = SketchConfig
    config: SketchConfig
    shown = (
        {"detail": 0.5, "hatching": 0.0},
        {"detail": 0.2, "hatching": 0.4},
        {"detail": 0.5, "hatching": 0.5},
        {"detail": 1.0, "hatching": 0.5},
        {"detail": 0.5, "hatching": 1.0},
        {"detail": 1.0, "hatching": 1.0},
    )

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse shares out of range."""
        assert isinstance(config, SketchConfig)
        for field in ("detail", "hatching"):
            value = getattr(config, field)
            if not math.isnan(value) and not 0 <= value <= 1:
                raise UsageError(f"{field}={value:g} is not between 0 and 1")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """Detail, hatching, and the exponent that keeps dark skin from being drawn black."""
        bend = bend_for(request.face())
        detail, hatching = float(rng.uniform(LEAST_DETAIL, 1)), float(rng.uniform())
        return {
            "detail": detail if math.isnan(self.config.detail) else self.config.detail,
            "hatching": hatching if math.isnan(self.config.hatching) else self.config.hatching,
            "bend": bend,
            "seed": int(rng.integers(1 << 31)),
        }

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """The sketch."""
        yield Made(sketch(request.face().pixels, **parameters), Promise(Identity.OPEN, keeps=SAME_FACE))


def sketch(pixels: Pixels, detail: float, hatching: float, bend: float, seed: int) -> Pixels:
    """Draw a picture; see `SketchConfig` for the numbers, and `style_tools.bend_for` for `bend`."""
    scale = scale_of(pixels)
    values = lightness(pixels, bend)
    tooth = paper(values.shape, scale, seed)
    lines = outlines(values, detail, scale)
    uneven = 1 + 0.18 * smooth_noise(values.shape, 40 * scale, seed + 5)
    graphite = np.maximum(0.95 * lines * uneven, hatching * hatched(values, scale, seed + 7))
    graphite = np.clip(graphite * (1 + 0.22 * tooth), 0, 1)[..., None]
    sheet = SHEET * (1 + 0.006 * tooth)[..., None]
    return to_bytes(sheet * (1 - graphite) + GRAPHITE * graphite)


def outlines(values: Array, detail: float, scale: float) -> Array:
    """Lines of a lightness in 0-1: 0 none, 1 dark. More detail gives fainter ones too.

    Lines of several widths are looked for, and each width is judged by its own strongest lines, so that a soft picture
    is drawn as surely as a sharp one.
    """
    values = np.asarray(cv2.bilateralFilter(values, 0, 0.06, 2.5 * scale), np.float32)
    flow = edge_flow(values, 3.5 * scale)
    drawn = np.zeros_like(values)
    for width, weight in WIDTHS:
        narrow, wide = (blurred(values, max(s * width * scale, 0.3)) for s in (1.0, 1.6))
        depth = flow.along(wide - narrow, 6.0 * scale)
        full = max(float(np.quantile(depth, FULL)), SHALLOWEST)
        faintest = (0.34 - 0.24 * detail) * full
        drawn = np.maximum(drawn, weight * np.tanh(2.2 * np.clip((depth - faintest) / full, 0, None)))
    return np.asarray(drawn, np.float32)


def hatched(values: Array, scale: float, seed: int) -> Array:
    """Layers of strokes, each where the tone is darker than its threshold, denser the darker it is."""
    tone = blurred(values, 2.5 * scale)
    total = np.zeros(values.shape, np.float32)
    for i, (angle, below) in enumerate(LAYERS):
        wanted = np.clip((below - tone) / 0.28, 0, 1)
        strokes = _strokes(values.shape, angle, 26 * scale, scale, seed + i)
        total = np.maximum(total, wanted * strokes * 0.9)
    return total


def _strokes(shape: tuple[int, ...], angle: float, length: float, scale: float, seed: int) -> Array:
    """Strokes of a sharp pencil along one direction, in 0-1."""
    noise = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    noise = blurred(noise, 0.7 * scale) if scale > 0.6 else noise
    drawn = np.asarray(cv2.filter2D(noise, -1, line_kernel(max(length, 4.0), angle)), np.float32)
    drawn = drawn / max(float(drawn.std()), 1e-6)
    return np.asarray(np.clip(0.45 + 0.55 * drawn, 0, 1), np.float32)


__all__ = ["Sketch", "SketchConfig", "hatched", "outlines", "sketch"]
