"""Which pixels of a picture belong to which of its people: by place around each face, without a network.

Head, neck and trunk of an average body are laid below each face; where two people's meet, a pixel goes to whom it is
nearer in that person's own scale. An estimate by place: it knows neither arms nor who stands in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating[Any]]

NOBODY = -1
HEAD_WIDE, HEAD_TALL = 0.85, 0.95
"""Half axes of the ellipse of head and hair, in widths and heights of the box."""
HEAD_UP = 0.12
"""How far the ellipse's centre lies above the box's, in heights of the box."""
SHOULDERS_FROM, SHOULDERS_TO = 0.45, 1.6
"""Half width of neck and of shoulders, in widths of the box."""
SLOPE = 0.75
"""How far below the chin the shoulders are at full width, in heights of the box."""


def left_to_right(boxes: Boxes) -> list[int]:
    """Order of faces by the middles of their boxes, leftmost first; the higher first where two are equal.

    Args:
        boxes: (n, 4) left, top, width, height.
    """
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    return [int(i) for i in np.lexsort((centres[:, 1], centres[:, 0]))]


def owners(boxes: Boxes, height: int, width: int) -> NDArray[np.int16]:
    """Whose each pixel is: the number of a face, or -1.

    A pixel within exactly one face's box is that face's; within several it goes to the face whose middle is nearest
    in units of its box.

    Args:
        boxes: (n, 4) left, top, width, height in px.
        height: Of the picture.
        width: Of the picture.
    """
    found = np.full((height, width), NOBODY, np.int16)
    nearest = np.full((height, width), np.inf, np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    for number, box in enumerate(np.asarray(boxes, np.float64).tolist()):
        away = _distance(x, y, *box)
        mine = away < np.minimum(nearest, 1)
        found[mine] = number
        nearest[mine] = away[mine]
    return found


def region_masks(boxes: Boxes, height: int, width: int) -> list[NDArray[np.bool_]]:
    """One mask per face in the order of the boxes, none of them meeting another; see `owners`."""
    whose = owners(boxes, height, width)
    return [whose == number for number in range(len(boxes))]


def pairwise_iou(masks: Sequence[NDArray[np.bool_]]) -> float:
    """Largest intersection over union of any two masks; 0 for fewer than two."""
    most = 0.0
    for i, first in enumerate(masks):
        for second in masks[i + 1 :]:
            union = int((first | second).sum())
            most = max(most, int((first & second).sum()) / union if union else 0.0)
    return most


def _distance(
    x: NDArray[np.float32], y: NDArray[np.float32], left: float, top: float, w: float, h: float
) -> NDArray[np.float32]:
    """Distance of pixels to a person: below 0 within the box, 0-1 within head and body, beyond 1 outside."""
    w, h = max(w, 1e-6), max(h, 1e-6)
    across, down = (x - left - w / 2) / w, (y - top - h / 2) / h
    boxed = np.maximum(abs(across), abs(down)) * 2
    head = np.sqrt((across / HEAD_WIDE) ** 2 + ((down + HEAD_UP) / HEAD_TALL) ** 2)
    below = np.clip((down - 0.5) / SLOPE, 0, 1)
    half = SHOULDERS_FROM + (SHOULDERS_TO - SHOULDERS_FROM) * below
    body = np.where(down > 0.3, abs(across) / half, np.inf)
    away = np.minimum(head, body)
    return np.where(boxed <= 1, boxed - 1 - 1e-3, np.clip(away, 0, None)).astype(np.float32)
