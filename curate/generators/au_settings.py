"""How users write an expression: `AU12=3,AU6=2`, an emotion, or `neutral`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from curate.generators.au_movements import STRONGEST, movements, presets
from schemas import UnknownNameError, UsageError

NEUTRAL = "neutral"
"""Takes back what the face shows."""


def expression(text: str) -> Mapping[str, float]:
    """Term -> value: units with a change of intensity, emotions and `neutral` with a strength, as they were written.

    Raises:
        UsageError: if a value is no number or out of range, or a term comes twice.
        UnknownNameError: if a term is no unit and no emotion.
    """
    terms: dict[str, float] = {}
    for part in (p.strip() for p in text.split(",")):
        name, equals, value = (p.strip() for p in part.partition("="))
        if name.upper() in movements():
            name = name.upper()
        elif name not in (*presets(), NEUTRAL):
            raise UnknownNameError("action unit or emotion", name, (*movements(), *presets(), NEUTRAL))
        if name in terms:
            raise UsageError(f"au '{text}'", f"{name} comes twice", "give each term once")
        terms[name] = _number(text, name, value if equals else "1")
        unit = name in movements()
        if unit and not equals:
            raise UsageError(f"au '{text}'", f"{name} has no intensity", f"write for example {name}=3")
        most = STRONGEST if unit else 1.5
        least = -STRONGEST if unit else 0
        if not least <= terms[name] <= most:
            raise UsageError(f"au '{text}'", f"{name} is outside {least} to {most}", "give a smaller change")
    return terms


def _number(text: str, name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"au '{text}'", f"{name} is '{value}', which is no number", "write terms as AU12=3")
    return number


def levels(terms: Mapping[str, float], shown: Mapping[str, float]) -> dict[str, float]:
    """Signed change of each unit's intensity, -5 to 5, without those that do not change.

    Args:
        terms: What `expression` gave.
        shown: Unit -> intensity that the face shows, for `neutral`.
    """
    total: dict[str, float] = {}
    for name, value in terms.items():
        back = {unit: -level for unit, level in shown.items()}
        parts = back if name == NEUTRAL else presets().get(name, {name: 1.0})
        for unit, level in parts.items():
            total[unit] = total.get(unit, 0.0) + level * value
    kept = {unit: min(max(total[unit], -STRONGEST), STRONGEST) for unit in movements() if total.get(unit)}
    return {unit: round(float(level), 3) for unit, level in kept.items()}
