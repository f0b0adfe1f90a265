"""Columns of numbers: ages, angles, valence and arousal, and any other measure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Details, Measure
from curate.evaluation.metrics import classification, regression
from curate.evaluation.metrics.counting import Floats, mean
from curate.evaluation.results import Section
from curate.evaluation.roles import Pairing
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.truths import YEARS, all_numbers, label_truth, number_truth
from schemas import Column, taxonomy
from schemas.bins import Bins, bins
from schemas.columns import labels

AGE_BINS = bins("age-fairface")
LAST_MIDDLE = 75.0
"""Stands for `70+`, which has no upper end."""
NORMAL_95 = 1.959964
POINTS = 2000
"""Most points of the scatter chart."""
AFFECT = (labels.VALENCE, labels.AROUSAL)
TRUTH, SAID, SD, TRUE_BIN, SAID_BIN, TOUCHES = range(6)
"""The arrays of a number column; bins are -1 and TOUCHES is false where there are none."""


def numbers_section(board: Board, pairing: Pairing, groupings: Sequence[Grouping]) -> Section:
    """Hold a column of numbers against the truth, which for ages may be bins.

    Raises:
        UsageError: if the truth holds neither numbers nor bins of the column's unit.
    """
    column = pairing.column
    aged = column is labels.AGE
    values = board.truth.columns[pairing.truth]
    in_bins = aged and (not all_numbers(values) or board.options.maps.get(pairing.truth, YEARS) != YEARS)
    notes = []
    if in_bins:
        spoken = label_truth(board, pairing, AGE_BINS.taxonomy_name)
        true_bins = np.array([-1 if v is None else _place(v) for v in spoken.labels], np.intp)
        truth = np.array([np.nan if b < 0 else middle(b) for b in true_bins.tolist()])
        notes += [
            f"True labels read as {spoken.how}.",
            f"The truth gives bins, so years are held against a bin's middle ({LAST_MIDDLE:g} for 70+).",
        ]
    else:
        truth = number_truth(pairing.truth, values)
        true_bins = _binned(truth, AGE_BINS) if aged else np.full(len(truth), -1)
    found = answers(board, column, [None if np.isnan(v) else v for v in truth.tolist()])
    cases = _cases(board, column, truth, true_bins, found.rows, in_bins)
    return Section(
        name=column.name, task="numbers", title=column.name, doc=column.doc, truth=pairing.truth,
        measures=cases.measures, figures=overall(cases, board.options), speakers=board.speakers(column, found.asked),
        counts=found.counts, splits=splits(cases, groupings, board.options, found.states),
        details=cases.details(cases.arrays) if cases.details else {}, notes=tuple(notes), sensitive=column.sensitive,
    )  # fmt: skip


def _place(label: str) -> int:
    return taxonomy(AGE_BINS.taxonomy_name).labels.index(label)


def middle(place: int) -> float:
    """Middle of an age bin in years."""
    low, high = AGE_BINS.interval(AGE_BINS.labels[place])
    return LAST_MIDDLE if place == len(AGE_BINS.labels) - 1 else (low + high) / 2


def _binned(values: NDArray[np.float64], by: Bins) -> NDArray[np.intp]:
    limits = np.array(by.limits)
    index = np.searchsorted(limits, values, side="right" if by.limit_belongs_above else "left")
    return np.where(np.isfinite(values) & (values >= by.low) & (values <= by.high), index, -1)


def _cases(
    board: Board, column: Column, truth: NDArray[np.float64], true_bins: NDArray[np.intp], rows: NDArray[np.intp],
    in_bins: bool,
) -> Cases:  # fmt: skip
    said = _floats(board, column.name, rows)
    deviation = f"{column.name}_sd"
    sd = _floats(board, deviation, rows) if board.has(deviation) else np.full(len(rows), np.nan)
    aged = column is labels.AGE
    said_bins = _binned(said, AGE_BINS) if aged else np.full(len(rows), -1)
    own = truth[rows]
    error = regression.angle_error(own, said) if column.unit == "deg" else said - own
    arrays = (own, said, sd, true_bins[rows], said_bins, np.abs(error) <= NORMAL_95 * sd)
    measures = _measures(column, in_bins, bool(np.isfinite(sd).any()))
    details: Details = partial(_scatter, seed=board.options.seed)
    kept: Details | None = _bin_confusion if aged else None
    clusters = None if board.clusters is None else board.clusters[rows]
    return Cases(arrays, rows, measures, clusters, _both(details, kept), kept)


def _floats(board: Board, name: str, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(board.values(name).take(rows).to_numpy(zero_copy_only=False), np.float64)


def _both(first: Details, second: Details | None) -> Details:
    return first if second is None else lambda arrays: {**first(arrays), **second(arrays)}


def _scatter(arrays: Sequence[NDArray[Any]], seed: int) -> dict[str, Any]:
    """Truth and answer of the faces, thinned out where there are many."""
    count = len(arrays[TRUTH])
    chosen: NDArray[np.intp] = np.arange(count)
    if count > POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(count, POINTS, replace=False))
    pairs = np.stack([arrays[TRUTH][chosen], arrays[SAID][chosen]], axis=1)
    return {"scatter": np.round(pairs, 3).tolist()}


def _bin_confusion(arrays: Sequence[NDArray[Any]]) -> dict[str, Any]:
    names = list(taxonomy(AGE_BINS.taxonomy_name).labels)
    both = (arrays[TRUE_BIN] >= 0) & (arrays[SAID_BIN] >= 0)
    matrix = np.zeros((len(names), len(names)), np.int64)
    np.add.at(matrix, (arrays[TRUE_BIN][both], arrays[SAID_BIN][both]), 1)
    return {"confusion": {"labels": names, "counts": matrix.tolist()}}


def _angle_bias(truth: ArrayLike, said: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    return mean(regression.angle_error(truth, said), weight)


def _measures(column: Column, in_bins: bool, deviations: bool) -> tuple[Measure, ...]:
    pair: dict[str, Any] = {"uses": (TRUTH, SAID)}
    sized = {**pair, "unit": column.unit if column.unit in ("years", "deg", "px") else ""}
    mae = Measure("mae", "mean error", "Mean distance of answer and truth.", regression.mae, better="lower", **sized)
    rmse = Measure("rmse", "RMSE", "Root of the mean squared error.", regression.rmse, better="lower", **sized)
    bias = Measure("bias", "bias", "Mean of answer minus truth: positive is too high.", regression.bias, better="",
                   **sized)  # fmt: skip
    pearson = Measure("pcc", "correlation", "Pearson's correlation.", regression.pearson, **pair)
    ccc = Measure("ccc", "concordance", "Lin's concordance correlation (CCC): correlation without offset or scale.",
                  regression.ccc, **pair)  # fmt: skip
    if column.unit == "deg" and column is not labels.ITA:
        turn = Measure("mae", "mean error", "Mean absolute error, the short way round.", regression.angle_mae,
                       better="lower", **sized)  # fmt: skip
        found = [turn, Measure("bias", "bias", "Mean of answer minus truth.", _angle_bias, better="", **sized),
                 pearson]  # fmt: skip
    elif column is labels.AGE:
        found = [mae, *_age_measures(in_bins), bias, rmse, *([] if in_bins else [ccc])]
    elif column in AFFECT:
        found = [ccc, pearson, rmse, mae, bias]
    else:
        rank = Measure("spearman", "rank correlation", "Spearman's rank correlation.", regression.spearman, **pair)
        found = [mae, pearson, rank, ccc, rmse, bias]
    if deviations:
        found.append(Measure("covered", "inside the stated range",
                             "Share of truths within 1.96 of the stated deviation; 0.95 is right.", mean,
                             share=True, better="", uses=(TOUCHES,), where=lambda *a: np.isfinite(a[SD])))  # fmt: skip
    return tuple(found)


def _age_measures(in_bins: bool) -> list[Measure]:
    places = list(range(len(AGE_BINS.labels)))
    binned: dict[str, Any] = {
        "uses": (TRUE_BIN, SAID_BIN), "where": lambda *a: (a[TRUE_BIN] >= 0) & (a[SAID_BIN] >= 0), "share": True,
    }  # fmt: skip
    near = Measure("cs5", "within 5 years", "Share of answers at most five years off (CS@5).",
                   partial(regression.within, k=5.0), share=True, uses=(TRUTH, SAID))  # fmt: skip
    return [
        *([] if in_bins else [near]),
        Measure("bin_accuracy", "right bin", "Share of answers that fall into the true bin.", classification.accuracy,
                **binned),
        Measure("within_one", "within one bin", "Share of answers in the true bin or its neighbour.",
                partial(classification.within_one_bin, labels=places), **binned),
    ]  # fmt: skip
