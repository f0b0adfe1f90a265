"""What cloth looks like: colours, prints and weaves, as linear RGB and relief over coordinates in centimetres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.colour import hex_to_rgb, linear_rgb

Array = NDArray[np.float32]

PRINTS = ("plain", "dots", "stripes", "check")


def linear(code: str) -> Array:
    """Linear RGB of `#rrggbb`, shape (3,)."""
    return np.asarray(linear_rgb(hex_to_rgb(code)), np.float32)


def printed(x: NDArray[Any], y: NDArray[Any], pattern: str, base: str, second: str, size: float) -> Array:
    """A print of two colours at points of the cloth.

    Args:
        x: Across, cm.
        y: Down, cm.
        pattern: One of `PRINTS`.
        base: Colour of the ground, `#rrggbb`.
        second: Colour of the figure.
        size: Distance of figures, cm.
    """
    if pattern == "plain":
        share = np.zeros(np.shape(x), np.float32)
    elif pattern == "dots":
        row = np.floor(y / size)
        across = (x / size + 0.5 * (row % 2)) % 1 - 0.5
        share = _edge(0.27 - np.hypot(across, y / size % 1 - 0.5), size)
    elif pattern == "stripes":
        share = _edge(0.25 - np.abs(y / size % 1 - 0.5), size)
    else:
        bars = [_edge(0.25 - np.abs(a / size % 1 - 0.5), size) for a in (x, y)]
        share = 0.5 * (bars[0] + bars[1])
    return np.asarray(linear(base) + share[..., None] * (linear(second) - linear(base)), np.float32)


def _edge(inside: NDArray[Any], size: float) -> Array:
    """1 inside, 0 outside, soft over a fraction of a millimetre."""
    return np.asarray(np.clip(0.5 + inside * size / 0.04, 0, 1), np.float32)


def weave(x: NDArray[Any], y: NDArray[Any], pitch: float) -> Array:
    """Relief of a plain weave with threads `pitch` cm apart, in -1..1."""
    turn = np.float32(2 * np.pi / pitch)
    return np.asarray(np.sin(turn * np.asarray(x, np.float32)) * np.sin(turn * np.asarray(y, np.float32)), np.float32)


def knit(x: NDArray[Any], y: NDArray[Any], pitch: float) -> Array:
    """Relief of stocking stitch with stitches `pitch` cm wide, in 0-1."""
    across = x / pitch % 1
    slant = np.abs(across - 0.5) * 1.1
    along = (y / pitch * 0.9 + slant) % 1
    return np.asarray(np.sin(np.pi * along) * np.sqrt(np.abs(np.sin(2 * np.pi * across))), np.float32)
