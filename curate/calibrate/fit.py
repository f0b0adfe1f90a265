"""Fits a calibration: the method is chosen by cross-validation, groups get settings of their own where data allow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotators.calibration import Scaling, abstention_threshold, conformal_quantile, conformity, fit_scaling, log_loss
from curate.calibrate.calibrator import EVERYONE, FLOOR, Settings
from curate.calibrate.isotonic import Isotonic, fit_isotonic

Array = NDArray[np.float64]
Fitted = Scaling | Isotonic | None

FOLDS = 5
WORTH = 0.002
"""Gain in cross-validated log loss, nats per face, from which a method with more freedom is taken."""


@dataclass(frozen=True)
class FitOptions:
    """Choices of a fit.

    Attributes:
        coverage: Wanted share of sets that hold the truth.
        accuracy: Wanted accuracy of the answers given; below it the label is withheld.
        least_answered: Share that is answered even if that accuracy is out of reach.
        min_group: Groups with fewer known faces take everyone's settings.
        method: One of `METHODS`, or `auto`.
    """

    coverage: float = 0.9
    accuracy: float = 0.9
    least_answered: float = 0.5
    min_group: int = 150
    method: str = "auto"


def _leave(_: Array, __: NDArray[Any]) -> Fitted:
    return None


METHODS: dict[str, Callable[[Array, NDArray[Any]], Fitted]] = {
    "as it is": _leave,
    "temperature": lambda p, y: fit_scaling(np.log(p + FLOOR), y),
    "temperature and bias": lambda p, y: fit_scaling(np.log(p + FLOOR), y, bias=True),
    "isotonic": fit_isotonic,
}
"""From the least to the greatest freedom."""


def folds(clusters: Sequence[Any] | NDArray[Any], count: int = FOLDS) -> NDArray[np.intp]:
    """Fold of each case by its cluster's name, so that a picture or person is never on both sides; shape (n,)."""
    names = [hashlib.blake2b(str(c).encode(), digest_size=8).digest() for c in clusters]
    return np.array([int.from_bytes(name, "little") % count for name in names], np.intp)


def fit(
    probabilities: ArrayLike,
    truth: ArrayLike,
    clusters: Sequence[Any] | NDArray[Any],
    groups: Sequence[str | None] | None = None,
    options: FitOptions | None = None,
) -> dict[str, Settings]:
    """Settings for everyone and for each group with enough faces.

    Args:
        probabilities: Raw probabilities, shape (n, k).
        truth: Class indices, shape (n,).
        clusters: Picture or person of each face, shape (n,).
        groups: Group of each face; None for no groups.
        options: See `FitOptions`.
    """
    options = options or FitOptions()
    p, y = np.asarray(probabilities, np.float64), np.asarray(truth)
    fold = folds(clusters)
    found = {EVERYONE: _settings(p, y, fold, options)}
    for name in dict.fromkeys(g for g in groups or () if g is not None):
        rows = np.array([g == name for g in groups or ()])
        if rows.sum() >= options.min_group:
            found[name] = _settings(p[rows], y[rows], fold[rows], options)
    return found


def crossed(
    probabilities: ArrayLike,
    truth: ArrayLike,
    clusters: Sequence[Any] | NDArray[Any],
    groups: Sequence[str | None] | None = None,
    options: FitOptions | None = None,
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """What a fit would say of faces it has not seen: each fold by settings fitted on the others; needs two folds.

    Args:
        probabilities: As in `fit`.
        truth: As in `fit`.
        clusters: As in `fit`.
        groups: As in `fit`.
        options: As in `fit`.

    Returns:
        Calibrated probabilities (n, k), the sets (n, k), and whether each face is answered (n,).
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(truth)
    fold, cluster = folds(clusters), np.asarray(clusters, dtype=object)
    of = [EVERYONE] * len(p) if groups is None else [g or EVERYONE for g in groups]
    calibrated, inside, answered = np.zeros_like(p), np.zeros(p.shape, bool), np.zeros(len(p), bool)
    for held in range(FOLDS):
        out = fold == held
        if not out.any():
            continue
        known = [g for g, o in zip(groups, out, strict=True) if not o] if groups is not None else None
        settings = fit(p[~out], y[~out], cluster[~out], known, options)
        for name in dict.fromkeys(of):
            rows = out & np.array([g == name for g in of])
            if rows.any():
                here = settings.get(name, settings[EVERYONE])
                calibrated[rows] = here.probabilities(p[rows])
                inside[rows] = conformity(calibrated[rows]) <= here.set_threshold
                answered[rows] = calibrated[rows].max(1) >= here.answer_from
    return calibrated, inside, answered


def _settings(p: Array, y: NDArray[Any], fold: NDArray[np.intp], options: FitOptions) -> Settings:
    """The method, and thresholds from probabilities of faces that the function was not fitted on."""
    name = _method(p, y, fold) if options.method == "auto" else options.method
    unseen = _unseen(name, p, y, fold)
    scores = conformity(unseen)[np.arange(len(y)), y]
    right = unseen.argmax(1) == y
    start = abstention_threshold(unseen.max(1), right, options.accuracy, options.least_answered)
    return Settings(name, METHODS[name](p, y), conformal_quantile(scores, options.coverage), start, len(y))


def _method(p: Array, y: NDArray[Any], fold: NDArray[np.intp]) -> str:
    best, least = "as it is", log_loss(p, y)
    for name in list(METHODS)[1:]:
        loss = log_loss(_unseen(name, p, y, fold), y)
        if loss < least - WORTH:
            best, least = name, loss
    return best


def _unseen(name: str, p: Array, y: NDArray[Any], fold: NDArray[np.intp]) -> Array:
    """Probabilities of each fold by a function fitted on the other folds."""
    result = p.copy()
    for held in np.unique(fold):
        out = fold == held
        if out.all():
            continue
        function = METHODS[name](p[~out], y[~out])
        result[out] = Settings(name, function, 0, 0, 0).probabilities(p[out])
    return result
