"""Finds importers: every module of `curate.importers.formats`, and packages with our entry points."""

from __future__ import annotations

from functools import cache

import curate.importers.formats
from curate.importers.base import Importer
from curate.plugins import find, named

GROUP = "facecurate.importers"


@cache
def _found() -> dict[str, type[Importer]]:
    return find(curate.importers.formats, Importer, GROUP, "importer")  # type: ignore[type-abstract]


def importer(name: str) -> type[Importer]:
    """The importer class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    return named("importer", name, _found())


def importer_names() -> tuple[str, ...]:
    """Names of all importers, sorted."""
    return tuple(sorted(_found()))
