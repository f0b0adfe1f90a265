"""Turns `annotator.option=value` texts into a typed, frozen config."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

from annotators.base import Config
from schemas import UnknownNameError, UsageError

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_settings(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Split `name.option=value` texts into name -> option -> value.

    Raises:
        UsageError: for a text of another form.
    """
    settings: dict[str, dict[str, str]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        name, dot, option = target.partition(".")
        if not (equals and dot and name and option):
            raise UsageError(
                f"setting '{text}'", "expected annotator.option=value", "Example: --set emotion.threshold=0.4"
            )
        settings.setdefault(name, {})[option] = value
    return settings


def configure(config_type: type[Config], options: Mapping[str, str], owner: str) -> Config:
    """Make a config from texts, or the defaults where none are given.

    Raises:
        UnknownNameError: for an option the config does not have.
        UsageError: for a value of another type.
    """
    hints = get_type_hints(config_type)
    known = {f.name for f in dataclasses.fields(config_type)}
    values: dict[str, Any] = {}
    for option, text in options.items():
        if option not in known:
            raise UnknownNameError(f"option of {owner}", option, known)
        values[option] = _convert(text, hints[option], f"{owner}.{option}")
    return config_type(**values)


def rebuild(config_type: type[Config], values: Mapping[str, Any]) -> Config:
    """The config of a step or layer from its plain data."""
    hints = get_type_hints(config_type)
    return config_type(**{k: tuple(v) if _is_tuple(hints[k]) else v for k, v in values.items()})


def _is_tuple(hint: Any) -> bool:
    return getattr(hint, "__origin__", hint) is tuple


def _convert(text: str, hint: Any, name: str) -> Any:
    try:
        if hint is bool:
            return _BOOLEANS[text.lower()]
        if hint in (int, float, str):
            return hint(text)
        if _is_tuple(hint):
            inner = hint.__args__[0]
            return tuple(_convert(part, inner, name) for part in text.split(",") if part)
    except (ValueError, KeyError):
        raise UsageError(f"setting {name}={text}", f"expected {getattr(hint, '__name__', hint)}") from None
    raise UsageError(f"setting {name}", f"values of type {hint} cannot be given on the command line")
