"""What a table must satisfy before it becomes a part."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from curate.store.parts import DIGEST, digest
from schemas import REGISTRY, SchemaError, Status, check, labels_of
from schemas.column import ColumnGroup
from schemas.columns import images
from schemas.columns.faces import FACE_ID, FACES
from schemas.columns.images import IMAGES
from schemas.columns.labels import LAYER
from schemas.columns.labels import STATUS as LABEL_STATUS
from schemas.columns.sources import SOURCES

_STATUSES = frozenset(s.value for s in Status)


def as_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One contiguous array from a table's column."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def check_declared(table: pa.Table) -> None:
    """Check every declared column's type, range and labels.

    Raises:
        SchemaError: naming the column.
    """
    for name in table.column_names:
        if name in REGISTRY:
            check(REGISTRY[name], as_array(table.column(name)), labels_of)


def check_group(table: pa.Table, group: ColumnGroup, required: Iterable[str]) -> None:
    """Check that a table has the required columns and none from outside the group.

    Raises:
        SchemaError: naming the columns.
    """
    missing = [n for n in required if n not in table.column_names]
    if missing:
        raise SchemaError(f"the {group.name} table lacks {', '.join(missing)}")
    alien = [n for n in table.column_names if n not in group]
    if alien:
        raise SchemaError(f"{', '.join(alien)}: no column of the {group.name} table")
    check_declared(table)


def check_sources(table: pa.Table) -> None:
    """Check a sources part; errors as `check_group`."""
    check_group(table, SOURCES, [images.URI.name, images.MEMBER.name])


def check_images(table: pa.Table) -> None:
    """Check an images part; errors as `check_group`."""
    required = (images.IMAGE_ID, images.URI, images.MEMBER, images.STATUS, images.REASON)
    check_group(table, IMAGES, [c.name for c in required])


def check_faces(table: pa.Table) -> None:
    """Check a faces part: declared columns, face ids given and unique.

    Raises:
        SchemaError: naming what is wrong.
    """
    check_group(table, FACES, (FACE_ID.name, images.IMAGE_ID.name))
    ids = as_array(table.column(FACE_ID.name))
    if ids.null_count or len(ids.unique()) != len(ids):
        raise SchemaError("the faces table has empty or repeated face ids")


def check_labels(table: pa.Table, columns: Iterable[str], layer: str) -> None:
    """Check a label part: face id, a valid status per row, and no column that the layer does not promise.

    Raises:
        SchemaError: naming what is wrong.
    """
    missing = [n for n in LAYER if n not in table.column_names]
    alien = [n for n in table.column_names if n not in LAYER and n not in set(columns)]
    if missing:
        raise SchemaError(f"labels of layer '{layer}' lack {', '.join(missing)}")
    if alien:
        raise SchemaError(f"layer '{layer}' does not declare {', '.join(alien)}", fix="Name them in LayerInfo.columns")
    statuses = set(pc.unique(table.column(LABEL_STATUS.name)).to_pylist())
    if not statuses <= _STATUSES:
        raise SchemaError(f"layer '{layer}'", f"label_status holds {sorted(map(str, statuses - _STATUSES))}")
    check_declared(table)


def check_aligned(ids: pa.ChunkedArray, expected: bytes, what: str) -> None:
    """Check that face ids are those of the faces part, in its order.

    Raises:
        SchemaError: if they are not.
    """
    if digest(ids) != expected:
        raise SchemaError(f"{what} does not follow its faces row by row", "face ids or their order differ")


def with_fields(table: pa.Table, metadata: dict[bytes, bytes] | None = None) -> pa.Table:
    """Give declared columns their field metadata and the schema extra metadata."""
    fields = [REGISTRY[f.name].field if f.name in REGISTRY else f for f in table.schema]
    kept = {**(table.schema.metadata or {}), **(metadata or {})}
    return pa.table(table.columns, schema=pa.schema(fields, metadata=kept or None))


def stored_digest(schema: pa.Schema) -> bytes | None:
    """The digest of face ids that a part carries, if it was written here."""
    return (schema.metadata or {}).get(DIGEST)
