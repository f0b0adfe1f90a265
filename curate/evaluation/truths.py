"""The truth of matched faces as numbers, labels and flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.board import Board
from curate.evaluation.roles import Pairing
from curate.evaluation.vocabulary import Spoken, bins_of, read_labels
from schemas import UsageError
from schemas.bins import bins
from schemas.coding import codings

YEARS = "years"
"""Said of a column of small whole ages, which could also be codes of age bins."""
MANY = 20
_YES = {"yes", "true", "present", "1", "y"}
_NO = {"no", "false", "absent", "0", "n", "-1"}


def is_number(value: Any) -> bool:
    """Whether a value is a finite number and no flag."""
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)


def all_numbers(values: Sequence[Any]) -> bool:
    """Whether all known values are numbers, and there is one."""
    known = [v for v in values if v is not None]
    return bool(known) and all(is_number(v) for v in known)


def label_truth(board: Board, pairing: Pairing, target: str) -> Spoken:
    """Labels of the truth for a column of a taxonomy; numbers fall into the taxonomy's bins.

    Raises:
        UsageError: if the values can be read in several ways, or in none.
    """
    name = pairing.truth
    values, said = board.truth.columns[name], board.options.maps.get(name, "")
    intervals = bins_of(target)
    if intervals and all_numbers(values) and (not said or said == YEARS):
        known = [v for v in values if v is not None]
        if not said:
            _refuse_codes(name, known, target)
        by = bins(intervals)
        named = [None if v is None or not by.low <= v <= by.high else by.label(float(v)) for v in values]
        return Spoken(named, target, f"{by.unit}, put into the bins of {target}")
    return read_labels(name, values, target, said)


def _refuse_codes(name: str, known: Sequence[Any], target: str) -> None:
    """Whole ages all below 9 in a long column are more likely codes of bins than years."""
    if target.startswith("age") and len(known) >= MANY and all(float(v).is_integer() for v in known) and max(known) < 9:
        found = [c for c in codings() if "age" in c and c.startswith("fairface")]
        raise UsageError(
            f"the truth's column {name} holds whole numbers below 9", "they may be years or codes of bins",
            f"Say which: --map {name}={YEARS}, or --map {name}={found[0]}",
        )  # fmt: skip


def number_truth(name: str, values: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers of the truth's column of that name, NaN where nothing is known.

    Raises:
        UsageError: if it holds something else.
    """
    alien = next((v for v in values if v is not None and not is_number(v)), None)
    if alien is not None:
        raise UsageError(f"'{alien}' in the truth's column {name} is not a number")
    return np.array([np.nan if v is None else float(v) for v in values], np.float64)


def flag_truth(name: str, values: Sequence[Any]) -> tuple[list[bool | None], str]:
    """Flags of the truth's column of that name and how they were read.

    Raises:
        UsageError: if it holds something that is no flag.
    """
    known = {v for v in values if v is not None}
    if {-1} <= known and 0 in known:
        raise UsageError(f"the truth's column {name} holds -1 and 0", "it is not clear which of them means no")
    read: dict[Any, bool] = {}
    for value in known:
        word = str(value).strip().lower().removesuffix(".0")
        if word not in _YES | _NO:
            raise UsageError(f"'{value}' in the truth's column {name} is no flag", fix="Use true/false, 0/1 or -1/1")
        read[value] = word in _YES
    how = "-1 read as no (CelebA)" if -1 in known else ""
    return [None if v is None else read[v] for v in values], how


def reads_as_flags(values: Sequence[Any]) -> bool:
    """Whether all known values are flags."""
    return all(str(v).strip().lower().removesuffix(".0") in _YES | _NO for v in values if v is not None)
