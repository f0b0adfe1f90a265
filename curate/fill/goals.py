"""What each cell of a plan lacks, and which generators shall fill it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from curate.balance.levels import Levels, levels_of
from curate.balance.plan import CellPlan, Plan, cell_name
from curate.store import Dataset
from schemas import UsageError, column

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Goal:
    """A cell that is to be filled.

    Attributes:
        labels: Column -> label.
        now: Faces of the cell that stay by the plan.
        need: Faces that it lacks.
        quotas: Generator -> faces to be accepted from it.
    """

    labels: Labels
    now: int
    need: int
    quotas: Mapping[str, int]

    @property
    def name(self) -> str:
        """The labels in one line."""
        return cell_name(self.labels)


def goals(plan: Plan, generators: Sequence[str]) -> list[Goal]:
    """The cells that a plan wants faces added to, in its order.

    Args:
        plan: The plan.
        generators: Names that a user gave; they share what a cell lacks to its target. Without them the plan says
            how many faces each generator shall add.

    Raises:
        UsageError: if the plan adds nothing.
    """
    found = [goal for cell in plan.cells if (goal := _goal(cell, generators)).need]
    if not found:
        why = "no cell lacks a face" if generators else "it adds no generated faces to any cell"
        fix = (
            ""
            if generators
            else "Name generators with --with, or make a plan that adds: facecurate balance --allow add"
        )
        raise UsageError(f"plan '{plan.name}' leaves nothing to fill", why, fix)
    return found


def _goal(cell: CellPlan, generators: Sequence[str]) -> Goal:
    if not generators:
        quotas = {name: number for name, number in cell.add.items() if number}
        return Goal(cell.labels, cell.keep, sum(quotas.values()), quotas)
    need = max(0, math.ceil(cell.target - 1e-6) - cell.keep)
    share, more = divmod(need, len(generators))
    return Goal(cell.labels, cell.keep, need, {name: share + (i < more) for i, name in enumerate(generators)})


class Cells:
    """Reads to which cell of a plan labels belong.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        bins = {name: tuple(float(e) for e in edges) for name, edges in dict(plan.options.get("bins") or {}).items()}
        self.columns = tuple(plan.columns)
        self._levels = dict(zip(self.columns, levels_of(self.columns, bins), strict=True))

    def order(self, name: str) -> tuple[str, ...]:
        """Labels of a column whose order means something: bins of numbers and ordered label sets."""
        return self._levels[name].order

    def label(self, name: str, value: object) -> str | None:
        """The cell's label for a column's value, None where there is none."""
        return texts(self._levels[name], pa.array([value], column(name).type))[0]

    def of_table(self, table: pa.Table) -> list[dict[str, str]]:
        """The labels of each row; columns without a label are left out."""
        every = {n: texts(level, table.column(n).combine_chunks()) for n, level in self._levels.items()}
        return [
            {n: label for n in self.columns if (label := every[n][row]) is not None} for row in range(table.num_rows)
        ]


def texts(level: Levels, values: pa.Array) -> list[str | None]:
    """Labels of values, None for null."""
    numbers = level.codes(values)
    order, place = level.order, level.place()
    return [order[place[n]] if n >= 0 else None for n in numbers.tolist()]


def counts(ds: Dataset, cells: Cells, where: str = "") -> dict[str, int]:
    """Faces of each cell by the cell's name, generated ones among them."""
    found: dict[str, int] = {}
    for table in ds.iter_faces(cells.columns, where or None):
        for labels in cells.of_table(table):
            if len(labels) == len(cells.columns):
                name = cell_name(labels)
                found[name] = found.get(name, 0) + 1
    return found
