"""Agreement of action units, unit by unit; a unit that either side does not support is None, never 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.metrics import classification, probabilistic, regression
from curate.evaluation.metrics.counting import Floats, bare, weights

Measure = Callable[..., Any]
"""Takes truth, guess and `weight=`."""


def supported(truth: ArrayLike, guess: ArrayLike) -> NDArray[np.bool_]:
    """Cases in which both sides have a finite value, (n,)."""
    t, g = np.asarray(truth, np.float64).reshape(-1), np.asarray(guess, np.float64).reshape(-1)
    return np.asarray(np.isfinite(t) & np.isfinite(g))


def per_unit(
    measure: Measure,
    truth: Mapping[str, ArrayLike | None],
    guess: Mapping[str, ArrayLike | None],
    *,
    weight: ArrayLike | None = None,
) -> dict[str, Floats | None]:
    """A measure of each unit that either side names.

    Args:
        measure: Such as `unit_auc`.
        truth: Unit -> values (n,), NaN where not coded; None for a unit that is not coded at all.
        guess: Unit -> values (n,), likewise.
        weight: (n,) or (rounds, n).

    Returns:
        Unit -> figure; None where a side lacks the unit or no case has it on both sides.
    """
    return {
        unit: _measured(measure, truth.get(unit), guess.get(unit), weight) for unit in dict.fromkeys([*truth, *guess])
    }


def _measured(
    measure: Measure, truth: ArrayLike | None, guess: ArrayLike | None, weight: ArrayLike | None
) -> Floats | None:
    if truth is None or guess is None:
        return None
    t, g = np.asarray(truth, np.float64), np.asarray(guess, np.float64)
    both = supported(t, g)
    if not both.any():
        return None
    figure: Floats = measure(t[both], g[both], weight=weights(weight, len(t))[..., both])
    return figure


def mean_supported(figures: Mapping[str, Any]) -> float | None:
    """Mean of the figures that are neither None nor NaN; None if there is none."""
    known = [float(v) for v in figures.values() if v is not None and not math.isnan(float(v))]
    return math.fsum(known) / len(known) if known else None


def mean_over_units(measure: Measure) -> Measure:
    """A measure of tables (n, units): the mean of the unit's figures, over supported units only.

    The result takes `weight`, so it can be bootstrapped; a unit whose figure is NaN in a round is left out
    of that round.
    """

    def metric(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
        t, g = np.asarray(truth, np.float64), np.asarray(guess, np.float64)
        w = weights(weight, len(t))
        figures = [_measured(measure, a, b, w) for a, b in zip(t.T, g.T, strict=True)]
        known = [np.asarray(f) for f in figures if f is not None]
        if not known:
            return bare(np.full(w.shape[:-1], np.nan))
        table = np.stack(known)
        count = np.isfinite(table).sum(0)
        return bare(np.where(count > 0, np.nansum(table, axis=0) / np.maximum(count, 1), np.nan))

    return metric


def unit_f1(
    truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None, present: float = 0.5, said: float = 0.5
) -> Floats:
    """F1 of presence: true from `present` on (2 for intensities A-E as 1-5 in DISFA), guessed from `said` on."""
    return classification.binary_f1(np.asarray(truth) >= present, np.asarray(guess) >= said, weight=weight)


def unit_auc(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None, present: float = 0.5) -> Floats:
    """Area under the ROC curve of presence, true from `present` on."""
    return probabilistic.roc_auc(np.asarray(truth) >= present, guess, weight=weight)


def unit_icc(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """ICC(3,1) of intensities, the measure of DISFA and FERA."""
    return regression.icc(truth, guess, weight=weight, form="3,1")


def unit_pcc(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Pearson correlation of intensities."""
    return regression.pearson(truth, guess, weight=weight)
