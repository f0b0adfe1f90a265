"""Faces made of one half and its mirror image: left-left and right-right composites."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Pose, angles, fit_pose, rotation_of
from annotators.crops import Matrix, Pixels
from annotators.visibility import triangles
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.subject import Subject
from curate.generators.warping import as_pixels, owners, sampled, shifts, softened, spread
from schemas import UnknownNameError
from schemas.columns import labels
from schemas.landmarks import layout

Array = NDArray[np.float64]

SIDES = ("left", "right")
SEAM = 0.006
"""Width of the blend across the midline, in sides of the portrait."""
MOST_YAW = 22.0
"""Degrees that a head may be turned: beyond it too little is seen of its far half."""
SMOOTH = 0.006
"""Blur of the warp that turns the head to the front, in sides of the portrait."""


@dataclass(frozen=True)
class MirroredHalvesConfig(Config):
    """Which half is used.

    Attributes:
        side: The subject's `left` or `right` half; empty draws one.
    """

    side: str = ""


class MirroredHalves(Generator):
    """Turns the portrait so that the face's midline is upright and its own, and reflects one half in it."""

    name = "mirrored_halves"
    version = "2"
    doc = "The face made of one of its halves and that half's mirror image."
    config_type = MirroredHalvesConfig
    config: MirroredHalvesConfig
    shown = ({"side": "right"}, {"side": "left"})

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a side that is neither."""
        assert isinstance(config, MirroredHalvesConfig)
        if config.side and config.side not in SIDES:
            raise UnknownNameError("side", config.side, SIDES)

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The side, drawn if it is left open."""
        yaw = angles(fit_pose(request.face().need_mesh()).rotation)[0]
        if abs(yaw) > MOST_YAW:
            raise CannotGenerate(f"the head is turned by {abs(yaw):.0f} degrees, too far for halves to be mirrored")
        return {"side": self.config.side or SIDES[int(rng.integers(2))]}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One composite."""
        frontal = turned_to_front(request.face())
        side = frontal.shape[0]
        x = np.arange(side) + 0.5 - side / 2
        right = np.clip(0.5 - x / (SEAM * side), 0, 1)
        weight = right if parameters["side"] == "right" else 1 - right
        mixed = frontal * weight[None, :, None] + frontal[:, ::-1] * (1 - weight)[None, :, None]
        promise = Promise(
            Identity.OPEN,
            (Change(labels.SYMMETRY_APPEARANCE, Move.UP),),
            keeps=(labels.AGE_GROUP, labels.RACE, labels.RACE4, labels.GENDER, labels.MONK),
        )
        yield Made(np.asarray(np.rint(mixed), np.uint8), promise)


def turned_to_front(subject: Subject) -> Pixels:
    """The portrait with its face upright and facing the camera, its midline the portrait's; it may still nod.

    First the whole picture is turned and moved, then the mesh is warped to what it would be without yaw.

    Raises:
        CannotGenerate: if the face has no mesh.
    """
    mesh, side = subject.need_mesh(), subject.side
    matrix = _upright(mesh, side)
    shift = matrix[:, 2] + 0.5 * matrix[:, :2].sum(1) - 0.5
    opencv = np.hstack([matrix[:, :2], shift[:, None]])  # OpenCV counts from the centre of the first pixel
    upright = np.asarray(
        cv2.warpAffine(subject.pixels, opencv, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101),
        np.uint8,
    )
    moved = np.concatenate([mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2], mesh[:, 2:]], axis=1)
    goal = _frontal(moved, side)
    owner = owners(goal, triangles(), side)
    warp = spread(shifts(moved, goal, triangles(), owner), owner >= 0, 0.5 * side)
    return as_pixels(sampled(upright, softened(warp, SMOOTH * side)))


def _upright(mesh: Array, side: int) -> Matrix:
    """Rotation and shift that bring the midline upright into the portrait's middle, 2 x 3, in continuous pixels."""
    pairs = np.asarray(layout("points-478").mirror)
    line = mesh[pairs == np.arange(len(pairs)), :2]
    roll = math.radians(angles(fit_pose(mesh).rotation)[2])
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    centre = line.mean(0)
    return np.asarray(np.hstack([turn, (np.array([side / 2, centre[1]]) - turn @ centre)[:, None]]))


def _frontal(mesh: Array, side: int) -> Array:
    """The mesh without yaw and roll, its midline in the middle, as broad to either side as the face itself is."""
    pose = fit_pose(mesh)
    points = pose.to_head(mesh)
    _, pitch, _ = angles(pose.rotation)
    goal = Pose(rotation_of(0.0, pitch, 0.0), pose.scale, pose.offset).to_image(points)
    pairs = np.asarray(layout("points-478").mirror)
    middle = goal[pairs == np.arange(len(pairs)), :2].mean(0)
    goal[:, 0] += side / 2 - middle[0]
    goal[:, 1] += mesh[pairs == np.arange(len(pairs)), 1].mean() - middle[1]
    return np.asarray(goal)
