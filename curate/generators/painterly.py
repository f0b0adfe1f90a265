"""Oil and watercolour from a photo: patches of paint, strokes, pigment and paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.generators.edge_flow import edge_flow
from curate.generators.kuwahara import kuwahara
from curate.generators.style_tools import Array, paper, scale_of, smooth_noise, to_bytes

WHITE: Array = np.array([1.0, 0.99, 0.965], np.float32)
"""Paper."""
LIGHT = (-0.6, -0.8)
"""Where the light falls from onto the relief of paint, x and y."""


@dataclass(frozen=True)
class Oil:
    """Numbers of an oil painting; lengths in px at 512.

    Attributes:
        radius: Size of a patch.
        stroke: Length of strokes along edges.
        relief: Depth of the bristles' traces, 0-1.
        colour: Factor of saturation.
        seed: Of the bristles.
    """

    radius: float = 5.0
    stroke: float = 6.0
    relief: float = 0.5
    colour: float = 1.15
    seed: int = 0


def oil(pixels: Pixels, style: Oil) -> Pixels:
    """Patches by a generalised Kuwahara filter, drawn out along edges, with the bristles' relief lit from top left."""
    scale = scale_of(pixels)
    photo = np.asarray(pixels, np.float32) / np.float32(255)
    flat = kuwahara(photo, style.radius * scale)
    flow = edge_flow(flat, 10 * scale)
    painted = saturated(flow.along(flat, style.stroke * scale / 2), style.colour)
    bristles = flow.along(smooth_noise(flat.shape[:2], 2.4 * scale, style.seed), style.stroke * scale)
    bristles = bristles / max(float(bristles.std()), 1e-6)
    slope = LIGHT[0] * cv2.Sobel(bristles, cv2.CV_32F, 1, 0) + LIGHT[1] * cv2.Sobel(bristles, cv2.CV_32F, 0, 1)
    shine = np.tanh(slope * scale / 5)[..., None]
    mottled = 1 + 0.05 * style.relief * flow.along(
        smooth_noise(flat.shape[:2], 7 * scale, style.seed + 1), style.stroke * scale
    )
    return to_bytes(painted * mottled[..., None] * (1 + 0.10 * style.relief * shine))


@dataclass(frozen=True)
class Watercolour:
    """Numbers of a watercolour; lengths in px at 512.

    Attributes:
        radius: Size of washes.
        wobble: How far outlines stray.
        edges: Darkening where a wash dries, 0-1.
        flow: Unevenness of the pigment, 0-1.
        grain: How much the paper shows, 0-1.
        water: How much lighter the pigment is thinned, 0-1.
        margin: Width of the bare rim of the sheet, in sides.
        seed: Of pigment and paper.
    """

    radius: float = 5.0
    wobble: float = 1.5
    edges: float = 0.6
    flow: float = 0.5
    grain: float = 0.5
    water: float = 0.6
    margin: float = 0.02
    seed: int = 0


def watercolour(pixels: Pixels, style: Watercolour) -> Pixels:
    """Washes whose density varies with the water's turbulence, dried edges and the paper's grain.

    A. Bousseau et al., "Interactive watercolor rendering with temporal coherence and abstraction", 2006: a density d
    turns a colour C into C - (C - C^2)(d - 1).
    """
    scale, shape = scale_of(pixels), pixels.shape[:2]
    photo = np.asarray(pixels, np.float32) / np.float32(255)
    washes = kuwahara(kuwahara(photo, style.radius * scale), style.radius * scale)
    washes = saturated(washes, 1.25) ** np.float32(1 - 0.5 * style.water)
    washes = _strayed(washes, style.wobble * scale, 14 * scale, style.seed)
    turbulence = smooth_noise(shape, 70 * scale, style.seed + 11) + 0.6 * smooth_noise(
        shape, 22 * scale, style.seed + 12
    )
    density = 1 + 0.22 * style.flow * turbulence + 0.9 * style.edges * _rims(washes, scale)
    density = density + 0.16 * style.grain * paper(shape, scale, style.seed + 21)
    painted = washes - (washes - washes**2) * (density[..., None] - 1)
    light = np.clip(washes.min(-1, keepdims=True) - 0.55, 0, 0.45) / 0.45
    painted = painted + (WHITE - painted) * 0.7 * style.water * light
    left = _margin(shape, style.margin, smooth_noise(shape, 26 * scale, style.seed + 31))
    sheet = WHITE * (1 + 0.02 * style.grain * paper(shape, scale, style.seed + 21))[..., None]
    return to_bytes(painted + (sheet - painted) * left[..., None])


def _margin(shape: tuple[int, ...], width: float, ragged: Array) -> Array:
    """How bare the sheet is, 1 at its rim; the washes end unevenly, `width` sides of the picture within."""
    side = max(shape)
    column, row = (np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5).astype(np.float32) for n in shape[::-1])
    rim = np.minimum(column[None], row[:, None]) / side
    return np.asarray(np.clip((width * (1 + 0.45 * ragged) - rim) / 0.006, 0, 1), np.float32)


def _rims(washes: Array, scale: float) -> Array:
    """Where colours meet, in 0-1: pigment gathers there as a wash dries."""
    grey = cv2.GaussianBlur(washes.mean(-1), (0, 0), 1.2 * scale)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) * np.float32(scale)
    return np.asarray(np.tanh(2.5 * slope), np.float32)


def _strayed(picture: Array, far: float, size: float, seed: int) -> Array:
    """The picture moved a little here and there."""
    height, width = picture.shape[:2]
    column, row = (a.astype(np.float32) for a in np.meshgrid(np.arange(width), np.arange(height)))
    across, down = (far * 0.6 * smooth_noise((height, width), size, seed + i) for i in (1, 2))
    moved = cv2.remap(picture, column + across, row + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


def saturated(picture: Array, factor: float) -> Array:
    """Colours moved away from grey, or towards it; values in 0-1."""
    grey = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.clip(grey[..., None] + factor * (picture - grey[..., None]), 0, 1), np.float32)
