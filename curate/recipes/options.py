"""Values of a TOML table as typed, frozen settings, with parameters filled in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from annotators.base import Config
from schemas import UnknownNameError, UsageError

T = TypeVar("T", bound=Config)
PARAMETER = re.compile(r"\{(\w+)\}")


def fill(value: Any, known: Mapping[str, Any], where: str) -> Any:
    """A TOML value with every `{name}` replaced; a text that is nothing but `{name}` takes the value's type.

    Args:
        value: Text, number, flag, list or table.
        known: Name -> value.
        where: For the error: file and key.

    Raises:
        UnknownNameError: for a name that is not known.
    """
    if isinstance(value, Mapping):
        return {str(fill(k, known, where)): fill(v, known, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, known, where) for v in value]
    if not isinstance(value, str):
        return value
    for name in PARAMETER.findall(value):
        if name not in known:
            raise UnknownNameError(f"parameter in {where}:", name, known)
    if whole := PARAMETER.fullmatch(value):
        return known[whole[1]]
    return PARAMETER.sub(lambda m: as_text(known[m[1]]), value)


def as_text(value: Any) -> str:
    """A parameter inside a longer text, as TOML and SQL write it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def bind(config_type: type[T], values: Mapping[str, Any], where: str) -> T:
    """Settings of a step.

    Raises:
        UnknownNameError: for a key that the step does not have.
        UsageError: for a value of another type, or a key that is missing.
    """
    fields = {f.name: f for f in dataclasses.fields(config_type)}
    hints = get_type_hints(config_type)
    given = {}
    for key, value in values.items():
        if key not in fields:
            raise UnknownNameError(f"key in {where}:", key, fields)
        given[key] = _typed(value, hints[key], f"{where}.{key}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in given:
            raise UsageError(f"{where} has no '{name}'", fix=f"Keys of this step: {', '.join(fields)}")
    return config_type(**given)


def _typed(value: Any, hint: Any, where: str) -> Any:
    kind = getattr(hint, "__origin__", hint)
    if kind is tuple:
        texts = [p.strip() for p in value.split(",") if p.strip()] if isinstance(value, str) else value
        if isinstance(texts, list):
            return tuple(_typed(v, hint.__args__[0], where) for v in texts)
    if kind is dict and isinstance(value, Mapping):
        return {str(k): _typed(v, hint.__args__[1], where) for k, v in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Any or (
        isinstance(kind, type)
        and isinstance(value, kind)
        and not (kind is int and value in (True, False) and isinstance(value, bool))
    ):
        return value
    expected = {
        tuple: "a list",
        dict: "a table",
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
    }
    raise UsageError(f"{where} = {value!r}", f"it must be {expected.get(kind, kind)}")
