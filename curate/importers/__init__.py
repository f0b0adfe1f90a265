"""Importers: published datasets as people have them on disk become a dataset whose labels are a layer."""

from __future__ import annotations

from curate.importers.base import Found, Importer, Record
from curate.importers.registry import importer, importer_names
from curate.importers.run import Imported, ImportOptions, import_dataset

__all__ = [
    "Found", "ImportOptions", "Imported", "Importer", "Record", "import_dataset", "importer", "importer_names",
]  # fmt: skip
