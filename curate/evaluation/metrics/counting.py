"""What all measures share: weighted sums, safe ratios, tie-aware counts and moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
"""Numbers, or one number (a numpy scalar, which is a float)."""

Indices = NDArray[np.intp]

CONSTANT = 1e-12
"""Share of a mean square below which a variance is rounding."""


def column(values: ArrayLike) -> Floats:
    """Values as float64 of shape (n,); what is infinite becomes NaN."""
    array = np.asarray(values, np.float64).reshape(-1)
    return np.where(np.isfinite(array), array, np.nan)


def bare(array: Floats) -> Floats:
    """A zero-dimensional array as a plain numpy number, which is a float; others as they are."""
    result: Floats = array[()]
    return result


def weights(weight: ArrayLike | None, n: int) -> Floats:
    """Counts of n cases, shape (n,) or (rounds, n); ones where none are given."""
    return np.ones(n) if weight is None else np.asarray(weight, np.float64)


def total(weight: Floats, values: Floats) -> Floats:
    """Weighted sum over the cases.

    Args:
        weight: (..., n).
        values: (n,), or (..., n) where they differ from round to round.

    Returns:
        Shape (...). Summed without BLAS, so that the bits do not depend on its threads.
    """
    return bare(np.asarray(np.einsum("...n,...n->...", weight, values)))


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """`part / whole`, NaN where the whole is 0."""
    a, b = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return bare(np.divide(a, b, out=np.full(a.shape, np.nan), where=b != 0))


def mean(values: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Weighted arithmetic mean of (n,) values."""
    array = np.asarray(values, np.float64).reshape(-1)
    w = weights(weight, len(array))
    return ratio(total(w, array), w.sum(-1))


def mean_where(values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Mean along the last axis of the values that the mask keeps."""
    kept = np.where(mask, values, 0.0)
    return ratio(kept.sum(-1), np.broadcast_to(mask, kept.shape).sum(-1))


def sums(index: NDArray[Any], size: int, weight: Floats) -> Floats:
    """Weight that falls to each of `size` numbers.

    Args:
        index: (n,), or (rounds, n); numbers in 0..size-1.
        size: How many numbers there are.
        weight: (..., n).

    Returns:
        (..., size).
    """
    index, weight = np.broadcast_arrays(index, weight)
    rows = int(np.prod(weight.shape[:-1], dtype=np.intp))
    offset = size * np.arange(rows, dtype=np.intp).reshape(*weight.shape[:-1], 1)
    flat = np.bincount((index + offset).ravel(), weights=weight.ravel(), minlength=rows * size)
    return np.asarray(flat, np.float64).reshape(*weight.shape[:-1], size)


def numbered(values: ArrayLike) -> tuple[Indices, int]:
    """Equal values get equal numbers 0..size-1; each null (None or NaN) gets a number of its own."""
    array = np.asarray(values)
    if array.dtype.kind != "O":
        missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
        found, index = np.unique(np.where(missing, 0, array) if missing.any() else array, return_inverse=True)
        index, size = index.reshape(-1).astype(np.intp), len(found)
        index[missing] = size + np.arange(missing.sum())
        return index, size + int(missing.sum())
    seen: dict[Any, int] = {}
    keys = (object() if v is None or v != v else v for v in array.tolist())  # noqa: PLR0124 (NaN differs from itself)
    index = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), np.intp, len(array))
    return index, len(seen)


@dataclass(frozen=True)
class Steps:
    """Cumulated counts of a score's two classes, from the highest score down, tied scores in one step.

    Attributes:
        thresholds: (u,) distinct scores, falling; a case at the threshold counts as accepted.
        hits: (..., u) weight of true cases at or above each.
        alarms: (..., u) weight of false cases at or above each.
    """

    thresholds: Floats
    hits: Floats
    alarms: Floats

    @property
    def positives(self) -> Floats:
        """Weight of all true cases."""
        return self.hits[..., -1]

    @property
    def negatives(self) -> Floats:
        """Weight of all false cases."""
        return self.alarms[..., -1]


def steps(truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Steps | None:
    """Counts at each distinct score; None without cases or with a NaN score.

    Args:
        truth: Booleans, (n,).
        score: Higher means more likely true, (n,).
        weight: (n,) or (rounds, n).
    """
    y = np.asarray(truth, bool).reshape(-1)
    s: Floats = np.asarray(score, np.float64).reshape(-1)
    if not len(s) or np.isnan(s).any():
        return None
    order = np.argsort(-s, kind="stable")
    s = s[order]
    starts = np.flatnonzero(np.r_[True, s[1:] != s[:-1]])
    w = weights(weight, len(s))[..., order]
    all_of = np.add.reduceat(w, starts, axis=-1)
    true_of = np.add.reduceat(w * y[order], starts, axis=-1)
    return Steps(s[starts], np.cumsum(true_of, -1), np.cumsum(all_of - true_of, -1))


def ranks(values: ArrayLike, weight: Floats) -> Floats:
    """Mid-ranks (from 1) of (n,) values where each counts `weight` times, shape (..., n)."""
    index, size = numbered(np.asarray(values, np.float64))
    mass = sums(index, size, weight)
    return (np.cumsum(mass, -1) - (mass - 1) / 2)[..., index]


@dataclass(frozen=True)
class Moments:
    """Weighted moments of two variables, each a number or one a round; variances divide by the weight.

    A variance that is only rounding is 0.
    """

    weight: Floats
    mean_x: Floats
    mean_y: Floats
    var_x: Floats
    var_y: Floats
    covariance: Floats


def moments(x: Floats, y: Floats, weight: Floats) -> Moments:
    """Moments of x and y, each (n,) or (..., n), about centres near their means so that little cancels."""
    mass = weight.sum(-1)
    (centre_x, a), (centre_y, b) = _centred(x, weight), _centred(y, weight)
    mean_a, mean_b = ratio(total(weight, a), mass), ratio(total(weight, b), mass)
    covariance = ratio(total(weight, a * b), mass) - mean_a * mean_b
    return Moments(
        mass, centre_x + mean_a, centre_y + mean_b,
        _variance(a, mean_a, weight), _variance(b, mean_b, weight), covariance,
    )  # fmt: skip


def _centred(x: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """A centre and the differences from it, exactly 0 where all values that count are equal."""
    seen = x[..., weight.any(axis=tuple(range(weight.ndim - 1)))]
    if not seen.size:
        return np.zeros(()), x
    centre = seen.flat[0] if seen.min() == seen.max() else seen.mean()
    return np.asarray(centre), x - centre


def _variance(a: Floats, mean_a: Floats, weight: Floats) -> Floats:
    square = ratio(total(weight, a * a), weight.sum(-1))
    variance = square - mean_a**2
    return bare(np.where(variance <= CONSTANT * square, 0.0, variance))
