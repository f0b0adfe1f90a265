"""Proof that targets cannot be met: named rows that contradict each other, found by linear programming.

By Farkas' lemma rows `A x <= b` with x >= 0 have no solution exactly if there are multipliers y >= 0 with
y A >= 0 and y b < 0: their sum says that something that is never negative is below zero. (J. Farkas, "Theorie der
einfachen Ungleichungen", 1902.) The multipliers are the dual values of the linear programme that misses the rows
by as little as possible. Rows that can be left out are left out, until every one is needed.

A certificate is about faces as fractions. Where only whole faces stand in the way there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from curate.balance.model import LARGEST, Floats, Row, matrix
from schemas import MissingExtraError

CLEAR = 1e-6
"""Least sum of missed bounds that counts as a contradiction and not as noise."""
MOST_ROWS = 400
"""Rows up to which the set is made irreducible: the work grows with their square."""


MOST_TRIED = 25
"""Demands that are tried on their own."""


@dataclass(frozen=True)
class Certificate:
    """Rows that contradict each other.

    Attributes:
        rows: Name -> multiplier, above 0.
        words: What each row says.
        irreducible: Whether every row is needed.
        amount: By how much the combination contradicts itself, in faces or in the budget's unit.
    """

    rows: dict[str, float]
    words: list[str]
    irreducible: bool
    amount: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        said = [
            {"row": n, "multiplier": y, "words": w} for (n, y), w in zip(self.rows.items(), self.words, strict=True)
        ]
        return {"rows": said, "irreducible": self.irreducible, "amount": self.amount}


def contradiction(every: Sequence[Row], width: int, first: Sequence[str] = ()) -> Certificate | None:
    """Rows that contradict each other, None if all can be met together in fractions of faces.

    Args:
        every: Rows of the plan's optimisation.
        width: Number of its variables.
        first: Names of demands to be proven if there is a choice; the others are left out sooner.
    """
    if _multipliers(every, width)[1] <= CLEAR:
        return None
    rows = _alone(every, width, first) or list(every)
    multipliers, _ = _multipliers(rows, width)
    rows = [r for r, y in zip(rows, multipliers, strict=True) if y > 1e-9]
    irreducible = len(rows) <= MOST_ROWS
    if irreducible:
        rows = _needed(rows, width, first)
    multipliers, _ = _multipliers(rows, width)
    kept = [(r, float(y)) for r, y in zip(rows, multipliers, strict=True) if y > 1e-9]
    scale = max((y for r, y in kept if r.demand), default=1.0)
    found = {r.name: y / scale for r, y in kept}
    amount = -sum(y / scale * r.bound for r, y in kept)
    return Certificate(found, [r.words for r, _ in kept], irreducible, amount)


def _alone(every: Sequence[Row], width: int, first: Sequence[str]) -> list[Row]:
    """The first demand that contradicts the facts without any other, with these; empty if there is none."""
    facts = [row for row in every if not row.demand]
    known = {row.name: row for row in every if row.demand}
    for name in first[:MOST_TRIED]:
        if name in known and _multipliers([*facts, known[name]], width)[1] > CLEAR:
            return [*facts, known[name]]
    return []


def _needed(rows: list[Row], width: int, first: Sequence[str]) -> list[Row]:
    """Rows of which none can be left out: each is tried, and stays out where the rest still contradicts itself."""
    rank = {name: place for place, name in enumerate(first)}
    order = sorted(rows, key=lambda r: (not r.demand, -rank.get(r.name, len(rank)), r.name))
    kept = list(rows)
    for row in order:
        rest = [r for r in kept if r is not row]
        if row in kept and rest:
            multipliers, missed = _multipliers(rest, width)
            if missed > CLEAR:
                kept = [r for r, y in zip(rest, multipliers, strict=True) if y > 1e-9]
    return kept


def _multipliers(rows: Sequence[Row], width: int) -> tuple[Floats, float]:
    """Dual values of the rows in the programme that misses them by the least sum, and that sum."""
    try:
        from scipy.optimize import linprog  # type: ignore[import-untyped]
        from scipy.sparse import eye_array, hstack  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("scipy", "balance") from None
    found, bounds = matrix(rows, width)
    used = np.unique(found.indices)
    wide = hstack([found[:, used], -eye_array(len(rows))], format="csr")
    aim = np.concatenate([np.zeros(len(used)), np.ones(len(rows))])
    result = linprog(aim, A_ub=wide, b_ub=bounds, bounds=(0, None), method="highs")
    return np.maximum(-result.ineqlin.marginals, 0), float(result.fun)


def flaw(certificate: Mapping[str, Any], rows: Sequence[Row], width: int) -> str:
    """What is wrong with a certificate; empty if it proves what it says.

    The sum is taken in exact fractions of the numbers as they stand. A coefficient that is a hair below zero, as
    rounding leaves it, counts with the largest value that a variable could have.

    Args:
        certificate: As it stands in the plan.
        rows: The model's rows, built anew from the data.
        width: Number of variables.
    """
    known = {row.name: row for row in rows}
    said = {str(entry["row"]): float(entry["multiplier"]) for entry in certificate["rows"]}
    if strange := [name for name in said if name not in known]:
        return f"the certificate names a row that the data do not give: {strange[0]}"
    if any(y <= 0 for y in said.values()):
        return "a multiplier of the certificate is not above 0"
    coefficients = [Fraction(0)] * width
    bound = Fraction(0)
    for name, y in said.items():
        row = known[name]
        exact = Fraction(y)
        bound += exact * Fraction(row.bound)
        for i, value in zip(row.index.tolist(), row.value.tolist(), strict=True):
            coefficients[i] += exact * Fraction(value)
    least = sum((c for c in coefficients if c < 0), Fraction(0)) * Fraction(LARGEST)
    if bound >= least:
        return "the rows of the certificate do not contradict each other"
    return ""
