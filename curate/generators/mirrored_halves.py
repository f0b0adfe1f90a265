"""Faces made of one half and its mirror image: left-left and right-right composites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.subject import Subject
from schemas import UnknownNameError
from schemas.columns import labels
from schemas.landmarks import layout

SIDES = ("left", "right")
SEAM = 0.006
"""Width of the blend across the midline, in sides of the portrait."""
TURNED = 0.30
"""Largest share by which one half of the face may be narrower than the other: beyond it a composite is no face."""


@dataclass(frozen=True)
class MirroredHalvesConfig(Config):
    """Which half is used.

    Attributes:
        side: The subject's `left` or `right` half; empty draws one.
    """

    side: str = ""


class MirroredHalves(Generator):
    """Reflects one half of the portrait in the face's midline, which is first made upright."""

    name = "mirrored_halves"
    version = "1"
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
        request.face().need_mesh()
        return {"side": self.config.side or SIDES[int(rng.integers(2))]}

    def make(self, request: Request, parameters: Parameters) -> Iterable[Made]:
        """One composite."""
        subject = request.face()
        upright = _upright(subject)
        side = subject.side
        x = np.arange(side) + 0.5 - side / 2
        own = x < 0 if parameters["side"] == "right" else x > 0
        weight = np.where(own, 1.0, 0.0)
        weight = np.clip(weight + np.where(own, -1, 1) * np.clip(0.5 - np.abs(x) / (SEAM * side), 0, 0.5), 0, 1)
        mixed = upright * weight[None, :, None] + upright[:, ::-1] * (1 - weight)[None, :, None]
        evener = Change(labels.SYMMETRY_APPEARANCE, Move.UP)
        promise = Promise(Identity.OPEN, (evener,), keeps=(labels.RACE, labels.GENDER, labels.MONK))
        yield Made(np.asarray(np.rint(mixed), np.uint8), promise)


def _upright(subject: Subject) -> Pixels:
    """The portrait turned and moved so that the face's midline is the portrait's.

    Raises:
        CannotGenerate: if one half is much narrower than the other.
    """
    mesh, side = subject.need_mesh()[:, :2], subject.side
    pairs = np.asarray(layout("points-478").mirror)
    line = mesh[pairs == np.arange(len(pairs))]
    centre = line.mean(0)
    axis = np.linalg.svd(line - centre)[2][0]
    axis = axis * np.sign(axis[1])
    across = (mesh - centre) @ np.array([axis[1], -axis[0]])
    reach = (float(-across.min()), float(across.max()))
    if min(reach) < (1 - TURNED) * max(reach):
        raise CannotGenerate("the head is turned too far for halves to be mirrored")
    turn = np.array([[axis[1], -axis[0]], [axis[0], axis[1]]])
    goal = np.array([side / 2, centre[1]])
    shift = goal - 0.5 - turn @ (centre - 0.5)  # OpenCV counts from the centre of the first pixel
    matrix = np.hstack([turn, shift[:, None]])
    return np.asarray(
        cv2.warpAffine(subject.pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101),
        np.uint8,
    )
