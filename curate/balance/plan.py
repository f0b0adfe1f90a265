"""The plan as a file, `plan.json`: what is to be done in every cell, what it costs, and what cannot be reached."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.store.parts import read_json, write_json
from schemas import DatasetError

FORMAT = "facecurate-plan"
VERSION = 1
FOLDER = "plans"
BETWEEN = " · "
"""Between the labels of a cell's name."""


def cell_name(labels: Mapping[str, str]) -> str:
    """The labels of a cell in one line."""
    return BETWEEN.join(labels.values()) or "all faces"


@dataclass(frozen=True)
class CellPlan:
    """What is to be done in one cell. All numbers but `target`, `weight` and `short` are whole faces.

    Attributes:
        labels: Column -> label, in the order of the plan's columns.
        now: Faces of the cell in the dataset.
        real: Photographed faces left when duplicates and too many faces of one person are set aside.
        synthetic: Generated faces left, counted apart.
        sources: Photographed faces of the cell that may serve as source of a generated one: surely adults'.
        target: Faces that the target asks of the cell; what is planned, where the targets leave the cell open.
        keep: Faces that stay, `keep_synthetic` of them generated.
        keep_synthetic: Generated faces that stay.
        drop: Faces that go: now - keep.
        add: Generator -> faces to be accepted from it.
        tries: Generator -> expected number of tries for them, from its yield.
        collect: New photographed faces to collect.
        weight: Sampling weight of each face, 1 on average over the plan.
        short: Faces that the cell lacks to the least that its target allows; 0 where it is reached.
        why: Why it is short, in words; empty where it is reached.
    """

    labels: dict[str, str]
    now: int
    real: int
    synthetic: int
    sources: int
    target: float
    keep: int
    keep_synthetic: int
    drop: int
    add: dict[str, int] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    collect: int = 0
    weight: float = 1.0
    short: float = 0.0
    why: str = ""

    @property
    def available(self) -> int:
        """Faces that may be kept."""
        return self.real + self.synthetic

    @property
    def planned(self) -> int:
        """Faces that the cell holds when the plan is carried out."""
        return self.keep + sum(self.add.values()) + self.collect

    @property
    def name(self) -> str:
        """Its labels in one line."""
        return cell_name(self.labels)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**dataclasses.asdict(self), "available": self.available, "planned": self.planned}


@dataclass(frozen=True)
class Plan:
    """A balance plan.

    Attributes:
        name: Of the plan and, after `balance_`, of its layer.
        dataset: `name` and `revision` of the dataset it was made for, and `layers`: those that its counts come from.
        columns: Columns whose crossed labels are the cells.
        cells: What is to be done in each.
        groups: Each group of each target or limit: what is asked, planned and short.
        totals: Faces now, kept, dropped, added, collected and planned; effective size under the weights.
        cost: What the plan costs.
        budget: Most that it may cost, None without limit.
        unreachable: Groups that stay short: their names, by how much, why, and the ways out.
        certificate: Proof that no plan meets all targets, None where one does; see `curate.balance.certificate`.
        options: All choices, with targets and generators as they were read; enough to make the plan again.
        solver: Library, version, and for each stage its objective, bound and gap.
        seed: Decides between faces that are equally good.
    """

    name: str
    dataset: dict[str, Any]
    columns: list[str]
    cells: list[CellPlan]
    groups: list[dict[str, Any]]
    totals: dict[str, Any]
    cost: float
    budget: float | None
    unreachable: list[dict[str, Any]]
    certificate: dict[str, Any] | None
    options: dict[str, Any]
    solver: dict[str, Any]
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        body = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {"format": FORMAT, "version": VERSION, **body, "cells": [c.as_dict() for c in self.cells]}


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan, atomically."""
    write_json(path, plan.as_dict())


def read_plan(path: Path) -> Plan:
    """Read a plan and check that it is whole: kinds of all fields, no negative numbers, sums that add up.

    Raises:
        DatasetError: naming the file and what is wrong with it.
    """
    data = read_json(path)
    if data.get("format") != FORMAT:
        raise DatasetError(f"{path} is no balance plan", fix="Make one: facecurate balance DATASET -o plan.json")
    if data.get("version") != VERSION:
        raise DatasetError(f"{path} is a plan of version {data.get('version')}", f"this program reads {VERSION}")
    try:
        return plan_of(data)
    except (KeyError, TypeError, ValueError) as error:
        what = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
        raise DatasetError(f"{path} is not understood", what, "Make the plan again: facecurate balance") from error


_KINDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "dataset": dict,
    "columns": list,
    "cells": list,
    "groups": list,
    "totals": dict,
    "cost": (int, float),
    "budget": (int, float, type(None)),
    "unreachable": list,
    "certificate": (dict, type(None)),
    "options": dict,
    "solver": dict,
    "seed": int,
}


def plan_of(data: Mapping[str, Any]) -> Plan:
    """The plan that plain data describe.

    Raises:
        KeyError: for a field that is missing.
        TypeError: for a field of the wrong kind.
        ValueError: for numbers that do not add up.
    """
    values = {name: data[name] for name in _KINDS}
    for name, kind in _KINDS.items():
        if not isinstance(values[name], kind):
            raise TypeError(f"{name} is {values[name]!r:.60}")
    values["cells"] = [_cell(c, values["columns"]) for c in values["cells"]]
    return Plan(**values)


def _cell(data: Mapping[str, Any], columns: list[str]) -> CellPlan:
    cell = CellPlan(**{f.name: data[f.name] for f in dataclasses.fields(CellPlan)})
    if list(cell.labels) != columns:
        raise ValueError(f"a cell has labels of {list(cell.labels)}, the plan's columns are {columns}")
    counts = [cell.now, cell.real, cell.synthetic, cell.sources, cell.keep, cell.keep_synthetic, cell.drop]
    whole = [*counts, cell.collect, *cell.add.values(), *cell.tries.values()]
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in whole):
        raise ValueError(f"cell {cell.name} has counts that are no whole numbers from 0 up")
    if not all(math.isfinite(n) and n >= 0 for n in (cell.target, cell.weight, cell.short)):
        raise ValueError(f"cell {cell.name} has a target, weight or lack below 0 or not finite")
    if cell.keep + cell.drop != cell.now or cell.keep > cell.available or cell.keep_synthetic > cell.keep:
        raise ValueError(f"cell {cell.name} keeps {cell.keep} and drops {cell.drop} of {cell.now} faces")
    if (data["available"], data["planned"]) != (cell.available, cell.planned):
        raise ValueError(f"cell {cell.name} says {data['planned']} planned faces, its parts add up to {cell.planned}")
    return cell
