"""Lists of pictures: CSV, TSV, JSON lines and Parquet tables with a column of paths."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from curate.ingest.containers import open_parquet
from curate.ingest.filesystem import clean, is_absolute, is_url, open_binary
from curate.ingest.values import typed
from schemas.errors import UsageError

PATH_COLUMNS = (
    "uri", "path", "file", "filename", "filepath", "image", "file_name", "file_path", "image_path", "img_path", "url",
)  # fmt: skip
LIST_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"})


@dataclass(frozen=True)
class Rows:
    """A list that was read.

    Attributes:
        paths: One per row as it stands in the list; None where the cell is empty.
        columns: The other columns, each as long as `paths`.
    """

    paths: list[str | None]
    columns: dict[str, list[object]]


def is_list(uri: str) -> bool:
    """Whether a name says that this is a list (or a Parquet container)."""
    return PurePosixPath(uri.lower()).suffix in LIST_SUFFIXES


def read_list(uri: str, path_column: str | None = None) -> Rows:
    """Read a list of pictures.

    Args:
        uri: Path or URL of the list.
        path_column: Its column of paths; by default the first of the usual names, in any case.

    Raises:
        UsageError: if it cannot be parsed or has no column of paths.
    """
    suffix = PurePosixPath(uri.lower()).suffix
    try:
        columns = _parquet_columns(uri) if suffix == ".parquet" else text_columns(uri)
    except (ValueError, csv.Error, pa.ArrowException) as error:
        raise UsageError(f"cannot read the list {uri}", str(error)) from error
    key = _path_column(list(columns), uri, path_column)
    paths = [str(p) if p is not None and str(p).strip() else None for p in columns.pop(key)]
    return Rows(paths, columns)


def _parquet_columns(uri: str) -> dict[str, list[object]]:
    with open_parquet(uri) as file:
        return dict(file.read().to_pydict())


def text_columns(uri: str) -> dict[str, list[object]]:
    """All columns of a CSV, TSV or JSON-lines file, as its name says which it is.

    Raises:
        ValueError: if it cannot be parsed; `csv.Error` for a CSV that breaks its own quoting.
    """
    suffix = PurePosixPath(uri.lower()).suffix
    with open_binary(uri) as file:
        text = file.read().decode("utf-8-sig")
    if suffix in (".jsonl", ".ndjson"):
        return _json_columns(text)
    return _csv_columns(text, "\t" if suffix == ".tsv" else _delimiter(text))


def _delimiter(text: str) -> str:
    head = text.split("\n", 1)[0]
    return max(",;\t", key=head.count)


def _csv_columns(text: str, delimiter: str) -> dict[str, list[object]]:
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    if not rows:
        return {}
    header, *body = rows
    for number, row in enumerate(body, 2):
        if len(row) > len(header):
            raise ValueError(f"row {number} has {len(row)} cells, the header {len(header)}")
    if len(set(header)) < len(header):
        raise ValueError("a column name stands twice in the header")
    cells = {name: [row[i] if i < len(row) else None for row in body] for i, name in enumerate(header)}
    return {name.strip(): list(column) if is_path_name(name) else typed(column) for name, column in cells.items()}


def is_path_name(name: str) -> bool:
    """Whether a column of that name usually holds paths."""
    return name.strip().lower() in PATH_COLUMNS


def _json_columns(text: str) -> dict[str, list[object]]:
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("each line must be a JSON object")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _path_column(names: Sequence[str], uri: str, wanted: str | None) -> str:
    by_name = {name.lower(): name for name in reversed(names)}
    usual = (wanted.lower(),) if wanted is not None else PATH_COLUMNS
    found = [by_name[name] for name in usual if name in by_name]
    if not found:
        raise UsageError(
            f"no column of paths in the list {uri}",
            f"its columns are: {', '.join(names) or '(none)'}",
            f"Expected one of: {', '.join(usual)}",
        )
    return found[0]


def resolve(path: str, list_uri: str) -> str:
    """A path of a list as an absolute path or URL; relative paths start at the list's folder."""
    if is_absolute(path):
        return path
    if is_url(list_uri):
        return f"{list_uri.rsplit('/', 1)[0]}/{path}"
    return clean(Path(list_uri).parent / path)
