"""What shares are held against: a uniform share, a reference table, or another dataset."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.audit.columns import Wanted, concept, resolve
from curate.audit.groups import Grouping, groupings
from curate.audit.reading import read_faces
from curate.ingest.lists import text_columns
from curate.store import Dataset
from curate.store.info import INFO_FILE
from curate.store.view import FaceView
from schemas import REGISTRY, FacecurateError, Kind, UnknownNameError, UsageError, taxonomy
from schemas.columns import labels

UNIFORM = "uniform"
SHARE, COUNT = "share", "count"
TABLE = "Give a CSV with the columns of groups, such as race, and share or count"
CLOSE = 0.01
"""How far shares may be from 1 (or 100) in all, from rounding."""

Cells = Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class Target:
    """Shares that are wanted.

    Attributes:
        name: Of the table or dataset.
        columns: Group columns it speaks of.
        cells: Labels of those columns -> share; the shares add up to 1.
        note: What a reader must know.
    """

    name: str
    columns: tuple[str, ...]
    cells: Cells
    note: str = ""

    def of(self, grouping: Grouping) -> NDArray[np.float64] | None:
        """Shares of a grouping's groups, (groups,), or None if the target does not speak of all its columns."""
        if not set(grouping.columns) <= set(self.columns):
            return None
        place = [self.columns.index(c) for c in grouping.columns]
        found = dict.fromkeys(grouping.cells(), 0.0)
        for cell, share in self.cells.items():
            key = tuple(cell[i] for i in place)
            found[key] = found.get(key, 0.0) + share
        return np.array([found[cell] for cell in grouping.cells()])


@dataclass(frozen=True)
class Wish:
    """The target of one grouping: its name, its shares (groups,), and notes."""

    name: str
    shares: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def wish(grouping: Grouping, targets: Sequence[Target]) -> Wish:
    """The first target that speaks of all columns of a grouping, else the product of its columns' targets."""
    for target in targets:
        found = target.of(grouping)
        if found is not None:
            notes = [target.note, _not_listed(grouping, found), _elsewhere(found)]
            return Wish(target.name, found, tuple(n for n in notes if n))
    if len(grouping.columns) == 1 or not any(set(t.columns) & set(grouping.columns) for t in targets):
        size = len(grouping)
        return Wish(UNIFORM, np.full(size, 1 / size if size else math.nan))
    return _product(grouping, targets)


def _product(grouping: Grouping, targets: Sequence[Target]) -> Wish:
    """No table speaks of the crossing: its columns' targets multiplied, as if they were independent."""
    shares, names = np.ones(1), []
    for column, known in zip(grouping.columns, grouping.labels, strict=True):
        single = Grouping(column, (column,), (known,), known, grouping.codes[:0], grouping.unknown, grouping.closed)
        one = wish(single, targets)
        shares = np.multiply.outer(shares, one.shares).reshape(-1)
        names.append(f"{column}: {one.name}")
    note = "No target speaks of these columns together; theirs are multiplied, as if they were independent."
    return Wish("product of " + ", ".join(names), shares, (note,))


def _not_listed(grouping: Grouping, shares: NDArray[np.float64]) -> str:
    missing = [name for name, share in zip(grouping.names, shares, strict=True) if share == 0]
    shown = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
    return f"The target has no share for: {shown}." if missing else ""


def _elsewhere(shares: NDArray[np.float64]) -> str:
    gone = 1 - float(shares.sum())
    return f"{gone:.1%} of the target belongs to groups that do not occur here." if gone > CLOSE / 10 else ""


def read_targets(
    sources: Sequence[str | Path], view: FaceView, by: Sequence[str], crossings: Sequence[Sequence[str]],
    quiet: bool = True,
) -> list[Target]:  # fmt: skip
    """Read the targets that were asked for; `uniform` stands for none.

    Args:
        sources: `uniform`, CSV, TSV or JSON-lines files, folders of datasets.
        view: Of the dataset that is audited.
        by: Its columns of groups.
        crossings: Columns that are crossed.
        quiet: Show no progress.

    Raises:
        UsageError: if a file cannot be read, or speaks of no column of `by`, or its shares do not add up.
    """
    found: list[Target] = []
    for source in (str(s) for s in sources if str(s) != UNIFORM):
        path = Path(source)
        if (path / INFO_FILE).is_file():
            found += _of_dataset(path, by, crossings, quiet)
        elif path.is_file():
            found.append(_of_file(path, view, by))
        else:
            what = "it is neither a table, a dataset's folder, nor 'uniform'"
            raise UsageError(f"there is no target {source}", what, "Give --target uniform, a CSV or a dataset")
    return found


def _of_file(path: Path, view: FaceView, by: Sequence[str]) -> Target:
    try:
        columns = text_columns(str(path))
    except (ValueError, csv.Error, OSError) as error:
        raise UsageError(f"cannot read the target {path}", str(error), TABLE) from error
    return _of_table(path, columns, view, by)


def _of_table(path: Path, columns: Mapping[str, list[object]], view: FaceView, by: Sequence[str]) -> Target:
    weights = next((n for n in (SHARE, COUNT) if n in columns), "")
    if not weights:
        reason = f"it has no column {SHARE} or {COUNT}; its columns are: {', '.join(columns)}"
        raise UsageError(f"cannot use the target {path}", reason, TABLE)
    named = _group_columns(columns, view, by)
    if not named:
        reason = f"it has none of the columns {', '.join(by)}; its columns are: {', '.join(columns)}"
        raise UsageError(f"cannot use the target {path}", reason, TABLE)
    readers = {name: _canonical(path, name) for name in named.values()}
    cells: dict[tuple[str, ...], float] = {}
    for i, text in enumerate(columns[weights]):
        cell = tuple(readers[name](columns[written][i]) for written, name in named.items())
        cells[cell] = cells.get(cell, 0.0) + _weight(path, text, i)
    return Target(path.name, tuple(named.values()), _normal(path, cells, weights))


def _group_columns(columns: Mapping[str, list[object]], view: FaceView, by: Sequence[str]) -> dict[str, str]:
    """Column of the table -> column of `by` that it means, by its own or its short name."""
    found: dict[str, str] = {}
    for written in columns:
        if written in (SHARE, COUNT):
            continue
        try:
            name = resolve(view, written)
        except FacecurateError:
            name = written
        if name not in by:
            same = [c for c in by if concept(c) and concept(c) == concept(written)]
            name = same[0] if len(same) == 1 else name
        if name in by and name not in found.values():
            found[written] = name
    return found


def _canonical(path: Path, name: str) -> Callable[[object], str]:
    """Reads labels of a column in any spelling that its taxonomy knows."""
    column = REGISTRY.get(name)
    first = {"age": labels.AGE_GROUP, "gender": labels.GENDER, "race": labels.RACE, "skin": labels.MONK}
    if column is None or column.kind is not Kind.LABEL:
        column = first.get(concept(name), column)
    known = taxonomy(column.taxonomy) if column is not None and column.taxonomy else None
    spellings = {x.casefold(): x for x in known.labels} if known else {}
    spellings |= {alias.casefold(): x for alias, x in known.aliases.items()} if known else {}

    def read(value: object) -> str:
        text = str(value).strip()
        if known is None:
            return text
        if text.casefold() not in spellings:
            raise UnknownNameError(f"label of {name} in {path}", text, known.labels)
        return spellings[text.casefold()]

    return read


def _weight(path: Path, value: object, row: int) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise UsageError(f"cannot use the target {path}", f"row {row + 1} has '{value}' for a {SHARE} or {COUNT}",
                         "Write a number of at least 0 there")  # fmt: skip
    return number


def _normal(path: Path, cells: Cells, weights: str) -> Cells:
    total = sum(cells.values())
    if total <= 0:
        raise UsageError(f"cannot use the target {path}", f"its column {weights} adds up to nothing", TABLE)
    if weights == SHARE and min(abs(total - 1), abs(total / 100 - 1)) > CLOSE:
        reason = f"its shares add up to {total:g}, not to 1 or 100"
        raise UsageError(f"cannot use the target {path}", reason, f"Name the column {COUNT} if they are counts")
    return {cell: value / total for cell, value in cells.items()}


def _of_dataset(path: Path, by: Sequence[str], crossings: Sequence[Sequence[str]], quiet: bool) -> list[Target]:
    """The shares of another dataset, grouping by grouping."""
    view = FaceView(Dataset.open(path))
    for name in by:
        view.want(name)
    want = Wanted(tuple(by), tuple(map(tuple, crossings)), (), (), "", (), False, tuple(by), False, False)
    found = groupings(read_faces(view, want, (), quiet), by, want.crossings)
    return [_shares_of(view.dataset.info.name or path.name, path, grouping) for grouping in found]


def _shares_of(name: str, path: Path, grouping: Grouping) -> Target:
    n = int(grouping.counts.sum())
    if not n:
        raise UsageError(f"cannot use the target {path}", f"no face there has a value of {grouping.by}")
    cells = dict(zip(grouping.cells(), (grouping.counts / n).tolist(), strict=True))
    note = f"Shares of {n:,} faces of dataset {name}; their own chance error is not counted."
    return Target(name, grouping.columns, {cell: share for cell, share in cells.items() if share}, note)
