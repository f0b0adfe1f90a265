"""Finds plug-ins of a kind: classes in the modules of a package, and those that other packages offer."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import ModuleType
from typing import ClassVar, Protocol, TypeVar

from schemas import SchemaError, UnknownNameError


class Named(Protocol):
    """A class with a name."""

    name: ClassVar[str]


T = TypeVar("T", bound=Named)


def find(package: ModuleType, base: type[T], group: str, kind: str) -> dict[str, type[T]]:
    """Classes that derive from `base` and have a `name`, by that name, sorted by where they stand.

    Args:
        package: All its modules are imported, those of its packages too.
        base: What a plug-in derives from.
        group: Entry points of other distributions that name one.
        kind: What they are, for the error.

    Raises:
        SchemaError: if two have one name.
    """
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    classes |= {point.load() for point in entry_points(group=group)}
    known: dict[str, type[T]] = {}
    for cls in sorted(classes, key=lambda c: f"{c.__module__}.{c.__qualname__}"):
        if not issubclass(cls, base) or not hasattr(cls, "name"):
            continue
        if cls.name in known:
            both = f"{known[cls.name].__module__} and {cls.__module__}"
            raise SchemaError(f"two {kind}s are called '{cls.name}'", both)
        known[cls.name] = cls
    return known


def named(kind: str, name: str, known: Mapping[str, type[T]]) -> type[T]:
    """The plug-in of a name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]
