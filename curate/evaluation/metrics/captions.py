"""How right the facts of captions are; a fact is written `column=label`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curate.evaluation.metrics.counting import Floats, mean, ratio, total, weights


@dataclass(frozen=True)
class FactCounts:
    """Facts of each caption, each (n,).

    Attributes:
        hits: Facts stated and true.
        stated: Facts stated.
        true: Facts that are true.
        contradictions: Facts stated of a column for which only other labels are true.
    """

    hits: Floats
    stated: Floats
    true: Floats
    contradictions: Floats


def count_facts(
    truth: Sequence[Collection[str]], stated: Sequence[Collection[str]], several: Collection[str] = ()
) -> FactCounts:
    """Counts of each caption's facts.

    Args:
        truth: True facts of each case, as `column=label`.
        stated: Facts of each caption.
        several: Columns that may hold several labels at once, where another true label contradicts nothing.
    """
    rows = [_count(set(t), set(s), several) for t, s in zip(truth, stated, strict=True)]
    return FactCounts(*np.asarray(rows, np.float64).reshape(-1, 4).T)


def _count(truth: set[str], stated: set[str], several: Collection[str]) -> tuple[int, int, int, int]:
    known = {_column(fact) for fact in truth}.difference(several)
    wrong = sum(_column(fact) in known for fact in stated - truth)
    return len(truth & stated), len(stated), len(truth), wrong


def _column(fact: str) -> str:
    return fact.partition("=")[0]


def micro_precision(hits: ArrayLike, stated: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Share of all stated facts that are true."""
    return _pooled(hits, stated, weight)


def micro_recall(hits: ArrayLike, true: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Share of all true facts that are stated."""
    return _pooled(hits, true, weight)


def macro_precision(hits: ArrayLike, stated: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Precision averaged over captions that state anything."""
    return _averaged(hits, stated, weight)


def macro_recall(hits: ArrayLike, true: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Recall averaged over cases of which anything is true."""
    return _averaged(hits, true, weight)


def contradiction_rate(contradictions: ArrayLike, stated: ArrayLike, *, weight: ArrayLike | None = None) -> Floats:
    """Share of all stated facts that contradict the truth."""
    return _pooled(contradictions, stated, weight)


def _pooled(part: ArrayLike, whole: ArrayLike, weight: ArrayLike | None) -> Floats:
    a, b = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    w = weights(weight, len(a))
    return ratio(total(w, a), total(w, b))


def _averaged(part: ArrayLike, whole: ArrayLike, weight: ArrayLike | None) -> Floats:
    b = np.asarray(whole, np.float64)
    share = ratio(np.asarray(part, np.float64), b)
    return mean(np.where(b > 0, share, 0.0), weights(weight, len(b)) * (b > 0))
