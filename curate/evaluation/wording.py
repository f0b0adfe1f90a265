"""Figures in words: percent for shares, units for the rest, intervals in brackets."""

from __future__ import annotations

import math

from curate.evaluation.intervals import Estimate
from curate.evaluation.measures import Measure

NONE = "-"
_OF = {"years": " years", "deg": "°", "px": " px", "steps": " steps", "labels": "", "per picture": " per picture"}


def number(measure: Measure, value: float, unit: bool = False) -> str:
    """A value of a measure; a dash where it is not defined."""
    if not math.isfinite(value):
        return NONE
    if measure.share:
        share = 100 * value
        return f"{share:.2f} %" if 0 < share < 1 else f"{share:.1f} %"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 or measure.unit else 3
    text = f"{value:.{digits}f}"
    return text + (_OF.get(measure.unit, "") if unit else "")


def interval(measure: Measure, estimate: Estimate) -> str:
    """The 95 % interval in brackets, or nothing where there is none."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    low, high = number(measure, estimate.low), number(measure, estimate.high)
    if measure.share:
        low, high = low.removesuffix(" %"), high.removesuffix(" %")
    dash = " to " if estimate.low < 0 else "-"
    return f"{low}{dash}{high}"


def figure(measure: Measure, estimate: Estimate) -> str:
    """Value and interval in one text."""
    brackets = interval(measure, estimate)
    value = number(measure, estimate.value, unit=True)
    return f"{value} ({brackets})" if brackets else value


def size_of_gap(measure: Measure, estimate: Estimate) -> str:
    """A distance between groups: in percentage points for shares."""
    if not math.isfinite(estimate.value):
        return NONE
    if not measure.share:
        return figure(measure, estimate)
    low, high = 100 * estimate.low, 100 * estimate.high
    brackets = f" ({low:.1f}-{high:.1f})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{100 * estimate.value:.1f} points{brackets}"
