"""Finds generators: every module of this package, and packages with our entry points."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

import curate.generators
from curate.generators.base import Generator
from schemas import SchemaError, UnknownNameError

GROUP = "facecurate.generators"


@cache
def _found() -> dict[str, type[Generator]]:
    packages = pkgutil.walk_packages(curate.generators.__path__, "curate.generators.")
    modules = [importlib.import_module(m.name) for m in packages]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    classes |= {point.load() for point in entry_points(group=GROUP)}
    known: dict[str, type[Generator]] = {}
    for cls in sorted(classes, key=lambda c: f"{c.__module__}.{c.__qualname__}"):
        if not issubclass(cls, Generator) or not hasattr(cls, "name"):
            continue
        if cls.name in known:
            both = f"{known[cls.name].__module__} and {cls.__module__}"
            raise SchemaError(f"two generators are called '{cls.name}'", both)
        known[cls.name] = cls
    return known


def generator(name: str) -> type[Generator]:
    """The generator class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    if name not in _found():
        raise UnknownNameError("generator", name, _found())
    return _found()[name]


def generator_names() -> tuple[str, ...]:
    """Names of all generators, sorted."""
    return tuple(sorted(_found()))
