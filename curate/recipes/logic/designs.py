"""Factorial designs: how many rows a collection has, which they are, and cells that are as even as can be.

Rows are made one at a time from their number, so a design of millions costs nothing until it is walked.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas import UsageError

IDENTITY = "identity"


@dataclass(frozen=True)
class Factor:
    """A property with the values that it takes, in order."""

    name: str
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) != len(self.values):
            raise UsageError(f"factor {self.name}", "it needs values, each once", "Give a list without repetition")


@dataclass(frozen=True)
class Design:
    """Identities, each with one cell of what people differ in, and every combination of what is done to each.

    Attributes:
        identities: Their number.
        between: What identities differ in; the counts of its cells differ by at most one.
        within: What every identity goes through, the first factor slowest.
        seed: Decides which cells get the identity more where they do not come out even.
    """

    identities: int
    between: tuple[Factor, ...] = ()
    within: tuple[Factor, ...] = ()
    seed: int = 0
    _order: tuple[int, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        if self.identities < 1:
            raise UsageError(f"a design of {self.identities} identities", "it needs one or more")
        names = [f.name for f in (*self.between, *self.within)]
        if len({IDENTITY, *names}) != len(names) + 1:
            raise UsageError("a design names a factor twice", ", ".join(names))
        order = np.random.default_rng(self.seed).permutation(self.cells)
        object.__setattr__(self, "_order", tuple(int(i) for i in order))

    @property
    def cells(self) -> int:
        """Cells between identities."""
        return math.prod(len(f.values) for f in self.between)

    @property
    def per_identity(self) -> int:
        """Rows of each identity."""
        return math.prod(len(f.values) for f in self.within)

    def __len__(self) -> int:
        return self.identities * self.per_identity

    def person(self, number: int) -> dict[str, Any]:
        """Cell of an identity, by factor."""
        cell = self._order[number % self.cells]
        return {IDENTITY: number} | _digits(cell, self.between)

    def row(self, number: int) -> dict[str, Any]:
        """A row, by factor; all rows of an identity follow each other.

        Raises:
            IndexError: if there is no such row.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        who, rest = divmod(number, self.per_identity)
        return self.person(who) | _digits(rest, self.within)

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rows in order."""
        return map(self.row, range(len(self)))

    def cell_counts(self) -> dict[tuple[Any, ...], int]:
        """Cell -> identities in it; empty cells too."""
        counts: Counter[tuple[Any, ...]] = Counter()
        for number in range(self.identities):
            counts[tuple(self.person(number)[f.name] for f in self.between)] += 1
        every = itertools.product(*(f.values for f in self.between))
        return {cell: counts[cell] for cell in every}


def _digits(number: int, factors: Sequence[Factor]) -> dict[str, Any]:
    """A number written in the factors' bases, the last one fastest."""
    found: dict[str, Any] = {}
    for factor in reversed(factors):
        number, place = divmod(number, len(factor.values))
        found[factor.name] = factor.values[place]
    return {factor.name: found[factor.name] for factor in factors}


def faces_for(rows: int, per_face: int) -> int:
    """Fewest faces that reach a number of rows.

    Raises:
        UsageError: if a face gives no rows.
    """
    if per_face < 1:
        raise UsageError("a plan without looks", "no number of faces gives a row", "Name one look or more")
    return math.ceil(rows / per_face)
