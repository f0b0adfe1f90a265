"""Small changes of a picture that change nothing about the face in it, and how labels of a mirrored face read back."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Detector
from annotators.boxes import iou
from annotators.crops import Pixels
from annotators.points import mirror
from schemas import Column
from schemas.columns import labels
from schemas.landmarks import opposite

Array = NDArray[np.float32]

SHIFT = 0.05
"""Largest shift and change of size of the box, as a share of its side."""
BLUR = 0.012
"""Standard deviation of the blur as a share of the box's longer side: what a slightly missed focus does."""
JPEG_QUALITY = 40
GAINS = {"darker": 0.6, "brighter": 1.5}
SAME_FACE = 0.3
"""Overlap from which another detector's box is of the same face."""


@dataclass(frozen=True)
class View:
    """One face in one picture.

    Attributes:
        image: RGB, shape (height, width, 3).
        box: (4,) x, y, width, height.
        points: (5, 2) the detector's five points.
    """

    image: Pixels
    box: Array
    points: Array


def cut(view: View, margin: float = 1.0) -> View:
    """The face with its surroundings only, so that probes cost by the face and not by the photo.

    Args:
        view: The face in its picture.
        margin: Share of the box's longer side kept on each side.
    """
    height, width = view.image.shape[:2]
    x, y, w, h = (float(v) for v in view.box)
    pad = margin * max(w, h)
    left, top = max(int(x - pad), 0), max(int(y - pad), 0)
    right, bottom = min(int(np.ceil(x + w + pad)), width), min(int(np.ceil(y + h + pad)), height)
    if right <= left or bottom <= top:
        return view
    offset = np.array([left, top], np.float32)
    region = np.ascontiguousarray(view.image[top:bottom, left:right])
    box = np.concatenate([view.box[:2] - offset, view.box[2:]]).astype(np.float32)
    return View(region, box, (view.points - offset).astype(np.float32))


def jitter(view: View, seed: str) -> View:
    """Box and points moved together by up to `SHIFT` of the box and scaled by as much; the seed decides how."""
    rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "little"))
    dx, dy, grow = rng.uniform(-SHIFT, SHIFT, 3)
    centre = view.box[:2] + view.box[2:] / 2
    moved = centre + view.box[2:] * [dx, dy]
    size = view.box[2:] * (1 + grow)
    points = (view.points - centre) * (1 + grow) + moved
    return View(view.image, np.concatenate([moved - size / 2, size]).astype(np.float32), np.asarray(points, np.float32))


def flip(view: View) -> View:
    """Left and right changed places; the points keep their meaning."""
    width = view.image.shape[1]
    x, y, w, h = view.box
    box = np.array([width - x - w, y, w, h], np.float32)
    return View(np.ascontiguousarray(view.image[:, ::-1]), box, mirror(view.points, "points-5", width))


def blur(view: View) -> View:
    """Slightly out of focus."""
    sigma = max(float(view.box[2:].max()) * BLUR, 0.3)
    return replace(view, image=np.asarray(cv2.GaussianBlur(view.image, (0, 0), sigma), np.uint8))


def jpeg(view: View) -> View:
    """Saved with strong compression."""
    _, code = cv2.imencode(".jpg", view.image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    picture = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return replace(view, image=np.ascontiguousarray(picture[:, :, ::-1]))


def gained(view: View, gain: float) -> View:
    """Brightness multiplied; what exceeds white is cut off."""
    table = np.clip(np.rint(np.arange(256) * gain), 0, 255).astype(np.uint8)
    return replace(view, image=np.asarray(cv2.LUT(view.image, table), np.uint8))


def seen_by(detector: Detector, view: View) -> View | None:
    """The face as another detector places it, or None if it does not find it."""
    found = detector.detect(view.image)
    if not len(found):
        return None
    overlaps = iou(view.box[None].astype(np.float64), found.boxes)[0]
    best = int(overlaps.argmax())
    return replace(view, box=found.boxes[best], points=found.points[best]) if overlaps[best] >= SAME_FACE else None


def probes(detector: Detector) -> dict[str, Callable[[View, str], View | None]]:
    """Probe of taxonomy `probe` -> what it makes of a face; the text is a seed, such as the face's id."""
    return {
        "jitter": jitter,
        "flip": lambda view, _: flip(view),
        "blur": lambda view, _: blur(view),
        "jpeg": lambda view, _: jpeg(view),
        "darker": lambda view, _: gained(view, GAINS["darker"]),
        "brighter": lambda view, _: gained(view, GAINS["brighter"]),
        "detector": lambda view, _: seen_by(detector, view),
    }


def unflip(column: Column, value: Any, width: float) -> Any:
    """What a label of the mirrored picture says of the picture itself.

    Args:
        column: The column.
        value: Its value on the mirrored picture, as `Face[column]` gives it.
        width: Width of the picture in pixels.
    """
    if value is not None and column is labels.POINTS_68:
        return mirror(np.asarray(value), column.taxonomy, width)
    undo = _UNDO.get(column)
    return value if value is None or undo is None else undo(value)


def _other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


_UNDO: dict[Column, Callable[[Any], Any]] = {
    labels.YAW: operator.neg,
    labels.ROLL: operator.neg,
    labels.GAZE_YAW: operator.neg,
    labels.GAZE_IN_HEAD_YAW: operator.neg,
    labels.EYES_STATE: lambda state: {"wink_left": "wink_right", "wink_right": "wink_left"}.get(state, state),
    labels.BLENDSHAPES: lambda values: {_other_side(name): number for name, number in values.items()},
    labels.REGION_VISIBLE: lambda values: {opposite(name): number for name, number in values.items()},
}
