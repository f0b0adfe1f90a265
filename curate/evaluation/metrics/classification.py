"""Agreement of class labels: accuracy, confusion, F1, kappa, and labels with several classes at once.

A guess that is none of the classes (an abstention, say) counts against recall, as in scikit-learn; leave
abstained cases out before the call and report how many they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.metrics.counting import Floats, Indices, bare, mean, mean_where, ratio, sums, total, weights

Over = Literal["truth", "either"]
Scheme = Literal["linear", "quadratic"]


def codes(values: ArrayLike, labels: Sequence[Any]) -> Indices:
    """Position of each value in `labels`, -1 for a value that is not there (null, say)."""
    place = {label: i for i, label in enumerate(labels)}
    return np.asarray([place.get(value, -1) for value in np.asarray(values).reshape(-1).tolist()], np.intp)


def classes_of(truth: ArrayLike, guess: ArrayLike) -> list[Any]:
    """Sorted distinct values of both, nulls left out."""
    return sorted({v for a in (truth, guess) for v in np.asarray(a).reshape(-1).tolist() if v is not None})


def accuracy(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Share of cases whose guess equals the truth."""
    return mean(np.asarray(truth) == np.asarray(guess), weight)


def confusion(
    truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any] | None = None, *, weight: ArrayLike | None = None
) -> Floats:
    """Counts of each pair of classes; cases outside the labels are left out.

    Args:
        truth: Classes, (n,).
        guess: Classes, (n,).
        labels: Order of rows and columns; all classes that occur, sorted, by default.
        weight: (n,) or (rounds, n).

    Returns:
        (..., k, k); rows are the truth, columns the guess.
    """
    return _extended(truth, guess, labels, weight)[..., :-1, :-1]


def _extended(truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any] | None, weight: ArrayLike | None) -> Floats:
    """Confusion with one more row and column for whatever is none of the labels."""
    names = classes_of(truth, guess) if labels is None else list(labels)
    size = len(names) + 1
    rows, columns = codes(truth, names) % size, codes(guess, names) % size
    counts = sums(rows * size + columns, size * size, weights(weight, len(rows)))
    return counts.reshape(*counts.shape[:-1], size, size)


@dataclass(frozen=True)
class PerClass:
    """Figures of each class, each (..., k).

    Attributes:
        precision: NaN for a class that was never guessed.
        recall: NaN for a class that does not occur in the truth.
        f1: NaN for a class in neither.
        support: Cases of the class in the truth.
        guessed: Cases of the class among the guesses.
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: Floats
    guessed: Floats


def per_class(matrix: ArrayLike) -> PerClass:
    """Precision, recall and F1 of each class of a confusion matrix (..., k, k), rows truth."""
    counts = np.asarray(matrix, np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    support, guessed = counts.sum(-1), counts.sum(-2)
    return PerClass(
        ratio(hits, guessed), ratio(hits, support), ratio(2 * hits, support + guessed), support, guessed
    )  # fmt: skip


def class_figures(
    truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any] | None = None, *, weight: ArrayLike | None = None
) -> PerClass:
    """Precision, recall and F1 of each label; a guess outside the labels is a miss of the true one."""
    found = per_class(_extended(truth, guess, labels, weight))
    return PerClass(*(getattr(found, f)[..., :-1] for f in ("precision", "recall", "f1", "support", "guessed")))


def balanced_accuracy(
    truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any] | None = None, *, weight: ArrayLike | None = None
) -> Floats:
    """Recall averaged over the classes that occur in the truth."""
    found = class_figures(truth, guess, labels, weight=weight)
    return mean_where(found.recall, found.support > 0)


def worst_recall(
    truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any] | None = None, *, weight: ArrayLike | None = None
) -> Floats:
    """Least recall of the classes that occur in the truth."""
    found = class_figures(truth, guess, labels, weight=weight)
    least = np.min(np.where(found.support > 0, found.recall, np.inf), axis=-1, initial=np.inf)
    return bare(np.where(np.isinf(least), np.nan, least))


def macro_f1(
    truth: ArrayLike,
    guess: ArrayLike,
    labels: Sequence[Any] | None = None,
    *,
    weight: ArrayLike | None = None,
    over: Over = "truth",
) -> Floats:
    """F1 averaged over classes.

    Args:
        truth: Classes, (n,).
        guess: Classes, (n,).
        labels: The classes; all that occur by default.
        weight: (n,) or (rounds, n).
        over: `truth` averages over classes that occur in the truth; `either` also over those only guessed
            (scikit-learn's default).
    """
    found = class_figures(truth, guess, labels, weight=weight)
    return mean_where(found.f1, found.support + (found.guessed if over == "either" else 0) > 0)


def weighted_f1(
    truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any] | None = None, *, weight: ArrayLike | None = None
) -> Floats:
    """F1 averaged over classes in proportion to their cases in the truth."""
    found = class_figures(truth, guess, labels, weight=weight)
    parts = np.where(found.support > 0, found.support * found.f1, 0.0)
    return ratio(parts.sum(-1), found.support.sum(-1))


def cohen_kappa(
    truth: ArrayLike,
    guess: ArrayLike,
    labels: Sequence[Any] | None = None,
    *,
    weight: ArrayLike | None = None,
    scheme: Scheme | None = None,
) -> Floats:
    """Agreement beyond chance, in -1..1.

    J. Cohen, "A coefficient of agreement for nominal scales", 1960; with `scheme`, "Weighted kappa", 1968.

    Args:
        truth: Classes, (n,).
        guess: Classes, (n,).
        labels: The classes, in order where they are ordinal.
        weight: (n,) or (rounds, n).
        scheme: Cost of a disagreement: all alike by default, the distance in steps, or its square.
    """
    counts = confusion(truth, guess, labels, weight=weight)
    index = np.arange(counts.shape[-1])
    steps = np.abs(index[:, None] - index[None]).astype(np.float64)
    cost = {"linear": steps, "quadratic": steps**2}.get(scheme or "", np.minimum(steps, 1))
    seen = (counts * cost).sum((-2, -1))
    by_chance = counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :]
    expected = ratio((by_chance * cost).sum((-2, -1)), counts.sum((-2, -1)))
    return bare(1 - ratio(seen, expected))


def within_bins(
    truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any], *, bins: int = 1, weight: ArrayLike | None = None
) -> Floats:
    """Share of cases whose ordinal class is at most `bins` steps from the true one; a class not listed is a miss."""
    t, g = codes(truth, labels), codes(guess, labels)
    return mean((t >= 0) & (g >= 0) & (np.abs(t - g) <= bins), weight)


def within_one_bin(
    truth: ArrayLike, guess: ArrayLike, labels: Sequence[Any], *, weight: ArrayLike | None = None
) -> Floats:
    """Share of cases whose ordinal class is the true one or its neighbour."""
    return within_bins(truth, guess, labels, bins=1, weight=weight)


def label_figures(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> PerClass:
    """Precision, recall and F1 of each label where a case may have several.

    Args:
        truth: Booleans, (n, k), or (n,) for one label.
        guess: Booleans of the same shape.
        weight: (n,) or (rounds, n).

    Returns:
        Figures of shape (..., k).
    """
    t, g = _flags(truth), _flags(guess)
    w = weights(weight, len(t))
    hits, support, guessed = (_counts(w, f) for f in (t & g, t, g))
    return PerClass(
        ratio(hits, guessed), ratio(hits, support), ratio(2 * hits, support + guessed), support, guessed
    )  # fmt: skip


def _flags(values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values, bool)
    return array[:, None] if array.ndim == 1 else array


def _counts(weight: Floats, flags: NDArray[np.bool_]) -> Floats:
    return np.stack([total(weight, f.astype(np.float64)) for f in flags.T], axis=-1)


def multilabel_f1(
    truth: ArrayLike,
    guess: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    average: Literal["macro", "micro"] = "macro",
) -> Floats:
    """F1 over labels of which a case may have several.

    Args:
        truth: Booleans, (n, k).
        guess: Booleans, (n, k).
        weight: (n,) or (rounds, n).
        average: `macro` averages over labels that occur in the truth; `micro` pools all decisions.
    """
    found = label_figures(truth, guess, weight=weight)
    if average == "macro":
        return mean_where(found.f1, found.support > 0)
    hits = np.where(found.support > 0, found.recall * found.support, 0.0).sum(-1)
    return ratio(2 * hits, (found.support + found.guessed).sum(-1))


def binary_precision(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Share of the accepted cases that are true; booleans (n,)."""
    return label_figures(truth, guess, weight=weight).precision[..., 0]


def binary_recall(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Share of the true cases that are accepted; booleans (n,)."""
    return label_figures(truth, guess, weight=weight).recall[..., 0]


def binary_f1(truth: ArrayLike, guess: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Harmonic mean of precision and recall; booleans (n,); NaN where nothing is true and nothing accepted."""
    return label_figures(truth, guess, weight=weight).f1[..., 0]
