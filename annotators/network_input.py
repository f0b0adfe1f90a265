"""Pictures as published networks take them, and their outputs as probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from annotators.runtime import Floats
from schemas import ModelError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation per channel (RGB, 0-1) of ImageNet, as torchvision's models are trained."""
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Maps 0-1 to -1..1."""


def normalised(crop: Pixels, statistics: Sequence[Sequence[float]] = IMAGENET) -> Floats:
    """RGB crop, shape (size, size, 3), as a batch of one, shape (1, 3, size, size).

    Args:
        crop: RGB in 0-255.
        statistics: Mean and standard deviation per channel, for values in 0-1.
    """
    mean, deviation = (np.asarray(s, np.float32) for s in statistics)
    pixels = (crop.astype(np.float32) / np.float32(255) - mean) / deviation
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Probabilities over the last axis, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


def sure_label(probabilities: dict[str, float], threshold: float) -> str | None:
    """The most probable label, or None where it is less probable than the threshold."""
    best = max(probabilities, key=lambda name: probabilities[name])
    return best if probabilities[best] >= threshold else None


def flat_outputs(outputs: Sequence[Floats], allowed: Sequence[int], name: str) -> Floats:
    """All outputs of a network for one picture behind one another.

    Raises:
        ModelError: if their number is none of those allowed: the file is another model.
    """
    flat = np.concatenate([o.reshape(-1) for o in outputs])
    if len(flat) not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise ModelError(
            f"{name} is another model", f"it gives {len(flat)} numbers per face where {wanted} are expected"
        )
    return flat
