"""Finds generators: every module of this package, and packages with our entry points."""

from __future__ import annotations

from functools import cache

import curate.generators
from curate.generators.base import Generator
from curate.plugins import find, named

GROUP = "facecurate.generators"


@cache
def _found() -> dict[str, type[Generator]]:
    return find(curate.generators, Generator, GROUP, "generator")  # type: ignore[type-abstract]


def generator(name: str) -> type[Generator]:
    """The generator class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    return named("generator", name, _found())


def generator_names() -> tuple[str, ...]:
    """Names of all generators, sorted."""
    return tuple(sorted(_found()))
