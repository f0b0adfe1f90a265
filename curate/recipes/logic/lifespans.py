"""Faces joined with birth and death dates: years lived and years left, who is dropped and why.

After A. Fekrazad, "Estimating remaining lifespan from the face", 2023. Such targets are statistics of a group of public
figures. They say nothing about any one person, and must never be used to decide about one; see `FLAG`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.recipes.logic.dates import parse_date, years
from schemas import UsageError

PERSON, IMAGE, BORN, PHOTO, DIED, CAUSE = "person", "image", "birth_date", "image_date", "death_date", "cause"
NEEDED = (PERSON, IMAGE, BORN, PHOTO, DIED)
NATURAL = "natural"
UNNATURAL = frozenset(
    {"accident", "homicide", "murder", "suicide", "war", "execution", "overdose", "drowning", "crash"}
)
FLAG = "research-ethics-reviewed"
"""What a user must say before anything is exported."""
NOT_DEAD, NO_DATE = "no date of death", "no date of the picture or of birth"
AFTER_DEATH, BEFORE_BIRTH, BY_FORCE = "pictured after death", "pictured before birth", "death of an unnatural cause"


@dataclass(frozen=True)
class Lifespans:
    """The joined rows and what was dropped.

    Attributes:
        rows: Each the list's own row with `age_years` and `remaining_years`.
        dropped: Reason -> rows.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)


def lifespans(table: Iterable[Mapping[str, Any]], unnatural: Iterable[str] = UNNATURAL) -> Lifespans:
    """Years lived and left of each row.

    A cause that is not told counts as natural; a date that is none is an error, an empty one drops the row.

    Args:
        table: Rows with `NEEDED` and, if known, `cause`.
        unnatural: Words for causes that drop a row, in any case; a cause that contains one is unnatural.

    Raises:
        UsageError: for a missing column or a date that is none.
    """
    words = {w.strip().lower() for w in unnatural}
    kept, dropped = [], Counter[str]()
    for number, row in enumerate(table, 2):
        missing = [name for name in NEEDED if name not in row]
        if missing:
            raise UsageError(f"the list has no column {', '.join(missing)}", f"it needs {', '.join(NEEDED)}")
        born, photo, died = (_date(row[name], f"line {number}: {name}") for name in (BORN, PHOTO, DIED))
        reason = _reason(born, photo, died, str(row.get(CAUSE) or "").lower(), words)
        if reason:
            dropped[reason] += 1
            continue
        assert born is not None and photo is not None and died is not None
        kept.append({**row, "age_years": years(born, photo), "remaining_years": years(photo, died)})
    return Lifespans(kept, dict(dropped))


def _date(value: Any, what: str) -> date | None:
    return parse_date(str(value), what) if value not in (None, "") else None


def _reason(born: date | None, photo: date | None, died: date | None, cause: str, words: set[str]) -> str:
    if born is None or photo is None:
        return NO_DATE
    if died is None:
        return NOT_DEAD
    if photo > died:
        return AFTER_DEATH
    if photo < born:
        return BEFORE_BIRTH
    told = set(cause.replace(",", " ").replace("/", " ").replace("-", " ").split())
    return BY_FORCE if told & words else ""


def require(flag: str) -> None:
    """Make sure that the user has said what must be said before such targets leave the dataset.

    Raises:
        UsageError: if the flag is not given.
    """
    if flag != FLAG:
        reason = "remaining years of people can harm those who are judged by them"
        fix = f"If an ethics board has agreed to your study, give ethics={FLAG}"
        raise UsageError("such targets are not exported without an ethics statement", reason, fix)


def errors_by_bin(
    truth: NDArray[np.float64], guess: NDArray[np.float64], age: NDArray[np.float64], width: float = 10.0
) -> list[dict[str, float | int | str]]:
    """Mean absolute error per bin of age at the time of the picture, for bins that have rows.

    Args:
        truth: Years left, (n,).
        guess: Estimated years left, (n,).
        age: Years lived, (n,).
        width: Of the bins in years.
    """
    place = np.floor(np.asarray(age, np.float64) / width).astype(int)
    found: list[dict[str, float | int | str]] = []
    for number in np.unique(place):
        inside = place == number
        low = number * width
        error = float(np.abs(truth[inside] - guess[inside]).mean())
        found.append({"ages": f"{low:g}-{low + width:g}", "n": int(inside.sum()), "mae_years": error})
    return found
