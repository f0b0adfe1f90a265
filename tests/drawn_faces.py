"""A face drawn in flat colours with its mesh, for tests whose answer is known to the pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Pose, canonical_face, rotation_of
from annotators.crop_masks import filled
from curate.generators.subject import Subject
from schemas.landmarks import layout

SIDE = 512
WALL, SKIN, HAIR, LIPS, WHITE = (60, 95, 150), (205, 150, 120), (60, 42, 30), (170, 80, 85), (235, 232, 228)


def drawn_mesh(yaw: float = 0.0, scale: float = 16.0) -> NDArray[np.float64]:
    """The canonical face in the middle of the portrait, (478, 3), with irises of a plausible size."""
    pose = Pose(rotation_of(yaw, 0, 0), scale, np.array([256.0, -280.0, 0.0]))
    mesh = np.zeros((478, 3))
    mesh[:468] = pose.to_image(canonical_face().points)
    for name in ("right", "left"):
        eye = mesh[list(layout("points-478").group(f"{name}_eye"))].mean(0)
        centre, *rim = layout("points-478").group(f"{name}_iris")
        mesh[centre] = eye
        for point, step in zip(rim, ((1, 0), (0, -1), (-1, 0), (0, 1)), strict=True):
            mesh[point] = eye + np.array([*step, 0.0]) * 0.58 * scale
    return mesh


def drawn_face(
    skin: tuple[int, int, int] = SKIN, hair: tuple[int, int, int] = HAIR, noise: float = 2.0
) -> tuple[Subject, dict[str, NDArray[np.bool_]]]:
    """A face with hair and neck before a wall.

    Returns:
        The subject, and the true masks of `hair`, `neck` (skin below the mesh) and `wall`, (512, 512) booleans.
    """
    mesh = drawn_mesh()
    shape = (SIDE, SIDE)
    picture = np.zeros((SIDE, SIDE, 3), np.float64)
    picture[:] = WALL
    parts = layout("points-478")
    cap = np.zeros(shape, np.uint8)
    cv2.ellipse(cap, (256, 232), (145, 185), 0, 0, 360, 1, -1)
    cap[330:] = 0
    neck = np.zeros(shape, np.uint8)
    neck[380:, 190:322] = 1
    face = filled(mesh[list(parts.group("oval")), :2], shape)
    for mask, colour in ((cap, hair), (neck, skin), (face, skin)):
        picture[mask > 0] = colour
    for group, colour in (("outer_lip", LIPS), ("right_eye", WHITE), ("left_eye", WHITE)):
        picture[filled(mesh[list(parts.group(group)), :2], shape) > 0] = colour
    for name in ("right_iris", "left_iris"):
        x, y = np.round(mesh[parts.group(name)[0], :2]).astype(int).tolist()
        cv2.circle(picture, (x, y), 9, (70, 45, 30), -1)
    picture += np.random.default_rng(0).normal(0, noise, picture.shape)
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    pixels.flags.writeable = False
    truth = {
        "hair": (cap > 0) & (face == 0),
        "neck": (neck > 0) & (face == 0),
        "wall": (cap == 0) & (neck == 0) & (face == 0),
    }
    eyes = [mesh[list(parts.group(g))].mean(0)[:2] for g in ("right_eye", "left_eye")]
    points = np.array([*eyes, *mesh[[4, 61, 291], :2]])
    low, high = mesh[:, :2].min(0), mesh[:, :2].max(0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return Subject(pixels, mesh, points, box, np.array([[1.0, 0, 0], [0, 1.0, 0]])), truth
