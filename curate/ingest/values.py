"""Cells of lists as JSON values, with their types kept."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence

INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+([eE][+-]?\d+)?")
FLAGS = {"true": True, "false": False}


def typed(cells: Sequence[str | None]) -> list[object]:
    """Values of one CSV column: all integers, all decimals, all true/false, or text.

    A column is read as numbers only if each of its cells is written as a number is: `007` stays text,
    because the zeros may matter. Empty cells become null.
    """
    filled = [c for c in cells if c]
    read = _reader(filled)
    return [read(c) if c else None for c in cells]


def _reader(cells: Sequence[str]) -> Callable[[str], object]:
    if all(INTEGER.fullmatch(c) for c in cells):
        return int
    if all(INTEGER.fullmatch(c) or DECIMAL.fullmatch(c) for c in cells):
        return float
    if all(c.lower() in FLAGS for c in cells):
        return lambda cell: FLAGS[cell.lower()]
    return str


def to_json(values: Mapping[str, object]) -> str | None:
    """One JSON object; null if there are no values. NaN becomes null, bytes Base64, dates ISO 8601."""
    if not values:
        return None
    return json.dumps({k: _plain(v) for k, v in values.items()}, ensure_ascii=False, default=_foreign)


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _foreign(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
