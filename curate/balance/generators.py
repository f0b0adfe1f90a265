"""What generators can add to which cells: yield, cost, sources and limits, read from a TOML or JSON file."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import DatasetError, UsageError

Labels = Mapping[str, str]


def fits(labels: Labels, some: Labels) -> bool:
    """Whether a cell has all of some labels."""
    return all(labels.get(column) == label for column, label in some.items())


@dataclass(frozen=True)
class Place:
    """Cells where a generator does differently.

    Attributes:
        labels: Labels that these cells have, of some or all columns.
        rate: Yield there, None as elsewhere.
        cost: Cost per try there, None as elsewhere.
    """

    labels: Labels
    rate: float | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Generator:
    """A generator as the plan sees it.

    Attributes:
        name: As `generate --with` calls it.
        cost: Cost of one try, accepted or not, in the unit of the budget.
        rate: Its yield: share of tries that the checks accept, measured before, in (0, 1].
        changes: Columns whose label it changes: a source then comes from a cell that differs only in these. Without
            them a source has the labels of the face that is made from it.
        needs_source: Whether it makes faces from photographed ones; else from nothing but a description.
        most_per_source: Most accepted faces made from one source face, None for any number.
        most_share: Largest share of a cell's faces that this generator may make up.
        serves: Partial labels of the cells that it can fill; all if empty.
        from_cells: Partial labels of the cells that its sources may come from; all if empty.
        places: Cells with another yield or cost; the last that fits counts.
    """

    name: str
    cost: float
    rate: float
    changes: tuple[str, ...] = ()
    needs_source: bool = True
    most_per_source: int | None = None
    most_share: float = 1.0
    serves: tuple[Labels, ...] = ()
    from_cells: tuple[Labels, ...] = ()
    places: tuple[Place, ...] = ()

    def serves_cell(self, labels: Labels) -> bool:
        """Whether it can fill a cell."""
        return not self.serves or any(fits(labels, some) for some in self.serves)

    def takes_from(self, source: Labels, goal: Labels) -> bool:
        """Whether a face of one cell can be the source of a face of another."""
        if self.from_cells and not any(fits(source, some) for some in self.from_cells):
            return False
        if not self.changes:
            return source == goal
        kept = all(source[c] == goal[c] for c in goal if c not in self.changes)
        return kept and source != goal

    def rate_in(self, labels: Labels) -> float:
        """Yield in a cell."""
        return [self.rate, *(p.rate for p in self.places if p.rate is not None and fits(labels, p.labels))][-1]

    def cost_in(self, labels: Labels) -> float:
        """Cost of one try in a cell."""
        return [self.cost, *(p.cost for p in self.places if p.cost is not None and fits(labels, p.labels))][-1]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            **dataclasses.asdict(self),
            "changes": list(self.changes),
            "serves": [dict(s) for s in self.serves],
            "from_cells": [dict(s) for s in self.from_cells],
            "places": [{"labels": dict(p.labels), "rate": p.rate, "cost": p.cost} for p in self.places],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Generator:
        """Read what `as_dict` gave."""
        places = tuple(Place(p["labels"], p["rate"], p["cost"]) for p in data["places"])
        lists = {name: tuple(data[name]) for name in ("changes", "serves", "from_cells")}
        return cls(**{**data, **lists, "places": places})


_FIELDS = {"cost", "yield", "changes", "source", "most_per_source", "most_share", "serves", "from", "cells"}


def read_generators(path: Path, by: Sequence[str]) -> tuple[Generator, ...]:
    """Read a file with a table per generator.

    Each has `cost` (per try) and `yield`, and may have `changes` (columns), `source = false` (made from a
    description alone), `most_per_source`, `most_share`, `serves` and `from` (lists of labels), and `cells`: a
    list of labels with another `yield` or `cost`.

    Args:
        path: TOML, or JSON with the same content.
        by: The plan's columns.

    Raises:
        DatasetError: if the file cannot be read.
        UsageError: naming the generator and the field that is not understood.
    """
    try:
        text = path.read_text("utf-8")
        data = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read", str(error), "Give a TOML or JSON file of generators") from error
    if not isinstance(data, dict) or not data or not all(isinstance(v, dict) for v in data.values()):
        raise UsageError(f"{path} is no file of generators", fix='Begin each with a line such as ["relight"]')
    return tuple(_generator(name, table, by, f"{path}: generator '{name}'") for name, table in data.items())


def _generator(name: str, table: Mapping[str, Any], by: Sequence[str], where: str) -> Generator:
    if strange := sorted(set(table) - _FIELDS):
        raise UsageError(f"{where} has unknown fields {', '.join(strange)}", fix=f"Known: {', '.join(sorted(_FIELDS))}")
    if missing := sorted({"cost", "yield"} - set(table)):
        raise UsageError(f"{where} lacks {' and '.join(missing)}", fix="Measure it: facecurate fill prints its yield")
    return Generator(
        name,
        cost=_within(table["cost"], 0, math.inf, f"{where}: cost"),
        rate=_rate(table["yield"], where),
        changes=_columns(table.get("changes", []), by, where),
        needs_source=bool(table.get("source", True)),
        most_per_source=_most(table.get("most_per_source"), where),
        most_share=_within(table.get("most_share", 1.0), 0, 1, f"{where}: most_share"),
        serves=tuple(_labels(some, by, where) for some in table.get("serves", [])),
        from_cells=tuple(_labels(some, by, where) for some in table.get("from", [])),
        places=tuple(_place(some, by, where) for some in table.get("cells", [])),
    )


def _place(table: Mapping[str, Any], by: Sequence[str], where: str) -> Place:
    labels = {k: v for k, v in table.items() if k not in ("yield", "cost")}
    cost = table.get("cost")
    return Place(
        _labels(labels, by, where),
        None if "yield" not in table else _rate(table["yield"], where),
        None if cost is None else _within(cost, 0, math.inf, f"{where}: cost"),
    )


def _rate(value: Any, where: str) -> float:
    rate = _within(value, 0, 1, f"{where}: yield")
    if rate == 0:
        raise UsageError(f"{where}: a yield of 0 gives no face", fix="Leave the generator or these cells out")
    return rate


def _within(value: Any, low: float, high: float, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        raise UsageError(f"{where} is {value!r}", f"it must be a number from {low:g} to {high:g}")
    return float(value)


def _most(value: Any, where: str) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise UsageError(f"{where}: most_per_source is {value!r}", "it must be a whole number from 1 up")
    return value


def _columns(names: Any, by: Sequence[str], where: str) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise UsageError(f"{where}: changes is {names!r}", fix="Give a list of columns")
    return tuple(n for n in names if n in by)


def _labels(some: Any, by: Sequence[str], where: str) -> dict[str, str]:
    if not isinstance(some, dict) or not all(isinstance(v, str) for v in some.values()):
        raise UsageError(f"{where}: {some!r} is no set of labels", fix='Write { perceived_gender = "Female" }')
    if strange := sorted(set(some) - set(by)):
        raise UsageError(f"{where} names {', '.join(strange)}", f"the plan's columns are {', '.join(by)}")
    return dict(some)
