"""Yaw and pitch of one line of sight together: the angle between the true direction and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import regression
from curate.evaluation.metrics.counting import mean
from curate.evaluation.results import Section
from curate.evaluation.roles import Pairing
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.tasks.unpaired import Maker
from curate.evaluation.truths import number_truth
from schemas.columns import labels

DIRECTIONS = {
    "gaze_direction": (labels.GAZE_YAW, labels.GAZE_PITCH),
    "gaze_in_head_direction": (labels.GAZE_IN_HEAD_YAW, labels.GAZE_IN_HEAD_PITCH),
}
"""Section -> columns of yaw and pitch."""
MEASURES = (
    Measure("mae", "mean error", "Mean angle between the true direction and the answer.", mean, better="lower",
            unit="deg"),
)  # fmt: skip


def makers(board: Board) -> Iterator[tuple[str, str, Maker]]:
    """A section for each direction of which the truth gives both angles."""
    told = {p.column: p for p in board.roles.pairings if not p.field}
    for name, (yaw, pitch) in DIRECTIONS.items():
        if yaw in told and pitch in told:
            yield name, told[yaw].truth, partial(directions_section, name=name, yaw=told[yaw], pitch=told[pitch])


def directions_section(board: Board, groupings: Sequence[Grouping], name: str, yaw: Pairing, pitch: Pairing) -> Section:
    """Hold two columns of angles against the truth's as one direction.

    Raises:
        UsageError: if the truth holds something that is no number.
    """
    true = [number_truth(p.truth, board.truth.columns[p.truth]) for p in (yaw, pitch)]
    said = [np.asarray(board.values(p.column).to_numpy(zero_copy_only=False), np.float64) for p in (yaw, pitch)]
    known = np.asarray(np.isfinite(true).all(axis=0), bool)
    silent = np.asarray(~np.isfinite(said).all(axis=0), bool)
    found = answers(board, yaw.column, [k or None for k in known.tolist()], silent=silent)
    error = regression.direction_error(*(a[found.rows] for a in (*true, *said)))
    clusters = None if board.clusters is None else board.clusters[found.rows]
    cases = Cases((error,), found.rows, MEASURES, clusters)
    return Section(
        name=name, task="numbers", title=name, doc=f"{yaw.column.name} and {pitch.column.name} as one direction.",
        truth=f"{yaw.truth}, {pitch.truth}", measures=MEASURES, figures=overall(cases, board.options),
        speakers=board.speakers(yaw.column, found.asked), counts=found.counts,
        splits=splits(cases, groupings, board.options, found.states),
    )  # fmt: skip
