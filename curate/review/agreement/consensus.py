"""What reviewers say together: Dawid and Skene's model for choices, robust means for numbers, boxes and points.

The model lives in `curate.fuse.dawid_skene`; the right answers of gold pictures are told to it. `layer` writes what is
found here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.evaluation.metrics.counting import Floats, ratio
from curate.fuse.dawid_skene import DawidSkene, OrdinalDawidSkene, Priors
from curate.fuse.geometry import weighted_median
from curate.fuse.labels import among_said, decided
from curate.fuse.method import POOLED, Source
from curate.review.agreement.items import Ask, Item
from schemas.columns import faces

ENOUGH = 2
"""Words on a face from which on there is a consensus; a single word speaks for itself already."""
TRIM_FROM = 5
"""Words from which on a number is a trimmed mean; the median below."""
TRIM = 0.2
"""Share cut from either end."""
HUBER = 2.0
"""A box corner or point further from the median than so many typical distances counts less (P. J. Huber 1964)."""
TIE = 1e-9
LEAST = 1e-9
"""Pixels; a distance that is none."""


@dataclass(frozen=True)
class Opinion:
    """The reviewers' common answer to one item.

    Attributes:
        values: (faces,) codes or numbers, (faces, d) of geometry; NaN where there is none.
        belief: (faces, labels) probabilities of a choice; empty otherwise.
        abstained: (faces,) most of those who spoke cannot tell.
        facts: How the reviewers were weighed, for the layer's record.
    """

    values: Floats
    belief: Floats
    abstained: Any
    facts: Mapping[str, Any]


def opinion(item: Item, raters: Sequence[str], priors: Priors | None = None) -> Opinion:
    """The reviewers' common answer on every face with at least `ENOUGH` words.

    Args:
        item: What was asked.
        raters: Names of the reviewers.
        priors: What is believed of people before any word is read.
    """
    spoke = item.answered.sum(1) + item.abstained.sum(1)
    none = 2 * item.abstained.sum(1) > spoke
    enough = (spoke >= ENOUGH) & ~none & item.answered.any(1)
    belief: Floats = np.zeros((len(spoke), 0))
    facts: dict[str, Any] = {}
    values: Floats
    if item.ask is Ask.CHOICE:
        values, belief, facts = _choice(item, raters, priors)
    elif item.ask is Ask.AMOUNT:
        values = np.array([_number(row[~np.isnan(row)]) for row in item.answers])
    else:
        values = robust_mean(item.answers)
    kept = enough if values.ndim == 1 else enough[:, None]
    return Opinion(np.where(kept, values, np.nan), belief, none & (spoke >= ENOUGH), facts)


def _choice(item: Item, raters: Sequence[str], priors: Priors | None) -> tuple[Floats, Floats, dict[str, Any]]:
    codes = np.where(np.isnan(item.answers), -1, item.answers).astype(np.int64)
    truth = np.where(np.isnan(item.truth), -1, item.truth).astype(np.int64)
    kind = OrdinalDawidSkene if item.ordered else DawidSkene
    model = kind(len(item.labels), [Source(name, human=True) for name in raters], 0, priors)
    groups = np.full(len(codes), POOLED)
    heard = (codes >= 0).any(1)
    if not heard.any():
        return np.full(len(codes), np.nan), np.full((len(codes), len(item.labels)), np.nan), {}
    model.fit(codes[heard], groups[heard], truth[heard], np.ones(int(heard.sum())))
    belief = among_said(model.posterior(codes, groups), codes)
    belief[truth >= 0] = np.eye(len(item.labels))[truth[truth >= 0]]
    chosen = decided(belief, item.ordered).astype(np.float64)
    best = np.sort(belief, axis=1)
    tied = (best[:, -1] - best[:, -2] < TIE) & ~item.ordered if belief.shape[1] > 1 else np.zeros(len(codes), bool)
    facts = {
        "method": "ordinal Dawid-Skene" if item.ordered else "Dawid-Skene", "labels": list(item.labels),
        "accuracy": {n: round(float(a), 4) for n, a in zip(raters, model.accuracy()[0], strict=True)},
        "shares": np.round(model.prior[0], 4).tolist(), "gold_faces": int((truth[heard] >= 0).sum()),
    }  # fmt: skip
    return np.where(heard & ~tied, chosen, np.nan), belief, facts


def _number(said: Floats) -> float:
    """Median of a few, mean without the fifth at either end of many."""
    if not len(said):
        return float("nan")
    if len(said) < TRIM_FROM:
        return float(np.median(said))
    cut = int(TRIM * len(said))
    return float(np.sort(said)[cut : len(said) - cut].mean())


def robust_mean(said: Floats) -> Floats:
    """Means of boxes or points in which one that lies far from the median counts less.

    Args:
        said: (faces, raters, d); boxes as left, top, width, height, points as pairs; NaN for no answer.

    Returns:
        (faces, d). A pair of coordinates is there if more than half of those who answered have it.
    """
    boxes = said.shape[2] == len(faces.BOX)
    points = said.reshape(*said.shape[:2], -1, 2)
    if boxes:  # its two corners
        points = np.stack([points[:, :, 0], points[:, :, 0] + points[:, :, 1]], axis=2)
    there = np.asarray(np.isfinite(points).all(-1))
    weight, filled = there.astype(np.float64), np.where(there[..., None], points, 0.0)
    away = np.linalg.norm(filled - weighted_median(filled, weight)[:, None], axis=-1)
    typical = weighted_median(away[..., None], weight)[..., 0]
    weight *= np.minimum(1.0, HUBER * np.maximum(typical, LEAST)[:, None] / np.maximum(away, LEAST))
    found = np.asarray(ratio((filled * weight[..., None]).sum(1), weight.sum(1)[..., None]))
    common = 2 * there.sum(1) > there.any(2).sum(1)[:, None]
    found = np.where(common[..., None], found, np.nan)
    if boxes:
        found[:, 1] -= found[:, 0]
    return found.reshape(len(said), -1)
