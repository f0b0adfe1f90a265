"""XDoG: ink, woodcut and charcoal by one sharpened and thresholded difference of Gaussians.

H. Winnemöller, J. Kyprianidis and S. Olsen, "XDoG: an extended difference-of-Gaussians compendium including advanced
image stylization", Computers & Graphics 36(6), 2012: S = (1 + p) G(sigma) - p G(k sigma), thresholded softly, with the
difference taken across and smoothed along the direction of edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.generators.edge_flow import edge_flow
from curate.generators.style_tools import Array, lightness, scale_of, to_bytes

WIDER = 1.6
"""The wider Gaussian's sigma over the narrower's, which makes the difference like a Laplacian."""
CALM = 2.5
"""Sigma in pixels over which directions are smoothed."""
FAINT = 0.05
"""Coherence below which there is no line to follow."""


@dataclass(frozen=True)
class XDoG:
    """Its numbers; lengths in px at 512.

    Attributes:
        sigma: Width of lines.
        sharpness: The paper's p: 0 is a plain blur, 100 shows little but edges.
        level: Lightness (epsilon) from which all is white.
        slope: The paper's phi: how fast it gets dark below.
        flow: Length of smoothing along lines.
        bend: Exponent of lightness before; see `style_tools.bend_for`.
        mix: Share of the drawing in the result, the rest being the photo.
    """

    sigma: float = 1.2
    sharpness: float = 18.0
    level: float = 0.62
    slope: float = 8.0
    flow: float = 3.0
    bend: float = 1.0
    mix: float = 1.0


def xdog(pixels: Pixels, style: XDoG) -> Pixels:
    """A picture in black ink on white."""
    ink = thresholded(sharpened(pixels, style), style)
    photo = pixels.astype(np.float32) / 255
    return to_bytes(style.mix * ink[..., None] + (1 - style.mix) * photo)


def sharpened(pixels: Pixels, style: XDoG) -> Array:
    """S of the paper, smoothed along the edges."""
    scale = scale_of(pixels)
    values = lightness(pixels, style.bend)
    narrow, wide = (cv2.GaussianBlur(values, (0, 0), max(s * style.sigma * scale, 0.3)) for s in (1.0, WIDER))
    difference = (1 + style.sharpness) * narrow - style.sharpness * wide
    if style.flow * scale < 0.5:
        return np.asarray(difference, np.float32)
    flow = edge_flow(values, CALM * scale)
    smoothed = flow.along(difference, style.flow * scale)
    share = np.clip(flow.coherence / FAINT, 0, 1)
    return np.asarray(share * smoothed + (1 - share) * difference, np.float32)


def thresholded(values: Array, style: XDoG) -> Array:
    """White above the level, and below it darker by a hyperbolic tangent."""
    return np.asarray(np.where(values >= style.level, 1, 1 + np.tanh(style.slope * (values - style.level))), np.float32)
