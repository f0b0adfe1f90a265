"""Parquet files that hold the pictures themselves."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.ingest.filesystem import is_url, open_binary
from schemas.errors import UsageError

IMAGE_COLUMNS = ("image", "bytes", "img", "jpg", "png", "jpeg", "image_bytes", "content", "data")


def open_parquet(uri: str) -> pq.ParquetFile:
    """Open for streaming: pages are read as they are needed, not whole column chunks.

    Raises:
        OSError: if it is gone or refused.
        pyarrow.ArrowException: if it is not Parquet.
    """
    return pq.ParquetFile(open_binary(uri) if is_url(uri) else uri, buffer_size=1 << 20, pre_buffer=False)


def is_binary(type_: pa.DataType) -> bool:
    """Whether cells are bytes, or the struct of bytes and path that `datasets` writes."""
    if pa.types.is_struct(type_):
        index = type_.get_field_index("bytes")
        return index >= 0 and is_binary(type_.field(index).type)
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_))


def find_image_column(schema: pa.Schema) -> str | None:
    """The column with picture bytes: one of the usual names, or the only binary one."""
    binary: list[str] = [field.name for field in schema if is_binary(field.type)]
    by_name = {name.lower(): name for name in reversed(binary)}
    usual = [by_name[name] for name in IMAGE_COLUMNS if name in by_name]
    if usual:
        return usual[0]
    return binary[0] if len(binary) == 1 else None


def image_column(schema: pa.Schema, uri: str) -> str:
    """The column with picture bytes.

    Raises:
        UsageError: if the file has none.
    """
    column = find_image_column(schema)
    if column is None:
        raise UsageError(
            f"no picture bytes in {uri}",
            f"its columns are {', '.join(schema.names)}",
            "Call the column with the encoded pictures 'image'",
        )
    return column


def holds_pictures(uri: str) -> bool:
    """Whether it is a Parquet file with a column of picture bytes."""
    try:
        with open_parquet(uri) as file:
            return find_image_column(file.schema_arrow) is not None
    except (pa.ArrowException, OSError):
        return False


def picture_bytes(cell: pa.Scalar) -> bytes | None:
    """Bytes of one cell, plain or in a struct; None for a null."""
    if not cell.is_valid:
        return None
    if pa.types.is_struct(cell.type):
        return picture_bytes(cell["bytes"])
    return bytes(cell.as_py())


def byte_sizes(cells: pa.Array) -> pa.Array:
    """Length of each cell's bytes as int64; null where there are none."""
    if pa.types.is_struct(cells.type):
        valid = cells.is_valid()
        return pc.if_else(valid, byte_sizes(pc.struct_field(cells, "bytes")), None)
    return pc.binary_length(cells).cast(pa.int64())


def inner_names(cells: pa.Array) -> list[str | None]:
    """The `path` inside each struct cell, where there is one."""
    if pa.types.is_struct(cells.type) and cells.type.get_field_index("path") >= 0:
        return [str(p) if p else None for p in pc.struct_field(cells, "path").to_pylist()]
    return [None] * len(cells)
