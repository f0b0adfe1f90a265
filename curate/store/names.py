"""Names of tables, keys and layers, and where each table lies in the folder."""

from __future__ import annotations

import re
from pathlib import Path

from schemas import UsageError

SOURCES = "sources"
IMAGES = "images"
FACES = "faces"
LABELS = "labels"
RESERVED = frozenset({IMAGES, FACES, "ledger", "layers"})
"""Names of SQL tables, which no layer may take."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]*")


def check_name(kind: str, name: str) -> str:
    """Return a key or layer name that is safe as a file name.

    Raises:
        UsageError: if it is not.
    """
    if not _NAME.fullmatch(name):
        allowed = "letters, digits and . _ @ + = -, a letter or digit first"
        raise UsageError(f"'{name}' cannot be a {kind} name", f"allowed are {allowed}")
    return name


def layer_of(table: str) -> str | None:
    """The layer's name if the table is `labels/NAME`, None if it is sources, images or faces.

    Raises:
        UsageError: if it is neither.
    """
    if table in (SOURCES, IMAGES, FACES):
        return None
    head, _, name = table.partition("/")
    if head != LABELS:
        raise UsageError(f"unknown table '{table}'", fix="Tables: sources, images, faces, labels/LAYER")
    return check_name("layer", name)


def folder(root: Path, revision: int, table: str) -> Path:
    """Folder of a table, or of all layers (`labels`); faces and labels of revision n > 0 lie below `revisions/n`."""
    if table != LABELS:
        layer_of(table)
    if table in (SOURCES, IMAGES) or not revision:
        return root / table
    return root / "revisions" / str(revision) / table


def key_order(key: str) -> tuple[bool, int, str]:
    """Sort planned shards by number, other keys after them by name."""
    return (not key.isdigit(), int(key) if key.isdigit() else 0, key)
