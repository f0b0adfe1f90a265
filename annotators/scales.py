"""From measured numbers to scores in 0-1."""

from __future__ import annotations

import math
from collections.abc import Iterable


def ramp(value: float, ends: tuple[float, float]) -> float:
    """0 at the first end and beyond, 1 at the second and beyond, straight between them."""
    return min(1.0, max(0.0, (float(value) - ends[0]) / (ends[1] - ends[0])))


def geometric_mean(parts: Iterable[float | None], weights: Iterable[float]) -> float:
    """Weighted geometric mean of parts in 0-1; parts that are None are left out with their weight.

    Parts below 0.001 count as 0.001, so that scores of bad faces still differ.
    """
    known = [(p, w) for p, w in zip(parts, weights, strict=True) if p is not None]
    logs = sum(w * math.log(max(p, 1e-3)) for p, w in known)
    return math.exp(logs / sum(w for _, w in known))
