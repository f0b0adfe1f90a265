"""How far two values of one column agree, 0-1: the yardstick of the stability probe."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from schemas import Column, Kind, SchemaError
from schemas.columns import labels

OUTER_EYES = (36, 45)


@cache
def scales() -> dict[str, float]:
    """Column -> change that counts as wholly unstable, from `data/stability.toml`."""
    table = tomllib.loads(resources.files("annotators").joinpath("data/stability.toml").read_text("utf-8"))
    return {name: float(value) for name, value in table["scale"].items()}


def agreement(column: Column, reference: Any, value: Any) -> float | None:
    """Agreement of a value with the reference.

    A label or flag agrees or not; a null beside a value does not. A number agrees by 1 less its change in
    units of `scales()`; a struct of numbers by the mean over its fields; points by their mean distance in
    distances between the outer eye corners; a vector by its cosine. Never below 0.

    Args:
        column: One of taxonomy `probed-label`.
        reference: Its value on the picture as it is, as `Face[column]` gives it.
        value: Its value on the changed picture.

    Returns:
        0-1, or None where the reference is null, so that there is nothing to agree with.

    Raises:
        SchemaError: for a column of numbers without a scale.
    """
    if reference is None:
        return None
    if value is None:
        return 0.0
    if column.kind in (Kind.LABEL, Kind.FLAG):
        return float(reference == value)
    if column.kind is Kind.VECTOR:
        a, b = np.asarray(reference, np.float64), np.asarray(value, np.float64)
        return float(np.clip((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-12), 0, 1))
    if column.name not in scales():
        raise SchemaError(f"column {column.name}", "data/stability.toml gives it no scale")
    change = _change(column, reference, value)
    return None if change is None else float(np.clip(1 - change / scales()[column.name], 0, 1))


def _change(column: Column, reference: Any, value: Any) -> float | None:
    if column.kind is Kind.SCORES:
        pairs = [(reference[k], value.get(k)) for k in reference if reference[k] is not None]
        known = [abs(a - b) for a, b in pairs if b is not None]
        return float(np.mean(known)) if known else None
    if column is labels.POINTS_68:
        a, b = np.asarray(reference, np.float64), np.asarray(value, np.float64)
        unit = np.sqrt(((a[OUTER_EYES[0]] - a[OUTER_EYES[1]]) ** 2).sum())
        return float(np.sqrt(((a - b) ** 2).sum(1)).mean() / max(unit, 1e-6))
    difference = abs(float(reference) - float(value))
    return min(difference, 360 - difference) if column.unit == "deg" else difference
