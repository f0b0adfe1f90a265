"""How well faces of one person are told from others': verification from scores of pairs.

A pair is accepted if its similarity is at least the threshold. FAR is the share of different-person pairs that are
accepted, TAR (true accept rate) that of same-person pairs, FRR = 1 - TAR.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.metrics.counting import Floats, Steps, bare, mean, ratio, steps
from curate.evaluation.metrics.probabilistic import Curve, roc_curve

ROUNDING = 1e-9


def roc(same: ArrayLike, scores: ArrayLike, *, weight: ArrayLike | None = None) -> Curve:
    """FAR (x) and TAR (y) over falling thresholds, beginning at (0, 0).

    Args:
        same: Whether each pair is one person, booleans (n,).
        scores: Similarity, (n,).
        weight: (n,) or (rounds, n); pairs that share faces are not independent, so draw people, not pairs.
    """
    return roc_curve(same, scores, weight=weight)


def eer(same: ArrayLike, scores: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Equal error rate: where FAR and FRR cross, interpolated between the thresholds on either side.

    NaN without same-person or without different-person pairs.
    """
    points = roc(same, scores, weight=weight)
    if not points.thresholds.size:
        return _undefined(weight)
    ahead = points.x - (1 - points.y)
    after = np.argmax(ahead >= 0, axis=-1)[..., None]
    (x0, x1), (d0, d1) = (
        (np.take_along_axis(a, np.maximum(after - 1, 0), -1)[..., 0], np.take_along_axis(a, after, -1)[..., 0])
        for a in (points.x, ahead)
    )
    part = np.where(d1 > d0, ratio(-d0, d1 - d0), 0.0)
    return bare(np.where(np.isnan(ahead).any(-1), np.nan, x0 + part * (x1 - x0)))


def tar_at_far(same: ArrayLike, scores: ArrayLike, far: float, *, weight: ArrayLike | None = None) -> Floats:
    """Highest TAR of the thresholds whose FAR is at most `far`; nothing is interpolated.

    NaN where it cannot be measured: without same-person pairs, or with fewer than 1 / far different-person pairs.
    """
    found = steps(same, scores, weight)
    if found is None:
        return _undefined(weight)
    allowed = _allowed(found, far)
    hits = np.concatenate([np.zeros((*found.hits.shape[:-1], 1)), found.hits], axis=-1)
    tar = ratio(np.take_along_axis(hits, allowed[..., None], -1)[..., 0], found.positives)
    return bare(np.where(_resolved(found, far), tar, np.nan))


def threshold_at_far(same: ArrayLike, scores: ArrayLike, far: float, *, weight: ArrayLike | None = None) -> Floats:
    """Lowest score seen whose FAR is at most `far`; infinity if even the highest accepts too many.

    NaN with fewer than 1 / far different-person pairs.
    """
    found = steps(same, scores, weight)
    if found is None:
        return _undefined(weight)
    seen = np.r_[np.inf, found.thresholds]
    return bare(np.where(_resolved(found, far), seen[_allowed(found, far)], np.nan))


def far_at(same: ArrayLike, scores: ArrayLike, threshold: float, *, weight: ArrayLike | None = None) -> Floats:
    """Share of different-person pairs with a score of at least the threshold: the false-match rate."""
    different = ~np.asarray(same, bool)
    return _share(different, np.asarray(scores, np.float64) >= threshold, weight)


def tar_at(same: ArrayLike, scores: ArrayLike, threshold: float, *, weight: ArrayLike | None = None) -> Floats:
    """Share of same-person pairs with a score of at least the threshold."""
    return _share(np.asarray(same, bool), np.asarray(scores, np.float64) >= threshold, weight)


def _share(of: NDArray[np.bool_], accepted: NDArray[np.bool_], weight: ArrayLike | None) -> Floats:
    chosen = of.astype(np.float64) if weight is None else np.asarray(weight, np.float64) * of
    return mean(accepted, chosen)


def _allowed(found: Steps, far: float) -> NDArray[np.intp]:
    """How many steps may be taken without exceeding the FAR."""
    limit = far * found.negatives[..., None] * (1 + ROUNDING)
    return np.asarray((found.alarms <= limit).sum(-1))


def _resolved(found: Steps, far: float) -> NDArray[np.bool_]:
    return np.asarray(far * found.negatives >= 1 - ROUNDING)


def _undefined(weight: ArrayLike | None) -> Floats:
    return bare(np.full(np.shape(weight)[:-1] if weight is not None else (), np.nan))
