"""Finds exporters: every module of `curate.export.formats`, and packages with our entry points."""

from __future__ import annotations

from functools import cache

import curate.export.formats
from curate.export.base import Exporter
from curate.plugins import find, named

GROUP = "facecurate.exporters"


@cache
def _found() -> dict[str, type[Exporter]]:
    return find(curate.export.formats, Exporter, GROUP, "exporter")  # type: ignore[type-abstract]


def exporter(name: str) -> type[Exporter]:
    """The exporter class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    return named("format", name, _found())


def exporter_names() -> tuple[str, ...]:
    """Names of all exporters, sorted."""
    return tuple(sorted(_found()))
