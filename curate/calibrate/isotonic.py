"""Isotonic calibration, class by class: probabilities may bend in any way that keeps their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LEAST = 1e-6


@dataclass(frozen=True)
class Isotonic:
    """A rising step-and-line function per class; the results are scaled to sum to 1.

    Attributes:
        knots: Per class the raw probabilities at which the function is given, rising.
        values: Per class its values there.
    """

    knots: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...]

    def __call__(self, probabilities: ArrayLike) -> Array:
        """Calibrated probabilities, shape (n, k), of raw ones."""
        p = np.asarray(probabilities, np.float64)
        columns = [np.interp(p[:, j], self.knots[j], self.values[j]) for j in range(p.shape[1])]
        bent = np.maximum(np.stack(columns, axis=1), LEAST)
        return np.asarray(bent / bent.sum(1, keepdims=True))


def fit_isotonic(probabilities: ArrayLike, truth: ArrayLike) -> Isotonic:
    """One against the rest, by pooling adjacent violators.

    B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates", 2002.

    Args:
        probabilities: Shape (n, k), of cases the model was not fitted on.
        truth: Class indices, shape (n,).
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(truth)
    fitted = [pool(p[:, j], (y == j).astype(np.float64)) for j in range(p.shape[1])]
    return Isotonic(tuple(tuple(x) for x, _ in fitted), tuple(tuple(v) for _, v in fitted))


def pool(x: Sequence[float] | Array, y: Sequence[float] | Array) -> tuple[list[float], list[float]]:
    """The rising function with the least squared error: its knots, the ends of each level piece, and its values.

    M. Ayer et al., "An empirical distribution function for sampling with incomplete information", 1955. Equal x are
    one point with their mean y.
    """
    places, index, counts = np.unique(np.asarray(x, np.float64), return_inverse=True, return_counts=True)
    means = np.bincount(index, np.asarray(y, np.float64)) / counts
    levels: list[list[float]] = []  # value, weight, first place, last place
    for place, mean, count in zip(places.tolist(), means.tolist(), counts.tolist(), strict=True):
        levels.append([mean, count, place, place])
        while len(levels) > 1 and levels[-2][0] >= levels[-1][0]:
            value, weight, _, last = levels.pop()
            before = levels[-1]
            before[0] = (before[0] * before[1] + value * weight) / (before[1] + weight)
            before[1] += weight
            before[3] = last
    knots, values = [], []
    for value, _, first, last in levels:
        for place in dict.fromkeys((first, last)):
            knots.append(place)
            values.append(value)
    return knots, values
