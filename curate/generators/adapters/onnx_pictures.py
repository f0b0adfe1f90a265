"""Between pixels and what image networks take and give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.generators.base import CannotGenerate

SCALES = {"-1..1": (127.5, 127.5), "0..1": (255.0, 0.0), "0..255": (1.0, 0.0)}
"""Range -> what numbers are multiplied by, and what is then added, to become 0-255."""


def to_pixels(values: NDArray[np.floating[Any]], meant: str) -> Pixels:
    """A picture, shape (height, width, 3), from a network's output, shape (1, 3, height, width).

    Args:
        values: RGB planes.
        meant: Their range, a key of `SCALES`; what lies outside is cut off.

    Raises:
        CannotGenerate: if the output is no picture.
    """
    if values.ndim != 4 or values.shape[0] != 1 or values.shape[1] != 3 or not np.isfinite(values).all():
        raise CannotGenerate(f"the network's output of shape {values.shape} is no RGB picture")
    times, plus = SCALES[meant]
    return np.asarray(np.rint(np.clip(values[0].transpose(1, 2, 0) * times + plus, 0, 255)), np.uint8)


def to_planes(pixels: Pixels, meant: str) -> NDArray[np.float32]:
    """The reverse of `to_pixels`."""
    times, plus = SCALES[meant]
    return np.asarray(((pixels.astype(np.float32) - plus) / times).transpose(2, 0, 1)[None], np.float32)
