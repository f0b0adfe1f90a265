"""Choices of a balance plan, and how they are read from the command line."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.balance.generators import Generator
from curate.balance.targets import Limit, Target
from schemas import DatasetError, UnknownNameError, UsageError

ADD, COLLECT, DROP, REWEIGHT = "add", "collect", "drop", "reweight"
ACTIONS = (ADD, COLLECT, DROP, REWEIGHT)
FREE, MOST = "free", "most"
CHEAPEST, NEAREST = "cheapest", "nearest"
QUALITY, RANDOM = "quality", "random"


@dataclass(frozen=True)
class Collecting:
    """What it costs to photograph new people.

    Attributes:
        cost: Cost of each new face, in the unit of the budget.
        cells: Labels of cells -> another cost there, None where none can be had.
    """

    cost: float
    cells: tuple[tuple[Mapping[str, str], float | None], ...] = ()

    def cost_in(self, labels: Mapping[str, str]) -> float | None:
        """Cost of a face of a cell, None where none can be had; the last line that fits the cell counts."""
        fits = [cost for some, cost in self.cells if all(labels.get(k) == v for k, v in some.items())]
        return fits[-1] if fits else self.cost

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"cost": self.cost, "cells": [{"labels": dict(some), "cost": cost} for some, cost in self.cells]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Collecting:
        """Read what `as_dict` gave."""
        return cls(data["cost"], tuple((c["labels"], c["cost"]) for c in data["cells"]))


@dataclass(frozen=True)
class Options:
    """Choices of a plan.

    Attributes:
        by: Columns whose crossed labels are the cells.
        targets: Shares that groups shall have.
        least: Fewest faces of groups.
        most: Most faces of groups.
        size: Faces in all: a number, `free` to let the costs decide, or `most` for as many as can be had.
        tolerance: Most by which a group may miss its target, as a share of what is asked; groups are whole faces.
        allow: What may be done: `add`, `collect`, `drop`, `reweight`.
        generators: What can be generated, at what yield and cost.
        collecting: What new photographs cost.
        budget: Most that the plan may cost.
        objective: `cheapest` meets the targets within the tolerance at least cost; `nearest` comes as near to
            them as the budget allows. Where they cannot be met both give the nearest plan.
        max_synthetic_share: Largest share of generated faces in a cell.
        per_identity: Most faces of one person.
        duplicates: Set copies of one photo aside, all but the best.
        choose: Which faces of a full cell stay: the best by `quality`, or any (`random`).
        max_weight_ratio: Largest sampling weight over the smallest.
        where: SQL condition: only these faces take part.
        bins: Column of numbers -> limits between its groups.
        seed: Decides between faces that are equally good.
        seconds: Time for the solver; the plan then says how far from the best it may be.
    """

    by: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    least: tuple[Limit, ...] = ()
    most: tuple[Limit, ...] = ()
    size: int | str = FREE
    tolerance: float = 0.02
    allow: tuple[str, ...] = (DROP,)
    generators: tuple[Generator, ...] = ()
    collecting: Collecting | None = None
    budget: float | None = None
    objective: str = CHEAPEST
    max_synthetic_share: float = 1.0
    per_identity: int | None = None
    duplicates: bool = True
    choose: str = QUALITY
    max_weight_ratio: float = 10.0
    where: str = ""
    bins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    seed: int = 0
    seconds: float = 10.0

    def __post_init__(self) -> None:
        _known("action", self.allow, ACTIONS)
        _known("objective", (self.objective,), (CHEAPEST, NEAREST))
        _known("way to choose", (self.choose,), (QUALITY, RANDOM))
        if not self.by:
            raise UsageError("no columns to balance by", fix="Give some: --by perceived_race,perceived_gender")
        if isinstance(self.size, str):
            _known("size", (self.size,), (FREE, MOST))
        elif self.size < 1:
            raise UsageError(f"--size {self.size}", "a plan needs faces")
        if ADD in self.allow and not self.generators:
            fix = "Give --generators FILE, or leave out add"
            raise UsageError("faces may be added, but no generator is named", fix=fix)
        if self.generators and ADD not in self.allow:
            raise UsageError("generators are given, but faces may not be added", fix="Write --allow add,drop")
        if (COLLECT in self.allow) != (self.collecting is not None):
            raise UsageError("collecting needs its costs", fix="Give --allow collect and --collect COST together")
        if self.per_identity is not None and DROP not in self.allow:
            raise UsageError("--per-identity drops faces, which is not allowed here", fix="Write --allow drop,...")
        if self.size == MOST and self.budget is None and {ADD, COLLECT} & set(self.allow):
            raise UsageError("as many faces as can be had have no end without a budget", fix="Give --budget")

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with targets and generators as they were read."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            **plain,
            "by": list(self.by),
            "targets": [t.as_dict() for t in self.targets],
            "least": [limit.as_dict() for limit in self.least],
            "most": [limit.as_dict() for limit in self.most],
            "allow": list(self.allow),
            "generators": [g.as_dict() for g in self.generators],
            "collecting": self.collecting.as_dict() if self.collecting else None,
            "bins": {name: list(edges) for name, edges in self.bins.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Options:
        """Read what `as_dict` gave.

        Raises:
            UsageError: if fields are missing, unknown or of another kind.
        """
        try:
            return cls(
                **{
                    **data,
                    "by": tuple(data["by"]),
                    "targets": tuple(Target.from_dict(t) for t in data["targets"]),
                    "least": tuple(Limit.from_dict(t) for t in data["least"]),
                    "most": tuple(Limit.from_dict(t) for t in data["most"]),
                    "allow": tuple(data["allow"]),
                    "generators": tuple(Generator.from_dict(g) for g in data["generators"]),
                    "collecting": Collecting.from_dict(data["collecting"]) if data["collecting"] else None,
                    "bins": {name: tuple(edges) for name, edges in data["bins"].items()},
                }
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise UsageError("these options of a plan are not understood", str(error)) from error


def _known(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, name, known)


def parse_size(text: str) -> int | str:
    """Read `free`, `most` or a number of faces.

    Raises:
        UsageError: if it is neither.
    """
    if text in (FREE, MOST):
        return text
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise UsageError(f"--size {text} is not understood", fix="Write a number of faces, free or most") from None


def parse_bins(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Read `COLUMN=limit,limit,...`.

    Raises:
        UsageError: naming what is not understood.
    """
    found: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, _, numbers = text.partition("=")
        try:
            edges = tuple(float(n) for n in numbers.split(","))
        except ValueError:
            edges = ()
        if not name or not edges or not all(map(math.isfinite, edges)) or list(edges) != sorted(set(edges)):
            raise UsageError(f"--bins {text} is not understood", fix="Write rising limits: --bins quality=.3,.6")
        found[name.strip()] = edges
    return found


def read_collecting(text: str, by: Sequence[str]) -> Collecting:
    """Read a cost, or a CSV file with columns of labels and `cost` (empty where none can be had).

    In a table the cost elsewhere is that of a line without labels; without one no faces can be had there.

    Raises:
        DatasetError: if the file cannot be read.
        UsageError: naming what is not understood.
    """
    try:
        return Collecting(_price(text))
    except ValueError:
        pass
    path = Path(text)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"--collect {text} cannot be read", str(error), "Give a number or a CSV file") from error
    if not rows or "cost" not in rows[0] or set(rows[0]) - {"cost", *by}:
        raise UsageError(f"{path} is no table of costs", f"columns are cost and {', '.join(by)}")
    cells: list[tuple[Mapping[str, str], float | None]] = [({}, None)]
    for line, row in enumerate(rows, 2):
        try:
            cost = _price(row["cost"]) if row["cost"] else None
        except ValueError:
            raise UsageError(f"{path}, line {line}: '{row['cost']}' is no cost") from None
        cells.append(({k: v for k, v in row.items() if k != "cost" and v}, cost))
    return Collecting(0.0, tuple(cells))


def _price(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(text)
    return value
