"""Which part each unit goes to, so that every part has its share of every stratum.

Units of several faces are placed first, the largest first, each where its strata lack faces most, and are
then moved or swapped while that brings the counts nearer; units of one face fill up the rest. After
K. Sechidis et al., "On the stratification of multi-label data", 2011, with whole units for samples.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
ROUNDS = 10


@dataclass(frozen=True)
class Problem:
    """What is to be divided.

    Attributes:
        unit: Number of the unit of each face, 0 to units - 1.
        strata: Numbers of the strata that each face counts in, shape (faces, kinds), 0 to strata - 1, no number
            in two columns. The first column is the finest: the combination of all groups.
        ratios: Share of each part; they add up to 1.
        bound: For each unit the part that it must go to, or -1.
        names: A name per unit that is the same whatever else the dataset holds: it decides between equals.
        seed: Draws another of the equally good divisions.
    """

    unit: Ints
    strata: Ints
    ratios: NDArray[np.float64]
    bound: Ints
    names: list[str]
    seed: int = 0


def assign(problem: Problem) -> Ints:
    """The part of each unit.

    Returns:
        Shape (units,).
    """
    units, cells = len(problem.names), int(problem.strata.max(initial=-1)) + 1
    size = np.bincount(problem.unit, minlength=units)
    order = _draw(problem.names, problem.seed)
    part = problem.bound.copy()
    count = np.zeros((len(problem.ratios), cells))
    fixed = part[problem.unit] >= 0
    np.add.at(count, (part[problem.unit[fixed], None], problem.strata[fixed]), 1)
    target = problem.ratios[:, None] * np.bincount(problem.strata.ravel(), minlength=cells)[None]
    several = [u for u in order[np.argsort(-size[order], kind="stable")].tolist() if size[u] > 1 and part[u] < 0]
    found = _cells(problem, several)
    for u in several:
        _move(count, found[u], part, u, _best(count, target, found[u]))
    _improve(count, target, found, part, several)
    _fill(problem, part, count, target, order[(size[order] == 1) & (part[order] < 0)])
    return part


def _draw(names: list[str], seed: int) -> Ints:
    """Units in an order that the seed and their own names decide."""
    keys = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
    return np.argsort(np.frombuffer(b"".join(keys), ">u8") if keys else np.empty(0), kind="stable")


def _cells(problem: Problem, units: list[int]) -> dict[int, tuple[Ints, NDArray[np.float64]]]:
    """Strata and numbers of faces of the units of several faces."""
    wanted = np.zeros(len(problem.names), bool)
    wanted[units] = True
    rows = np.flatnonzero(wanted[problem.unit])
    rows = rows[np.argsort(problem.unit[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(problem.unit[rows])) + 1
    found = {}
    for group in np.split(rows, cuts) if len(rows) else []:
        strata, numbers = np.unique(problem.strata[group], return_counts=True)
        found[int(problem.unit[group[0]])] = (strata, numbers.astype(np.float64))
    return found


def _cost(count: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared excess or lack beside the target, per cell."""
    return np.asarray((count - target) ** 2 / (target + 1))


def _best(
    count: NDArray[np.float64], target: NDArray[np.float64], cell: tuple[Ints, NDArray[np.float64]], home: int = -1
) -> int:
    """The part where adding a unit costs least; `home` holds the unit already."""
    strata, numbers = cell
    base = count[:, strata].copy()
    if home >= 0:
        base[home] -= numbers
    aim = target[:, strata]
    change = (_cost(base + numbers, aim) - _cost(base, aim)).sum(1)
    best = int(np.argmin(change))
    return home if home >= 0 and change[home] <= change[best] + 1e-12 else best


def _move(count: NDArray[np.float64], cell: tuple[Ints, NDArray[np.float64]], part: Ints, unit: int, goal: int) -> None:
    strata, numbers = cell
    if part[unit] >= 0:
        count[part[unit], strata] -= numbers
    count[goal, strata] += numbers
    part[unit] = goal


def _improve(
    count: NDArray[np.float64],
    target: NDArray[np.float64],
    cells: dict[int, tuple[Ints, NDArray[np.float64]]],
    part: Ints,
    units: list[int],
) -> None:
    """Move units one at a time while any move brings the counts nearer to the targets."""
    for _ in range(ROUNDS):
        moved = False
        for u in units:
            goal = _best(count, target, cells[u], int(part[u]))
            if goal != part[u]:
                _move(count, cells[u], part, u, goal)
                moved = True
        if not moved:
            return


def _fill(problem: Problem, part: Ints, count: NDArray[np.float64], target: NDArray[np.float64], single: Ints) -> None:
    """Place units of one face: whole numbers per finest stratum, the few left over where they are needed most."""
    strata = np.zeros((len(part), problem.strata.shape[1]), np.int64)
    strata[problem.unit] = problem.strata
    single = single[np.argsort(strata[single, 0], kind="stable")]
    left: list[int] = []
    for group in np.split(single, np.flatnonzero(np.diff(strata[single, 0])) + 1) if len(single) else []:
        cell = strata[group[0], 0]
        numbers = whole_shares(target[:, cell] - count[:, cell], len(group))
        part[group[: numbers.sum()]] = np.repeat(np.arange(len(numbers)), numbers)
        left += group[numbers.sum() :].tolist()
    placed = single[part[single] >= 0]
    np.add.at(count, (part[placed, None], strata[placed]), 1)
    for u in left:
        cell_of = (strata[u], np.ones(strata.shape[1]))
        _move(count, cell_of, part, u, _best(count, target, cell_of))


def whole_shares(wanted: NDArray[np.float64], total: int) -> Ints:
    """How many of `total` faces each part gets for certain, in proportion to what it lacks.

    Args:
        wanted: Faces that each part lacks; negative where it has too many.
        total: Faces to hand out.

    Returns:
        Whole numbers that add up to `total` or, by less than the number of parts, to less.
    """
    lack = np.clip(wanted, 0, None)
    exact = lack * (total / lack.sum()) if lack.sum() else lack
    return np.floor(exact + 1e-9).astype(np.int64)
