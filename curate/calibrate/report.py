"""What a calibration gained, on faces that it was not fitted on: for all, and by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.intervals import Estimate, bootstrap
from curate.evaluation.metrics.counting import Floats, mean
from curate.evaluation.metrics.probabilistic import ece

Array = NDArray[np.float64]
ROUNDS = 300
SMALLEST = 10


def report(
    raw: Array,
    truth: NDArray[np.intp],
    calibrated: tuple[Array, NDArray[np.bool_], NDArray[np.bool_]],
    clusters: NDArray[Any],
    groups: Sequence[str | None] | None,
) -> dict[str, Any]:
    """Figures with intervals, as plain data.

    Args:
        raw: Probabilities as they were, (n, k).
        truth: Class indices, (n,).
        calibrated: From `fit.crossed`: probabilities, sets, answered or not.
        clusters: Picture or person of each face, (n,).
        groups: Group of each face, or None.

    Returns:
        `all` and each group -> figure -> estimate. Groups of fewer than 10 faces are left out.
    """
    whole = np.ones(len(truth), bool)
    parts: dict[str, NDArray[Any]] = {"all": whole}
    for name in dict.fromkeys(g for g in groups or () if g is not None):
        rows = np.array([g == name for g in groups or ()])
        if rows.sum() >= SMALLEST:
            parts[name] = rows
    return {
        name: {k: e.as_dict() for k, e in _figures(raw, truth, calibrated, clusters, rows).items()}
        for name, rows in parts.items()
    }


def _figures(
    raw: Array,
    truth: NDArray[np.intp],
    calibrated: tuple[Array, NDArray[np.bool_], NDArray[np.bool_]],
    clusters: NDArray[Any],
    rows: NDArray[np.bool_],
) -> dict[str, Estimate]:
    p, inside, answered = (a[rows] for a in calibrated)
    before, y, cluster = raw[rows], truth[rows], clusters[rows]
    order = np.arange(len(y))
    sure = (before.max(1), (before.argmax(1) == y).astype(float)), (p.max(1), (p.argmax(1) == y).astype(float))
    kept = answered
    return {
        "ece_before": bootstrap(_ece, *sure[0], clusters=cluster, rounds=ROUNDS),
        "ece_after": bootstrap(_ece, *sure[1], clusters=cluster, rounds=ROUNDS),
        "log_loss_before": _mean_of(-np.log(np.maximum(before[order, y], 1e-12)), cluster),
        "log_loss_after": _mean_of(-np.log(np.maximum(p[order, y], 1e-12)), cluster),
        "accuracy": _mean_of(sure[1][1], cluster, share=True),
        "answer_rate": _mean_of(kept.astype(float), cluster, share=True),
        "accuracy_when_answered": _mean_of(sure[1][1][kept], cluster[kept], share=True),
        "set_coverage": _mean_of(inside[order, y].astype(float), cluster, share=True),
        "set_size": _mean_of(inside.sum(1).astype(float), cluster),
    }


def _ece(confidence: ArrayLike, right: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    return ece(confidence, right, weight=weight)


def _mean_of(values: Array, clusters: NDArray[Any], share: bool = False) -> Estimate:
    metric: Callable[..., Floats] = _mean
    return bootstrap(metric, values, clusters=clusters, rounds=ROUNDS, proportion=share)


def _mean(values: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    return mean(values, weight)
