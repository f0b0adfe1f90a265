"""Finds measures: every module of `curate.measures.kinds`, and packages with our entry points."""

from __future__ import annotations

from functools import cache

import curate.measures.kinds
from curate.measures.base import Measure
from curate.plugins import find, named

GROUP = "facecurate.measures"


@cache
def _found() -> dict[str, type[Measure]]:
    return find(curate.measures.kinds, Measure, GROUP, "measure")  # type: ignore[type-abstract]


def measure(name: str) -> type[Measure]:
    """The measure class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    return named("measure", name, _found())


def measure_names() -> tuple[str, ...]:
    """Names of all measures, sorted."""
    return tuple(sorted(_found()))
