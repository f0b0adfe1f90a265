"""Solving the plan's optimisation with HiGHS, one aim after the other.

Aims are ordered: a later one never worsens an earlier one (lexicographic). Where all demands can be met: least
cost, then the most faces (or the other way about, if as many as can be had are wanted), then the most
photographed faces. Where they cannot: first the least worst shortfall of a group, then the least sum of
shortfalls, then the size that was asked for, then the same aims. No group is filled beyond what is asked in order
to come nearer to the size; only where faces may not be dropped a group can have too many, which counts as a
shortfall does. Last, among plans that are equal in all this, cells keep the proportions that they have today: a
target for one column should not empty cells of another.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from curate.balance.model import REAL, SIZE, SYNTHETIC, Floats, Model, Row, matrix
from curate.balance.options import ADD, COLLECT, DROP, MOST
from schemas import MissingExtraError, UsageError

INFEASIBLE, UNBOUNDED = 2, 3
WORST, SUM = "least worst shortfall, in faces", "least sum of shortfalls, in faces"
GAP = 1e-4
"""Relative distance to the bound at which the solver may stop."""
TANGENTS = (0.1, 0.3, 0.6, 1.0, 2.0)
"""Planned faces over those of today at which the squares of `_proportional` get their first tangents."""
ROUNDS, LAST_SECONDS = 4, 1.0
SLACK = 1e-6
"""Relative room that later aims leave to what earlier ones reached, for rounding."""


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
        rows: Constraints with what each aim reached, for aims still to come.
    """

    values: Floats
    stages: list[Stage]
    met: bool
    rows: list[Row] = field(default_factory=list)


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
    found = _aims(list(model.rows), width, _last_aims(model), seconds, True, width)
    return None if found is None else _proportional(model, found, width, width)


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
    return _proportional(model, found, wide, width)


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
        if not kind or (row.upper and DROP in model.options.allow):
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
        slack = SLACK * max(abs(reached), 1.0)
        rows = [*rows, Row(f"aim {number}", name, used, aim[used], reached + slack)]
    return Solution(np.round(values[:width]), stages, met, rows)


def _proportional(model: Model, found: Solution, wide: int, width: int) -> Solution:
    """Among plans that reach the same, one whose cells keep today's proportions.

    The sum over cells of (planned faces)^2 / (faces today) is least where all cells of a group grow or shrink by
    one factor. It is approached from below by tangents, which are added where the answer lies.

    Args:
        model: The plan's optimisation.
        found: A plan, with the rows that keep what it reached.
        wide: Number of variables of those rows.
        width: Number of those that are faces.
    """
    cells = len(model.survey.cells)
    have = np.maximum((model.survey.real + model.survey.synthetic).astype(float), 0.5)
    parts: list[list[int]] = [[] for _ in range(cells)]
    for i, variable in enumerate(model.variables):
        if variable.cell >= 0:
            parts[variable.cell].append(i)
    aim = np.append(np.zeros(wide), np.ones(cells))
    best, least = found.values, _square(model.by_cell(found.values), have)
    points = [have * step for step in TANGENTS] + [model.by_cell(found.values)]
    rows = list(found.rows)
    for _ in range(ROUNDS):
        for point in points:
            rows += [
                _tangent(parts[c], wide + c, float(p), float(h))
                for c, (p, h) in enumerate(zip(point, have, strict=True))
            ]
        result = _milp(rows, wide + cells, aim, LAST_SECONDS, width, 1e-3)
        if result.x is None:
            break
        points = [model.by_cell(np.round(result.x[:width]))]
        if (square := _square(points[0], have)) < least * (1 - 1e-9):
            best, least = np.round(result.x[:width]), square
        if least - float(result.mip_dual_bound) <= 1e-3 * least:
            break
    return replace(found, values=best)


def _square(sizes: Floats, have: Floats) -> float:
    return float((sizes**2 / have).sum())


def _tangent(parts: list[int], place: int, point: float, have: float) -> Row:
    """Tangent at a point p of a cell's square: square >= (2 p faces - p^2) / faces today."""
    index = np.array([*parts, place], np.int64)
    value = np.append(np.full(len(parts), 2 * point / have), -1.0)
    return Row("", "", index, value, point**2 / have)


def _milp(rows: Sequence[Row], wide: int, aim: Floats, seconds: float, width: int, gap: float = GAP) -> Any:
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("scipy", "balance") from None
    found, bounds = matrix(rows, wide)
    whole = (np.arange(wide) < width).astype(int)
    limits = LinearConstraint(found, -np.inf, bounds)
    options = {"time_limit": seconds, "mip_rel_gap": gap}
    return milp(aim, integrality=whole, bounds=Bounds(0, np.inf), constraints=limits, options=options)
