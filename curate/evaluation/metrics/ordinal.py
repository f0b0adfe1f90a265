"""Agreement of ordinal labels by their place in the taxonomy, such as the ten Monk skin tones or age bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from curate.evaluation.metrics.classification import codes, cohen_kappa, within_bins
from curate.evaluation.metrics.counting import Floats, mean, weights
from schemas import taxonomy


def places(values: ArrayLike, taxonomy_name: str) -> Floats:
    """Place of each label in the taxonomy's order, from 0; NaN for null.

    Raises:
        UnknownNameError: if there is no such taxonomy.
    """
    index = codes(values, taxonomy(taxonomy_name).labels)
    return np.where(index < 0, np.nan, index)


def distance(truth: ArrayLike, guess: ArrayLike, taxonomy_name: str, *, weight: ArrayLike | None = None) -> Floats:
    """Mean number of steps between guess and truth, over the cases where both are labels of the taxonomy."""
    apart = np.abs(places(guess, taxonomy_name) - places(truth, taxonomy_name))
    both = ~np.isnan(apart)
    return mean(np.where(both, apart, 0.0), weights(weight, len(apart)) * both)


def near(
    truth: ArrayLike, guess: ArrayLike, taxonomy_name: str, steps: int = 1, *, weight: ArrayLike | None = None
) -> Floats:
    """Share of cases at most `steps` steps off."""
    return within_bins(truth, guess, taxonomy(taxonomy_name).labels, bins=steps, weight=weight)


def quadratic_kappa(
    truth: ArrayLike, guess: ArrayLike, taxonomy_name: str, *, weight: ArrayLike | None = None
) -> Floats:
    """Cohen's kappa with quadratic cost in the taxonomy's order."""
    return cohen_kappa(truth, guess, taxonomy(taxonomy_name).labels, weight=weight, scheme="quadratic")
