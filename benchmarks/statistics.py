"""Figures with their uncertainty, and the tables they are printed in: shared by every benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""Confidence level of all intervals."""


@dataclass(frozen=True)
class Estimate:
    """A measured figure with its 95 % interval and the number of cases behind it."""

    value: float
    low: float
    high: float
    n: int

    def __format__(self, spec: str) -> str:
        digits = spec or ".3f"
        dash = " to " if self.low < 0 else "-"
        return f"{self.value:{digits}} ({self.low:{digits}}{dash}{self.high:{digits}})"


def proportion(hits: ArrayLike) -> Estimate:
    """Share of true values with Wilson's score interval.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        hits: Booleans, shape (n,); NaN of all four numbers where n is 0.
    """
    from scipy.stats import binomtest

    array = np.asarray(hits, bool)
    if not len(array):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    result = binomtest(int(array.sum()), len(array)).proportion_ci(LEVEL, method="wilson")
    return Estimate(float(array.mean()), float(result.low), float(result.high), len(array))


def bootstrap(statistic: Callable[..., float], *samples: ArrayLike, rounds: int = 1000, seed: int = 0) -> Estimate:
    """A statistic of paired samples with its percentile bootstrap interval.

    B. Efron, "Bootstrap methods: another look at the jackknife", 1979. Cases are drawn with replacement,
    the same cases from every sample.

    Args:
        statistic: Takes the samples, returns one number.
        samples: Arrays of one length; the first axis counts the cases.
        rounds: Number of resamples.
        seed: Of the resampling.
    """
    arrays = [np.asarray(s) for s in samples]
    n = len(arrays[0])
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        rows = rng.integers(0, n, n)
        values.append(statistic(*(a[rows] for a in arrays)))
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return Estimate(float(statistic(*arrays)), float(low), float(high), n)


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
    from sklearn.metrics import roc_auc_score

    def area(y: NDArray[Any], s: NDArray[Any]) -> float:
        return float(roc_auc_score(y, s)) if 0 < y.sum() < len(y) else float("nan")

    return bootstrap(area, np.asarray(truth, bool), np.asarray(score, float), rounds=rounds)


def macro_f1(truth: ArrayLike, guess: ArrayLike, rounds: int = 300) -> Estimate:
    """F1 averaged over the classes that occur in the truth, with its bootstrap interval."""
    from sklearn.metrics import f1_score

    classes = np.unique(np.asarray(truth))

    def score(y: NDArray[Any], p: NDArray[Any]) -> float:
        return float(f1_score(y, p, labels=classes, average="macro", zero_division=0))

    return bootstrap(score, truth, guess, rounds=rounds)


def concordance(x: ArrayLike, y: ArrayLike) -> float:
    """Lin's concordance correlation coefficient of two samples, in -1..1.

    L. Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989.
    """
    a, b = np.asarray(x, float), np.asarray(y, float)
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    return float(2 * covariance / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))


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
