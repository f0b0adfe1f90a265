"""Columns of points: distance to the true points in shares of the face's size, by layout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.points import convert
from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import landmarks
from curate.evaluation.results import Section
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from schemas import Column, UsageError
from schemas.landmarks import conversions
from schemas.tables import arrow

FAILED = 0.10
STEPS = 41

MEASURES = (
    Measure("nme", "mean error", "Mean distance of the points in shares of the face's size (NME).", landmarks.mean_nme,
            better="lower"),
    Measure("auc", "AUC", f"Area under the cumulative error distribution up to {FAILED:g}.",
            partial(landmarks.ced_auc, up_to=FAILED), share=True),
    Measure("failures", "failures", f"Share of faces with an error above {FAILED:g}.",
            partial(landmarks.failure_rate, at=FAILED), share=True, better="lower"),
    Measure("failures_08", "failures at 0.08", "Share of faces with an error above 0.08 (300-W).",
            partial(landmarks.failure_rate, at=0.08), share=True, better="lower"),
)  # fmt: skip


def can_compare(column: Column, told: str) -> bool:
    """Whether the column's layout and the truth's are one, or one can be had from the other."""
    own = column.taxonomy
    return own == told or bool({arrow(own, told), arrow(told, own)} & set(conversions()))


def landmarks_section(board: Board, groupings: Sequence[Grouping], column: Column) -> Section:
    """Hold a column of points against the true points.

    Raises:
        UsageError: if no conversion leads from one layout to the other.
    """
    told, rows = board.roles.point_sets(board.truth)
    if not can_compare(column, told):
        raise UsageError(f"the truth's points are {told} and {column.name} is {column.taxonomy}", "no conversion")
    found = answers(board, column, rows)
    true = np.stack([r for i in found.rows.tolist() if (r := rows[i]) is not None]) if len(found.rows) else None
    said = _points(board, column, found.rows)
    used, how, converted = _one_layout(column, told, true, said)
    errors, regions = (np.zeros(0), {}) if converted is None else _errors(*converted, used)
    clusters = None if board.clusters is None else board.clusters[found.rows]
    cases = Cases((errors,), found.rows, MEASURES, clusters)
    size = "outer eye corners" if landmarks.outer_corners(used) else "pupils"
    return Section(
        name=column.name, task="landmarks", title=column.name, doc=column.doc, truth=board.roles.points[0],
        measures=MEASURES, figures=overall(cases, board.options), speakers=board.speakers(column, found.asked),
        counts=found.counts, splits=splits(cases, groupings, board.options, found.states),
        details={"layout": used, "regions": regions, "curve": _curve(errors)}, vocabulary=how,
        notes=(f"Errors are shares of the distance of the {size}; 0.05 is 5 % of it.",),
    )  # fmt: skip


def _points(board: Board, column: Column, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    values = board.values(column).take(rows)
    flat = np.asarray(values.flatten().to_numpy(zero_copy_only=False), np.float64)
    return flat.reshape(len(rows), *column.shape)[..., :2]


Both = tuple[NDArray[np.float64], NDArray[np.float64]]


def _one_layout(
    column: Column, told: str, true: NDArray[np.float64] | None, said: NDArray[np.float64]
) -> tuple[str, str, Both | None]:
    own = column.taxonomy
    if true is None:
        return told, "", None
    if own == told:
        return told, f"both are {told}", (true, said)
    if arrow(own, told) in conversions():
        how = f"{column.name} is carried from {own} to {told}, the truth's layout"
        return told, how, (true, np.asarray(convert(said, own, told), np.float64))
    how = f"the truth is carried from {told} to {own}, the column's layout"
    return own, how, (np.asarray(convert(true, told, own), np.float64), said)


def _errors(
    true: NDArray[np.float64], said: NDArray[np.float64], used: str
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    size = landmarks.face_size(true, used, landmarks.default_normaliser(used))
    visible = np.isfinite(true).all(axis=-1)
    by_region = landmarks.region_errors(said, true, size, used, visible=visible)
    means = {name: float(np.nanmean(v)) for name, v in by_region.items() if np.isfinite(v).any()}
    return landmarks.nme(said, true, size, visible=visible), means


def _curve(errors: NDArray[np.float64]) -> dict[str, Any]:
    at = np.linspace(0, 0.2, STEPS)
    return {"x": np.round(at, 4).tolist(), "y": landmarks.ced(errors, at).tolist(), "kind": "faces over error"}
