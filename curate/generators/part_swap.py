"""Single parts of another person's face - eyes, nose, mouth, brows - put into a portrait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, Array, Pose
from annotators.visibility import triangles
from curate.generators import warping
from curate.generators.base import Config, Generator, Made, Parameters, Request
from curate.generators.face_swap import blended, face_mask, matched, onto, poses_of
from curate.generators.kept_labels import POSE
from curate.generators.promise import Identity, Promise
from curate.generators.subject import Subject
from schemas import UnknownNameError
from schemas.columns import labels
from schemas.landmarks import layout

GROUPS = {
    "brows": ("right_brow", "left_brow"),
    "eyes": ("right_eye", "left_eye"),
    "nose": ("nose_bridge", "nose_base"),
    "mouth": ("outer_lip",),
}
"""Part -> groups of the mesh's points; a part's mask is the hull of each, made larger."""
EXTRA = {"nose": (129, 64, 48, 115, 131, 198, 358, 294, 278, 344, 360, 420, 2)}
"""Mesh points that belong to a part besides its groups."""
GROW = {"brows": 0.55, "eyes": 0.75, "nose": 0.45, "mouth": 0.8}
"""How far, in cm, a part's mask reaches beyond its points: the skin that moves with it."""
BLEND = 0.45
"""Width in cm of the blend inside the mask's edge."""
LIMIT = 70.0
"""How far, of 255, blending may change the brightness of a part of matching colours: its edge is skin."""
REACH = 2.6
"""Distance in cm around a part within which the partner's shape passes into the subject's."""


@dataclass(frozen=True)
class PartSwapConfig(Config):
    """Which parts are taken.

    Attributes:
        parts: Of `eyes`, `nose`, `mouth`, `brows`, separated by commas; empty draws one or two.
        shape: 1 keeps the shape of the partner's parts, 0 fits them into the subject's.
    """

    parts: str = ""
    shape: float = 0.8


class PartSwap(Generator):
    """Warps the partner's parts to their place on the subject, matches colours and blends them (Poisson)."""

    name = "part_swap"
    version = "1"
    doc = "Eyes, nose, mouth or brows of the partner in the subject's face."
    requires = (labels.MESH,)
    takes_partner = True
    config_type = PartSwapConfig
    config: PartSwapConfig
    shown = ({"parts": "eyes"}, {"parts": "nose"}, {"parts": "mouth"}, {"parts": "brows"}, {"parts": "eyes,mouth"})

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse parts that do not exist."""
        assert isinstance(config, PartSwapConfig)
        for name in _names(config.parts):
            if name not in GROUPS:
                raise UnknownNameError("part", name, GROUPS)

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The parts, drawn if they are left open."""
        poses_of(request)
        count = int(rng.integers(1, 3))
        some = sorted(rng.choice(len(GROUPS), count, replace=False).tolist())
        drawn = [list(GROUPS)[k] for k in some]
        return {"parts": _names(self.config.parts) or drawn, "shape": float(self.config.shape)}

    def make(self, request: Request, parameters: Parameters) -> Iterator[Made]:
        """One picture; the note has the share of the portrait that each part's mask covers."""
        subject, partner = request.face(), request.other()
        pose, other = poses_of(request)
        picture = subject.pixels
        changed = np.zeros(picture.shape[:2], np.uint8)
        areas = {}
        for name in parameters["parts"]:
            areas[name] = 0.0
            for mask, goal in placed(subject, partner, pose, other, name, parameters["shape"]):
                face = matched(onto(partner, goal, subject.side), subject.pixels, face_mask(subject, goal, pose))
                picture = blended(picture, face, mask, BLEND * pose.scale, LIMIT)
                changed |= mask
                areas[name] += float((mask > 0).mean())
        note = {"partner": partner.face_id, "areas": areas}
        yield Made(picture, Promise(Identity.OPEN, keeps=POSE), changed, note=note)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pieces(name: str) -> list[tuple[int, ...]]:
    """Mesh points of each connected piece of a part: each eye and brow for itself."""
    groups = [layout("points-478").group(g) for g in GROUPS[name]]
    if name == "nose":
        return [tuple(dict.fromkeys((*groups[0], *groups[1], *EXTRA["nose"])))]
    return groups


def placed(
    subject: Subject, partner: Subject, pose: Pose, other: Pose, name: str, shape: float
) -> Iterator[tuple[NDArray[np.uint8], Array]]:
    """Mask of each piece of a part, 255 inside, and where the partner's mesh goes for it.

    Args:
        subject: Whose head it is.
        partner: Whose part it becomes.
        pose: Of the subject.
        other: Of the partner.
        name: A key of `GROUPS`.
        shape: Share of the partner's shape that is kept.
    """
    own = subject.need_mesh()[:COUNT]
    head, foreign = pose.to_head(own), other.to_head(partner.need_mesh()[:COUNT])
    for points in _pieces(name):
        index = list(points)
        # The part keeps the partner's shape but comes to the subject's place for it.
        moved = foreign + (head[index] - foreign[index]).mean(0)
        away = np.linalg.norm(head[:, None] - head[None, index], axis=2).min(1)
        share = np.clip(1 - away / REACH, 0, 1)[:, None] * shape
        goal = pose.to_image(head * (1 - share) + moved * share)
        yield part_mask((own, goal), index, pose, GROW[name], subject.side), goal


def part_mask(meshes: tuple[Array, Array], index: list[int], pose: Pose, grow: float, side: int) -> NDArray[np.uint8]:
    """255 on a part as both meshes have it and around it, within the face; shape (side, side).

    Args:
        meshes: (468, 3) px each.
        index: Mesh points of the part.
        pose: Of the head.
        grow: How far around, cm.
        side: Side of the portrait.
    """
    inside = np.zeros((side, side), bool)
    for mesh in meshes:
        hull = np.asarray(cv2.convexHull(mesh[index, :2].astype(np.float32))[:, 0], np.float32)
        inside |= warping.filled(hull, side) > 0.5
    mask = np.asarray(cv2.dilate(inside.astype(np.uint8) * 255, warping.disc(grow * pose.scale)), np.uint8)
    face = warping.owners(meshes[0], triangles(), side) >= 0
    mask[~face] = 0
    mask[[0, -1]], mask[:, [0, -1]] = 0, 0
    return mask
