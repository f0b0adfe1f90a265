"""How many faces each cell has to give, and by which rules others are set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
NO_CELL = -1

REPLACED, OUTSIDE, UNLABELLED, DUPLICATE, IDENTITY, FULL = (
    "replaced", "outside", "no label", "duplicate", "identity", "full",
)  # fmt: skip
"""Rules by which a face goes, in the order in which they are tried; `full` is the plan's own."""
RULES = (REPLACED, OUTSIDE, UNLABELLED, DUPLICATE, IDENTITY, FULL)
STAYS = -1


@dataclass(frozen=True)
class Rows:
    """All faces of a dataset, part after part.

    Attributes:
        keys: Part -> where its faces begin; `len(self)` after the last.
        cell: Number of the cell, `NO_CELL` where a label is unknown.
        synthetic: Faces of generated pictures.
        source: Faces that may be the source of generated ones: photographed, and no face of the picture may be
            a minor's.
        quality: Quality score, NaN where unknown.
        rule: Place in `RULES` of the rule by which the face goes, `STAYS` where none of those before `full` does.
        value: What the rule found: rank within the person for `identity`; NaN where there is no number.
    """

    keys: dict[str, int]
    cell: NDArray[np.int32]
    synthetic: Flags
    source: Flags
    quality: NDArray[np.float32]
    rule: NDArray[np.int8]
    value: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True)
class Survey:
    """Counts by cell; arrays have shape (cells,).

    Attributes:
        columns: Columns whose crossed labels are the cells.
        orders: Labels of each column, in order.
        cells: Labels of each cell.
        now: Faces.
        real: Photographed faces that may be kept.
        synthetic: Generated faces that may be kept.
        sources: Photographed faces that may be sources of generated ones.
        aside: Rule -> faces that it sets aside.
        rows: The faces, None where only counts are known.
    """

    columns: tuple[str, ...]
    orders: tuple[tuple[str, ...], ...]
    cells: list[dict[str, str]]
    now: Ints
    real: Ints
    synthetic: Ints
    sources: Ints
    aside: dict[str, Ints]
    rows: Rows | None = None

    def groups(self, columns: Sequence[str]) -> list[tuple[str, ...]]:
        """Crossed labels of some columns."""
        found: list[tuple[str, ...]] = [()]
        for column in columns:
            order = self.orders[self.columns.index(column)]
            found = [(*head, label) for head in found for label in order]
        return found

    def members(self, columns: Sequence[str]) -> dict[tuple[str, ...], Ints]:
        """Numbers of the cells of each group of some columns."""
        found: dict[tuple[str, ...], list[int]] = {group: [] for group in self.groups(columns)}
        for number, cell in enumerate(self.cells):
            found[tuple(cell[c] for c in columns)].append(number)
        return {group: np.array(numbers, np.int64) for group, numbers in found.items()}

    def counts(self) -> dict[str, Any]:
        """Faces set aside by each rule, over all cells."""
        return {rule: int(numbers.sum()) for rule, numbers in self.aside.items() if numbers.sum()}


def counted(
    columns: tuple[str, ...],
    orders: Sequence[tuple[str, ...]],
    cells: list[dict[str, str]],
    rows: Rows,
) -> Survey:
    """Counts by cell from the faces."""

    def count(mask: Flags) -> Ints:
        return np.bincount(rows.cell[mask & (rows.cell >= 0)], minlength=len(cells)).astype(np.int64)

    inside = (rows.rule < 0) | (rows.rule >= RULES.index(DUPLICATE))
    free = rows.rule == STAYS
    return Survey(
        columns,
        tuple(orders),
        cells,
        now=count(inside),
        real=count(free & ~rows.synthetic),
        synthetic=count(free & rows.synthetic),
        sources=count(free & rows.source),
        aside={name: count(rows.rule == number) for number, name in enumerate(RULES)},
        rows=rows,
    )


def draw(count: int, seed: int) -> NDArray[np.uint64]:
    """A number per face that the seed decides, to choose between faces that are equally good."""
    key = int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(key).integers(0, 2**63, count).astype(np.uint64)
