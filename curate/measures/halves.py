"""The line that halves a face in its picture, and the two pictures that each half makes with its mirror image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, angles, fit_pose
from annotators.crops import Pixels
from annotators.points import mirror
from annotators.shape import symmetry
from curate.generators.base import CannotGenerate
from curate.generators.mirrored_halves import MOST_YAW
from curate.generators.subject import Subject
from schemas.landmarks import layout

Array = NDArray[np.float64]

BLUR = 1.5
"""Of the brightness that is compared while the line is looked for, in pixels of the portrait."""
START = (2.0, 3.0)
"""First steps of the search: degrees and pixels."""
HALVINGS = 6
ACROSS, DOWN = 0.42, 0.46
"""Half axes of the ellipse that counts, in widths and heights of the mesh: inside the face at any small turn."""


@dataclass(frozen=True)
class Centred:
    """A portrait whose face is halved by the picture's middle column line.

    Attributes:
        pixels: RGB, shape (side, side, 3).
        likeness: Correlation of the face's brightness with that of its mirror image, -1..1.
    """

    pixels: Pixels
    likeness: float


def centred(subject: Subject) -> Centred:
    """Turn and move a portrait so that its face is as like its mirror image as can be.

    The search begins at the mesh's middle line and its roll, and follows the better of small steps.

    Raises:
        CannotGenerate: if the face has no mesh, is turned too far, or has no contrast.
    """
    mesh = subject.need_mesh()
    yaw, _, roll = angles(fit_pose(mesh).rotation)
    if abs(yaw) > MOST_YAW:
        raise CannotGenerate(f"the head is turned by {abs(yaw):.0f} degrees, too far for halves to be compared")
    pairs = np.asarray(layout("points-478").mirror)
    middle = mesh[pairs == np.arange(len(pairs)), :2].mean(0)
    face = _ellipse(mesh, middle[1], subject.side)
    soft = cv2.GaussianBlur(_grey(subject.pixels), (0, 0), BLUR)
    best = (roll, float(middle[0]))
    value = _likeness(_turned(soft, best, middle[1]), face)
    step = np.array(START)
    for _ in range(HALVINGS):
        improved = True
        while improved:
            improved = False
            for move in np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) * step:
                trial = (best[0] + float(move[0]), best[1] + float(move[1]))
                found = _likeness(_turned(soft, trial, middle[1]), face)
                if found > value + 1e-9:
                    best, value, improved = trial, found, True
        step = step / 2
    pixels = np.asarray(np.rint(np.clip(_turned(subject.pixels.astype(np.float64), best, middle[1]), 0, 255)), np.uint8)
    likeness = _likeness(cv2.GaussianBlur(_grey(pixels), (0, 0), BLUR), face)
    if not math.isfinite(likeness):
        raise CannotGenerate("the face has no contrast")
    return Centred(pixels, likeness)


def halves(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """The subject's left half with its mirror image, and the right half with its own; both of the picture's size.

    The subject's right lies on the picture's left.
    """
    half = pixels.shape[1] // 2
    left, right = pixels.copy(), pixels.copy()
    left[:, :half] = pixels[:, -half:][:, ::-1]
    right[:, -half:] = pixels[:, :half][:, ::-1]
    return left, right


def mesh_symmetry(mesh: Any, flipped: Any, width: int) -> float:
    """Symmetry of the mean of a picture's mesh and the flipped picture's, which takes the network's own bent away.

    Args:
        mesh: (478, 3) or flat, pixels.
        flipped: The same of the picture flipped left to right.
        width: Of the picture in pixels.
    """
    one, other = (np.asarray(m, np.float64).reshape(-1, 3) for m in (mesh, flipped))
    both = (one + mirror(other, "points-478", width)) / 2
    return symmetry(fit_pose(both).to_head(both[:COUNT]))[0]


def _grey(pixels: Pixels) -> Array:
    return np.asarray(pixels.astype(np.float64) @ [0.299, 0.587, 0.114])


def _turned(values: NDArray[Any], line: tuple[float, float], height: float) -> NDArray[Any]:
    """The picture turned so that a line of this roll through (x, height) is upright and in the middle."""
    roll, x = math.radians(line[0]), line[1]
    side = values.shape[0]
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    shift = np.array([side / 2, height]) - turn @ np.array([x, height])
    shift = shift + 0.5 * turn.sum(1) - 0.5  # OpenCV counts from the centre of the first pixel
    matrix = np.hstack([turn, shift[:, None]])
    return cv2.warpAffine(values, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _likeness(grey: NDArray[Any], face: NDArray[np.bool_]) -> float:
    """Correlation with the mirror image inside the face; minus infinity without contrast."""
    a, b = grey[face], grey[:, ::-1][face]
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 1e-6 else -math.inf


def _ellipse(mesh: Array, height: float, side: int) -> NDArray[np.bool_]:
    width, tall = (float(np.ptp(mesh[:, k])) for k in (0, 1))
    down, across = np.mgrid[0:side, 0:side] + 0.5
    return np.asarray(((across - side / 2) / (ACROSS * width)) ** 2 + ((down - height) / (DOWN * tall)) ** 2 <= 1)
