"""Head-pose and gaze angles: which sign and unit each tool uses, and the way from one to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from schemas.errors import SchemaError, UnknownNameError
from schemas.tables import entries


@dataclass(frozen=True)
class Angles:
    """One head pose or gaze direction, in the convention named beside it.

    Attributes:
        convention: Name of the convention the numbers are in.
        yaw: Turn about the vertical.
        pitch: Nod.
        roll: Tilt; None where there is none (gaze).
    """

    convention: str
    yaw: float
    pitch: float
    roll: float | None = None


@dataclass(frozen=True)
class AngleConvention:
    """What a tool's angles mean.

    The signs are +1 or -1: whether the tool's positive angle is this project's positive angle.

    Attributes:
        name: Such as `facecurate` or `py-feat-pose`.
        unit: `deg` or `rad`.
        yaw: +1 if positive points the nose (or the sight) to the image's right, -1 if to its left.
        pitch: +1 if positive is up.
        roll: +1 if positive leans the head to the image's right, clockwise as seen; None if there is no roll.
        doc: In the tool's own words, and what is not certain.
        source: Where it was read.
    """

    name: str
    unit: str
    yaw: int
    pitch: int
    roll: int | None
    doc: str
    source: str

    def __post_init__(self) -> None:
        if self.unit not in {"deg", "rad"} or {self.yaw, self.pitch, self.roll or 1} - {1, -1}:
            raise SchemaError(f"angle convention {self.name}", "unit is deg or rad, signs are 1 or -1")


@cache
def _load() -> dict[str, AngleConvention]:
    return {
        name: AngleConvention(
            name, table["unit"], table["yaw"], table["pitch"], table.get("roll"), table["doc"], table["source"]
        )
        for name, table in entries("data", "angles").items()
    }


def angle_convention(name: str) -> AngleConvention:
    """The convention of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    try:
        return _load()[name]
    except KeyError:
        raise UnknownNameError("angle convention", name, _load()) from None


def angle_conventions() -> tuple[str, ...]:
    """Names of all conventions."""
    return tuple(_load())


def convert_angles(angles: Angles, target: str = "facecurate") -> Angles:
    """The same direction in another tool's unit and signs.

    Only unit and signs are changed; the order in which a tool turns about its axes differs little
    between tools for small angles and is not undone.

    Args:
        angles: Numbers and the convention they are in.
        target: Convention wanted; this project's by default (degrees; yaw to the image's right, pitch
            up, roll clockwise as seen).

    Raises:
        UnknownNameError: if a convention is unknown.
        SchemaError: if a head pose (with roll) meets a gaze convention (without), or the other way round.
    """
    source, goal = angle_convention(angles.convention), angle_convention(target)
    factor = _degrees_per(source) / _degrees_per(goal)
    if len({angles.roll is None, source.roll is None, goal.roll is None}) > 1:
        raise SchemaError(f"angles of {source.name} as {goal.name}", "head poses have a roll, gaze has none")
    roll = None
    if angles.roll is not None and source.roll is not None and goal.roll is not None:
        roll = angles.roll * source.roll * goal.roll * factor
    return Angles(
        goal.name, angles.yaw * source.yaw * goal.yaw * factor, angles.pitch * source.pitch * goal.pitch * factor, roll
    )


def _degrees_per(convention: AngleConvention) -> float:
    return 1.0 if convention.unit == "deg" else 180 / math.pi
