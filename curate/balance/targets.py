"""What the groups of a dataset shall be: shares from a table, another dataset or evenly, and limits on counts."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import DatasetError, UsageError

SHARE, COUNT = "share", "count"
EVEN, UNIFORM = "even", "uniform"
DATASET = "dataset:"
CROSS = "*"
Group = tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """Shares that the groups of some columns shall have.

    Attributes:
        columns: Columns whose crossed labels are the groups: all of the plan's (joint), or some (marginal).
        shares: Labels of a group, in the order of the columns -> its share; they add up to 1. A group that is
            left out shall have none.
        total: Faces in all, where the target was given as counts.
        source: Where it comes from, for people.
    """

    columns: tuple[str, ...]
    shares: Mapping[Group, float]
    total: int | None = None
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = [[*group, share] for group, share in self.shares.items()]
        return {"columns": list(self.columns), "shares": rows, "total": self.total, "source": self.source}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Target:
        """Read what `as_dict` gave."""
        shares = {tuple(row[:-1]): float(row[-1]) for row in data["shares"]}
        return cls(tuple(data["columns"]), shares, data["total"], data["source"])


@dataclass(frozen=True)
class Limit:
    """Fewest or most faces of groups.

    Attributes:
        columns: Columns whose crossed labels are the groups.
        labels: The group that is meant, None for each.
        count: Faces.
    """

    columns: tuple[str, ...]
    labels: Group | None
    count: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        labels = None if self.labels is None else list(self.labels)
        return {"columns": list(self.columns), "labels": labels, "count": self.count}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limit:
        """Read what `as_dict` gave."""
        labels = None if data["labels"] is None else tuple(data["labels"])
        return cls(tuple(data["columns"]), labels, data["count"])


@dataclass(frozen=True)
class World:
    """What targets are read against.

    Attributes:
        by: The plan's columns.
        groups: Gives the groups of some columns: the crossed labels that the dataset has.
        canonical: Gives the spelling of a label of a column, or raises `UnknownNameError`.
        shares_of: Gives the shares of the groups of some columns in the dataset of a path.
    """

    by: tuple[str, ...]
    groups: Callable[[tuple[str, ...]], list[Group]]
    canonical: Callable[[str, str], str]
    shares_of: Callable[[Path, tuple[str, ...]], Mapping[Group, float]]


def read_target(text: str, world: World) -> Target:
    """Read `uniform`, `TABLE.csv`, `dataset:FOLDER`, or `COLUMN[*COLUMN]=` before `even`, `dataset:` or shares.

    Args:
        text: As given, such as `perceived_gender=even` or `perceived_gender=Female:.6,Male:.4`.
        world: The columns and labels at hand.

    Raises:
        UsageError: naming what is not understood.
    """
    if text.lower().endswith(".csv"):
        return _table(Path(text), world)
    head, equals, tail = text.partition("=")
    if text.startswith(DATASET) or not equals:
        columns, said = world.by, text
    else:
        columns, said = _columns(head, world), tail
    if said in (EVEN, UNIFORM):
        groups = world.groups(columns)
        return Target(columns, {g: 1 / len(groups) for g in groups}, source=text)
    if said.startswith(DATASET):
        path = Path(said.removeprefix(DATASET))
        return _normal(columns, world.shares_of(path, columns), text)
    if equals and ":" in said:
        return _normal(columns, _pairs(columns, said, world, text), text)
    raise UsageError(
        f"target '{text}' is not understood",
        fix="Write uniform, a table.csv, dataset:FOLDER, COLUMN=even or COLUMN=LABEL:.6,LABEL:.4",
    )


def read_limit(text: str, world: World, option: str) -> Limit:
    """Read `50` (each cell), `COLUMN=50` (each group of the column) or `COLUMN=LABEL:50` (one group).

    Raises:
        UsageError: naming what is not understood.
    """
    head, equals, tail = text.partition("=")
    columns = _columns(head, world) if equals else world.by
    label, colon, number = tail.rpartition(":") if equals else ("", "", text)
    try:
        count = int(number)
    except ValueError:
        count = -1
    if count < 0:
        raise UsageError(f"{option} {text} is not understood", fix=f"Write {option} 50, COLUMN=50 or COLUMN=LABEL:50")
    labels = _labels(columns, label, world) if colon else None
    return Limit(columns, labels, count)


def _columns(text: str, world: World) -> tuple[str, ...]:
    named = [n.strip() for n in text.split(CROSS)]
    for name in named:
        if name not in world.by:
            known = ", ".join(world.by)
            raise UsageError(f"'{name}' is not a column of this plan", f"its columns are {known}", "Add it to --by")
    return tuple(n for n in world.by if n in named)


def _labels(columns: Sequence[str], text: str, world: World) -> Group:
    """Labels of one group, `*` between those of several columns."""
    parts = [p.strip() for p in text.split(CROSS)]
    if len(parts) != len(columns):
        raise UsageError(f"'{text}' names {len(parts)} labels for {len(columns)} columns", fix="Put * between labels")
    return tuple(world.canonical(c, p) for c, p in zip(columns, parts, strict=True))


def _pairs(columns: tuple[str, ...], said: str, world: World, text: str) -> dict[Group, float]:
    found: dict[Group, float] = {}
    for piece in said.split(","):
        label, _, number = piece.rpartition(":")
        found[_labels(columns, label, world)] = _number(number, f"target '{text}'")
    return found


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"{where}: '{text}' is no number from 0 up")
    return value


def _normal(columns: tuple[str, ...], values: Mapping[Group, float], source: str, total: int | None = None) -> Target:
    """A target from numbers that are shares, or in proportion to them."""
    whole = math.fsum(values.values())
    if whole <= 0:
        raise UsageError(f"target '{source}' asks for no face at all")
    return Target(columns, {g: v / whole for g, v in values.items()}, total, source)


def _table(path: Path, world: World) -> Target:
    """A target from a CSV file with columns of labels and a column `share` or `count`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read", str(error), "Give a CSV file") from error
    header = [name for name in (rows[0] if rows else {}) if name]
    values = [name for name in header if name in (SHARE, COUNT)]
    if len(values) != 1 or len(header) < 2:
        reason = f"its columns are {', '.join(header) or 'none'}"
        raise UsageError(f"{path} is no table of a target", reason, "Give columns of labels and share or count")
    columns = _columns(CROSS.join(n for n in header if n not in values), world)
    found: dict[Group, float] = {}
    for line, row in enumerate(rows, 2):
        group = tuple(world.canonical(c, (row[c] or "").strip()) for c in columns)
        if group in found:
            raise UsageError(f"{path}, line {line}: {', '.join(group)} stands there twice")
        found[group] = _number(row[values[0]] or "", f"{path}, line {line}")
    total = _whole(path, found.values()) if values[0] == COUNT else None
    if total is None and not math.isclose(math.fsum(found.values()), 1, abs_tol=0.005):
        raise UsageError(f"{path}: the shares add up to {math.fsum(found.values()):g}, not to 1")
    return _normal(columns, found, str(path.name), total)


def _whole(path: Path, counts: Iterable[float]) -> int:
    values = list(counts)
    if any(v != round(v) for v in values):
        raise UsageError(f"{path}: counts are whole numbers", fix="Name the column share if they are shares")
    return round(sum(values))
