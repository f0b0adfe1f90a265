"""Figures with their uncertainty, and the tables they are printed in: shared by every benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation import intervals
from curate.evaluation.intervals import Estimate, proportion, resampled
from curate.evaluation.metrics import classification, probabilistic, regression

__all__ = ["Estimate", "auc", "bootstrap", "concordance", "groups", "macro_f1", "mean", "proportion", "table"]


def bootstrap(statistic: Callable[..., float], *samples: ArrayLike, rounds: int = 1000, seed: int = 0) -> Estimate:
    """A statistic of paired samples with its bootstrap interval; see `curate.evaluation.intervals.bootstrap`.

    Args:
        statistic: Takes the samples, returns one number.
        samples: Arrays of one length; the first axis counts the cases.
        rounds: Number of resamples.
        seed: Of the resampling.
    """
    return intervals.bootstrap(resampled(statistic), *samples, rounds=rounds, seed=seed)


def mean(values: ArrayLike) -> Estimate:
    """Mean with the normal interval of its standard error."""
    array = np.asarray(values, float)
    half = 1.959964 * array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else float("nan")
    return Estimate(float(array.mean()), float(array.mean() - half), float(array.mean() + half), len(array))


def auc(truth: ArrayLike, score: ArrayLike, rounds: int = 300) -> Estimate:
    """Area under the ROC curve with its bootstrap interval.

    Args:
        truth: Booleans, shape (n,); both values must occur.
        score: Higher means more likely true, shape (n,).
        rounds: Number of resamples.
    """
    y, s = np.asarray(truth, bool), np.asarray(score, float)
    return intervals.bootstrap(probabilistic.roc_auc, y, s, rounds=rounds, proportion=True)


def macro_f1(truth: ArrayLike, guess: ArrayLike, rounds: int = 300) -> Estimate:
    """F1 averaged over the classes that occur in the truth, with its bootstrap interval."""
    return intervals.bootstrap(classification.macro_f1, truth, guess, rounds=rounds, proportion=True)


def concordance(x: ArrayLike, y: ArrayLike) -> float:
    """Lin's concordance correlation coefficient of two samples, in -1..1.

    L. Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989.
    """
    return float(regression.ccc(x, y))


def groups(values: ArrayLike, order: Sequence[str] = ()) -> list[tuple[str, NDArray[np.bool_]]]:
    """Each distinct value and the mask of its cases, in the given order, or else sorted."""
    array = np.asarray(values)
    present = {str(v) for v in np.unique(array)}
    return [(v, array == v) for v in (order or sorted(present)) if v in present]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; estimates are printed as `value (low-high)`."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value}" if not isinstance(value, Estimate) else f"{value:.3f}"
