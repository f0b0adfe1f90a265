"""A hand before the face: over the mouth, on the cheek, over an eye or the forehead, in the face's own colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import linear_rgb
from curate.generators.occluder_cloth import linear, weave
from curate.generators.occluder_hand_shape import Hand, drawn_hand
from curate.generators.occluder_head import Head
from curate.generators.occluder_render import Layer, Matter, bumped, layer
from curate.generators.style_tools import smooth_noise

Array = NDArray[np.float64]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """How a right hand is held.

    Attributes:
        points: Mesh points whose mean it is laid on.
        held: The point of the hand that lies there, cm, frame of the hand.
        angle: Direction of the fingers in the head's frame: 0 to the image's right, 90 up.
        shift: Moves it from there, cm in the head's frame.
    """

    points: tuple[int, ...]
    held: tuple[float, float]
    angle: float
    shift: tuple[float, float] = (0.0, 0.0)


POSES: Mapping[str, Pose] = {
    "mouth": Pose((13, 14), (10.8, 0.4), 22.0, (0.3, 0.2)),
    "cheek": Pose((50, 205), (9.0, 0.0), 78.0, (-1.4, -0.6)),
    "eye": Pose((33, 133), (9.6, 0.0), 68.0, (0.2, 0.2)),
    "forehead": Pose((151, 9), (12.2, 0.0), 30.0, (0.0, 0.8)),
}
"""Name -> how the subject's right hand is held; a left hand is its mirror image."""
SLEEVES = ("#20242c", "#5a5f68", "#6b2b2f", "#d9d5cc", "#2e4a6b", "#3d4a35")
REDDER: Image = np.array([0.02, 0.20, 0.20], np.float32)
"""Share of each channel that reddened skin loses."""
DARKER: Image = np.array([0.20, 0.30, 0.32], np.float32)
"""Share of each channel that skin loses where it turns away."""
NAIL: Image = np.array([[1.18, 1.06, 1.05], [0.03, 0.01, 0.015]], np.float32)
"""A nail's colour as factor on the skin's and what is added, linear light."""
SLEEVE_FROM = 2.2
"""Where the sleeve begins, cm from the wrist."""


def hand_layers(head: Head, numbers: Mapping[str, Any]) -> list[Layer]:
    """The sleeve's and the hand's layers, from back to front.

    Args:
        head: The head.
        numbers: `pose`, `side` (`right` or `left`), `angle` and `size` that vary the pose, `spread`, four `bends`,
            `sleeve` (a colour), `seed`.
    """
    x, y, pitch = _samples(head, numbers)
    hand = drawn_hand(x, y, pitch, float(numbers["spread"]), tuple(float(b) for b in numbers["bends"]))
    skin = layer(head, _skin(head, hand, pitch, int(numbers["seed"])), hand.inside, 0.62, 1.3)
    sleeve = np.clip((hand.arm - SLEEVE_FROM) / pitch, 0, 1).astype(np.float32) * np.clip(
        0.5 + (cv2.GaussianBlur(hand.inside, (0, 0), 0.35 / pitch) - 0.12) * 8, 0, 1
    )
    cloth = _sleeve(hand, x, y, pitch, str(numbers["sleeve"]), int(numbers["seed"]))
    return [skin, layer(head, cloth, np.asarray(sleeve, np.float32), 0.5, 0.8)]


def _samples(head: Head, numbers: Mapping[str, Any]) -> tuple[Array, Array, float]:
    """The portrait's pixels in the hand's frame, and their pitch in cm."""
    pose, left = POSES[str(numbers["pose"])], numbers["side"] == "left"
    mirror = np.array([-1.0 if left else 1.0, 1.0])
    centre = head.points[list(pose.points)].mean(0)
    if left:
        centre = head.points[[_mirrored(i) for i in pose.points]].mean(0)
    anchor = centre + np.array([*(mirror * pose.shift), 1.5])
    angle = np.radians(pose.angle + float(numbers["angle"]))
    along = np.array([np.cos(angle), np.sin(angle)]) * mirror
    thumb = np.array([-np.sin(angle), np.cos(angle)]) * mirror
    size = float(numbers["size"])
    axes = np.array([[*along, 0.0], [*thumb, 0.0]]) * size
    origin = anchor - pose.held[0] * axes[0] - pose.held[1] * axes[1]
    corner, first, second = head.to_image(np.stack([origin, origin + axes[0], origin + axes[1]]))[:, :2]
    frame = np.stack([first - corner, second - corner], axis=1)
    side = head.subject.side
    row, column = np.mgrid[0:side, 0:side]
    place = np.stack([column + 0.5 - corner[0], row + 0.5 - corner[1]], axis=-1)
    own = place @ np.linalg.inv(frame).T
    pitch = 1 / (head.cm * size)
    return own[..., 0], own[..., 1], float(pitch)


def _mirrored(point: int) -> int:
    from annotators.canonical_face import canonical_face

    return int(canonical_face().mirror[point])


def _normals(hand: Hand, pitch: float, relief: NDArray[Any]) -> Image:
    flat = np.zeros((*hand.height.shape, 3), np.float32)
    flat[..., 2] = -1
    return bumped(flat, np.asarray((hand.height + relief) / pitch, np.float32))


def _skin(head: Head, hand: Hand, pitch: float, seed: int) -> Matter:
    """Skin in the face's colour: redder at knuckles and tips, darker in hollows, with wrinkles and nails."""
    shape = hand.height.shape
    fine = smooth_noise(shape, 0.10 / pitch, seed) * 0.003 + smooth_noise(shape, 0.35 / pitch, seed + 1) * 0.006
    normal = _normals(hand, pitch, fine - 0.035 * hand.crease + 0.03 * hand.nail)
    base = skin_colour_of(head) / (head.white * head.tint.astype(np.float32))
    hollow = np.clip((cv2.GaussianBlur(hand.height, (0, 0), 0.35 / pitch) - hand.height) * 1.6, 0, 1) * hand.inside
    patches = 1 + 0.05 * smooth_noise(shape, 2.0 / pitch, seed + 2) + 0.025 * smooth_noise(shape, 0.5 / pitch, seed + 3)
    red = (0.55 * hand.red + 0.5 * hollow)[..., None]
    colour: NDArray[Any] = base * patches[..., None] * (1 - red * REDDER)
    colour = colour * (1 - 0.45 * hollow - 0.25 * hand.crease)[..., None]
    rim = np.clip(1 + normal[..., 2:] * 1.0, 0, 1) ** 1.5
    colour = colour * (1 - rim * DARKER)
    nail = hand.nail[..., None]
    pale = NAIL[0] * base + NAIL[1]
    edge = cv2.GaussianBlur(hand.nail, (0, 0), 0.06 / pitch)
    colour = colour * (1 - 0.25 * np.clip(4 * edge * (1 - edge) - 0.2, 0, 1))[..., None]
    colour = colour * (1 - 0.8 * nail) + 0.8 * nail * pale
    return Matter(np.asarray(colour, np.float32), normal, gloss=0.05, sharpness=9.0)


def skin_colour_of(head: Head) -> Image:
    """Linear light of the face's well-lit skin, shape (3,): the middle of the brighter half of what looks like skin."""
    light = linear_rgb(head.subject.pixels).astype(np.float32)
    chosen = head.parts.skin * head.parts.likeness > 0.6
    chosen = chosen if chosen.sum() > 200 else head.parts.face > 0.5
    found = light[chosen] if chosen.any() else light.reshape(-1, 3)
    brightness = found.mean(-1)
    return np.asarray(np.median(found[brightness >= np.median(brightness)], axis=0), np.float32)


def _sleeve(hand: Hand, x: Array, y: Array, pitch: float, colour: str, seed: int) -> Matter:
    """Cloth around the forearm, folded across it, with a cuff."""
    shape = hand.height.shape
    folds = smooth_noise(shape, 1.6 / pitch, seed + 11) * 0.10 + weave(x, y, 0.16) * 0.006
    cuff = np.clip((hand.arm - SLEEVE_FROM) / 0.25, 0, 1) * np.clip((SLEEVE_FROM + 1.4 - hand.arm) / 0.2, 0, 1)
    normal = _normals(hand, pitch, folds * np.clip(hand.arm - SLEEVE_FROM, 0, 1) + 0.12 * cuff)
    tone = linear(colour) * (1 - 0.12 * np.exp(-(((hand.arm - SLEEVE_FROM - 1.4) / 0.06) ** 2)))[..., None]
    return Matter(np.asarray(tone, np.float32), normal)
