"""Columns of several scores per face: action units, attributes, visible regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import action_units, classification, regression
from curate.evaluation.metrics.counting import Floats
from curate.evaluation.results import Section
from curate.evaluation.roles import Pairing
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.truths import flag_truth, number_truth, reads_as_flags
from schemas import Column
from schemas.columns import labels

DECISION = 0.5
PRESENT = 2.0
"""Intensity from which a unit counts as present where the truth gives intensities (DISFA's convention)."""
NOT_CODED = 9
"""What BP4D and other sets write where a coder could not see the unit."""


@dataclass(frozen=True)
class Unit:
    """One field with truth: its name, truth as numbers (NaN unknown), and what is said of it."""

    name: str
    truth: NDArray[np.float64]
    said: NDArray[np.float64]
    flags: bool


def scores_section(board: Board, groupings: Sequence[Grouping], column: Column) -> Section:
    """Hold every field of a struct of scores that the truth speaks of against it.

    A field that no method supports (it is null for every face) is not applicable and stays out of the means.

    Raises:
        UsageError: if the truth holds neither flags nor numbers.
    """
    pairings = [p for p in board.roles.pairings if p.column is column and p.field]
    units = [_unit(board, p) for p in pairings]
    notes = sorted({f"{column.name}: {p.derived}." for p in pairings if p.derived})
    live = [u for u in units if np.isfinite(u.said).any()]
    dead = [u.name for u in units if u not in live]
    if dead:
        notes.append(f"Not applicable, since nothing here measures them: {', '.join(dead)}; they are in no mean.")
    graded = column.high is None or column.high > 1 or not all(u.flags for u in units)
    some = np.stack([u.truth for u in units], axis=1)
    said = np.stack([u.said for u in units], axis=1)
    known = [None if not np.isfinite(row).any() else 1 for row in some]
    found = answers(board, column, known, silent=np.asarray(~np.isfinite(said).any(axis=1), bool))
    measures = _measures(graded, [u.name for u in live])
    arrays = _arrays(live, found.rows)
    clusters = None if board.clusters is None else board.clusters[found.rows]
    cases = Cases(arrays, found.rows, measures, clusters)
    return Section(
        name=column.name, task="scores", title=column.name, doc=column.doc,
        truth=", ".join(p.truth for p in pairings), measures=measures, figures=overall(cases, board.options),
        speakers=board.speakers(column, found.asked), counts=found.counts,
        splits=splits(cases, groupings, board.options, found.states),
        details={"fields": _fields(units, dead, found.rows, graded, board)}, notes=tuple(notes),
        sensitive=column.sensitive,
    )  # fmt: skip


def _unit(board: Board, pairing: Pairing) -> Unit:
    values = board.values(pairing.column)
    said = np.asarray(values.field(pairing.field).to_numpy(zero_copy_only=False), np.float64)
    said = np.where(np.asarray(values.is_valid()), said, np.nan)
    told: list[Any] = board.truth.columns[pairing.truth]
    if pairing.column.group == labels.AU_SCORE.group:
        told = [None if v == NOT_CODED else v for v in told]
    if reads_as_flags(told) and not pairing.derived and pairing.column.high == 1:
        flags, _ = flag_truth(pairing.truth, told)
        return Unit(pairing.field, np.array([np.nan if f is None else float(f) for f in flags]), said, True)
    numbers = number_truth(pairing.truth, told)
    if pairing.derived:
        present = np.where(np.isnan(numbers), np.nan, (numbers >= PRESENT).astype(float))
        return Unit(pairing.field, present, said, True)
    return Unit(pairing.field, numbers, said, False)


def _arrays(live: Sequence[Unit], rows: NDArray[np.intp]) -> tuple[NDArray[Any], ...]:
    empty = np.zeros((len(rows), 0))
    truth = np.stack([u.truth[rows] for u in live], axis=1) if live else empty
    said = np.stack([u.said[rows] for u in live], axis=1) if live else empty
    return truth, said


def _measures(graded: bool, names: Sequence[str]) -> tuple[Measure, ...]:
    mean_over = action_units.mean_over_units
    many = "" if len(names) == 1 else "mean "
    if graded:
        return (
            Measure("icc", f"{many}ICC", "Intraclass correlation ICC(3,1), averaged over fields.",
                    mean_over(action_units.unit_icc)),
            Measure("pcc", f"{many}correlation", "Pearson's correlation, averaged over fields.",
                    mean_over(action_units.unit_pcc)),
            Measure("mae", f"{many}error", "Mean absolute error, averaged over fields.", mean_over(_mae),
                    better="lower"),
        )  # fmt: skip
    return (
        Measure("f1", f"{many}F1", f"F1 of presence at a score of {DECISION}, averaged over fields.",
                mean_over(action_units.unit_f1), share=True),
        Measure("auc", f"{many}AUC", "Area under the ROC curve, averaged over fields.",
                mean_over(action_units.unit_auc), share=True),
        Measure("accuracy", f"{many}accuracy", f"Share of right decisions at {DECISION}, averaged over fields.",
                mean_over(_accuracy), share=True),
    )  # fmt: skip


def _mae(truth: ArrayLike, guess: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    return regression.mae(truth, guess, weight=weight)


def _accuracy(truth: ArrayLike, guess: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    return classification.accuracy(np.asarray(truth) >= DECISION, np.asarray(guess) >= DECISION, weight=weight)


def _fields(
    units: Sequence[Unit], dead: Sequence[str], rows: NDArray[np.intp], graded: bool, board: Board
) -> list[dict[str, Any]]:
    """Every field's own figures with intervals; None where it is not applicable."""
    found = []
    for unit in units:
        both = rows[np.isfinite(unit.truth[rows]) & np.isfinite(unit.said[rows])]
        entry: dict[str, Any] = {"name": unit.name, "n": len(both), "figures": None}
        if unit.name not in dead and len(both):
            arrays = (unit.truth[both][:, None], unit.said[both][:, None])
            clusters = None if board.clusters is None else board.clusters[both]
            cases = Cases(arrays, both, _measures(graded, [unit.name]), clusters)
            entry["figures"] = overall(cases, board.options)
            if unit.flags:
                entry["positives"] = int((unit.truth[both] >= DECISION).sum())
        found.append(entry)
    return found
