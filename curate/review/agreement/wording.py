"""Differences in words, with their sign: in percentage points for shares."""

from __future__ import annotations

import math
from dataclasses import replace

from curate.evaluation.intervals import Estimate
from curate.evaluation.measures import Measure
from curate.evaluation.metrics.counting import mean
from curate.evaluation.results import Split
from curate.evaluation.wording import NONE
from curate.review.agreement.results import Section

POINTS = Measure("points", "percentage points", "", mean, better="")


def compared(section: Section, split: Split) -> Measure:
    """The measure by which groups are compared: the first figure of the groups."""
    key = next(iter(split.groups[0].figures))
    known = (*section.measures, *section.pair_measures, section.nearness)
    return next(m for m in known if m.key == key)


def difference(section: Section) -> tuple[Measure, Estimate]:
    """Assisted less blind, in percentage points for shares."""
    assert section.arms is not None
    more = section.arms.more
    if not section.nearness.share:
        return section.nearness, more
    return POINTS, times(more, 100)


def times(estimate: Estimate, factor: float) -> Estimate:
    """An estimate in another unit."""
    return replace(
        estimate, value=factor * estimate.value, low=factor * estimate.low, high=factor * estimate.high, draws=None
    )


def signed(measure: Measure, estimate: Estimate) -> str:
    """A difference with its sign and interval."""
    value, reach = signed_parts(measure, estimate)
    return f"{value} ({reach})" if reach else value


def signed_parts(measure: Measure, estimate: Estimate) -> tuple[str, str]:
    """A difference with its sign, and its interval."""
    if not math.isfinite(estimate.value):
        return NONE, ""
    unit = " points" if measure is POINTS else ""
    digits = 1 if measure is POINTS else 3 if abs(estimate.value) < 1 else 2
    known = math.isfinite(estimate.low)
    reach = f"{estimate.low:+.{digits}f} to {estimate.high:+.{digits}f}" if known else ""
    return f"{estimate.value:+.{digits}f}{unit}", reach
