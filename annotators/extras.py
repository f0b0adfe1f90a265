"""Whether optional libraries are here, found out without importing them."""

from __future__ import annotations

from importlib.util import find_spec

from schemas import MissingExtraError

PACKAGES = {"lance": "pylance", "open_clip": "open_clip_torch"}
"""Module -> the package that brings it, where the names differ."""


def require_libraries(extra: str, *modules: str) -> None:
    """Make sure that libraries are installed.

    Args:
        extra: The extra that brings them.
        modules: Names that they are imported by.

    Raises:
        MissingExtraError: for the first one that is absent.
    """
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(PACKAGES.get(module, module), extra)
