"""Columns of yes and no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.board import Board
from curate.evaluation.grouping import Grouping
from curate.evaluation.measures import Cases, Measure
from curate.evaluation.metrics import classification
from curate.evaluation.results import Section
from curate.evaluation.roles import Pairing
from curate.evaluation.scoring import overall, splits
from curate.evaluation.tasks.answers import answers
from curate.evaluation.truths import flag_truth

MEASURES = (
    Measure("f1", "F1", "Harmonic mean of precision and recall of yes.", classification.binary_f1, share=True),
    Measure("precision", "precision", "Share of yes that is true.", classification.binary_precision, share=True),
    Measure("recall", "recall", "Share of true yes that is found.", classification.binary_recall, share=True),
    Measure("accuracy", "accuracy", "Share of right answers.", classification.accuracy, share=True),
)


def flags_section(board: Board, pairing: Pairing, groupings: Sequence[Grouping]) -> Section:
    """Hold a column of flags against the truth.

    Raises:
        UsageError: if the truth holds something that is no flag.
    """
    column = pairing.column
    truth, how = flag_truth(pairing.truth, board.truth.columns[pairing.truth])
    found = answers(board, column, truth)
    true = np.array([bool(truth[i]) for i in found.rows.tolist()], bool)
    said = np.asarray(board.values(column).take(found.rows).to_numpy(zero_copy_only=False), bool)
    clusters = None if board.clusters is None else board.clusters[found.rows]
    cases = Cases((true, said), found.rows, MEASURES, clusters, confusion, confusion)
    return Section(
        name=column.name, task="flags", title=column.name, doc=column.doc, truth=pairing.truth, measures=MEASURES,
        figures=overall(cases, board.options), speakers=board.speakers(column, found.asked), counts=found.counts,
        splits=splits(cases, groupings, board.options, found.states), details=confusion(cases.arrays),
        notes=(how,) if how else (), sensitive=column.sensitive,
    )  # fmt: skip


def confusion(arrays: Sequence[NDArray[Any]]) -> dict[str, Any]:
    """Counts of true and answered no and yes."""
    matrix = np.zeros((2, 2), np.int64)
    np.add.at(matrix, (arrays[0].astype(int), arrays[1].astype(int)), 1)
    return {"confusion": {"labels": ["no", "yes"], "counts": matrix.tolist()}}
