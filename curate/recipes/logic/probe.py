"""Does an embedding tell who someone is? A linear probe against chance, and folds that share people or do not.

Models of facial behaviour can learn the subjects instead of the behaviour; M. Ning et al., "Representation learning and
identity adversarial training for facial behavior understanding" (2024), show it by predicting the subject from
features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.intervals import Estimate, proportion
from curate.recipes.logic.grouping import rows_by
from schemas import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def random_folds(n: int, folds: int, seed: int = 0) -> Ints:
    """A fold for each of n rows, sizes differing by at most one, whoever they show."""
    return (np.random.default_rng(seed).permutation(n) % folds).astype(np.int64)


def grouped_folds(subjects: Sequence[str], folds: int, seed: int = 0) -> Ints:
    """A fold for each row such that no subject is in two: the largest subjects first, each into the emptiest fold.

    Raises:
        UsageError: if there are fewer subjects than folds.
    """
    names, place, counts = np.unique(np.asarray(subjects, object).astype(str), return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise UsageError(f"{folds} folds of {len(names)} subjects", "each fold needs a subject of its own")
    draw = np.random.default_rng(seed).permutation(len(names))
    fold, filled = np.empty(len(names), np.int64), np.zeros(folds, np.int64)
    for subject in sorted(range(len(names)), key=lambda s: (-counts[s], draw[s])):
        fold[subject] = int(filled.argmin())
        filled[fold[subject]] += counts[subject]
    return np.asarray(fold[place], np.int64)


def overlap(subjects: Sequence[str], folds: Ints) -> int:
    """Subjects who have rows in two folds or more."""
    return sum(len(np.unique(folds[rows])) > 1 for rows in rows_by(subjects).values())


@dataclass(frozen=True)
class Probe:
    """How well a linear model names the subject.

    Attributes:
        accuracy: On rows that the model has not seen, over all folds.
        chance: Share of rows of the most frequent subject among those tested: what naming it always would reach.
        subjects: Their number.
    """

    accuracy: Estimate
    chance: float
    subjects: int


def identity_probe(
    vectors: Floats, subjects: Sequence[str], folds: int = 5, penalty: float = 1.0, seed: int = 0
) -> Probe:
    """Predict the subject of each row by ridge regression onto one-hot codes, cross-validated over rows.

    Its solution is closed, so thousands of subjects cost little more than two, unlike the logistic probe of
    `curate.measures.linear_probe`. Subjects of one row are left out: no model can have seen them.

    Args:
        vectors: (n, d).
        subjects: (n,).
        folds: Random folds over rows, so that a subject is seen in training.
        penalty: Times the squared weights.
        seed: Of the folds.

    Raises:
        UsageError: if fewer than two subjects have two rows.
    """
    names = np.asarray(subjects, object).astype(str)
    distinct, counts = np.unique(names, return_counts=True)
    rows = np.isin(names, distinct[counts > 1])
    known, place = np.unique(names[rows], return_inverse=True)
    if len(known) < 2:
        raise UsageError("an identity probe", "it needs two subjects with two rows or more each")
    x, fold = np.asarray(vectors, np.float64)[rows], random_folds(int(rows.sum()), folds, seed)
    hits = np.zeros(len(x), bool)
    for number in range(folds):
        held = fold == number
        if held.all() or not held.any():
            continue
        middle = x[~held].mean(0)
        a, codes = x[~held] - middle, np.eye(len(known))[place[~held]]
        weight = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ (codes - codes.mean(0)))
        hits[held] = ((x[held] - middle) @ weight + codes.mean(0)).argmax(1) == place[held]
    return Probe(proportion(hits), float(np.bincount(place).max() / len(place)), len(known))
