"""Control images: the average face's landmarks, turned as the picture shall be, for networks that follow them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import canonical_face, rotation_of
from annotators.crops import Pixels
from annotators.points import convert
from schemas.landmarks import layout

FACE_SHARE = 0.42
"""Height of the face over the side of the picture."""
VIEW_YAW = {"view_0": 0.0, "view_1": 35.0, "view_2": -35.0}
"""Degrees of yaw of SIG's views: positive turns the nose to the image's right, which is the subject's left."""
STYLES = ("dots", "mesh")
SHIFT = 4
_OUTLINES = (
    ("oval", True), ("right_eye", True), ("left_eye", True), ("right_brow", True), ("left_brow", True),
    ("nose_bridge", False), ("outer_lip", True), ("inner_lip", True),
)  # fmt: skip
_COLOURS = (
    (224, 224, 224), (48, 255, 48), (48, 48, 255), (48, 160, 48), (48, 48, 160), (224, 224, 48), (255, 48, 48),
    (255, 48, 48),
)  # fmt: skip


def control_image(yaw: float, pitch: float = 0.0, side: int = 512, style: str = "dots") -> Pixels:
    """A face of 68 white dots, or of the mesh's outlines in colours, on black; shape (side, side, 3).

    `dots` is what OpenPose's face model draws and its ControlNets were trained on; `mesh` what MediaPipe's
    face drawing looks like, which others follow.

    Args:
        yaw: Degrees, positive to the image's right.
        pitch: Degrees, positive up.
        side: Side of the picture in pixels.
        style: One of `STYLES`.
    """
    points = _placed(yaw, pitch, side)
    picture = np.zeros((side, side, 3), np.uint8)
    fixed = np.rint(points * (1 << SHIFT)).astype(int)
    if style == "dots":
        radius = max(side // 170, 1) << SHIFT
        for x, y in convert(fixed.astype(np.float64), "points-478", "points-68"):
            cv2.circle(picture, (round(x), round(y)), radius, (255, 255, 255), -1, cv2.LINE_AA, SHIFT)
        return picture
    for number, (name, closed) in enumerate(_OUTLINES):
        group = layout("points-478").group(name)
        ring = fixed[list(_ring(group) if name.endswith("brow") else group)].reshape(-1, 1, 2).astype(np.int32)
        colour = tuple(int(c) for c in _COLOURS[number])
        cv2.polylines(picture, [ring], closed, colour, max(side // 256, 1), cv2.LINE_AA, SHIFT)
    return picture


def _ring(brow: tuple[int, ...]) -> tuple[int, ...]:
    """A brow's lower and upper line as one outline; both are listed from the same end."""
    half = len(brow) // 2
    return brow[:half] + brow[: half - 1 : -1]


def _placed(yaw: float, pitch: float, side: int) -> NDArray[np.float64]:
    """The 478 points of the average face in picture pixels; the iris points stand at the eyes' middles."""
    head = canonical_face().points
    turned = head @ rotation_of(yaw, pitch, 0.0).T
    scale = FACE_SHARE * side / float(np.ptp(head[:, 1]))
    flat = turned[:, :2] * [1, -1] * scale
    flat += side / 2 - flat.mean(0)
    mesh = layout("points-478")
    irises = [flat[list(mesh.group(name))].mean(0) for name in ("right_eye", "left_eye") for _ in range(5)]
    return np.vstack([flat, irises])
