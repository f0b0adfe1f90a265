"""Which labels of a dataset are likely wrong, by neighbours and anchors in embedding and landmark geometry.

After GReFEL (A. Wasi et al. 2024), which corrects labels by anchors of each class and by geometry while it trains;
this is its idea without training. Beliefs over classes are the mean of two: votes of the nearest neighbours, weighed
by the root of the inverse frequency (the whole inverse lets one row of a rare class outvote a dozen), and closeness
to the classes' anchors (their means, the row itself left out).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 512
"""Rows compared with all others at once."""


def class_weights(said: Sequence[str]) -> dict[str, float]:
    """Inverse-frequency weights of the classes that occur, with mean 1 over the classes."""
    counts = Counter(said)
    mean = sum(1 / n for n in counts.values()) / max(len(counts), 1)
    return {label: 1 / n / mean for label, n in sorted(counts.items())}


def blocks_joined(blocks: Sequence[Floats]) -> Floats:
    """Features of several kinds side by side, each kind with the same say.

    Every dimension is centred and scaled to variance 1 (constant ones fall out), and every block divided by the square
    root of its dimensions, so that 128 numbers of an embedding do not drown 3 of a pose.

    Args:
        blocks: Each (n, its dimensions).
    """
    found = []
    for block in blocks:
        flat: Floats = block.reshape(len(block), -1)
        flat = flat[:, np.ptp(flat, axis=0) > 0]
        if flat.shape[1]:
            found.append((flat - flat.mean(0)) / flat.std(0) / np.sqrt(flat.shape[1]))
    if not found:
        raise UsageError("the features are constant", "no row can be told from another")
    return np.concatenate(found, axis=1)


@dataclass(frozen=True)
class Doubts:
    """How doubtful each label is, each (n,).

    Attributes:
        beliefs: (n, classes) summing to 1 per row.
        doubt: 0..1: half of 1 plus the belief in the best other class minus that in the label.
        likely: Class with the greatest belief.
    """

    beliefs: Floats
    doubt: Floats
    likely: Ints

    def flagged(self, share: float) -> Ints:
        """Rows with the greatest doubt, that share of all, the most doubtful first."""
        count = round(share * len(self.doubt))
        return np.argsort(-self.doubt, kind="stable")[:count].astype(np.int64)


def doubts(features: Floats, codes: Ints, neighbours: int = 15) -> Doubts:
    """Beliefs about the label of every row from all other rows.

    Args:
        features: (n, dimensions), such as from `blocks_joined`.
        codes: Class of each row from 0, (n,).
        neighbours: Rows that vote, at most.

    Raises:
        UsageError: for fewer than two classes, or a class with one row.
    """
    counts = np.bincount(codes)
    if len(counts) < 2 or counts.min() < 2:
        raise UsageError("labels cannot be judged", "two classes with two rows each are needed at least")
    weight = counts**-0.5 / (counts**-0.5).mean()
    beliefs = (_voted(features, codes, weight, min(neighbours, len(codes) - 1)) + _anchored(features, codes)) / 2
    rows = np.arange(len(codes))
    others = beliefs.copy()
    others[rows, codes] = -1
    return Doubts(beliefs, (1 + others.max(1) - beliefs[rows, codes]) / 2, beliefs.argmax(1).astype(np.int64))


def _voted(features: Floats, codes: Ints, weight: Floats, k: int) -> Floats:
    """Share of the k nearest rows' votes, each vote weighed by its class."""
    found = np.zeros((len(codes), len(weight)))
    squares = (features**2).sum(1)
    for start in range(0, len(codes), BLOCK):
        part = features[start : start + BLOCK]
        apart = squares[None] - 2 * part @ features.T
        apart[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        near = np.argpartition(apart, k - 1, axis=1)[:, :k]
        for i, rows in enumerate(near):
            found[start + i] = np.bincount(codes[rows], weights=weight[codes[rows]], minlength=len(weight))
    return np.asarray(found / found.sum(1, keepdims=True))


def _anchored(features: Floats, codes: Ints) -> Floats:
    """Closeness to the mean of each class, the row itself left out; Gaussian in units of the usual nearest distance."""
    classes = int(codes.max()) + 1
    onehot = np.eye(classes)[codes]
    sums, counts = onehot.T @ features, onehot.sum(0)
    apart = np.stack(
        [
            ((features - (sums[c] - onehot[:, c : c + 1] * features) / (counts[c] - onehot[:, c : c + 1])) ** 2).sum(1)
            for c in range(classes)
        ],
        axis=1,
    )
    scale = max(float(np.median(apart.min(1))), 1e-12)
    close = np.exp(-(apart - apart.min(1, keepdims=True)) / scale)
    return np.asarray(close / close.sum(1, keepdims=True))
