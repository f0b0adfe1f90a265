"""Reads the truth: a table of what is known about pictures or faces, or a layer of the dataset."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.ingest.containers import open_parquet
from curate.ingest.filesystem import exists, open_binary
from curate.ingest.lists import is_list, text_columns
from curate.store import Dataset
from schemas import Kind, UnknownNameError, UsageError
from schemas.column import REGISTRY
from schemas.columns import faces, images, labels

LAYER = "layer:"
EXTRA = "extra"
MACHINE = "No person wrote this truth: the figures say how far layers agree, not how right they are."
_OF_A_LAYER = (faces.FACE_ID.name, labels.STATUS.name, labels.ERROR.name)


@dataclass(frozen=True)
class Truth:
    """A table of what is known.

    Attributes:
        name: Short name, for titles and files.
        source: Path, `layer:NAME` or `extra`.
        columns: Name -> one value per row; None where nothing is known.
        sha256: Of the file's bytes; empty for a layer.
        layer: The layer it comes from, or empty.
        notes: What reading it took.
    """

    name: str
    source: str
    columns: Mapping[str, list[Any]]
    sha256: str = ""
    layer: str = ""
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def take(self, rows: Iterable[int]) -> Truth:
        """These rows only."""
        chosen = list(rows)
        return replace(self, columns={n: [v[i] for i in chosen] for n, v in self.columns.items()})


def read_truth(source: str | Path, ds: Dataset) -> Truth:
    """Read a table, or take a layer or the listed columns of the dataset.

    Args:
        source: A CSV, TSV, JSON-lines or Parquet file; `layer:NAME`; or `extra` for the columns that the
            dataset's own list brought along.
        ds: The dataset that is to be evaluated.

    Raises:
        UsageError: if there is no such file, it is empty or cannot be read.
        UnknownNameError: if there is no such layer.
    """
    text = str(source)
    if text.startswith(LAYER):
        return _of_layer(ds, text.removeprefix(LAYER))
    if text == EXTRA and not Path(text).exists():
        return _of_list(ds)
    return _of_file(text)


def narrowed(truth: Truth, only: Mapping[str, str]) -> Truth:
    """The rows in which columns have these values.

    Raises:
        UnknownNameError: if there is no such column; offers the nearest.
        UsageError: if no row is left.
    """
    if not only:
        return truth
    for name in only:
        if name not in truth.columns:
            raise UnknownNameError(f"column of the truth {truth.name}", name, truth.columns)
    rows = [i for i in range(len(truth)) if all(str(truth.columns[n][i]) == v for n, v in only.items())]
    said = ", ".join(f"{n}={v}" for n, v in only.items())
    if not rows:
        raise UsageError(f"no row of the truth {truth.name} has {said}")
    note = f"Only the {len(rows):,} of {len(truth):,} rows with {said} are read."
    return replace(truth.take(rows), notes=(*truth.notes, note))


def _of_file(path: str) -> Truth:
    if not exists(path):
        raise UsageError(f"there is no truth file {path}", fix="Give a CSV, JSONL or Parquet file, or layer:NAME")
    if not is_list(path):
        raise UsageError(f"cannot read the truth {path}", "its name must end in .csv, .tsv, .jsonl or .parquet")
    try:
        columns = _parquet(path) if path.lower().endswith(".parquet") else text_columns(path)
    except (ValueError, csv.Error, pa.ArrowException, OSError) as error:
        raise UsageError(f"cannot read the truth {path}", str(error)) from error
    truth = Truth(Path(path).stem, path, _flat(columns), _sha256(path))
    if not len(truth):
        raise UsageError(f"the truth {path} is empty", "it has no rows")
    return unfold(truth)


def _parquet(path: str) -> dict[str, list[Any]]:
    with open_parquet(path) as file:
        wanted = [f.name for f in file.schema_arrow if not _holds_bytes(f.type)]
        return dict(file.read(columns=wanted).to_pydict())


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_holds_bytes(f.type) for f in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _sha256(path: str) -> str:
    with open_binary(path) as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _of_layer(ds: Dataset, name: str) -> Truth:
    info = ds.layer(name)
    table = ds.layer_table(name)
    if not table.num_rows:
        raise UsageError(f"the layer {name} is empty", "it has no rows")
    wanted = [c for c in table.column_names if c not in _OF_A_LAYER[1:]]
    columns = _flat({c: table.column(c).to_pylist() for c in wanted})
    who = f"Layer {name} ({info.kind}), written by {info.annotator}{f', {info.author}' if info.author else ''}."
    notes = (who,) if info.kind == "human" else (who, MACHINE)
    return Truth(name, LAYER + name, columns, layer=name, notes=notes)


def _of_list(ds: Dataset) -> Truth:
    table = ds.images([images.IMAGE_ID, images.EXTRA], where=f"{images.STATUS.name} = 'ok'")
    rows = [json.loads(text) if text else {} for text in table.column(images.EXTRA.name).to_pylist()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise UsageError("the dataset's list brought no columns along", fix="Give a truth file")
    columns = {images.IMAGE_ID.name: table.column(images.IMAGE_ID.name).to_pylist()}
    columns |= {n: [row.get(n) for row in rows] for n in names if n not in columns}
    return unfold(Truth(EXTRA, EXTRA, _flat(columns), notes=("The columns of the list the pictures came from.",)))


def _flat(columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Columns with structs unfolded to `column.field`."""
    flat: dict[str, list[Any]] = {}
    for name, values in columns.items():
        known = REGISTRY.get(name)
        structs = known is not None and known.kind is Kind.SCORES
        if structs or any(isinstance(v, Mapping) for v in values):
            fields = dict.fromkeys(f for v in values if isinstance(v, Mapping) for f in v)
            nested = {f"{name}.{f}": [v.get(f) if isinstance(v, Mapping) else None for v in values] for f in fields}
            flat |= _flat(nested)
        else:
            flat[name] = values
    return flat


def unfold(truth: Truth) -> Truth:
    """Unpack cells that hold JSON: objects become columns, lists become lists.

    A table with one JSON object per row often has several rows per picture (one per task); the fields
    then stand in columns of their own, null where a row does not speak of them.
    """
    columns: dict[str, list[Any]] = {}
    notes = list(truth.notes)
    for name, values in truth.columns.items():
        parsed = _json_cells(values)
        if parsed is None:
            columns.setdefault(name, values)
        elif any(isinstance(v, Mapping) for v in parsed):
            fields = {n.removeprefix(f"{name}."): v for n, v in _flat({name: parsed}).items()}
            columns |= {n: v for n, v in fields.items() if n not in columns}
            notes.append(f"Column {name} holds JSON; its {len(fields)} fields are read as columns.")
        else:
            columns[name] = parsed
    return replace(truth, columns=columns, notes=tuple(notes))


def _json_cells(values: list[Any]) -> list[Any] | None:
    """The cells read as JSON, or None if any of them is something else."""
    filled = [v for v in values if v not in (None, "")]
    if not filled or not all(isinstance(v, str) and v.lstrip()[:1] in ("{", "[") for v in filled):
        return None
    try:
        return [json.loads(v) if v not in (None, "") else None for v in values]
    except ValueError:
        return None
