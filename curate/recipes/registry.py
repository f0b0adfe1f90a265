"""Finds kinds of steps: every module of `curate.recipes.steps`, and packages with our entry points."""

from __future__ import annotations

from functools import cache

import curate.recipes.steps
from curate.plugins import find, named
from curate.recipes.step import Step

GROUP = "facecurate.recipe_steps"


@cache
def step_kinds() -> dict[str, type[Step]]:
    """Kind -> class, sorted by kind.

    Raises:
        SchemaError: if two have one name.
    """
    found = find(curate.recipes.steps, Step, GROUP, "kind of step")  # type: ignore[type-abstract]
    return dict(sorted(found.items()))


def step_kind(kind: str, where: str) -> type[Step]:
    """The class of that kind.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest.
    """
    return named(f"kind in {where}:", kind, step_kinds())
