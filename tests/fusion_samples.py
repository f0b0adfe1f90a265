"""Sources with known errors for the tests of fusion."""

from __future__ import annotations

import numpy as np

from curate.fuse.dawid_skene import DawidSkene
from curate.fuse.method import POOLED, Codes, Floats, Source
from curate.fuse.patterns import Patterns

A, B, C = Source("a"), Source("b"), Source("c")
HUMAN = Source("human", human=True)


def pooled(n: int) -> Codes:
    return np.full(n, POOLED)


def confusion(right: float, k: int) -> Floats:
    return np.where(np.eye(k, dtype=bool), right, (1 - right) / (k - 1))


def simulate(truth: Codes, confusions: list[Floats], rng: np.random.Generator) -> Codes:
    """What sources with these confusions say, by the inverse of each true label's distribution."""
    edges = [np.cumsum(c, axis=1)[truth] for c in confusions]
    chance = rng.random((len(truth), len(confusions)))
    return np.stack([(chance[:, [s]] > e).sum(1) for s, e in enumerate(edges)], axis=1)


def fit(model: DawidSkene, said: Codes, groups: Codes, truth: Codes | None = None) -> None:
    patterns = Patterns(said.shape[1] + 2)
    patterns.add(np.column_stack([said, groups, pooled(len(said)) if truth is None else truth]))
    rows = patterns.rows
    model.fit(rows[:, :-2], rows[:, -2], rows[:, -1], patterns.counts)


def majority(said: Codes, k: int) -> Codes:
    return np.array([np.bincount(row[row >= 0], minlength=k).argmax() for row in said])
