"""Which way up a photo is: the turn at which a face is found with its eyes above its mouth, and surest.

Files whose EXIF orientation was lost lie on their side. FaceChain's data preparation asks a rotation network; here the
face detector is asked four times, and its five points say which way the face stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotators.base import Detector
from annotators.crops import Pixels

QUARTERS = (0, 90, 180, 270)
UPRIGHT = 45.0
"""Largest tilt of an upright face in degrees."""
SURER = 1.05
"""How much surer a turn must be than leaving the photo as it is, since most photos are upright and the detector takes
some upside-down faces for upright ones. Chosen on 400 FairFace training photos; of 400 validation photos .988
(.975-.998) stay as they are and .949 (.930-.968) of their turned copies are righted: benchmarks/upright.py."""


@dataclass(frozen=True)
class Standing:
    """How a photo stands.

    Attributes:
        turn: Degrees, counter-clockwise, that bring it upright: 0, 90, 180 or 270.
        score: The detector's score of the largest upright face at that turn; 0 if none was found at any.
    """

    turn: int
    score: float


def tilt(points: NDArray[np.floating]) -> float:
    """Angle between the way from mouth to eyes and straight up, in degrees, -180 to 180; positive is clockwise.

    Args:
        points: (5, 2) eyes, nose tip, mouth corners in px, y down.
    """
    across, down = np.asarray(points[:2]).mean(0) - np.asarray(points[3:]).mean(0)
    return float(np.degrees(np.arctan2(across, -down)))


def turned(image: Pixels, turn: int) -> Pixels:
    """The picture turned counter-clockwise by quarter turns."""
    return np.ascontiguousarray(np.rot90(image, turn // 90))


def standing(image: Pixels, detector: Detector) -> Standing:
    """Find the turn that brings a photo upright; no turn where no face is found.

    The surest upright face decides, weighed by the root of its area: a small chance hit must not turn a portrait.

    Args:
        image: RGB.
        detector: Set up.
    """
    best, most = Standing(0, 0.0), 0.0
    for turn in QUARTERS:
        view = turned(image, turn)
        found = detector.detect(view)
        size = view.shape[0] * view.shape[1]
        for box, points, score in zip(found.boxes, found.points, found.scores, strict=True):
            if abs(tilt(np.asarray(points).reshape(5, 2))) > UPRIGHT:
                continue
            weight = float(score) * float(np.sqrt(box[2] * box[3] / size))
            if weight > most * (SURER if turn else 1.0):
                best, most = Standing(turn, float(score)), weight
    return best
