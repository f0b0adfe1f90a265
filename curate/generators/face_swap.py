"""One person's face on another's head: the partner's face moved onto the subject's mesh, matched in colour, blended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, Array, Pose, angles, fit_pose
from annotators.crops import Pixels
from annotators.visibility import triangles
from curate.generators import warping
from curate.generators.base import CannotGenerate, Config, Generator, Made, Parameters, Request
from curate.generators.kept_labels import POSE
from curate.generators.promise import Change, Identity, Move, Promise
from curate.generators.subject import Subject
from schemas import UsageError
from schemas.columns import labels
from schemas.landmarks import layout

APART = {"yaw": 20.0, "pitch": 20.0}
"""Degrees by which the heads' poses may differ: beyond them one face shows what the other hides."""
MOST_YAW = 35.0
"""Degrees of yaw of either head past which half of its mesh is guessed."""
TONES = 30.0
"""Lightness, of 100, by which the faces may differ: beyond it light and shadow do not fit."""
SHARPEST = 2.5
"""How many times larger than the partner's face the subject's may be: beyond it the face would be a blur."""
STILL = {"yaw": 4.0, "pitch": 4.0, "roll": 3.0}
"""Degrees by which the pose may change."""
EDGE = 0.45
"""Distance in cm that the blended face stays inside the outline of the subject's mesh."""
TOP = 6.1
"""Height in cm of the canonical head, brows are at 5, up to which the face is blended: above it hair may begin."""
RIM = 1.6
"""Distance in cm from the outline within which the partner's shape passes into the subject's."""
LIMIT = 28.0
"""How far, of 255, blending may change the brightness of the matched face away from the edge."""
FEATHER = 1.0
"""Width in cm of the blend at the edge."""
DARKER = (10.0, 28.0)
"""Lightness, of 100, below the face's mean up to which a pixel is shifted as skin is, and from which it keeps its
colour, where the face becomes lighter."""
LIFT = 0.5
"""Share of the shift of lightness that the darkest pixels take part in."""
FLATTEN = 90.0
"""Shift of lightness, of 100, that halves the contrast."""
GAIN = (0.7, 1.15)
"""Least and greatest factor of contrast when colours are matched."""


@dataclass(frozen=True)
class FaceSwapConfig(Config):
    """How much of the partner's shape is kept.

    Attributes:
        shape: 1 keeps the proportions of the partner's features, 0 stretches them onto the subject's.
    """

    shape: float = 0.8


class FaceSwap(Generator):
    """Piecewise affine warp between the meshes, colour statistics in Lab, Poisson blending over the face."""

    name = "face_swap"
    version = "1"
    doc = "The partner's face on the subject's head, blended over the mesh."
    requires = (labels.MESH,)
    takes_partner = True
    config_type = FaceSwapConfig
    config: FaceSwapConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a share that is none."""
        assert isinstance(config, FaceSwapConfig)
        if not 0 <= config.shape <= 1:
            raise UsageError(f"shape {config.shape:g}", "it is a share from 0 to 1", "give another number")

    def draw(self, request: Request, rng: np.random.Generator) -> dict[str, Any]:
        """The settings, if the faces fit."""
        poses_of(request)
        return {"shape": float(self.config.shape)}

    def make(self, request: Request, parameters: Parameters) -> Iterator[Made]:
        """One picture."""
        subject, partner = request.face(), request.other()
        pose, other = poses_of(request)
        goal = goal_mesh(subject, partner, pose, other, parameters["shape"])
        mask = face_mask(subject, goal, pose)
        face = matched(onto(partner, goal, subject.side), subject.pixels, mask)
        picture = blended(subject.pixels, face, mask, FEATHER * pose.scale)
        changes = [
            Change(column, Move.STAYS, by=STILL[name])
            for name, column in (("yaw", labels.YAW), ("pitch", labels.PITCH), ("roll", labels.ROLL))
        ]
        note = {"partner": partner.face_id, "area": float((mask > 0).mean())}
        yield Made(picture, Promise(Identity.PARTNER, tuple(changes), POSE), mask, note=note)


def poses_of(request: Request) -> tuple[Pose, Pose]:
    """Poses of both heads.

    Raises:
        CannotGenerate: if a face has no mesh, is turned too far, or the two do not fit.
    """
    subject, partner = request.face(), request.other()
    try:
        pose, other = fit_pose(subject.need_mesh()), fit_pose(partner.need_mesh())
    except ValueError as error:
        raise CannotGenerate(str(error)) from error
    both = [angles(p.rotation) for p in (pose, other)]
    if max(abs(yaw) for yaw, _, _ in both) > MOST_YAW:
        raise CannotGenerate("a head is turned too far")
    for number, name in enumerate(APART):
        apart = abs(both[0][number] - both[1][number])
        if apart > APART[name]:
            raise CannotGenerate(f"the heads' {name} differs by {apart:.0f} degrees")
    tones = [_lightness(face) for face in (subject, partner)]
    if abs(tones[0] - tones[1]) > TONES:
        raise CannotGenerate(f"the faces' lightness differs by {abs(tones[0] - tones[1]):.0f} of 100")
    if pose.scale > SHARPEST * other.scale:
        raise CannotGenerate("the second face is too small for the first")
    return pose, other


def _lightness(subject: Subject) -> float:
    """Mean CIELAB lightness of the face, 0-100."""
    inside = warping.owners(subject.need_mesh()[:COUNT], triangles(), subject.side) >= 0
    if not inside.any():
        raise CannotGenerate("the face lies outside its portrait")
    lab = cv2.cvtColor((subject.pixels / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    return float(lab[inside, 0].mean())


def goal_mesh(subject: Subject, partner: Subject, pose: Pose, other: Pose, shape: float) -> Array:
    """Where the partner's mesh goes, (468, 3) px of the subject's portrait.

    The partner's head takes the subject's pose and size; towards its outline it passes into the subject's own mesh.

    Args:
        subject: Whose head it is.
        partner: Whose face it becomes.
        pose: Of the subject.
        other: Of the partner.
        shape: Share of the partner's proportions that is kept inside the face.
    """
    own = subject.need_mesh()[:COUNT]
    face = pose.to_image(other.to_head(partner.need_mesh()[:COUNT]))
    head = pose.to_head(own)
    oval = head[list(layout("points-478").group("oval")), :2]
    away = np.linalg.norm(head[:, None, :2] - oval[None], axis=2).min(1)
    share = np.clip(away / RIM, 0, 1)
    share = (shape * share * share * (3 - 2 * share))[:, None]
    return np.asarray(own * (1 - share) + face * share)


def onto(partner: Subject, goal: Array, side: int) -> Pixels:
    """The partner's face where the goal mesh has it; around it, its own surroundings carried on."""
    mesh = partner.need_mesh()[:COUNT]
    owner = warping.owners(goal, triangles(), side)
    shift = warping.shifts(mesh, goal, triangles(), owner)
    shift = warping.spread(shift, owner >= 0, np.inf)
    return np.asarray(warping.sampled(partner.pixels, shift), np.uint8)


def face_mask(subject: Subject, goal: Array, pose: Pose) -> NDArray[np.uint8]:
    """255 inside the face that is blended, 0 elsewhere; shape (side, side)."""
    mesh = subject.need_mesh()[:COUNT]
    side = subject.side
    inside = (warping.owners(mesh, triangles(), side) >= 0) & (warping.owners(goal, triangles(), side) >= 0)
    below = np.array([[-20, TOP, 4], [20, TOP, 4], [20, -20, 4], [-20, -20, 4]], np.float64)
    inside &= warping.filled(pose.to_image(below), side) > 0.5
    small = cv2.erode(inside.astype(np.uint8) * 255, warping.disc(EDGE * pose.scale))
    small[[0, -1]], small[:, [0, -1]] = 0, 0
    return np.asarray(small, np.uint8)


def matched(face: Pixels, goal: Pixels, mask: NDArray[np.uint8]) -> Pixels:
    """A picture with the mean, and within limits the contrast, of another's CIELAB colours in a mask.

    After Reinhard et al., "Color transfer between images", 2001. Pixels darker than skin, such as pupils and lashes,
    are shifted less, or they would take on colour. Strong shifts flatten the contrast, or highlights would shine.

    Args:
        face: RGB, shape (side, side, 3).
        goal: RGB of the same shape whose colours it gets.
        mask: 255 where colours are compared.
    """
    inside = mask > 0
    if inside.sum() < 16:
        return face
    lab, wanted = (cv2.cvtColor((p / 255).astype(np.float32), cv2.COLOR_RGB2LAB) for p in (face, goal))
    mean = lab[inside].mean(0)
    rest = wanted[inside].mean(0) - mean
    gain = float(np.clip(wanted[inside, 0].std() / max(float(lab[inside, 0].std()), 1e-3), *GAIN))
    gain /= 1 + abs(float(rest[0])) / FLATTEN
    below = mean[0] - lab[..., :1]
    share = np.clip(1 - (below - DARKER[0]) / (DARKER[1] - DARKER[0]), 0, 1) if rest[0] > 0 else 1.0
    light = (lab[..., :1] - mean[0]) * gain + mean[0] + rest[0] * (LIFT + (1 - LIFT) * share)
    result = np.concatenate([light, lab[..., 1:] + rest[1:] * share], axis=2)
    return warping.as_pixels(cv2.cvtColor(result.astype(np.float32), cv2.COLOR_LAB2RGB) * 255)


def blended(picture: Pixels, face: Pixels, mask: NDArray[np.uint8], feather: float, limit: float = LIMIT) -> Pixels:
    """A face of matching colours put into the picture: its gradients are kept, nothing outside the mask changes.

    Perez, Gangnet and Blake, "Poisson image editing", 2003.

    Args:
        picture: RGB, shape (side, side, 3).
        face: RGB of the same shape, in place.
        mask: 255 where the face goes, 0 at the picture's border.
        feather: Distance from the mask's edge in px within which the edge decides alone.
        limit: How far, of 255, brightness may be changed further inside.

    Raises:
        CannotGenerate: if the mask is empty.
    """
    x, y, width, height = cv2.boundingRect(mask)
    if min(width, height) < 8:
        raise CannotGenerate("the face is too small to be blended")
    centre = (x + width // 2, y + height // 2)  # of the mask, so that nothing moves; the clone overwrites its mask
    clone = cv2.seamlessClone(face, np.ascontiguousarray(picture), mask.copy(), centre, cv2.NORMAL_CLONE)
    # Hair at the edge would darken the whole face: what the edge demands is granted up to a limit.
    change = clone.astype(np.float32) - face
    whole = face + limit * np.tanh(change / limit)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    soft = np.clip(inside / max(feather, 1.0), 0, 1)
    return np.where(mask[..., None] > 0, warping.as_pixels(warping.mixed(clone, whole, soft)), picture)
