"""Which faces count in a column, and the counts of those that do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.board import Board, State
from schemas import Column

NO_TRUTH = "no truth"
NO_COUNTERPART = "no counterpart"


@dataclass(frozen=True)
class Answers:
    """What became of the matched faces in one column.

    Attributes:
        rows: Matched faces with truth and an answer.
        asked: Matched faces with truth.
        states: `State`, `no truth` or `no counterpart` of every matched face.
        counts: How many of each.
    """

    rows: NDArray[np.intp]
    asked: NDArray[np.intp]
    states: NDArray[Any]
    counts: dict[str, int]


def answers(
    board: Board, column: Column, truth: Sequence[Any], homeless: NDArray[np.bool_] | None = None,
    silent: NDArray[np.bool_] | None = None,
) -> Answers:  # fmt: skip
    """Tell faces that count in a column from those that do not.

    Args:
        board: The board.
        column: The dataset's column.
        truth: One value per matched face; None where nothing is known.
        homeless: Faces whose true label has no counterpart in the common vocabulary.
        silent: Faces whose value is null inside a struct that is there.
    """
    known = np.array([v is not None for v in truth], bool)
    states = board.states(column)
    if silent is not None:
        states = np.where(silent & (states == State.ANSWERED.value), State.NO_VALUE.value, states)
    if homeless is not None:
        states = np.where(homeless, NO_COUNTERPART, states)
        known &= ~homeless
    else:
        homeless = np.zeros(len(known), bool)
    states = np.where(known | homeless, states, NO_TRUTH)
    rows = np.flatnonzero(states == State.ANSWERED.value)
    return Answers(rows, np.flatnonzero(known), states, dict(Counter(states.tolist()).most_common()))
