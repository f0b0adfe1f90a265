"""Verification as the LFW benchmark has it: pairs in folds, and accuracy at a threshold from the other folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.identity import eer, tar_at_far
from curate.evaluation.metrics.probabilistic import roc_auc
from curate.measures.summary import number, row_of
from schemas import UsageError

FOLDS = 10
FARS = (0.1, 0.01, 0.001, 0.0001)
"""False-accept rates that TAR is given for, where there are different-person pairs enough."""


@dataclass(frozen=True)
class FilePair:
    """A line of `pairs.txt`.

    Attributes:
        fold: Number of its fold, from 0.
        first: Person and number of the picture.
        second: The same; another person's for a mismatch.
    """

    fold: int
    first: tuple[str, int]
    second: tuple[str, int]

    @property
    def same(self) -> bool:
        """One person."""
        return self.first[0] == self.second[0]


def read_pairs(path: Path) -> list[FilePair]:
    """Pairs of LFW's `pairs.txt`: folds and pairs in the first line, then each fold's matches and mismatches.

    Raises:
        UsageError: if the file is not of this form, or holds fewer or more lines than it announces.
    """
    try:
        lines = [line.rstrip("\n").split("\t") for line in path.read_text("utf-8").splitlines() if line.strip()]
        head = [int(n) for n in lines[0]]
        folds, each = (head[0], head[1]) if len(head) > 1 else (1, head[0])
    except (OSError, UnicodeDecodeError, ValueError, IndexError) as error:
        raise UsageError(f"cannot read the pairs {path}", str(error), "The first line holds folds and pairs") from error
    if len(lines) - 1 != 2 * folds * each:
        raise UsageError(f"{path} announces {folds} x 2 x {each} pairs and holds {len(lines) - 1}")
    return [_pair(fields, number // (2 * each), number + 2, path) for number, fields in enumerate(lines[1:])]


def _pair(fields: list[str], fold: int, line: int, path: Path) -> FilePair:
    try:
        if len(fields) == 3:
            return FilePair(fold, (fields[0], int(fields[1])), (fields[0], int(fields[2])))
        first, a, second, b = fields
        return FilePair(fold, (first, int(a)), (second, int(b)))
    except ValueError:
        raise UsageError(f"{path} has a line {line} that is no pair", "\t".join(fields)) from None


def dealt(same: ArrayLike, folds: int = FOLDS) -> NDArray[np.intp]:
    """A fold for each pair where a list names none: matches and mismatches are dealt in turn."""
    kinds = np.asarray(same, bool)
    fold = np.zeros(len(kinds), np.intp)
    for kind in (True, False):
        chosen = np.flatnonzero(kinds == kind)
        fold[chosen] = np.arange(len(chosen)) % folds
    return fold


def fold_hits(same: ArrayLike, scores: ArrayLike, fold: ArrayLike) -> NDArray[np.bool_]:
    """Whether each pair is told right at the threshold that tells the other folds' pairs best.

    G. Huang et al., "Labeled Faces in the Wild", 2007, view 2: a threshold may not see the fold it is applied to. Of
    several equally good thresholds the middle of the first such gap between scores is taken.
    """
    kinds, values, parts = np.asarray(same, bool), np.asarray(scores, np.float64), np.asarray(fold)
    hits = np.zeros(len(kinds), bool)
    for part in np.unique(parts):
        own = parts == part
        threshold = best_threshold(kinds[~own], values[~own]) if (~own).any() else best_threshold(kinds, values)
        hits[own] = (values[own] >= threshold) == kinds[own]
    return hits


def best_threshold(same: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The threshold at which most pairs are told right."""
    ordered = np.unique(scores)
    cuts = np.r_[ordered[0] - 1e-6, (ordered[1:] + ordered[:-1]) / 2, ordered[-1] + 1e-6]
    right = [float(((scores >= cut) == same).mean()) for cut in cuts] if len(cuts) < 500 else _right(same, scores, cuts)
    return float(cuts[int(np.argmax(right))])


def _right(same: NDArray[np.bool_], scores: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share told right at each cut, for many pairs."""
    own, other = np.sort(scores[same]), np.sort(scores[~same])
    accepted = len(own) - np.searchsorted(own, cuts, side="left")
    refused = np.searchsorted(other, cuts, side="left")
    return np.asarray((accepted + refused) / len(scores))


def verification_figures(
    same: ArrayLike, scores: ArrayLike, fold: ArrayLike | None = None, clusters: ArrayLike | None = None,
    fars: Sequence[float] = FARS,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # fmt: skip
    """Accuracy by folds, AUC and equal error rate with intervals, and TAR at several FARs.

    Args:
        same: Whether each pair is one person, (n,).
        scores: Similarity, (n,).
        fold: Of each pair; dealt in turn if not given.
        clusters: Both people of each pair, (n, 2), where they are known: people are drawn then, not pairs.
        fars: False-accept rates.
    """
    kinds, values = np.asarray(same, bool), np.asarray(scores, np.float64)
    parts = dealt(kinds) if fold is None else np.asarray(fold)
    hits = fold_hits(kinds, values, parts)
    per_fold = [float(hits[parts == part].mean()) for part in np.unique(parts)]
    accuracy = bootstrap(_mean, hits, clusters=clusters, proportion=True, trials=len(hits))
    facts: dict[str, Any] = {
        "pairs": len(kinds),
        "of one person": int(kinds.sum()),
        "accuracy": accuracy.as_dict(),
        "standard error over folds": number(_standard_error(per_fold)),
        "AUC": bootstrap(roc_auc, kinds, values, clusters=clusters, proportion=True).as_dict(),
        "EER": bootstrap(eer, kinds, values, clusters=clusters).as_dict(),
    }
    rows = []
    for far in fars:
        found = bootstrap(_tar(far), kinds, values, clusters=clusters, proportion=True, trials=int(kinds.sum()))
        rows.append({"FAR": far, **row_of(found, "TAR")})
    return facts, rows


def _mean(hits: Any, weight: Any) -> Any:
    from curate.evaluation.metrics.counting import mean

    return mean(hits, weight)


def _tar(far: float) -> Any:
    return lambda same, scores, weight: tar_at_far(same, scores, far, weight=weight)


def _standard_error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
