"""Bytes of a source, whether it is a file, a URL or a row of a Parquet container."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from curate.ingest.containers import image_column, open_parquet, picture_bytes
from curate.ingest.filesystem import open_binary
from schemas.errors import UsageError

BATCH_ROWS = 64


def content_id(data: bytes) -> str:
    """The `image_id` of a file's bytes: BLAKE2b with 16 bytes, in hex."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass
class _Cursor:
    """A place inside one column of a Parquet file; going on is cheap, going back starts anew."""

    file: pq.ParquetFile
    column: str
    batches: Iterator[pa.RecordBatch]
    start: int
    rows: pa.Array


class SourceReader:
    """Reads pictures for one worker.

    Rows of a Parquet container are read in batches of 64 from the row group they stand in, and one
    batch is kept, so memory does not grow with the container. Use it as a context manager.
    """

    def __init__(self) -> None:
        self._uri: str | None = None
        self._cursor: _Cursor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the open container."""
        if self._cursor is not None:
            self._cursor.file.close(force=True)
        self._cursor = self._uri = None

    def read(self, uri: str, member: int | None = None) -> bytes:
        """The encoded picture.

        Args:
            uri: Path or fsspec URL.
            member: Row number inside a Parquet container, or None for a plain file.

        Raises:
            OSError: if it is gone or cannot be read; an empty cell reads as FileNotFoundError.
        """
        if member is None:
            with open_binary(uri) as file:
                return file.read()
        try:
            data = picture_bytes(self._cell(uri, member))
        except (pa.ArrowException, UsageError) as error:
            self.close()
            raise OSError(f"cannot read row {member} of {uri}: {error}") from error
        if data is None:
            raise FileNotFoundError(f"row {member} of {uri} holds no picture")
        return data

    def _cell(self, uri: str, member: int) -> pa.Scalar:
        cursor = self._cursor
        if cursor is None or self._uri != uri or member < cursor.start:
            cursor = self._seek(uri, member)
        while member >= cursor.start + len(cursor.rows):
            batch = next(cursor.batches, None)
            if batch is None:
                cursor = self._seek(uri, member)
                continue
            cursor.start += len(cursor.rows)
            cursor.rows = batch.column(0)
        return cursor.rows[member - cursor.start]

    def _seek(self, uri: str, member: int) -> _Cursor:
        if self._cursor is not None and self._uri == uri:
            file, column = self._cursor.file, self._cursor.column
        else:
            self.close()
            file = open_parquet(uri)
            column = image_column(file.schema_arrow, uri)
        start = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if member < start + rows:
                batches = file.iter_batches(BATCH_ROWS, row_groups=[group], columns=[column], use_threads=False)
                field = file.schema_arrow.field(column)
                self._uri, self._cursor = uri, _Cursor(file, column, batches, start, pa.array([], field.type))
                return self._cursor
            start += rows
        raise FileNotFoundError(f"{uri} has {start} rows, row {member} is asked for")
