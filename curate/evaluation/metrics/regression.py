"""Agreement of numbers: errors, correlations, concordance, intraclass correlation and angles."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from curate.evaluation.metrics.counting import (
    Floats,
    Moments,
    bare,
    column,
    mean,
    moments,
    ranks,
    ratio,
    weights,
)


def mae(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Mean absolute error, in the unit of the values."""
    return mean(np.abs(column(guess) - column(truth)), weight)


def rmse(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Root of the mean squared error, in the unit of the values."""
    return np.sqrt(mean((column(guess) - column(truth)) ** 2, weight))


def bias(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Mean of guess minus truth; positive where guesses are too high."""
    return mean(column(guess) - column(truth), weight)


def within(truth: ArrayLike, guess: ArrayLike, k: float, *, weight: ArrayLike | None = None) -> Floats:
    """Share of cases with an absolute error of at most k; for ages the cumulative score CS@k (NaN errors are misses).

    X. Geng et al., "Automatic age estimation based on facial aging patterns", 2007.
    """
    return mean(np.abs(column(guess) - column(truth)) <= k, weight)


def pearson(x: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Pearson's product-moment correlation, -1..1; NaN where one side does not vary."""
    return _correlation(_moments(x, y, weight))


def spearman(x: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Spearman's rank correlation, -1..1: Pearson's of the mid-ranks, so ties share their rank."""
    a, b = column(x), column(y)
    w = weights(weight, len(a))
    if np.isnan(a).any() or np.isnan(b).any():
        return bare(np.full(w.shape[:-1], np.nan))
    return _correlation(moments(ranks(a, w), ranks(b, w), w))


def ccc(x: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Lin's concordance correlation, -1..1; NaN where both sides are one constant.

    L. Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989: 2 cov / (var x + var y +
    (mean x - mean y)^2), with variances divided by n.
    """
    m = _moments(x, y, weight)
    covariance = np.where((m.var_x == 0) | (m.var_y == 0), 0.0, m.covariance)
    return ratio(2 * covariance, m.var_x + m.var_y + (m.mean_x - m.mean_y) ** 2)


def icc(x: ArrayLike, y: ArrayLike, *, weight: ArrayLike | None = None, form: Literal["3,1", "2,1"] = "3,1") -> Floats:
    """Intraclass correlation of two raters (truth and guess), single rating.

    P. Shrout and J. Fleiss, "Intraclass correlations: uses in assessing rater reliability", 1979. The mean squares of
    two raters follow from the moments: between cases n (var x + var y + 2 cov) / 2(n-1), between raters
    n (mean x - mean y)^2 / 2, residual n (var x + var y - 2 cov) / 2(n-1).

    Args:
        x: Values, (n,).
        y: Values, (n,).
        weight: (n,) or (rounds, n).
        form: `3,1` asks for consistency (a constant offset costs nothing), `2,1` for absolute agreement.
    """
    m = _moments(x, y, weight)
    covariance = np.where((m.var_x == 0) | (m.var_y == 0), 0.0, m.covariance)
    scale = ratio(m.weight, 2 * (m.weight - 1))
    cases = scale * (m.var_x + m.var_y + 2 * covariance)
    rest = scale * (m.var_x + m.var_y - 2 * covariance)
    raters = m.weight * (m.mean_x - m.mean_y) ** 2 / 2
    offset = 2 * ratio(raters - rest, m.weight) if form == "2,1" else 0.0
    return bare(np.where(m.weight > 1, ratio(cases - rest, cases + rest + offset), np.nan))


def angle_error(truth: ArrayLike, guess: ArrayLike, period: float = 360.0) -> Floats:
    """Smallest way from truth to guess on a circle, in -period/2..period/2, (n,)."""
    half = period / 2
    return np.asarray(np.mod(column(guess) - column(truth) + half, period)) - half


def angle_mae(truth: ArrayLike, guess: ArrayLike, *, period: float = 360.0, weight: ArrayLike | None = None) -> Floats:
    """Mean absolute error of angles, the short way round: 179 and -179 degrees differ by 2."""
    return mean(np.abs(angle_error(truth, guess, period)), weight)


def direction_error(yaw: ArrayLike, pitch: ArrayLike, guessed_yaw: ArrayLike, guessed_pitch: ArrayLike) -> Floats:
    """Angle in degrees between two directions of sight, each given by yaw and pitch in degrees, (n,).

    By atan2 of cross and dot product, which stays exact where the directions almost agree.
    """
    a, b = _direction(yaw, pitch), _direction(guessed_yaw, guessed_pitch)
    across = np.sqrt((np.cross(a, b) ** 2).sum(-1))
    return np.asarray(np.degrees(np.arctan2(across, (a * b).sum(-1))))


def _direction(yaw: ArrayLike, pitch: ArrayLike) -> Floats:
    y, p = np.radians(column(yaw)), np.radians(column(pitch))
    return np.stack([np.sin(y) * np.cos(p), np.sin(p), np.cos(y) * np.cos(p)], axis=-1)


def _moments(x: ArrayLike, y: ArrayLike, weight: ArrayLike | None) -> Moments:
    a, b = column(x), column(y)
    return moments(a, b, weights(weight, len(a)))


def _correlation(m: Moments) -> Floats:
    spread = np.sqrt(np.where((m.var_x > 0) & (m.var_y > 0), m.var_x * m.var_y, 0.0))
    return bare(np.clip(ratio(m.covariance, spread), -1, 1))
