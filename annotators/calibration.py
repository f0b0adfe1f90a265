"""Making probabilities honest: scaling, conformal sets and abstention, in numpy alone.

Everything is float64 and in a fixed order, so the same scores give the same bits. Shapes: n cases, k classes;
`truth` holds class indices, shape (n,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.integer[Any]]
SetRule = Literal["lac", "aps", "raps"]

NEWTON_STEPS = 100
CONVERGED = 1e-10
COOLEST = 1e-3
"""Greatest temperature is its inverse: scores that tell nothing have no best temperature."""


def softmax(logits: ArrayLike) -> Array:
    """Probabilities of logits along the last axis."""
    z = np.asarray(logits, np.float64)
    shares = np.exp(z - z.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True))


@dataclass(frozen=True)
class Scaling:
    """Calibrated probabilities are softmax(logits / temperature + bias).

    Attributes:
        temperature: Above 1 the raw scores were too sure.
        bias: One number per class, or empty for none.
    """

    temperature: float = 1.0
    bias: tuple[float, ...] = ()

    def __call__(self, logits: ArrayLike) -> Array:
        """Calibrated probabilities, shape (..., k)."""
        z = np.asarray(logits, np.float64) / self.temperature
        return softmax(z + np.asarray(self.bias) if self.bias else z)


def fit_scaling(logits: ArrayLike, truth: ArrayLike, bias: bool = False) -> Scaling:
    """The scaling with the least negative log likelihood, by Newton's method; the problem is convex.

    Temperature scaling, and with `bias` the bias-corrected temperature scaling: C. Guo et al., "On calibration of
    modern neural networks", 2017; A. Alexandari et al., "Maximum likelihood with bias-corrected calibration is
    hard-to-beat at label shift adaptation", 2020.

    Args:
        logits: Scores or log probabilities, shape (n, k), of cases that the model was not fitted on.
        truth: Class indices, shape (n,).
        bias: Fit a bias per class too; the biases sum to 0.
    """
    z, y = np.asarray(logits, np.float64), np.asarray(truth)
    k = z.shape[1]
    hot = np.eye(k)[y]
    theta = np.zeros(1 + (k if bias else 0))
    theta[0] = 1.0
    for _ in range(NEWTON_STEPS):
        p = softmax(z * theta[0] + (theta[1:] if bias else 0.0))
        gradient, curvature = _derivatives(z, p, hot, bias)
        step = np.linalg.lstsq(curvature + 1e-12 * np.eye(len(theta)), gradient, rcond=None)[0]
        size = 1.0
        before = _loss(z, theta, y, bias)
        while size > CONVERGED and _loss(z, theta - size * step, y, bias) > before:
            size /= 2
        theta = theta - size * step
        theta[0] = np.clip(theta[0], COOLEST, 1 / COOLEST)
        if np.abs(size * step).max() < CONVERGED:
            break
    offsets = theta[1:] - theta[1:].mean() if bias else theta[1:]
    return Scaling(float(1 / theta[0]), tuple(float(b) for b in offsets))


def _loss(z: Array, theta: Array, y: NDArray[Any], bias: bool) -> float:
    return log_loss(softmax(z * theta[0] + (theta[1:] if bias else 0.0)), y)


def _derivatives(z: Array, p: Array, hot: Array, bias: bool) -> tuple[Array, Array]:
    """Gradient and Hessian of the mean log loss with respect to the inverse temperature and the biases."""
    n = len(z)
    mean = (p * z).sum(1)
    slope = ((p - hot) * z).sum() / n
    bend = ((p * z**2).sum(1) - mean**2).sum() / n
    if not bias:
        return np.array([slope]), np.array([[bend]])
    cross = (p * (z - mean[:, None])).sum(0) / n
    square = np.diag(p.sum(0)) / n - p.T @ p / n
    gradient = np.concatenate([[slope], (p - hot).sum(0) / n])
    return gradient, np.block([[np.array([[bend]]), cross[None]], [cross[:, None], square]])


def log_loss(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean negative log likelihood of the true classes, in nats."""
    p = np.asarray(probabilities, np.float64)
    y = np.asarray(truth)
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], np.finfo(float).tiny)).mean())


def calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over equal-width bins, by their sizes.

    M. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015.

    Args:
        confidence: Probability of the answer given, shape (n,).
        right: Whether it was true, shape (n,).
        bins: Number of bins over 0-1.
    """
    c, r = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    place = np.clip(np.ceil(c * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.abs(np.bincount(place, c, bins) - np.bincount(place, r, bins))
    return float(gaps.sum() / len(c))


def conformity(probabilities: ArrayLike, rule: SetRule = "lac", penalty: float = 0.01, free: int = 1) -> Array:
    """How badly each class would fit, shape (n, k): a class is in the set if this is at most a threshold.

    `lac`: 1 - p, the smallest sets (M. Sadinle et al., "Least ambiguous set-valued classifiers with bounded error
    levels", 2019); a set may be empty where even the most probable class is too improbable.
    `aps`: the probability of all classes that are more likely (Y. Romano et al., "Classification with valid and
    adaptive coverage", 2020, without its random part): the most probable class is always in the set.
    `raps`: `aps` with a penalty per class beyond the first few (A. Angelopoulos et al., "Uncertainty sets for image
    classifiers using conformal prediction", 2021).

    Args:
        probabilities: Shape (n, k).
        rule: One of the three.
        penalty: Of `raps`, per class.
        free: Number of classes without a penalty in `raps`.
    """
    p = np.asarray(probabilities, np.float64)
    if rule == "lac":
        return 1 - p
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, 1)
    scores = np.cumsum(ranked, 1) - ranked
    if rule == "raps":
        scores = scores + penalty * np.maximum(np.arange(1, p.shape[1] + 1) - free, 0)
    result = np.empty_like(scores)
    np.put_along_axis(result, order, scores, 1)
    return result


def conformal_quantile(scores: ArrayLike, coverage: float = 0.9) -> float:
    """The threshold under which a new exchangeable case falls with at least this probability.

    The ceil((n + 1) coverage)-th smallest of n scores; infinite where n is too small for the coverage.
    V. Vovk et al., "Algorithmic learning in a random world", 2005.

    Args:
        scores: Conformity scores of the true classes, shape (n,), of cases kept for calibration.
        coverage: Wanted share of sets that hold the truth.
    """
    ranked = np.sort(np.asarray(scores, np.float64))
    rank = int(np.ceil((len(ranked) + 1) * coverage - 1e-9))
    return float(ranked[rank - 1]) if rank <= len(ranked) else float("inf")


def group_quantiles(scores: ArrayLike, groups: Sequence[str] | NDArray[Any], coverage: float = 0.9) -> dict[str, float]:
    """A threshold per group, so that each group is covered and not only the whole (Mondrian conformal prediction).

    Groups must be known when a set is made: of the case (such as its most probable race) for one threshold for
    all its classes, or of the class itself for thresholds by class. V. Vovk, "Conditional validity of inductive
    conformal predictors", 2012.

    Args:
        scores: Conformity scores of the true classes, shape (n,).
        groups: Group of each case; for thresholds by class, its true class.
        coverage: Wanted share in every group.
    """
    s, g = np.asarray(scores, np.float64), np.asarray(groups)
    return {str(name): conformal_quantile(s[g == name], coverage) for name in np.unique(g)}


def prediction_sets(scores: ArrayLike, thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Which classes are in the set, shape (n, k).

    Args:
        scores: From `conformity`, shape (n, k).
        thresholds: One number, or shape (n, 1) by case, or shape (k,) by class.
    """
    return np.asarray(np.asarray(scores, np.float64) <= np.asarray(thresholds, np.float64))


def abstention_threshold(
    confidence: ArrayLike, right: ArrayLike, accuracy: float, least_answered: float = 0.5
) -> float:
    """Least confidence to answer, so that answers reach an accuracy while as many as possible are given.

    Selective classification: R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective
    classification", 2010.

    Args:
        confidence: Probability of the answer, shape (n,).
        right: Whether it was true, shape (n,).
        accuracy: Wanted accuracy of the answers.
        least_answered: Share that is answered even if the accuracy is out of reach.
    """
    c, r = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    order = np.argsort(-c, kind="stable")
    running = np.cumsum(r[order]) / np.arange(1, len(c) + 1)
    enough = np.flatnonzero(running >= accuracy)
    last = max(int(enough[-1]) if len(enough) else 0, int(np.ceil(least_answered * len(c))) - 1)
    return float(c[order[last]])
