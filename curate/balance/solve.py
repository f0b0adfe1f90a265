"""Solving the plan's optimisation with HiGHS, one aim after the other.

Aims are ordered: a later one never worsens an earlier one (lexicographic). Where all demands can be met: least
cost, then the most faces (or the other way about, if as many as can be had are wanted), then the most
photographed faces. Where they cannot: first the least worst shortfall of a group, then the least sum of
shortfalls, then the size that was asked for, then the same aims. No group is filled beyond what is asked in order
to come nearer to the size; only where faces may not be dropped a group can have too many, which counts as a
shortfall does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.balance.model import REAL, SIZE, SYNTHETIC, Floats, Model, Row, matrix
from curate.balance.options import ADD, COLLECT, DROP, MOST
from schemas import MissingExtraError, UsageError

INFEASIBLE, UNBOUNDED = 2, 3
WORST, SUM = "least worst shortfall, in faces", "least sum of shortfalls, in faces"
GAP = 1e-6
"""Relative distance to the bound at which the solver may stop."""


@dataclass(frozen=True)
class Stage:
    """One solved aim.

    Attributes:
        aim: In words.
        value: What was reached.
        bound: What no plan can beat, proven by the solver.
        gap: Their distance relative to the value.
    """

    aim: str
    value: float
    bound: float
    gap: float


@dataclass(frozen=True)
class Solution:
    """A plan in the model's variables.

    Attributes:
        values: Whole numbers, shape (variables,).
        stages: The aims in order.
        met: Whether all demands are met.
    """

    values: Floats
    stages: list[Stage]
    met: bool


def solver() -> dict[str, str]:
    """Name and version of the solver.

    Raises:
        MissingExtraError: if scipy is not installed.
    """
    try:
        import scipy  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("scipy", "balance") from None
    return {"solver": "HiGHS", "library": f"scipy {scipy.__version__}"}


def strict(model: Model, seconds: float) -> Solution | None:
    """The best plan that meets all demands, None if no plan in whole faces does."""
    width = len(model.variables)
    return _aims(list(model.rows), width, _last_aims(model), seconds, True, width)


def nearest(model: Model, seconds: float) -> Solution:
    """The plan that comes nearest to the demands."""
    rows, misses = _elastic(model)
    width = len(model.variables)
    wide = width + len(misses) + 1
    worst, total, size = np.zeros(wide), np.zeros(wide), np.zeros(wide)
    worst[-1] = 1
    for place, kind in enumerate(misses, width):
        (size if kind == SIZE else total)[place] = 1
    aims = [(WORST, worst), (SUM, total), ("least distance to the size, in faces", size)]
    aims = [a for a in aims if a[1][width:-1].any() or (a[0] == WORST and total.any())]
    later = [(name, np.append(aim, np.zeros(len(misses) + 1))) for name, aim in _last_aims(model)]
    found = _aims(rows, wide, [*aims, *later], seconds, False, width)
    if found is None:
        raise UsageError("the budget or what may be done contradicts itself", "no plan at all keeps to it")
    return found


def capacity(model: Model, cells: Sequence[int]) -> float:
    """Most faces that some cells could have if nothing but the facts counted; infinite without an end."""
    width = len(model.variables)
    aim = np.zeros(width)
    aim[[i for i, v in enumerate(model.variables) if v.cell in cells]] = -1
    if not aim.any():
        return 0.0
    result = _milp([row for row in model.rows if not row.demand], width, aim, 2.0, width)
    return float("inf") if result.x is None else float(round(-float(aim @ result.x)))


def _last_aims(model: Model) -> list[tuple[str, Floats]]:
    """Cost, size and photographed faces, each to be made small."""
    cost, faces, real = model.costs, np.zeros(len(model.variables)), np.zeros(len(model.variables))
    for what in (REAL, SYNTHETIC, ADD, COLLECT):
        faces[model.where(what)] = -1
    real[model.where(REAL)] = -1
    cheap, many = ("least cost", cost), ("most faces", faces)
    aims = [many, cheap] if model.options.size == MOST else [cheap, many]
    return [*(a for a in aims if a[1].any()), ("most photographed faces", real)]


def _elastic(model: Model) -> tuple[list[Row], list[str]]:
    """Rows in which demands may be missed, each by a variable of its own, and the kinds of those demands.

    The last variable is no less than any of them but those of the size. What is at most asked of a group is not
    missed where faces may be dropped.
    """
    width = len(model.variables)
    rows: list[Row] = []
    missed: list[tuple[Row, str]] = []
    for row in model.rows:
        kind = model.demands[row.group].kind if row.demand else ""
        upper = bool(kind) and (row.value[0] if len(row.value) else 1.0) > 0
        if not kind or (upper and DROP in model.options.allow):
            rows.append(row)
        else:
            missed.append((row, kind))
    last = width + len(missed)
    for place, (row, kind) in enumerate(missed, width):
        index, value = np.append(row.index, place), np.append(row.value, -1.0)
        rows.append(Row(row.name, row.words, index, value, row.bound))
        if kind != SIZE:
            rows.append(Row(f"worst {row.name}", "", np.array([place, last]), np.array([1.0, -1.0]), 0.0))
    return rows, [kind for _, kind in missed]


def _aims(
    rows: list[Row], wide: int, aims: Sequence[tuple[str, Floats]], seconds: float, met: bool, width: int
) -> Solution | None:
    """Solve the aims in order, each with what the earlier ones reached as a further row.

    Args:
        rows: Constraints.
        wide: Number of variables, those of shortfalls included.
        aims: Names and coefficients.
        seconds: Time for all.
        met: Whether the rows leave no demand unmet.
        width: How many of the variables are whole numbers: the first.
    """
    stages: list[Stage] = []
    values: Floats = np.zeros(wide)
    end = time.monotonic() + seconds
    for number, (name, aim) in enumerate(aims):
        begun = time.monotonic()
        left = max((end - begun) / (len(aims) - number), 0.2)
        result = _milp(rows, wide, aim, left, width)
        if result.status == INFEASIBLE and not stages:
            return None
        if result.status == UNBOUNDED:
            raise UsageError(f"the aim '{name}' has no end", fix="Give a budget, a size or --most")
        if result.x is None:
            if not stages:
                raise UsageError(f"no plan was found in {seconds:g} s", fix="Give the solver more: --seconds 60")
            break
        values = result.x
        reached = float(aim @ values)
        bound = float(result.mip_dual_bound)
        gap = abs(reached - bound) / max(abs(reached), 1.0)
        sign = -1 if name.startswith("most") else 1
        stages.append(Stage(name, sign * reached, sign * bound, gap))
        used = np.flatnonzero(aim)
        slack = GAP * max(abs(reached), 1.0)
        rows = [*rows, Row(f"aim {number}", name, used, aim[used], reached + slack)]
    return Solution(np.round(values[:width]), stages, met)


def _milp(rows: Sequence[Row], wide: int, aim: Floats, seconds: float, width: int) -> Any:
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("scipy", "balance") from None
    found, bounds = matrix(rows, wide)
    whole = (np.arange(wide) < width).astype(int)
    limits = LinearConstraint(found, -np.inf, bounds)
    options = {"time_limit": seconds, "mip_rel_gap": GAP}
    return milp(aim, integrality=whole, bounds=Bounds(0, np.inf), constraints=limits, options=options)
