"""Part files: one Parquet or JSON file that exists whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curate.store.names import check_name
from schemas import REGISTRY, DatasetError, Kind

SUFFIX = ".parquet"
TEMPORARY = ".tmp"
FEW_VALUES = 100_000
"""So many values are read sooner without Arrow's threads than these can be woken."""
DIGEST = b"facecurate.faces"
"""Schema metadata key of faces and label parts: a digest of the face ids in row order."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path` that takes its place, synced, when the block ends without an error.

    The temporary file is locked while it is written, so `clean` in another process can tell work in
    progress from what a killed process left behind.

    Raises:
        DatasetError: if the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, file = _open_temporary(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.rename(path)
        _sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _open_temporary(path: Path) -> tuple[Path, BinaryIO]:
    while True:
        temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:12]}{TEMPORARY}"
        file = temporary.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():
            return temporary, file
        file.close()  # another process took it for a leftover between creation and lock


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> DatasetError:
    return DatasetError(f"{path} cannot be written", error.strerror or str(error), "Check rights and free space")


def clean(root: Path) -> int:
    """Remove temporary files that killed processes left below `root`; returns how many.

    Files that a living process is writing, and files in folders that cannot be changed, stay.
    """
    removed = 0
    for folder, _, names in os.walk(root):
        for name in names:
            if name.startswith(".") and name.endswith(TEMPORARY):
                removed += _remove_if_abandoned(Path(folder, name))
    return removed


def _remove_if_abandoned(path: Path) -> bool:
    # A leftover is never read, so one that cannot be removed (read-only dataset, race) does no harm.
    with contextlib.suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        return True
    return False


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as one row group: zstd, dictionaries for words, byte streams split for floats.

    Field metadata (doc, unit, frame, range) goes along.
    """
    words: list[str] = []
    floats: list[str] = []
    for column in _leaves(table.schema):
        (words if column[1] else floats).append(column[0])
    with replacing(path) as file:
        pq.write_table(
            table,
            file,
            compression="zstd",
            row_group_size=max(table.num_rows, 1),
            use_dictionary=words,
            use_byte_stream_split=floats,
        )


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, bool]]:
    """Parquet paths of leaves worth a dictionary (True) and of float leaves (False)."""
    for field in schema:
        for path, kind in _leaf_types(field.name, field.type):
            if pa.types.is_floating(kind):
                yield path, False
            elif pa.types.is_string(kind) and not _unique(field.name):
                yield path, True


def _unique(name: str) -> bool:
    declared = REGISTRY.get(name)
    return declared is not None and declared.kind is Kind.ID


def _leaf_types(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    if pa.types.is_struct(kind):
        for field in kind:
            yield from _leaf_types(f"{path}.{field.name}", field.type)
    elif pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        yield from _leaf_types(f"{path}.list.element", kind.value_type)  # the name Parquet writes
    else:
        yield path, kind


def read_table(path: Path, columns: Iterable[str] | None = None) -> pa.Table:
    """Read a part, or those of the named columns (`struct.field` allowed) that it has.

    Raises:
        DatasetError: if the file is missing, cut short or damaged; names the file and the way out.
    """

    def read(file: pq.ParquetFile) -> pa.Table:
        if columns is None:
            return file.read()
        schema = file.schema_arrow
        present = [name for name in columns if _has(schema, name)]
        return file.read(columns=present, use_threads=file.metadata.num_rows * len(present) > FEW_VALUES)

    return _opened(path, read)


def _has(schema: pa.Schema, name: str) -> bool:
    head, _, tail = name.partition(".")
    if name in schema.names:
        return True
    if not tail or head not in schema.names:
        return False
    kind = schema.field(head).type
    return bool(pa.types.is_struct(kind) and kind.get_field_index(tail) >= 0)


def read_footer(path: Path) -> tuple[int, pa.Schema]:
    """Number of rows and schema, from the footer only; errors as `read_table`."""
    rows, schema = _opened(path, lambda file: (file.metadata.num_rows, file.schema_arrow))
    return int(rows), schema


def _opened(path: Path, use: Callable[[pq.ParquetFile], Any]) -> Any:
    try:
        with pq.ParquetFile(path) as file:
            return use(file)
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing", fix="Run again: the shard is made anew") from None
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        fix = "Delete this file and run again: only what it held is made anew"
        raise DatasetError(f"{path} is damaged or no Parquet file", reason, fix) from error


def write_forms(folder: Path, name: str, forms: Iterable[str], text: Callable[[str], str]) -> list[Path]:
    """Write a result as `NAME.FORM` files, each whole or not at all.

    Args:
        folder: Where to; it is made if it is absent.
        name: Of the files.
        forms: Their endings, such as `json` and `html`.
        text: Gives the content of a form.

    Returns:
        The files.

    Raises:
        DatasetError: if the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{folder} cannot be made a folder", reason, "Give another one: --output") from error
    written = []
    for form in forms:
        file = folder / f"{check_name('file', name)}.{form}"
        with replacing(file) as out:
            out.write(text(form).encode("utf-8"))
        written.append(file)
    return written


def write_json(path: Path, data: Any) -> None:
    """Write data as indented JSON, atomically."""
    with replacing(path) as file:
        file.write((json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DatasetError: if it is missing or is no JSON object.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read", str(error), "Restore it from a copy") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path} is not a JSON object", fix="Restore it from a copy")
    return data


def digest(face_ids: pa.ChunkedArray) -> bytes:
    """Digest of face ids in their order; equal digests mean that two parts stand row by row."""
    hasher = hashlib.blake2b(digest_size=12)
    for face in face_ids.to_pylist():
        hasher.update(str(face).encode() + b"\n")
    return hasher.hexdigest().encode()
