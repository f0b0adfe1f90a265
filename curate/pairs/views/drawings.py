"""Pictures drawn from landmarks: five points with limbs, the face's skeleton, the line of the jaw, heat maps.

Points are px of the crop, origin at its top-left corner. All pictures are RGB bytes on black.
"""

from __future__ import annotations

import colorsys
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.crops import Pixels
from curate.export.sample import Sample
from curate.pairs.view import Drawn, View
from curate.pairs.views.base import subject_of
from schemas.columns import faces, labels
from schemas.landmarks import layout

Points = NDArray[np.floating[Any]]

FINE = 16
"""OpenCV takes places in sixteenths of a pixel."""
FIVE_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
"""InstantID's colours of image-left eye, image-right eye, nose, image-left and image-right corner of the mouth."""
FIVE_LIMBS = ((0, 2), (1, 2), (3, 2), (4, 2))
LIMB, DOT, REFERENCE = 4, 10, 1024
"""Half width of InstantID's limbs and radius of its dots, in px of a picture of 1024 px."""
LIMB_SHADE = 0.6
JAW = tuple(range(17))
"""The line of the jaw in 68 points."""
DRAWN = ("right_brow", "left_brow", "nose_bridge", "nose_base", "right_eye", "left_eye", "outer_lip", "inner_lip")


def five_point_image(points: Points, side: int) -> Pixels:
    """Five points joined to the nose, as InstantID's `draw_kps` draws them, scaled to the picture.

    Q. Wang et al., "InstantID: zero-shot identity-preserving generation in seconds", 2024; the authors' code fills
    flattened ellipses of half width 4 at 0.6 of the colour, then discs of radius 10 on its 1024 px pictures.

    Args:
        points: (5, 2) px in the order of `points-5`, subject's right first.
        side: Of the picture.
    """
    image = np.zeros((side, side, 3), np.uint8)
    scale = side / REFERENCE
    for first, second in FIVE_LIMBS:
        a, b = points[first].astype(float), points[second].astype(float)
        length, angle = math.dist(a, b), math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))
        middle = (a + b) / 2 - 0.5
        axes = (max(int(length / 2), 1), max(round(LIMB * scale), 1))
        limb = np.asarray(cv2.ellipse2Poly((int(middle[0]), int(middle[1])), axes, int(angle), 0, 360, 1), np.int32)
        cv2.fillConvexPoly(image, limb, FIVE_COLOURS[first])
    image[:] = image * LIMB_SHADE
    for point, colour in zip(points, FIVE_COLOURS, strict=True):
        _disc(image, point, max(DOT * scale, 1.0), colour)
    return image


def skeleton_image(points: Points, side: int) -> Pixels:
    """Lines of all groups of 68 points, each in its own hue, with the points as dots.

    Args:
        points: (68, 2 or 3) px.
        side: Of the picture.
    """
    image = np.zeros((side, side, 3), np.uint8)
    lines = layout("points-68").lines
    width = max(round(side / 256), 1)
    for number, line in enumerate(lines.values()):
        hue = colorsys.hsv_to_rgb(number / len(lines), 1.0, 1.0)
        colour = tuple(round(255 * v) for v in hue)
        cv2.polylines(image, [_fixed(points[list(line), :2])], False, colour, width, cv2.LINE_AA, 4)
    for point in points[:, :2]:
        _disc(image, point, 1.2 * width, (255, 255, 255))
    return image


def jaw_image(points: Points, side: int) -> Pixels:
    """The line of the jaw in white and of all other parts in grey, so that the shape of the face is told apart.

    Args:
        points: (68, 2 or 3) px.
        side: Of the picture.
    """
    image = np.zeros((side, side, 3), np.uint8)
    width = max(round(side / 200), 1)
    lines = layout("points-68").lines
    for name in DRAWN:
        cv2.polylines(image, [_fixed(points[list(lines[name]), :2])], False, (110,) * 3, width, cv2.LINE_AA, 4)
    cv2.polylines(image, [_fixed(points[list(JAW), :2])], False, (255,) * 3, 2 * width, cv2.LINE_AA, 4)
    return image


def heat_maps(points: Points, side: int, size: int = 64, spread: float = 1.5) -> NDArray[np.float32]:
    """One Gaussian per point with its peak of 1 at the point, as stacked-hourglass networks are trained on.

    Args:
        points: (n, 2 or 3) px of the crop.
        side: Of the crop.
        size: Side of the maps in px.
        spread: Standard deviation in px of the maps.

    Returns:
        (n, size, size); all zero for points outside the crop.
    """
    scaled = np.asarray(points, np.float64)[:, :2] * (size / side)
    grid = np.arange(size) + 0.5
    x = np.exp(-(((grid - scaled[:, :1]) / spread) ** 2) / 2)
    y = np.exp(-(((grid - scaled[:, 1:]) / spread) ** 2) / 2)
    inside = np.all((scaled >= 0) & (scaled <= size), axis=1)
    return np.asarray((y[:, :, None] * x[:, None, :]) * np.expand_dims(inside, (1, 2)), np.float32)


def peaks(maps: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Points behind heat maps, (n, 2) px of the crop: the centre of mass around each peak; NaN for empty maps."""
    size = maps.shape[-1]
    found = np.full((len(maps), 2), np.nan)
    for number, heat in enumerate(maps):
        if heat.max() <= 0:
            continue
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        reach = min(row, column, size - 1 - row, size - 1 - column, 5)
        window = heat[row - reach : row + reach + 1, column - reach : column + reach + 1]
        steps = np.arange(-reach, reach + 1)
        total = window.sum()
        found[number] = column + 0.5 + (window.sum(0) @ steps) / total, row + 0.5 + (window.sum(1) @ steps) / total
    return found * (side / size)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.round((np.asarray(points, np.float64) - 0.5) * FINE).astype(np.int32)


def _disc(image: Pixels, point: Points, radius: float, colour: tuple[int, ...]) -> None:
    x, y = _fixed(point).tolist()
    cv2.circle(image, (x, y), round(radius * FINE), colour, -1, cv2.LINE_AA, 4)


class FivePoints(View):
    """InstantID's condition."""

    name = "five_points"
    doc = "Eyes, nose and corners of the mouth as coloured dots with limbs, as InstantID is conditioned."
    needs = (faces.POINTS_5,)

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The drawing."""
        subject = subject_of(sample, pixels)
        return _cut(five_point_image(subject.points, subject.side), pixels)


class Skeleton(View):
    """Lines of the face."""

    name = "skeleton"
    doc = "All lines of the 68 points, each in its own colour."
    needs = (labels.POINTS_68,)

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The drawing; None for faces without points."""
        points = _points(sample)
        return None if points is None else _cut(skeleton_image(points, max(pixels.shape[:2])), pixels)


class Jaw(View):
    """The shape of the face."""

    name = "jaw"
    doc = "The line of the jaw in white and the other lines of the face in grey."
    needs = (labels.POINTS_68,)

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The drawing; None for faces without points."""
        points = _points(sample)
        return None if points is None else _cut(jaw_image(points, max(pixels.shape[:2])), pixels)


class HeatMaps(View):
    """Targets for landmark networks."""

    name = "heat_maps"
    doc = "One Gaussian per point of the 68, (68, 64, 64) in half precision."
    suffix = ".npy"
    needs = (labels.POINTS_68,)

    def draw(self, sample: Sample, pixels: Pixels) -> Drawn:
        """The maps, of the picture made square at right and bottom; None for faces without points."""
        points = _points(sample)
        return None if points is None else heat_maps(points, max(pixels.shape[:2])).astype(np.float16)


def _points(sample: Sample) -> Points | None:
    found = sample.faces[0].labels.get(labels.POINTS_68.name)
    return None if found is None else np.asarray(found, np.float64).reshape(68, -1)


def _cut(drawn: Pixels, pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(drawn[: pixels.shape[0], : pixels.shape[1]])
