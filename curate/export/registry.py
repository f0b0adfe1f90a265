"""Finds exporters: every module of `curate.export.formats`, and packages with our entry points."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

import curate.export.formats
from curate.export.base import Exporter
from schemas import SchemaError, UnknownNameError

GROUP = "facecurate.exporters"


@cache
def _found() -> dict[str, type[Exporter]]:
    packages = pkgutil.walk_packages(curate.export.formats.__path__, "curate.export.formats.")
    modules = [importlib.import_module(m.name) for m in packages]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    classes |= {point.load() for point in entry_points(group=GROUP)}
    known: dict[str, type[Exporter]] = {}
    for cls in sorted(classes, key=lambda c: f"{c.__module__}.{c.__qualname__}"):
        if not issubclass(cls, Exporter) or not hasattr(cls, "name"):
            continue
        if cls.name in known:
            both = f"{known[cls.name].__module__} and {cls.__module__}"
            raise SchemaError(f"two exporters are called '{cls.name}'", both)
        known[cls.name] = cls
    return known


def exporter(name: str) -> type[Exporter]:
    """The exporter class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    if name not in _found():
        raise UnknownNameError("format", name, _found())
    return _found()[name]


def exporter_names() -> tuple[str, ...]:
    """Names of all exporters, sorted."""
    return tuple(sorted(_found()))
