"""Faces hidden in the slices of a volume, such as a head scan whose slices or renderings show a face.

It hides what a face detector for photographs finds. For scans of heads use a defacing tool made for them besides: a
face that only shows in three dimensions is in no single slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Detector
from annotators.registry import detector
from annotators.weights import ModelStore
from schemas import UsageError

MARGIN = 0.25
"""How far the hidden box reaches beyond the detected one, in its longer side."""
METHODS = ("mask", "pixelate")
CELLS = 4
"""Cells across a pixelated box."""


@dataclass(frozen=True)
class HiddenBox:
    """What was hidden.

    Attributes:
        slice: Number of the slice.
        box: x, y, width, height, whole pixels.
        score: Of the detector.
    """

    slice: int
    box: tuple[int, int, int, int]
    score: float


@dataclass(frozen=True)
class HiddenVolume:
    """A volume without the faces that were found.

    Attributes:
        volume: Same shape and type; nothing outside the boxes differs.
        boxes: Every box that was hidden.
    """

    volume: NDArray[Any]
    boxes: tuple[HiddenBox, ...]


def hide_faces(volume: NDArray[Any], method: str = "mask", finder: Detector | None = None) -> HiddenVolume:
    """Hide every face of every slice along the first axis.

    Args:
        volume: (slices, height, width), numbers of any type; each slice is shown to the detector between its least and
            greatest value.
        method: `mask`: the slice's median; `pixelate`: four cells across the box in their mean.
        finder: Detector that is ready; YuNet by default.

    Raises:
        UsageError: for another shape or method.
    """
    if volume.ndim != 3 or min(volume.shape, default=0) < 1:
        raise UsageError(f"a volume of shape {volume.shape}", "it must have slices, rows and columns")
    if method not in METHODS:
        raise UsageError(f"method {method}", f"known are {', '.join(METHODS)}")
    if finder is None:
        finder = detector("yunet")()
        finder.setup(ModelStore())
    hidden, boxes = volume.copy(), []
    for number, values in enumerate(volume):
        found = finder.detect(_shown(values))
        for box, score in zip(found.boxes, found.scores, strict=True):
            x, y, width, height = area = _area(box, values.shape)
            part = hidden[number, y : y + height, x : x + width]
            part[...] = _covered(values, part, method)
            boxes.append(HiddenBox(number, area, float(score)))
    return HiddenVolume(hidden, tuple(boxes))


def _shown(values: NDArray[Any]) -> NDArray[np.uint8]:
    """A slice as a grey RGB picture."""
    numbers = values.astype(np.float64)
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    grey = np.rint(np.nan_to_num((numbers - low) / max(high - low, 1e-12)) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))


def _area(box: NDArray[Any], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A box with its margin, whole pixels inside the slice."""
    x, y, width, height = (float(v) for v in box)
    more = MARGIN * max(width, height)
    left, top = max(int(np.floor(x - more)), 0), max(int(np.floor(y - more)), 0)
    right, low = min(int(np.ceil(x + width + more)), shape[1]), min(int(np.ceil(y + height + more)), shape[0])
    return left, top, max(right - left, 1), max(low - top, 1)


def _covered(values: NDArray[Any], part: NDArray[Any], method: str) -> NDArray[Any]:
    """What stands in a box, of the volume's type."""
    if method == "mask":
        return np.full_like(part, np.median(values).astype(values.dtype))
    result = np.empty_like(part)
    rows, columns = (np.array_split(np.arange(n), min(CELLS, n)) for n in part.shape)
    for down in rows:
        for across in columns:
            cell = np.ix_(down, across)
            result[cell] = part[cell].mean().astype(part.dtype)
    return result
