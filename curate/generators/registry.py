"""Finds generators: every module of this package, and packages with our entry points."""

from __future__ import annotations

from functools import cache

import curate.generators
from curate.generators.base import Generator
from curate.plugins import find
from schemas import UnknownNameError

GROUP = "facecurate.generators"


@cache
def _found() -> dict[str, type[Generator]]:
    return find(curate.generators, Generator, GROUP, "generator")  # type: ignore[type-abstract]


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
