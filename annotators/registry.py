"""Finds annotators and detectors: every module of this package, and packages with our entry points.

A new annotator is one new file here, or an entry point of group `facecurate.annotators` elsewhere.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import annotators
from annotators.base import Annotator, Detector
from schemas import SchemaError, UnknownNameError

GROUP = "facecurate.annotators"


@cache
def _found() -> tuple[dict[str, type[Annotator]], dict[str, type[Detector]]]:
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(annotators.__path__, "annotators.")]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    classes |= {point.load() for point in entry_points(group=GROUP)}
    labellers: dict[str, type[Annotator]] = {}
    detectors: dict[str, type[Detector]] = {}
    for cls in sorted(classes, key=lambda c: f"{c.__module__}.{c.__qualname__}"):
        if not hasattr(cls, "name"):
            continue
        if issubclass(cls, Annotator):
            _register(labellers, cls)
        elif issubclass(cls, Detector):
            _register(detectors, cls)
    return labellers, detectors


def _register(known: dict[str, Any], cls: Any) -> None:
    name: str = cls.name
    if name in known:
        raise SchemaError(f"two annotators are called '{name}'", f"{known[name].__module__} and {cls.__module__}")
    known[name] = cls


def annotator(name: str) -> type[Annotator]:
    """The annotator class of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    known = _found()[0]
    if name not in known:
        raise UnknownNameError("annotator", name, known)
    return known[name]


def annotator_names(only_default: bool = False) -> tuple[str, ...]:
    """Names of all annotators, or of the default set."""
    return tuple(sorted(n for n, cls in _found()[0].items() if cls.default or not only_default))


def detector(name: str) -> type[Detector]:
    """The detector class of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    known = _found()[1]
    if name not in known:
        raise UnknownNameError("detector", name, known)
    return known[name]


def detector_names() -> tuple[str, ...]:
    """Names of all detectors."""
    return tuple(sorted(_found()[1]))
