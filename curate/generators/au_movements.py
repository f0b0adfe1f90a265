"""What the face's surface does for each action unit: smooth fields over the head, and the folds of its skin.

A movement imitates one unit: the inner brows rise, the lip corners go up and out, the lids close. The numbers are
`data/au_movements.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array, canonical_face

HOLD_RADIUS = 0.45
"""How far, in cm, points that stay calm the field around them."""
STRONGEST = 5
"""The intensity that movements are given at: E."""
SIDES = ("right", "left")
EYES_CLOSED = "AU43"
CLOSED = 0.95
"""Share of the way to the lower lids that upper lids go: the lower lid's edge stays in sight."""


@dataclass(frozen=True)
class Movement:
    """One unit's movement of the subject's right half; the left half moves as its mirror image.

    Attributes:
        centres: Mesh points that move in full.
        shift: What they move by at intensity E, cm: x to the left of a head that faces the camera, y up, z out.
        radius: How far the skin around follows, cm.
        stay: Mesh points that do not move.
        opens: Whether it parts the lips.
        shares: How much of the shift each centre takes; all of it if empty.
    """

    centres: tuple[int, ...]
    shift: tuple[float, float, float]
    radius: float
    stay: tuple[int, ...] = ()
    opens: bool = False
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class Fold:
    """A line in the skin, over mesh points of the subject's right half.

    Attributes:
        line: Mesh points along it.
        depth: Share of the brightness that its bottom loses at intensity E.
        width: Standard deviation of its profile, cm.
        ridge: Share that the skin beside it gains.
        beside: Where that is, cm from the fold.
    """

    line: tuple[int, ...]
    depth: float
    width: float
    ridge: float
    beside: tuple[float, float, float]


@cache
def _data() -> Mapping[str, Any]:
    text = resources.files("curate.generators").joinpath("data/au_movements.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def group(name: str) -> tuple[int, ...]:
    """Mesh points of the subject's right half by the table's name for them, such as `upper_lids`."""
    return tuple(_data()["group"][name])


@cache
def movements() -> Mapping[str, tuple[Movement, ...]]:
    """Unit -> its movements, in the order of the units."""
    return {unit["name"]: tuple(_movement(m) for m in unit["movements"]) for unit in _data()["unit"]}


@cache
def folds() -> Mapping[str, tuple[Fold, ...]]:
    """Unit -> the folds that it makes."""
    return {
        unit["name"]: tuple(
            Fold(tuple(f["line"]), f["depth"], f["width"], f["ridge"], tuple(f["beside"]))
            for f in unit.get("folds", ())
        )
        for unit in _data()["unit"]
    }


@cache
def presets() -> Mapping[str, Mapping[str, float]]:
    """Emotion -> its units and their intensities."""
    return {name: {unit: float(v) for unit, v in units.items()} for name, units in _data()["preset"].items()}


def _movement(row: Mapping[str, Any]) -> Movement:
    shift = tuple(row["shift"])
    return Movement(_numbers(row["centres"]), shift, row["radius"], _numbers(row.get("stay", ())),
                    row.get("opens", False), tuple(row.get("shares", ())))  # fmt: skip


def _numbers(entries: Sequence[int | str]) -> tuple[int, ...]:
    return tuple(n for e in entries for n in ((e,) if isinstance(e, int) else group(e)))


def field(name: str, head: Array, sides: Sequence[str] = SIDES) -> Array:
    """Movement of every mesh point at intensity E, shape (468, 3) in cm, for a head of that shape.

    Args:
        name: Unit, such as `AU12`.
        head: (468, 3) mesh points in the frame of the head.
        sides: Which of the subject's sides move.
    """
    total = np.zeros_like(head)
    for movement in movements()[name]:
        total += _halves(movement, head, sides)
    return _closing(head, total, sides) if name == EYES_CLOSED else total


def _halves(movement: Movement, head: Array, sides: Sequence[str]) -> Array:
    """Both halves of a movement; points between them follow both in part, so that the midline stays smooth."""
    mirror = canonical_face().mirror
    calm = np.array(movement.stay, int)
    stay = np.union1d(calm, mirror[calm])
    share, shifts = [], []
    for side in sides:
        centres = np.array(movement.centres)
        share.append(_follow(movement, head, centres if side == "right" else mirror[centres], stay))
        shifts.append(np.array(movement.shift) * [1 if side == "right" else -1, 1, 1])
    if len(sides) == 1:
        return np.asarray(share[0][:, None] * shifts[0])
    right, left = share
    balance = (right**2 + 1e-12) / (right**2 + left**2 + 2e-12)
    mean = balance[:, None] * shifts[0] + (1 - balance)[:, None] * shifts[1]
    return np.asarray(np.maximum(right, left)[:, None] * mean)


def _follow(movement: Movement, head: Array, centres: NDArray[np.intp], stay: NDArray[np.intp]) -> Array:
    """How far each mesh point follows, 0-1."""
    shares = np.array(movement.shares or [1.0] * len(centres))
    follow = (shares * np.exp(-((_gaps(head, centres) / movement.radius) ** 2) / 2)).max(1)
    if len(stay):
        follow *= 1 - np.exp(-((_gaps(head, stay).min(1) / HOLD_RADIUS) ** 2) / 2)
    follow[centres] = shares
    return np.asarray(follow)


def _gaps(head: Array, points: NDArray[np.intp]) -> Array:
    """Distance of every point to each of some, shape (468, n) cm; depth counts half, as cheeks are thick."""
    return np.asarray(np.linalg.norm((head[:, None] - head[None, points]) * [1, 1, 0.5], axis=2))


def _closing(head: Array, total: Array, sides: Sequence[str]) -> Array:
    """Upper lids go to the lower lids and no further, whatever the size of the eye."""
    mirror = canonical_face().mirror
    result = np.zeros_like(total)
    for side in sides:
        upper, lower = (np.array(group(name)) for name in ("upper_lids", "lower_lids"))
        if side == "left":
            upper, lower = mirror[upper], mirror[lower]
        way = (head[lower] - head[upper]) * CLOSED
        reach = total[upper, 1].min()
        around = np.flatnonzero((total[:, 1] < 0) & ((head[:, 0] * head[upper, 0].mean()) > 0))
        nearest = np.linalg.norm(head[around, None, :2] - head[None, upper, :2], axis=2).argmin(1)
        result[around] = way[nearest] * (total[around, 1:2] / reach)
    return result
