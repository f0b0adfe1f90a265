"""Finds kinds of pairs and views: all modules of `kinds` and `views`, and packages with our entry points."""

from __future__ import annotations

from functools import cache

import curate.pairs.kinds
import curate.pairs.views
from curate.pairs.base import PairKind
from curate.pairs.view import View
from curate.plugins import find, named

GROUP, VIEWS_GROUP = "facecurate.pairs", "facecurate.pair_views"


@cache
def _found() -> dict[str, type[PairKind]]:
    return find(curate.pairs.kinds, PairKind, GROUP, "kind of pair")  # type: ignore[type-abstract]


@cache
def _views() -> dict[str, type[View]]:
    return find(curate.pairs.views, View, VIEWS_GROUP, "view")  # type: ignore[type-abstract]


def pair_kind(name: str) -> type[PairKind]:
    """The class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    return named("kind of pair", name, _found())


def kind_names() -> tuple[str, ...]:
    """Names of all kinds, sorted."""
    return tuple(sorted(_found()))


def view(name: str) -> type[View]:
    """The view class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    return named("view", name, _views())


def view_names() -> tuple[str, ...]:
    """Names of all views, sorted."""
    return tuple(sorted(_views()))
