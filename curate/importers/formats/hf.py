"""Hugging Face datasets as files: Parquet with pictures, or an imagefolder with metadata.csv or metadata.jsonl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.importers.base import Found, Importer, Record
from curate.importers.formats.coco import declared
from curate.ingest.containers import holds_pictures, image_column, open_parquet
from curate.ingest.lists import read_list
from schemas import UsageError

METADATA = ("metadata.csv", "metadata.jsonl")
SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


class HuggingFace(Importer):
    """Columns named as this project's become labels, class numbers by the names in the file; others are kept."""

    name = "hf"
    doc = "Parquet with pictures, or an imagefolder with metadata.csv or metadata.jsonl, of Hugging Face."
    files = "*.parquet with an image column, or metadata.csv or metadata.jsonl beside the pictures"
    licence = ""
    labelled_by = "whoever made the labels; see the dataset's card"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """All Parquet files with pictures, else all metadata files."""
        containers = [p for p in sorted(folder.rglob("*.parquet")) if holds_pictures(str(p))]
        listings = [p for name in METADATA for p in sorted(folder.rglob(name))]
        if not containers and not listings:
            raise UsageError(f"'{folder}' has no Parquet file with pictures and no metadata.csv or metadata.jsonl")
        for path in containers:
            _container(path, folder, found)
        for path in () if containers else listings:
            rows = read_list(str(path), "file_name")
            for number, place in enumerate(rows.paths):
                told = {name: column[number] for name, column in rows.columns.items()}
                values, extra = declared(told, found)
                where = path.parent / (place or "")
                found.records.append(Record(where, values, split=_split(where, folder), extra=extra))


def _container(path: Path, folder: Path, found: Found) -> None:
    with open_parquet(str(path)) as file:
        names = _class_names(file.schema_arrow.metadata or {})
        image = image_column(file.schema_arrow, str(path))
        table = file.read(columns=[n for n in file.schema_arrow.names if n != image])
        count = file.metadata.num_rows
    for member, row in enumerate(table.to_pylist() if table.num_columns else [{}] * count):
        values, _ = declared({n: _named(v, names.get(n)) for n, v in row.items()}, found)
        found.records.append(Record(path, values, member=member, split=row.get("split") or _split(path, folder)))


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, Sequence[str]]:
    """Column -> names of its classes, as the `datasets` library writes them into the file."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (KeyError, ValueError):
        return {}
    return {n: f["names"] for n, f in features.items() if isinstance(f, dict) and f.get("_type") == "ClassLabel"}


def _named(value: Any, names: Sequence[str] | None) -> Any:
    """The class's name; -1 is unknown in the library's convention."""
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None


def _split(path: Path, folder: Path) -> str | None:
    words = [*path.relative_to(folder).parts[:-1], path.stem.split("-")[0]]
    return next((SPLITS[word] for word in words if word in SPLITS), None)
