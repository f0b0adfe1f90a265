"""Reads the TOML files that hold taxonomies, codings, maps, layouts and angle conventions."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

from schemas.errors import TaxonomyError


def entries(package: str, key: str) -> dict[str, dict[str, Any]]:
    """All `[[key]]` tables in the TOML files of a folder of `schemas`, by their name.

    A table's name is its `name`, or `source -> target` for those that lead from one set to another.

    Args:
        package: Folder below `schemas`, such as `taxonomy` or `data`.
        key: Name of the array of tables.

    Raises:
        TaxonomyError: if two tables have one name.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(resources.files("schemas").joinpath(package).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        for table in tomllib.loads(file.read_text("utf-8")).get(key, []):
            name = table.get("name") or arrow(table["source"], table["target"])
            if name in found:
                raise TaxonomyError(f"{key} {name} is defined twice", file.name)
            found[name] = table
    return found


def arrow(source: str, target: str) -> str:
    """The name of what leads from one set to another."""
    return f"{source} -> {target}"
