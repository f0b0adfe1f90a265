"""BlazeFace, full range: the second detector, which looks at every face again and can also work alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Detections, Detector
from annotators.boxes import crowds, suppress
from annotators.crops import Pixels, square, warp
from annotators.runtime import TfliteModel
from annotators.weights import ModelStore
from schemas import UnknownNameError

SIZE = 192
GRID = 48
"""One anchor in each 4-px cell, in rows; all of the picture's size (MediaPipe's full-range options)."""
SCORE_CLIP = 100.0
NMS_IOU = 0.3
BLEND, BEST = MERGES = ("blend", "best")


@dataclass(frozen=True)
class BlazefaceConfig(Config):
    """Settings of the detector.

    Attributes:
        threshold: Least score of a face.
        merge: What becomes of overlapping readings of a face: `blend`, their mean by score, or `best`, the best one.
    """

    threshold: float = 0.6
    merge: str = BLEND

    def __post_init__(self) -> None:
        if self.merge not in MERGES:
            raise UnknownNameError("way to merge", self.merge, MERGES)


ROOM = (1.0, 2.0)
"""Sides of the looks, in sides of the picture: a face that fills the picture is found only with room around it."""


class BlazeNetwork:
    """The network and its decoding, for square crops."""

    def __init__(self, models: ModelStore) -> None:
        self._network = TfliteModel(models.path("blazeface_full"))
        rows, columns = np.divmod(np.arange(GRID * GRID), GRID)
        self._anchors = np.stack([columns + 0.5, rows + 0.5], axis=1) / GRID * SIZE

    def read(self, pixels: Pixels, threshold: float, merge: str = BLEND) -> Detections:
        """Faces in an RGB crop of 192 x 192, in its pixels, best first; see `Detections` and `BlazefaceConfig`."""
        raw, logits = self._network(np.multiply(pixels[None], np.float32(1 / 127.5), dtype=np.float32) - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0].astype(np.float64), -SCORE_CLIP, SCORE_CLIP)))
        kept = np.flatnonzero(scores >= threshold)
        values = raw[0, kept].reshape(-1, 8, 2).astype(np.float64)
        centre, size = values[:, 0] + self._anchors[kept], values[:, 1]
        points = values[:, 2:] + self._anchors[kept, None]
        return merged(np.hstack([centre - size / 2, size]), points, scores[kept], merge)


class BlazeFace(Detector):
    """BlazeFace on the whole picture at 192 px, as it is and with room around: for faces that fill much of it."""

    name = "blazeface"
    version = "1"
    doc = "BlazeFace full range on the whole picture, as it is and with room around; misses small and masked faces."
    weights = ("blazeface_full",)
    config_type = BlazefaceConfig

    def setup(self, models: ModelStore) -> None:
        self._network = BlazeNetwork(models)

    def detect(self, image: Pixels) -> Detections:
        found = [self._look(image, room) for room in ROOM]
        boxes, points, scores = (
            np.concatenate([getattr(f, part) for f in found]) for part in ("boxes", "points", "scores")
        )
        kept = suppress(boxes, scores, NMS_IOU)
        return Detections(boxes[kept], points[kept], scores[kept])

    def _look(self, image: Pixels, room: float) -> Detections:
        height, width = image.shape[:2]
        matrix = square((width / 2, height / 2), max(width, height) * room, 0.0, SIZE)
        config = cast(BlazefaceConfig, self.config)
        found = self._network.read(warp(image, matrix, SIZE), config.threshold, config.merge)
        scale, offset = np.float32(matrix[0, 0]), matrix[:, 2].astype(np.float32)
        corners = (found.boxes[:, :2] - offset) / scale
        return Detections(
            np.hstack([corners, found.boxes[:, 2:] / scale]), (found.points - offset) / scale, found.scores
        )


def merged(
    boxes: NDArray[np.float64], points: NDArray[np.float64], scores: NDArray[np.float64], merge: str = BLEND
) -> Detections:
    """Faces from readings: overlapping ones are averaged by score, or the best stands for them; the best score stays.

    V. Bazarevsky et al., "BlazeFace: sub-millisecond neural face detection on mobile GPUs", 2019, section 3.4, which
    finds boxes steadier from frame to frame with the mean. BlazeFace's six points are eyes, nose, mouth and two ear
    tragions; the five of `Detections` need mouth corners: they are set at 0.4 of the distance of the eyes to either
    side of the mouth's centre.
    """
    out: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
    for crowd in crowds(boxes, scores, NMS_IOU):
        used = crowd if merge == BLEND else crowd[:1]
        share = scores[used] / scores[used].sum()
        out.append((share @ boxes[used], np.tensordot(share, points[used], 1), float(scores[crowd[0]])))
    return Detections(
        np.array([o[0] for o in out], np.float32).reshape(-1, 4),
        np.array([_five(o[1]) for o in out], np.float32).reshape(-1, 5, 2),
        np.array([o[2] for o in out], np.float32),
    )


def _five(six: NDArray[np.float64]) -> NDArray[np.float64]:
    right_eye, left_eye, nose, mouth = six[:4]
    half = (left_eye - right_eye) * 0.4
    return np.stack([right_eye, left_eye, nose, mouth - half, mouth + half])
