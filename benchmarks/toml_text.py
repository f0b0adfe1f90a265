"""Writing TOML: the standard library only reads it."""

from __future__ import annotations

from collections.abc import Mapping


def toml_table(values: Mapping[str, object]) -> str:
    """One entry of the array of tables `unit`."""
    return "\n[[unit]]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in values.items())


def toml_value(value: object) -> str:
    """A value in TOML; mappings inline."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:.5g}" if isinstance(value, float) else str(value)
