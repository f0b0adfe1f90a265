"""A measure from names to figures: opens what the user named, runs it, and keeps mistakes to one line."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from curate.engine.settings import configure
from curate.ingest.lists import LIST_SUFFIXES, text_columns
from curate.measures.base import DATASET, KINDS, PICTURES, Given, Input, Measure, Result
from curate.measures.registry import measure
from schemas import SchemaError, UsageError

PAIRS_TABLE = "pairs.parquet"
"""What `pairs` leaves in its folder."""


def run(
    name: str, paths: Sequence[str | Path], settings: Mapping[str, str] | None = None, out: Path | None = None,
    quiet: bool = True,
) -> Result:  # fmt: skip
    """Measure.

    Args:
        name: Of the measure.
        paths: One per input, in its order.
        settings: Setting -> text.
        out: Folder for pictures and files of the result; it is made.
        quiet: No progress bar.

    Raises:
        UnknownNameError: for a measure or setting that is none.
        UsageError: for too few or too many inputs, or one that cannot be read.
        SchemaError: if the measure breaks its contract.
    """
    cls = measure(name)
    made = cls(configure(cls.config_type, settings or {}, cls.name))
    found = made.measure(opened(cls, [Path(p) for p in paths], out, quiet))
    check(found, cls.name)
    return found


def check(found: Result, name: str) -> None:
    """Make sure that a result is what the contract asks for, whoever wrote the measure.

    Raises:
        SchemaError: if it holds what JSON cannot, NaN among it, or a table whose rows have different keys.
    """
    try:
        json.dumps(found.as_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"the result of measure {name} is no plain JSON data", str(error)) from error
    for title, rows in found.tables.items():
        if any(row.keys() != rows[0].keys() for row in rows):
            raise SchemaError(f"rows of table '{title}' of measure {name} have different columns")


def opened(cls: type[Measure], paths: Sequence[Path], out: Path | None = None, quiet: bool = True) -> Given:
    """Open the inputs of a measure.

    Raises:
        UsageError: for too few or too many inputs, or one that cannot be read.
    """
    least = sum(not i.optional for i in cls.inputs)
    if not least <= len(paths) <= len(cls.inputs):
        wanted = "; ".join(f"{i.name}{' (may be left out)' if i.optional else ''}: {i.doc}" for i in cls.inputs)
        raise UsageError(f"{cls.name} takes {len(cls.inputs)} inputs, not {len(paths)}", fix=f"Give {wanted}")
    given = dict(zip((i.name for i in cls.inputs), paths, strict=False))
    found: dict[str, dict[str, object]] = {kind: {} for kind in KINDS}
    for wanted_input, path in zip(cls.inputs, paths, strict=False):
        found[wanted_input.kind][wanted_input.name] = _open(cls, wanted_input, path)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    datasets, tables, folders = found.values()
    return Given(datasets, tables, folders, given, out, quiet)  # type: ignore[arg-type]


def _open(cls: type[Measure], wanted: Input, path: Path) -> object:
    from curate.store import Dataset

    if wanted.kind == DATASET:
        return Dataset.open(path)
    if wanted.kind == PICTURES:
        if not path.is_dir():
            raise UsageError(f"{path} is not a folder of pictures", fix=f"{cls.name} needs {wanted.doc}")
        return path
    table = read_table(path)
    missing = [c for c in wanted.columns if c not in table.column_names]
    if missing:
        here = ", ".join(table.column_names)
        raise UsageError(f"{path} has no column {', '.join(missing)}", f"it has {here}", f"{cls.name}: {wanted.doc}")
    if not (table.num_rows or wanted.empty):
        raise UsageError(f"{path} has no rows", fix=f"{cls.name} needs {wanted.doc}")
    return table


def read_table(path: Path) -> pa.Table:
    """A table that a user named: CSV, TSV, JSONL, Parquet, or a folder with `pairs.parquet`.

    Raises:
        UsageError: if it cannot be read.
    """
    import pyarrow.parquet as pq

    if path.is_dir() and (path / PAIRS_TABLE).is_file():
        path = path / PAIRS_TABLE
    if path.suffix.lower() not in LIST_SUFFIXES:
        raise UsageError(f"{path} is not a table", fix=f"Give {', '.join(sorted(LIST_SUFFIXES))}")
    try:
        return pq.read_table(path) if path.suffix.lower() == ".parquet" else pa.table(text_columns(str(path)))
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise UsageError(f"cannot read the table {path}", str(error)) from error
