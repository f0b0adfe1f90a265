"""A linear probe: multinomial logistic regression on stored features, fitted to the optimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.audit.exact import scipy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEPS = 500


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    Attributes:
        weights: (dimensions, classes), for features that were centred and scaled.
        bias: (classes,).
        mean: (dimensions,).
        scale: (dimensions,).
    """

    weights: Floats
    bias: Floats
    mean: Floats
    scale: Floats

    def scores(self, features: Floats) -> Floats:
        """Log odds up to a constant, (n, classes)."""
        return np.asarray((features - self.mean) / self.scale @ self.weights + self.bias)

    def answers(self, features: Floats) -> Ints:
        """The likeliest class of each row, (n,)."""
        return np.asarray(self.scores(features).argmax(1), np.int64)


def fit(features: Floats, codes: Ints, classes: int, penalty: float = 1.0) -> Probe:
    """Fit by L-BFGS; minimises the summed log loss plus penalty / 2 times the squared weights (as scikit-learn, C = 1).

    Args:
        features: (n, dimensions); centred and scaled by their own mean and deviation.
        codes: Class of each row, (n,).
        classes: Number of classes; one without rows is never answered first.
        penalty: Of the weights, not of the bias.
    """
    mean, scale = features.mean(0), features.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    x = (features - mean) / scale
    n, dimensions = x.shape
    truth = np.eye(classes)[codes]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[:-classes].reshape(dimensions, classes), flat[-classes:]
        scores = x @ weights + bias
        scores -= scores.max(1, keepdims=True)
        chances = np.exp(scores)
        total = chances.sum(1, keepdims=True)
        chances /= total
        value = float((np.log(total[:, 0]) - scores[np.arange(n), codes]).sum() + penalty / 2 * (weights**2).sum())
        error = chances - truth
        return value, np.concatenate([(x.T @ error + penalty * weights).ravel(), error.sum(0)])

    start = np.zeros((dimensions + 1) * classes)
    found = scipy("optimize").minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return Probe(found.x[:-classes].reshape(dimensions, classes), found.x[-classes:], mean, scale)
