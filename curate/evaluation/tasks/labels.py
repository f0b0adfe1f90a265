"""Columns of one label per face: accuracy, confusion, calibration, abstention and conformal sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.board import Board, State
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import classification, probabilistic
from curate.evaluation.metrics.counting import Floats, mean
from curate.evaluation.results import Section
from curate.evaluation.roles import Pairing
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.truths import label_truth
from curate.evaluation.vocabulary import Common, bring_together
from curate.scores import scores_beside
from schemas import Column, taxonomy

ORDINAL = ("age-fairface-9", "monk-10", "fitzpatrick-6", "ita-6")
"""Taxonomies whose labels stand in an order."""
BINS = 10
NONE = -1


def labels_section(board: Board, pairing: Pairing, groupings: Sequence[Grouping]) -> Section:
    """Hold a label column against the truth.

    Raises:
        UsageError: if the truth's values are of no vocabulary that can be compared with the column's.
    """
    column = pairing.column
    spoken = label_truth(board, pairing, column.taxonomy)
    common = bring_together(spoken, column.taxonomy, column.name)
    homeless = np.array([a is not None and b is None for a, b in zip(spoken.labels, common.truth, strict=True)], bool)
    found = answers(board, column, common.truth, homeless)
    cases = _cases(board, column, common, found.asked, found.states)
    notes = [f"True labels read as {spoken.how}.", _left_out(common), _unsayable(column, common, found.asked)]
    return Section(
        name=column.name, task="labels", title=column.name, doc=column.doc, truth=pairing.truth,
        measures=cases.measures, figures=overall(cases, board.options), speakers=board.speakers(column, found.asked),
        counts=found.counts, splits=splits(cases, groupings, board.options, found.states),
        details=cases.details(cases.arrays) if cases.details else {}, vocabulary=common.how,
        map_kind=common.kind.value, notes=tuple(n for n in notes if n), sensitive=column.sensitive,
    )  # fmt: skip


def _left_out(common: Common) -> str:
    if not common.undefined:
        return ""
    listing = ", ".join(f"{label} ({n:,})" for label, n in common.undefined.items())
    return f"Left out, since {common.taxonomy} has no place for them: {listing}."


def _unsayable(column: Column, common: Common, asked: NDArray[np.intp]) -> str:
    """True labels that the column can never give, which therefore count as errors."""
    if common.table is None:
        return ""
    missing = {common.truth[i] for i in asked.tolist()} - set(common.table.values())
    listing = ", ".join(sorted(map(str, missing)))
    return f"{column.name} can never say {listing}; those count as errors." if missing else ""


def _cases(board: Board, column: Column, common: Common, asked: NDArray[np.intp], states: NDArray[Any]) -> Cases:
    """Arrays: true class, answered class, likeliest class, answered or not, and per class probabilities and sets."""
    place = {label: i for i, label in enumerate(common.labels)}
    truth = np.array([place[common.truth[i] or ""] for i in asked.tolist()], np.intp)
    given = board.values(column).take(asked).to_pylist()
    said = np.array([place.get(_mapped(v, common.table) or "", NONE) for v in given], np.intp)
    said[states[asked] != State.ANSWERED.value] = NONE
    chances = _chances(board, column, common, asked)
    sets = _sets(board, column, common, asked, truth)
    answered = states[asked] == State.ANSWERED.value
    has = np.isfinite(chances).all(1) if chances is not None else np.zeros(len(asked), bool)
    likeliest = said.copy()
    sure: NDArray[np.float64] = np.full(len(asked), np.nan)
    if chances is not None:
        likeliest[has] = chances[has].argmax(1)
        sure[has] = chances[has].max(1)
    own = (*_wide(chances, truth), *(sets or (np.zeros(len(asked), bool), np.full(len(asked), -1))))
    arrays = (truth, said, likeliest, answered, sure, *own, likeliest == truth)
    abstains = bool((states[asked] == State.ABSTAINED.value).any())
    measures = _measures(common, bool(has.any()), abstains, sets is not None)
    details = partial(_details, labels=common.labels)
    return Cases(
        arrays, asked, measures, None if board.clusters is None else board.clusters[asked],
        partial(details, curves=True), partial(details, curves=False),
    )  # fmt: skip


def _mapped(label: str | None, table: Mapping[str, str | None] | None) -> str | None:
    return label if table is None or label is None else table.get(label)


def _chances(board: Board, column: Column, common: Common, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """(n, k) probabilities in the common vocabulary; NaN where there are none; None if no column has them."""
    beside = scores_beside(column)
    if beside is None or not board.has(beside.name):
        return None
    values = board.values(beside).take(rows)
    fields = [np.asarray(values.field(f.name).to_numpy(zero_copy_only=False), np.float64) for f in values.type]
    own = np.stack(fields, axis=1)
    own[~np.asarray(values.is_valid())] = np.nan
    place = {label: i for i, label in enumerate(common.labels)}
    found = np.zeros((len(rows), len(place)))
    for i, label in enumerate(taxonomy(column.taxonomy).labels):
        target = _mapped(label, common.table)
        if target is not None:
            found[:, place[target]] += own[:, i]
    found[np.isnan(own).any(1)] = np.nan
    return found


def _sets(
    board: Board, column: Column, common: Common, rows: NDArray[np.intp], truth: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]] | None:
    """Whether each conformal set holds the truth, and its size: 0 for an empty one, -1 where none was made."""
    name = f"{column.name}_set"
    if not board.has(name):
        return None
    sets = [
        None if members is None else {_mapped(label, common.table) for label in members} - {None}
        for members in board.values(name).take(rows).to_pylist()
    ]
    holds = [common.labels[true] in (among or ()) for among, true in zip(sets, truth.tolist(), strict=True)]
    return np.array(holds, bool), np.array([-1 if among is None else len(among) for among in sets], np.intp)


def _wide(chances: NDArray[np.float64] | None, truth: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Probability of the true class and the squared error over all classes."""
    if chances is None:
        return np.full(len(truth), np.nan), np.full(len(truth), np.nan)
    own = chances[np.arange(len(truth)), truth]
    error = ((chances - (truth[:, None] == np.arange(chances.shape[1]))) ** 2).sum(1)
    return own, error


TRUTH, SAID, LIKELIEST, ANSWERED, SURE, CHANCE, SQUARES, IN_SET, SET_SIZE, RIGHT = range(10)
"""The arrays of a label column."""


def _answered(*arrays: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(arrays[ANSWERED], bool)


def _in_vocabulary(*arrays: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(_answered(*arrays) & (arrays[SAID] >= 0), bool)


def _rated(*arrays: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(arrays[SURE]), bool)


def _has_set(*arrays: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(arrays[SET_SIZE] >= 0, bool)


def _log_loss(chance: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    eps = np.finfo(np.float64).eps
    return mean(-np.log(np.clip(chance, eps, 1 - eps)), weight)


def _steps(truth: NDArray[np.intp], said: NDArray[np.intp], weight: ArrayLike | None = None) -> Floats:
    return mean(np.abs(said - truth), weight)


def _measures(common: Common, chances: bool, abstains: bool, sets: bool) -> tuple[Measure, ...]:
    known = list(range(len(common.labels)))
    both: dict[str, Any] = {"uses": (TRUTH, SAID), "where": _answered}
    when = " when it answers" if abstains else ""
    found = [
        Measure("accuracy", f"accuracy{when}", "Share of answers that are the true label.", classification.accuracy,
                share=True, **both),
        Measure("macro_f1", "macro-F1", "F1 averaged over the classes that occur in the truth.",
                partial(classification.macro_f1, labels=known), share=True, **both),
        Measure("balanced_accuracy", "balanced accuracy", "Recall averaged over the classes that occur.",
                partial(classification.balanced_accuracy, labels=known), share=True, **both),
        Measure("worst_recall", "worst recall", "Recall of the class that is found least.",
                partial(classification.worst_recall, labels=known), share=True, **both),
        Measure("kappa", "kappa", "Agreement beyond chance (Cohen).",
                partial(classification.cohen_kappa, labels=known), **both),
    ]  # fmt: skip
    if common.taxonomy in ORDINAL:
        found[1:1] = _ordinal_measures(known, both)
    if abstains:
        found.append(Measure("answer_rate", "answer rate", "Share of faces that get an answer.", mean, share=True,
                             better="", uses=(ANSWERED,)))  # fmt: skip
    if chances:
        found += _chance_measures(abstains)
    if sets:
        found += [
            Measure("set_coverage", "set coverage", "Share of conformal sets that hold the true label.", mean,
                    share=True, better="", uses=(IN_SET,), where=_has_set),
            Measure("set_size", "set size", "Mean number of labels in a conformal set.", mean,
                    better="lower", unit="labels", uses=(SET_SIZE,), where=_has_set),
        ]  # fmt: skip
    return tuple(found)


def _ordinal_measures(known: list[int], both: dict[str, Any]) -> list[Measure]:
    return [
        Measure("within_one", "within one step", "Share of answers at most one step from the true label.",
                partial(classification.within_one_bin, labels=known), share=True, **both),
        Measure("steps", "mean distance", "Mean number of steps between answer and truth.", _steps, better="lower",
                unit="steps", uses=(TRUTH, SAID), where=_in_vocabulary),
        Measure("quadratic_kappa", "quadratic kappa", "Kappa with the squared distance as cost.",
                partial(classification.cohen_kappa, labels=known, scheme="quadratic"), **both),
    ]  # fmt: skip


def _chance_measures(abstains: bool) -> list[Measure]:
    forced = Measure(
        "forced_accuracy", "accuracy if it must answer",
        "Share of faces whose likeliest label is the true one, abstentions overruled.",
        classification.accuracy, share=True, uses=(TRUTH, LIKELIEST), where=_rated,
    )  # fmt: skip
    return [
        *([forced] if abstains else []),
        Measure("ece", "calibration error", f"Distance of stated from found probability (ECE, {BINS} bins).",
                partial(probabilistic.ece, bins=BINS), share=True, better="lower", uses=(SURE, RIGHT), where=_rated),
        Measure("brier", "Brier score", "Squared error of the probabilities over all classes, 0-2.", mean,
                better="lower", uses=(SQUARES,), where=_rated),
        Measure("log_loss", "log loss", "Mean of -ln(probability of the true label).", _log_loss, better="lower",
                uses=(CHANCE,), where=_rated),
    ]  # fmt: skip


def _details(arrays: Sequence[NDArray[Any]], labels: Sequence[str], curves: bool) -> dict[str, Any]:
    """Counts behind the figures; the confusion has one more column for answers outside the vocabulary."""
    truth, said, likeliest, answered, sure = arrays[:5]
    size = len(labels)
    matrix = np.zeros((size, size + 1), np.int64)
    np.add.at(matrix, (truth[answered], np.where(said[answered] < 0, size, said[answered])), 1)
    found: dict[str, Any] = {"confusion": {"labels": list(labels), "counts": matrix[:, :size].tolist()}}
    if matrix[:, size].any():
        found["confusion"]["elsewhere"] = matrix[:, size].tolist()
    if not curves:
        return found
    figures = classification.class_figures(truth[answered], said[answered], list(range(size)))
    found["per_class"] = {
        "labels": list(labels), "precision": figures.precision.tolist(), "recall": figures.recall.tolist(),
        "f1": figures.f1.tolist(), "support": figures.support.astype(int).tolist(),
        "answered": figures.guessed.astype(int).tolist(),
    }  # fmt: skip
    rated = np.isfinite(sure)
    if rated.any():
        curve = probabilistic.reliability(sure[rated], likeliest[rated] == truth[rated], bins=BINS)
        found["reliability"] = {
            "stated": curve.stated.tolist(), "found": curve.found.tolist(), "count": curve.count.astype(int).tolist()
        }  # fmt: skip
    return found
