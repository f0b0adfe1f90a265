"""The person around a face: head, neck and trunk as an upright cut, and the face at several distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.export.crops import cut
from curate.export.sample import Sample
from curate.pairs.view import Drawn, View
from curate.pairs.views.frequencies import scale_matrices

ABOVE, BELOW, ASIDE = 0.7, 3.0, 1.6
"""How far the cut reaches above, below and beside the middle of the face's box, in heights and widths of the box."""
SCALES, SIDE = (1.0, 2.0, 4.0), 224
"""Of `scales`: sides of the squares over the longer side of the box, and the side that each is brought to, px."""


def person_box(box: tuple[float, float, float, float], height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the person around a face, within the picture.

    Args:
        box: Left, top, width, height of the face.
        height: Of the picture.
        width: Of the picture.
    """
    x, y, w, h = box
    middle, centre = x + w / 2, y + h / 2
    left, right = max(round(middle - ASIDE * w), 0), min(round(middle + ASIDE * w), width)
    top, bottom = max(round(centre - (0.5 + ABOVE) * h), 0), min(round(centre + BELOW * h), height)
    return left, top, max(right, left + 1), max(bottom, top + 1)


class PersonCrop(View):
    """Head and trunk."""

    name = "person_crop"
    doc = "The person around the face, head to chest, as far as the picture goes; best of whole pictures (--crop none)."

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The cut; None for a face outside the picture."""
        box = sample.faces[0].box
        if box is None:
            return None
        left, top, right, bottom = person_box(box, *pixels.shape[:2])
        found = pixels[top:bottom, left:right]
        return np.ascontiguousarray(found) if found.size else None


class Scales(View):
    """Several distances."""

    name = "scales"
    doc = "The face, its head and its surround as three squares of 224 px side by side; best of whole pictures."

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The squares; None without a box."""
        box = sample.faces[0].box
        if box is None:
            return None
        return squares(pixels, np.asarray(box, np.float64), SIDE, SCALES)


def squares(pixels: Pixels, box: NDArray[np.float64], side: int, scales: tuple[float, ...]) -> Pixels:
    """Squares about a box side by side, (side, side * scales, 3)."""
    return np.hstack([cut(pixels, matrix, side) for matrix in scale_matrices(box, side, scales)])
