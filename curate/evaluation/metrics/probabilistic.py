"""How good scores and probabilities are: ranking, calibration, conformal sets and abstention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.metrics.counting import (
    Floats,
    bare,
    column,
    mean,
    ranks,
    ratio,
    steps,
    sums,
    weights,
)

Bins = Literal["width", "mass"]


def roc_auc(truth: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Area under the ROC curve: how often a true case outscores a false one, ties counting half.

    NaN without a true or without a false case. J. Hanley and B. McNeil, "The meaning and use of the area under a
    receiver operating characteristic (ROC) curve", 1982.

    Args:
        truth: Booleans, (n,).
        score: Higher means more likely true, (n,).
        weight: (n,) or (rounds, n).
    """
    found = steps(truth, score, weight)
    if found is None:
        return _undefined(weight)
    below = found.negatives[..., None] - found.alarms
    own_true, own_false = (np.diff(a, axis=-1, prepend=0.0) for a in (found.hits, found.alarms))
    return ratio((own_true * (below + own_false / 2)).sum(-1), found.positives * found.negatives)


def average_precision(truth: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Precision summed over the steps of recall, without interpolation (scikit-learn's definition).

    NaN without a true case.
    """
    found = steps(truth, score, weight)
    if found is None:
        return _undefined(weight)
    precision = ratio(found.hits, found.hits + found.alarms)
    gained = np.diff(found.hits, axis=-1, prepend=0.0)
    return ratio(np.where(gained > 0, gained * precision, 0.0).sum(-1), found.positives)


@dataclass(frozen=True)
class Curve:
    """A curve over falling thresholds; a case at the threshold is accepted.

    Attributes:
        x: (..., u): false positive rate, or recall.
        y: (..., u): true positive rate, or precision.
        thresholds: (u,).
    """

    x: Floats
    y: Floats
    thresholds: Floats


NO_CURVE = Curve(np.empty(0), np.empty(0), np.empty(0))


def roc_curve(truth: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> Curve:
    """False and true positive rates from (0, 0), at a threshold of infinity, to (1, 1); empty without cases."""
    found = steps(truth, score, weight)
    if found is None:
        return NO_CURVE
    return Curve(
        ratio(_from_zero(found.alarms), found.negatives[..., None]),
        ratio(_from_zero(found.hits), found.positives[..., None]),
        np.r_[np.inf, found.thresholds],
    )


def pr_curve(truth: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> Curve:
    """Recall (x) and precision (y) at each distinct score, from the highest down; empty without cases."""
    found = steps(truth, score, weight)
    if found is None:
        return NO_CURVE
    recall = ratio(found.hits, found.positives[..., None])
    return Curve(recall, ratio(found.hits, found.hits + found.alarms), found.thresholds)


def log_loss(truth: ArrayLike, probabilities: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Mean of -ln p(true class), probabilities cut at the float's precision as scikit-learn does.

    Args:
        truth: Class numbers 0..k-1, (n,); or booleans for probabilities of shape (n,).
        probabilities: (n, k), rows that sum to 1; or (n,), of being true.
        weight: (n,) or (rounds, n).
    """
    eps = np.finfo(np.float64).eps
    return mean(-np.log(np.clip(of_truth(truth, probabilities), eps, 1 - eps)), weight)


def brier(truth: ArrayLike, probabilities: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Mean squared error of probabilities: 0..1 for (n,) of being true, 0..2, summed over the classes, for (n, k).

    G. Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    p = np.asarray(probabilities, np.float64)
    y = np.asarray(truth).reshape(-1)
    if p.ndim == 1:
        return mean((p - y.astype(np.float64)) ** 2, weight)
    return mean(((p - (y[:, None] == np.arange(p.shape[1]))) ** 2).sum(1), weight)


def of_truth(truth: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Probability that was given to the true class, (n,)."""
    p = np.asarray(probabilities, np.float64)
    y = np.asarray(truth).reshape(-1)
    if p.ndim == 1:
        return np.where(y.astype(bool), p, 1 - p)
    return np.take_along_axis(p, y.astype(np.intp)[:, None], axis=1)[:, 0]


def confidence(truth: ArrayLike, probabilities: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Probability of the likeliest class and whether that class is the true one, each (n,).

    Args:
        truth: Class numbers, (n,); or booleans for probabilities of shape (n,).
        probabilities: (n, k), or (n,) of being true.
    """
    p = np.asarray(probabilities, np.float64)
    y = np.asarray(truth).reshape(-1)
    if p.ndim == 1:
        return np.maximum(p, 1 - p), (p >= 0.5) == y.astype(bool)
    return p.max(1, initial=-np.inf), p.argmax(1) == y


@dataclass(frozen=True)
class Reliability:
    """Stated against found probability in bins; NaN in an empty bin.

    Attributes:
        stated: Mean of the stated probabilities, (..., bins).
        found: Share of cases that came true, (..., bins).
        count: Cases, (..., bins).
    """

    stated: Floats
    found: Floats
    count: Floats


def reliability(
    stated: ArrayLike, came_true: ArrayLike, *, bins: int = 15, by: Bins = "width", weight: ArrayLike | None = None
) -> Reliability:
    """The reliability curve of probabilities.

    Args:
        stated: Probabilities, 0..1, (n,): of the event, or of the likeliest class (see `confidence`).
        came_true: Booleans, (n,).
        bins: Number of bins.
        by: `width` cuts 0..1 into equal parts, a bin holding its lower edge; `mass` gives each about the same number of
            cases, equal probabilities always in one bin.
        weight: (n,) or (rounds, n).
    """
    p, hit = column(stated), np.asarray(came_true, np.float64).reshape(-1)
    w = weights(weight, len(p))
    if np.isnan(p).any():
        nothing = np.full((*w.shape[:-1], bins), np.nan)
        return Reliability(nothing, nothing, nothing)
    place = (ranks(p, w) - 0.5) / np.maximum(w.sum(-1, keepdims=True), 1) if by == "mass" else p
    index = np.clip((place * bins).astype(np.intp), 0, bins - 1)
    count = sums(index, bins, w)
    return Reliability(ratio(sums(index, bins, w * p), count), ratio(sums(index, bins, w * hit), count), count)


def ece(
    stated: ArrayLike, came_true: ArrayLike, *, bins: int = 15, by: Bins = "width", weight: ArrayLike | None = None
) -> Floats:
    """Expected calibration error: mean distance between stated and found probability over bins, by their cases.

    M. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015; with `by="mass"` as
    J. Nixon et al., "Measuring calibration in deep learning", 2019. Arguments as in `reliability`. It is biased
    upwards in small samples, more so with more bins.
    """
    curve = reliability(stated, came_true, bins=bins, by=by, weight=weight)
    distance = np.where(curve.count > 0, curve.count * np.abs(curve.stated - curve.found), 0.0)
    return ratio(np.where(np.isnan(curve.count), np.nan, distance).sum(-1), curve.count.sum(-1))


def set_coverage(truth: ArrayLike, sets: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Share of conformal sets that hold the true class.

    Args:
        truth: Class numbers, (n,).
        sets: Booleans, (n, k).
        weight: (n,) or (rounds, n).
    """
    chosen = np.asarray(sets, bool)
    return mean(chosen[np.arange(len(chosen)), np.asarray(truth, np.intp).reshape(-1)], weight)


def set_size(sets: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Mean number of classes in conformal sets (n, k)."""
    return mean(np.asarray(sets, bool).sum(1), weight)


@dataclass(frozen=True)
class Answered:
    """What abstention costs and gains.

    Attributes:
        coverage: Share of the cases that were answered.
        accuracy: Share of the answered that are right; NaN if none was.
    """

    coverage: Floats
    accuracy: Floats


def abstention(answered: ArrayLike, correct: ArrayLike, *, weight: ArrayLike | None = None) -> Answered:
    """Coverage and accuracy of what was answered; booleans (n,)."""
    given = np.asarray(answered, bool)
    w = weights(weight, len(given))
    return Answered(mean(given, w), mean(np.asarray(correct, bool), w * given))


def risk_coverage(sure: ArrayLike, correct: ArrayLike, *, weight: ArrayLike | None = None) -> Curve:
    """Share of errors (y) among the surest cases, over the share of cases that are answered (x).

    Args:
        sure: Confidence, (n,); cases of equal confidence are answered together.
        correct: Booleans, (n,).
        weight: (n,) or (rounds, n).
    """
    found = steps(correct, sure, weight)
    if found is None:
        return NO_CURVE
    answered = found.hits + found.alarms
    return Curve(ratio(answered, answered[..., -1:]), ratio(found.alarms, answered), found.thresholds)


def aurc(sure: ArrayLike, correct: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Area under the risk-coverage curve: the mean, over all cases, of the risk at the case's confidence.

    Y. Geifman et al., "Bias-reduced uncertainty estimation for deep neural classifiers", 2019.
    """
    curve = risk_coverage(sure, correct, weight=weight)
    if not curve.thresholds.size:
        return _undefined(weight)
    width = np.diff(curve.x, axis=-1, prepend=0.0)
    area = np.where(width > 0, width * curve.y, 0.0).sum(-1)
    return bare(np.where(np.isnan(curve.x[..., -1]), np.nan, area))


def _undefined(weight: ArrayLike | None) -> Floats:
    return bare(np.full(np.shape(weight)[:-1] if weight is not None else (), np.nan))


def _from_zero(counts: Floats) -> Floats:
    return np.concatenate([np.zeros((*counts.shape[:-1], 1)), counts], axis=-1)
