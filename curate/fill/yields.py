"""What share of a generator's tries is accepted, by cell, and as a file that `balance --generators` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.balance.plan import Plan
from curate.evaluation.intervals import Estimate, proportion
from curate.fill.loop import Filling
from curate.generate.choice import Chosen
from curate.store.parts import write_json

COST = 1.0
"""Cost of a try where the plan names none."""


@dataclass(frozen=True)
class Yield:
    """What one generator gave in one cell.

    Attributes:
        cell: Name of the cell.
        labels: Its labels.
        maker: Name of the generator.
        tries: Tries that were judged.
        good: Of those, with an accepted picture.
        pictures: Pictures accepted.
    """

    cell: str
    labels: Mapping[str, str]
    maker: str
    tries: int
    good: int
    pictures: int

    @property
    def rate(self) -> Estimate:
        """Share of tries that gave a picture, with Wilson's interval."""
        return proportion([True] * self.good + [False] * (self.tries - self.good))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**vars(self), "labels": dict(self.labels), "rate": self.rate.as_dict()}


def yields(fillings: Mapping[str, Filling]) -> list[Yield]:
    """Yields of every generator in every cell."""
    return [
        Yield(cell, filling.goal.labels, maker, source.tries, source.good, source.accepted)
        for cell, filling in fillings.items()
        for maker, source in filling.sources.items()
    ]


def write_generators(
    path: Path, found: list[Yield], plan: Plan, chosen: Mapping[str, Chosen], per_face: int
) -> dict[str, Any]:
    """Write measured yields for the next plan; generators that gave nothing are left out, since a plan cannot use them.

    Returns:
        What was written.
    """
    known = {str(g["name"]): g for g in plan.options.get("generators") or []}
    data = {}
    for maker, one in chosen.items():
        own = [y for y in found if y.maker == maker and y.tries]
        tries, good = sum(y.tries for y in own), sum(y.good for y in own)
        if not good:
            continue
        before = known.get(maker, {})
        entry: dict[str, Any] = {
            "cost": before.get("cost", COST),
            "yield": good / tries,
            "changes": list(before.get("changes") or changed(own, one, plan)),
            "source": one.cls.takes_subject,
            "cells": [{**y.labels, "yield": y.good / y.tries} for y in own if y.good],
            "serves": [dict(y.labels) for y in own if y.good],
        }
        if one.cls.takes_subject:
            entry["most_per_source"] = per_face
        data[maker] = entry
    write_json(path, data)
    return data


def changed(own: list[Yield], one: Chosen, plan: Plan) -> list[str]:
    """Columns of the plan whose labels a generator can change: asked with a face that lacks just this label."""
    if not one.cls.takes_subject:
        return []
    worker = one.cls(one.config)
    found: dict[str, None] = {}
    for cell in own:
        for name in plan.columns:
            others = {c.labels[name] for c in plan.cells} - {cell.labels[name]}
            if any(worker.aim({**cell.labels, name: other}, cell.labels) is not None for other in sorted(others)):
                found[name] = None
    return [name for name in plan.columns if name in found]
