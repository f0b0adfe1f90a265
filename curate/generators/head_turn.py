"""Turning the head in a portrait: its mesh rotated in space and drawn anew; hair and neck follow it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, Array, Pose, angles, fit_pose, rotation_of
from annotators.visibility import triangles
from curate.generators import warping
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.kept_labels import EXPRESSION, SKIN, WHO, WORN
from curate.generators.promise import Change, Identity, Move, Promise
from schemas import UsageError
from schemas.columns import labels

MOST = {"yaw": 20.0, "pitch": 12.0, "roll": 25.0}
"""Degrees by which a head can be turned before it looks drawn."""
LEAST = {"yaw": 8.0, "pitch": 5.0}
"""Degrees that are drawn at least."""
FURTHEST = {"yaw": 32.0, "pitch": 30.0}
"""Degrees to the camera past which the far half would have to be made up."""
GAIN = {"yaw": 1.45, "pitch": 1.2}
"""The mesh that is found in a turned picture says less than the turn of the mesh that was drawn, as the head's outline
turns less: about 0.6 of the yaw and 0.8 of the pitch on 16 portraits. So it is turned by that much more."""
SHARE = 0.5
"""Share of the asked turn that the measured turn reaches at least."""
STILL = 8.0
"""Degrees by which an angle that was not asked for may seem to change."""

CENTRE = np.array([0.0, -1.0, -1.5])
"""Where the head turns: on top of the neck; frame of the head, cm."""
NOD_CENTRE = np.array([0.0, -1.0, -2.0])
"""Where it nods: further forward, or a head that fills the picture would leave it."""
FACING = 0.15
"""Cosine between a surface and the line to the camera from which it is seen."""
AROUND = 5.0
"""Distance in cm from the face at which nothing moves any more."""
SOFT = 0.2
"""Blur of the movement in cm, against kinks at the mesh's edges."""


@dataclass(frozen=True)
class HeadTurnConfig(Config):
    """By how much the head turns, degrees, in the sense of the pose columns.

    Attributes:
        yaw: To the image's right where positive, at most 20 either way; NaN draws 8 to 20.
        pitch: Up where positive, at most 12; NaN draws none or 5 to 10.
        roll: Clockwise as seen where positive, at most 25.
    """

    yaw: float = math.nan
    pitch: float = math.nan
    roll: float = 0.0


class HeadTurn(Generator):
    """Rotates the mesh; hair, neck and background follow it less and less with distance.

    What the portrait does not show is not made up: a far cheek that comes forward stays as narrow as it was seen, and
    what would come from beyond the picture's border is stretched from what lies at it.
    """

    name = "head_turn"
    version = "1"
    doc = "The head turned by up to 20 degrees of yaw and 12 of pitch."
    requires = (labels.MESH,)
    config_type = HeadTurnConfig
    config: HeadTurnConfig
    shown = (
        {"yaw": -20.0, "pitch": 0.0}, {"yaw": -10.0, "pitch": 0.0}, {"yaw": 10.0, "pitch": 0.0},
        {"yaw": 20.0, "pitch": 0.0}, {"yaw": 0.0, "pitch": 12.0}, {"yaw": 0.0, "pitch": -12.0},
        {"yaw": 12.0, "pitch": 8.0, "roll": 10.0},
    )  # fmt: skip

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse turns that go too far."""
        assert isinstance(config, HeadTurnConfig)
        for name, most in MOST.items():
            value = getattr(config, name)
            if abs(value) > most:
                raise UsageError(f"{name} {value:g}", f"a head can be turned by {most:g} degrees at most",
                                 "give a smaller angle")  # fmt: skip

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The three angles; those left open are drawn, and turned the other way where they would go too far."""
        pose = _pose(request)
        now = dict(zip(("yaw", "pitch", "roll"), angles(pose.rotation), strict=True))
        drawn = {
            "yaw": float(rng.uniform(LEAST["yaw"], 20) * rng.choice((-1, 1))),
            "pitch": float(rng.uniform(LEAST["pitch"], 10) * rng.choice((-1, 0, 1))),
        }
        turn: dict[str, float] = {"roll": float(self.config.roll)}
        for name, value in drawn.items():
            asked = getattr(self.config, name)
            far = abs(now[name] + value) > FURTHEST[name]
            turn[name] = float(asked) if not math.isnan(asked) else round(-value if far else value, 2)
            if turn[name] and abs(now[name] + turn[name]) > max(FURTHEST[name], abs(now[name])):
                raise CannotGenerate(f"the head's {name} would be more than {FURTHEST[name]:g} degrees")
        if not any(turn.values()):
            raise CannotGenerate("no turn was asked for")
        return turn

    def make(self, request: Request, parameters: Parameters) -> Iterator[Made]:
        """One picture."""
        subject, pose = request.face(), _pose(request)
        yaw, pitch, roll = angles(pose.rotation)
        turned = rotation_of(
            yaw + GAIN["yaw"] * parameters["yaw"],
            pitch + GAIN["pitch"] * parameters["pitch"],
            roll + parameters["roll"],
        )
        shift = turn_shift(subject.need_mesh(), pose, turned, subject.side)
        moved = warping.moved(shift)
        picture = np.where(moved[..., None], warping.sampled(subject.pixels, shift), subject.pixels)
        note = {"from": [yaw, pitch, roll]}
        yield Made(picture, _promise(parameters), moved.astype(np.uint8) * 255, note=note)


def _promise(parameters: Parameters) -> Promise:
    changes = []
    for name, column in (("yaw", labels.YAW), ("pitch", labels.PITCH), ("roll", labels.ROLL)):
        turn = parameters[name]
        move = Move.STAYS if not turn else Move.UP if turn > 0 else Move.DOWN
        changes.append(Change(column, move, by=SHARE * abs(turn) if turn else STILL))
    return Promise(Identity.KEPT, tuple(changes), (*WHO, *EXPRESSION, *WORN, *SKIN))


def _pose(request: Request) -> Pose:
    try:
        return fit_pose(request.face().need_mesh())
    except ValueError as error:
        raise CannotGenerate(str(error)) from error


def turn_shift(mesh: NDArray[np.floating[Any]], pose: Pose, rotation: Array, side: int) -> warping.Shift:
    """Where the pixels of the portrait with the head in another rotation come from.

    Args:
        mesh: (478, 3) px.
        pose: Of the head.
        rotation: (3, 3) from head to camera that the head gets.
        side: Side of the portrait in pixels.
    """
    head = pose.to_head(mesh[:COUNT])
    # The centres keep their place: the neck hardly moves.
    yaw, _, roll = angles(rotation)
    only_yaw = rotation_of(yaw, angles(pose.rotation)[1], roll)
    swing = (pose.rotation - only_yaw) @ CENTRE + (only_yaw - rotation) @ NOD_CENTRE
    offset = pose.offset + pose.scale * swing
    old, new = pose.to_image(head), Pose(rotation, pose.scale, offset).to_image(head)
    # What faces away in one of the pictures cannot be carried over; the surroundings close the gap.
    seen = np.minimum(_facing(old), _facing(new)) > FACING
    owner = warping.owners(new, triangles(), side)
    owner[~seen[owner]] = -1
    shift = warping.shifts(old, new, triangles(), owner)
    shift = warping.spread(shift, owner >= 0, AROUND * pose.scale)
    return _inside(warping.softened(shift, SOFT * pose.scale))


def _inside(shift: warping.Shift) -> warping.Shift:
    """The shift held back where it would look beyond the picture's border: what is near the border is stretched."""
    side = shift.shape[0]
    place = np.arange(side, dtype=np.float32) + 0.5
    result = shift.copy()
    for axis, at in ((0, place[None]), (1, place[:, None])):
        way = result[..., axis]
        room = np.where(way < 0, at, side - at)
        part = np.maximum(np.abs(way) / room, 1e-6)
        result[..., axis] = way * (1 - np.exp(-part)) / part
    return result


def _facing(points: Array) -> Array:
    """Cosine between each triangle and the line to the camera, positive where it is turned to it; points in px."""
    a, b, c = (points[triangles()[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    return np.asarray(-normal[:, 2] / np.maximum(np.linalg.norm(normal, axis=1), 1e-9))
