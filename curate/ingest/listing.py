"""From folders, patterns, files, lists and containers to one table of sources."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa

from curate.ingest.containers import byte_sizes, holds_pictures, image_column, inner_names, open_parquet
from curate.ingest.filesystem import (
    Entry,
    clean,
    exists,
    expand,
    has_glob,
    is_absolute,
    is_folder,
    natural_key,
    readable,
    stat,
    storable,
    walk,
)
from curate.ingest.lists import is_list, is_path_name, read_list, resolve
from curate.ingest.options import ListOptions
from curate.ingest.values import to_json
from schemas.columns import sources as src
from schemas.errors import UsageError

Row = dict[str, object]

RECOGNISED = {
    "licence": src.LICENCE,
    "license": src.LICENCE,
    "consent": src.CONSENT,
    "split": src.SPLIT,
    src.IS_SYNTHETIC.name: src.IS_SYNTHETIC,
}
"""List columns that have a column of their own; all others go to `extra`."""
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
CONTAINER_BATCH = 256
TABLE_BATCH = 10_000


def list_sources(inputs: Sequence[str | Path], options: ListOptions | None = None) -> pa.Table:
    """List every picture, and everything that might be one, below the inputs.

    An input is a folder, a glob pattern, a picture, a list (CSV, TSV, JSON lines or Parquet with a column
    of paths), a Parquet container with the encoded pictures themselves, or an fsspec URL of any of these.
    Inside a folder every file is listed but hidden ones: the bytes decide later what is a picture, so
    that nothing vanishes in silence; Parquet containers found there are opened, other lists are not.
    Rows follow the given order of inputs, and natural order of names inside each. A file met twice is
    listed once.

    Args:
        inputs: What to list.
        options: How.

    Returns:
        A table with the columns `schemas.sources.SOURCES`.

    Raises:
        UsageError: for an input that is missing, empty, or a list without a column of paths.
    """
    options = options or ListOptions()
    seen: set[tuple[object, object]] = set()
    batches = []
    fresh: list[Row] = []
    for row in itertools.chain.from_iterable(_rows_of_input(given, options) for given in inputs):
        place = (row[src.URI.name], row[src.MEMBER.name])
        if place in seen and row[src.URI.name]:
            continue
        seen.add(place)
        fresh.append(row)
        if len(fresh) == TABLE_BATCH:
            batches.append(_batch(fresh))
            fresh = []
    return pa.Table.from_batches([*batches, _batch(fresh)], schema=src.SOURCES.schema)


def _batch(rows: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=src.SOURCES.schema)


def _rows_of_input(given: str | Path, options: ListOptions) -> Iterator[Row]:
    count = 0
    try:
        for row in _rows_of_text(clean(given), options):
            count += 1
            yield row
    except OSError as error:
        raise UsageError(f"cannot read '{given}'", error.strerror or str(error)) from error
    if not count:
        raise UsageError(f"no pictures in '{given}'", "nothing is listed there")


def _rows_of_text(text: str, options: ListOptions) -> Iterator[Row]:
    if has_glob(text):
        found = expand(text)
        if not found:
            raise UsageError(f"nothing matches the pattern '{text}'")
        return itertools.chain.from_iterable(_rows_of_match(path, options) for path in found)
    if not exists(text):
        raise UsageError(f"no such file or folder: '{text}'")
    if is_folder(text):
        return _rows_of_folder(text, options)
    if is_list(text):
        return _rows_of_list(text, options)
    return iter([_row(stat(text, PurePosixPath(text).name), options)])


def _rows_of_match(path: str, options: ListOptions) -> Iterator[Row]:
    if is_folder(path):
        return _rows_of_folder(path, options)
    return _rows_of_entry(stat(path, PurePosixPath(path).name), options)


def _rows_of_folder(folder: str, options: ListOptions) -> Iterator[Row]:
    entries = sorted(walk(folder, options.recursive), key=lambda entry: natural_key(entry.name))
    return itertools.chain.from_iterable(_rows_of_entry(entry, options) for entry in entries)


def _rows_of_entry(entry: Entry, options: ListOptions) -> Iterator[Row]:
    """Rows of a file found in a folder: many if it is a container, else one."""
    if entry.name.lower().endswith(".parquet") and holds_pictures(entry.uri):
        yield from _container_rows(entry, options)
    else:
        yield _row(entry, options)


def _rows_of_list(uri: str, options: ListOptions) -> Iterator[Row]:
    if uri.lower().endswith(".parquet") and options.path_column is None and holds_pictures(uri):
        yield from _container_rows(stat(uri, PurePosixPath(uri).name), options)
        return
    listed = read_list(uri, options.path_column)
    names = list(listed.columns)
    for path, *values in zip(listed.paths, *listed.columns.values(), strict=True):
        yield _row(_listed_entry(path, uri), options, dict(zip(names, values, strict=True)))


def _listed_entry(path: str | None, list_uri: str) -> Entry:
    if path is None:
        return Entry("", "", None, 0)
    uri = resolve(path, list_uri)
    name = PurePosixPath(path).name if is_absolute(path) else PurePosixPath(path).as_posix()
    try:
        return stat(uri, name)
    except OSError:  # the row stays and becomes `missing` or `unreadable` in the ledger
        return Entry(uri, name, None, 0)


def _container_rows(entry: Entry, options: ListOptions) -> Iterator[Row]:
    """One row per picture of a Parquet container."""
    with open_parquet(entry.uri) as file:
        column = image_column(file.schema_arrow, entry.uri)
        member = 0
        for batch in file.iter_batches(CONTAINER_BATCH, use_threads=False):
            cells = batch.column(column)
            others = batch.drop_columns([column]).to_pylist()
            facts = zip(byte_sizes(cells).to_pylist(), inner_names(cells), others, strict=True)
            for size, inner, values in facts:
                name = inner or _path_among(values) or str(member)
                row = _row(Entry(entry.uri, f"{entry.name}/{name}", size, entry.mtime_ns), options, values)
                row[src.MEMBER.name] = member
                yield row
                member += 1


def _path_among(values: Mapping[str, object]) -> str | None:
    return next((v for k, v in values.items() if is_path_name(k) and isinstance(v, str) and v), None)


def _row(entry: Entry, options: ListOptions, values: Mapping[str, object] | None = None) -> Row:
    values = values or {}
    row: Row = {
        src.URI.name: storable(entry.uri),
        src.MEMBER.name: None,
        src.NAME.name: readable(entry.name),
        src.BYTES.name: entry.size,
        src.MTIME.name: entry.mtime_ns,
        src.LICENCE.name: options.licence or None,
        src.CONSENT.name: options.consent or None,
        src.SPLIT.name: options.split or None,
    }
    for name, value in values.items():
        known = RECOGNISED.get(name.lower())
        if known is not None and value is not None:
            row[known.name] = _flag(value, entry.name) if known is src.IS_SYNTHETIC else str(value)
    row[src.EXTRA.name] = to_json({k: v for k, v in values.items() if k.lower() not in RECOGNISED})
    return row


def _flag(value: object, name: str) -> bool | None:
    """A yes or no of a list; an empty cell says nothing."""
    text = str(value).strip().lower()
    if text and text not in FLAGS:
        what = f"{src.IS_SYNTHETIC.name} of '{name}' is '{value}'"
        raise UsageError(what, "whether a picture was generated is yes or no", "Write true or false")
    return FLAGS.get(text)
