"""YuNet, the default detector: one pass for most pictures, more where the first one gives reason to look again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Detections, Detector
from annotators.boxes import best_first, covered, iou, suppress
from annotators.crops import Pixels
from annotators.runtime import OnnxModel
from annotators.weights import ModelStore

STRIDES = (8, 16, 32)
NMS_IOU = 0.3
SMALL_PICTURE, ENLARGED = 192, 320
"""Pictures under the first are enlarged to the second: of faces under 48 px, 96 % are found instead of 79 %."""
HINT = 0.3
"""A weaker score than a face needs, but enough to be a reason for a closer look."""
SMALL_FACE = 40
"""Faces under this side, in pixels of a pass, are a reason for the next finer one."""
FINE_FACE = 120
"""What a finer pass may add: larger faces were for the coarser pass to find."""
SAME_IOU, SAME_COVERED = 0.4, 0.7
TILE, OVERLAP = 1280, 160
DENSE = 8
WORTHWHILE = 1.25
"""A pass must be this much finer than the one before."""
UPRIGHT_SCORE = 0.9
"""Faces that stand upright score less than this in one of ten cases, upside-down ones in nineteen of twenty."""
TURNED_GAIN, TURNED_SCORE = 0.02, 0.8
"""How much better than upright a turned reading must be (of 756 upright ones none read better turned), and what
it must reach where upright shows nothing."""


@dataclass(frozen=True)
class YunetConfig(Config):
    """Settings of the detector.

    Attributes:
        threshold: Least score of a face.
        side: Longer side of the picture in the first pass, in pixels.
        max_side: Longer side in the finest pass; it doubles from `side` while small faces show.
        turned: Look at the picture turned by 90, 180 and 270 degrees when faces are missing or doubtful.
    """

    threshold: float = 0.6
    side: int = 640
    max_side: int = 2560
    turned: bool = True


class YuNet(Detector):
    """The longer side at 640 px first; then finer and turned passes where the first gives reason to.

    Finer passes (1280, 2560 px, in overlapping tiles) follow where no face is found, and while faces
    are small or many. Turned passes follow when no face is found or one scores low: YuNet also finds
    faces upside down, with the wrong points, but scores them lower than upright.
    """

    name = "yunet"
    version = "1"
    doc = "YuNet with finer passes for small faces and turned ones for pictures that lie on their side."
    weights = ("yunet",)
    config_type = YunetConfig

    def setup(self, models: ModelStore) -> None:
        self._network = OnnxModel(models.path("yunet"), any_size=True)

    def detect(self, image: Pixels) -> Detections:
        config = cast(YunetConfig, self.config)
        longer = max(image.shape[:2])
        scale = ENLARGED / longer if longer < SMALL_PICTURE else min(1.0, config.side / longer)
        hints = self._scan(image, scale)
        found = _above(hints, config.threshold)
        if not len(found):
            found = _above(self._scan(image, scale / 2), config.threshold)
        finer = not len(found) or _small_or_many(hints, scale)
        while finer and scale * longer * WORTHWHILE <= min(longer, config.max_side):
            scale = min(1.0, 2 * scale, config.max_side / longer)
            fine = _above(self._scan_tiles(image, scale), config.threshold)
            found = _merge(found, fine, scale)
            finer = _small_or_many(fine, scale)
        if config.turned and (not len(found) or found.scores.min() < UPRIGHT_SCORE):
            found = self._turned(image, found)
        return _take(found, best_first(found.boxes, found.scores))

    def _turned(self, image: Pixels, upright: Detections) -> Detections:
        """Replace or add faces that a turned picture shows better."""
        longer = max(image.shape[:2])
        scale = min(ENLARGED / longer if longer < SMALL_PICTURE else 1.0, cast(YunetConfig, self.config).side / longer)
        small = _resized(image, scale)
        ratio = image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]
        readings = []
        for quarter in (1, 2, 3):
            turned = self._read(np.ascontiguousarray(np.rot90(small, quarter)))
            readings.append(_scaled(_turned_back(turned, quarter, small.shape[1], small.shape[0]), ratio))
        every = _joined(*readings)
        return _better_turned(upright, _take(every, suppress(every.boxes, every.scores, NMS_IOU)))

    def _scan(self, image: Pixels, scale: float) -> Detections:
        small = _resized(image, scale)
        return _scaled(self._read(small), (image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]))

    def _scan_tiles(self, image: Pixels, scale: float) -> Detections:
        """A pass in tiles that overlap by more than the faces it may add; cut faces at inner edges are left out."""
        small = _resized(image, scale)
        height, width = small.shape[:2]
        parts = []
        for x, y in _tiles(width, height):
            tile = small[y : y + TILE, x : x + TILE]
            found = self._read(tile)
            low, high = found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]
            inner_low, inner_high = np.array([x > 0, y > 0]), np.array([x + TILE < width, y + TILE < height])
            cut = ((low < 1) & inner_low) | ((high > np.array([tile.shape[1], tile.shape[0]]) - 1) & inner_high)
            parts.append(_moved(_take(found, np.flatnonzero(~cut.any(axis=1))), x, y))
        every = _joined(*parts)
        kept = _take(every, suppress(every.boxes, every.scores, NMS_IOU))
        return _scaled(kept, (image.shape[1] / width, image.shape[0] / height))

    def _read(self, pixels: Pixels) -> Detections:
        """Faces and hints in a picture as it is, in its own pixels."""
        height, width = pixels.shape[:2]
        padded = cv2.copyMakeBorder(pixels, 0, -height % 32, 0, -width % 32, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        out = self._network(np.asarray(cv2.dnn.blobFromImage(padded, swapRB=True), np.float32))
        parts = []
        for i, stride in enumerate(STRIDES):
            certainty, objectness, box, points = (out[3 * kind + i][0] for kind in range(4))
            score = np.sqrt(np.clip(certainty[:, 0], 0, 1) * np.clip(objectness[:, 0], 0, 1))
            kept = np.flatnonzero(score >= HINT)
            columns = padded.shape[1] // stride
            cells = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
            # In float64: the last bit of a float32 exponential may depend on where the array lies in memory.
            size = np.exp(box[kept, 2:].astype(np.float64)).astype(np.float32) * stride
            centre = (cells + box[kept, :2]) * stride
            five = (cells[:, None] + points[kept].reshape(-1, 5, 2)) * stride
            parts.append(Detections(np.hstack([centre - size / 2, size]), five, score[kept]))
        every = _joined(*parts)
        return _take(every, suppress(every.boxes, every.scores, NMS_IOU))


def _resized(image: Pixels, scale: float) -> Pixels:
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return image
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def _tiles(width: int, height: int) -> Iterator[tuple[int, int]]:
    step = TILE - OVERLAP
    for y in range(0, max(1, height - OVERLAP), step):
        for x in range(0, max(1, width - OVERLAP), step):
            yield x, y


def _small_or_many(found: Detections, scale: float) -> bool:
    sides = found.boxes[:, 2:].max(axis=1) * scale
    return len(found) >= DENSE or bool((sides < SMALL_FACE).any())


def _merge(coarse: Detections, fine: Detections, scale: float) -> Detections:
    """Add the small faces of a finer pass; of two readings of one face the better stays."""
    fine = _take(fine, np.flatnonzero(fine.boxes[:, 2:].max(axis=1) * scale < FINE_FACE))
    every = _joined(coarse, fine)
    order = best_first(every.boxes, every.scores)
    same = (iou(every.boxes, every.boxes) > SAME_IOU) | (covered(every.boxes, every.boxes) > SAME_COVERED)
    kept: list[int] = []
    for i in order:
        if not any(same[i, k] for k in kept):
            kept.append(int(i))
    return _take(every, np.array(kept, np.intp))


def _better_turned(upright: Detections, turned: Detections) -> Detections:
    """Exchange faces for a reading of the turned picture that scores clearly higher; start from strong ones."""
    if not len(upright):
        return _above(turned, TURNED_SCORE)
    overlap = iou(turned.boxes, upright.boxes) > NMS_IOU
    rival = np.max(np.where(overlap, upright.scores[None], 1), axis=1, initial=0)
    wins = turned.scores >= rival + TURNED_GAIN
    beaten = overlap[wins].any(axis=0)
    return _joined(_take(upright, np.flatnonzero(~beaten)), _take(turned, np.flatnonzero(wins)))


def _turned_back(found: Detections, quarter: int, width: int, height: int) -> Detections:
    """Faces of `numpy.rot90(picture, quarter)` in the picture itself, which has that width and height."""

    def back(points: NDArray[np.float32]) -> NDArray[np.float32]:
        x, y = points[..., 0], points[..., 1]
        turned = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}
        return np.stack(turned[quarter], axis=-1)

    a, b = back(found.boxes[:, :2]), back(found.boxes[:, :2] + found.boxes[:, 2:])
    low, high = np.minimum(a, b), np.maximum(a, b)
    return Detections(np.hstack([low, high - low]), back(found.points), found.scores)


def _take(found: Detections, rows: NDArray[np.intp]) -> Detections:
    return Detections(found.boxes[rows], found.points[rows], found.scores[rows])


def _above(found: Detections, threshold: float) -> Detections:
    return _take(found, np.flatnonzero(found.scores >= threshold))


def _joined(*parts: Detections) -> Detections:
    return Detections(
        np.concatenate([p.boxes for p in parts]),
        np.concatenate([p.points for p in parts]),
        np.concatenate([p.scores for p in parts]),
    )


def _scaled(found: Detections, ratio: tuple[float, float]) -> Detections:
    by = np.array(ratio, np.float32)
    return Detections(found.boxes * np.tile(by, 2), found.points * by, found.scores)


def _moved(found: Detections, x: int, y: int) -> Detections:
    by = np.array([x, y], np.float32)
    return Detections(found.boxes + np.array([x, y, 0, 0], np.float32), found.points + by, found.scores)
