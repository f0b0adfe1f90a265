"""Moving a portrait with its mesh: where each pixel of the new picture comes from.

A warp is a dense backward shift: the new picture's pixel at q shows the old picture's at q + shift(q). Inside the
mesh it follows from the triangles; around it, it dies out, so that hair, neck and background give way smoothly.
Points are continuous portrait pixels, the first pixel's centre at (0.5, 0.5).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import Array
from annotators.crops import Pixels
from annotators.visibility import triangles
from schemas.landmarks import layout

Shift = NDArray[np.float32]
"""(side, side, 2) x and y in px from a new pixel to the old one that it shows."""
Owner = NDArray[np.int32]
"""(side, side) the triangle that a pixel lies in, -1 outside."""

SUBPIXEL = 4
"""Binary digits after the point in which OpenCV draws triangles."""
SEEN = 0.02
"""Shift in px from which a pixel counts as changed; OpenCV samples in steps of 1/32."""


@cache
def holes() -> NDArray[np.str_]:
    """Which opening each triangle of the mesh fills, shape (898,): `mouth`, `right_eye`, `left_eye`; empty for skin."""
    names = np.full(len(triangles()), "", "<U9")
    for name, group in (("mouth", "inner_lip"), ("right_eye", "right_eye"), ("left_eye", "left_eye")):
        names[np.isin(triangles(), layout("points-478").group(group)).all(1)] = name
    return names


def owners(points: NDArray[np.floating[Any]], corners: NDArray[np.intp], side: int) -> Owner:
    """Which triangle each pixel shows: nearer ones hide those behind them.

    Args:
        points: (n, 2 or 3) px; z grows away from the camera and is left out where nothing hides anything.
        corners: (m, 3) points of each triangle.
        side: Side of the picture.
    """
    drawn = np.full((side, side), -1, np.int32)
    fixed = np.round((points[:, :2] - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    order = np.argsort(-points[corners, 2].mean(1), kind="stable") if points.shape[1] > 2 else range(len(corners))
    for number in order:
        cv2.fillConvexPoly(drawn, fixed[corners[number]], int(number), cv2.LINE_8, SUBPIXEL)
    return drawn


def shifts(old: Array, new: Array, corners: NDArray[np.intp], owner: Owner) -> Shift:
    """Backward shift of the pixels that lie in triangles, 0 elsewhere.

    Args:
        old: (n, 2 or more) px where points were.
        new: (n, 2 or more) px where they are.
        corners: (m, 3) points of each triangle.
        owner: The triangle of each pixel, in the new picture.
    """
    y, x = np.nonzero(owner >= 0)
    result = np.zeros((*owner.shape, 2), np.float32)
    matrices = _matrices(old, new, corners)[owner[y, x]]
    at = np.stack([x + 0.5, y + 0.5, np.ones(len(x))], axis=1)
    result[y, x] = np.einsum("nij,nj->ni", matrices, at)
    return result


def _matrices(old: Array, new: Array, corners: NDArray[np.intp]) -> Array:
    """Affine map (m, 2, 3) from a new place to its shift, per triangle; zero for triangles without area."""
    ends, moves = new[corners, :2], old[corners, :2] - new[corners, :2]
    first, second = ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    safe = np.where(np.abs(area) < 1e-6, np.inf, area)
    inverse = np.stack([second[:, 1], -second[:, 0], -first[:, 1], first[:, 0]], axis=1).reshape(-1, 2, 2)
    inverse /= safe[:, None, None]
    rise = np.stack([moves[:, 1] - moves[:, 0], moves[:, 2] - moves[:, 0]], axis=2)
    linear = rise @ inverse
    base = moves.mean(1) - np.einsum("nij,nj->ni", linear, ends.mean(1))
    return np.concatenate([linear, base[:, :, None]], axis=2)


def spread(shift: Shift, known: NDArray[np.bool_], reach: float) -> Shift:
    """Carry a shift to the pixels around those where it is known, dying out with distance.

    Args:
        shift: Its known part.
        known: Where it is known.
        reach: Distance in px at which it is zero; infinite for a shift that does not die out.
    """
    if known.all() or not known.any():
        return shift
    away, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros((int(label.max()) + 1, 2), np.float32)
    nearest[label[known]] = shift[known]
    carried = nearest[label]
    if np.isfinite(reach):
        rest = np.clip(1 - away / reach, 0, 1)
        carried *= (rest * rest * (3 - 2 * rest))[..., None]
    return np.asarray(np.where(known[..., None], shift, carried), np.float32)


def softened(shift: Shift, sigma: float, keep: NDArray[np.bool_] | None = None) -> Shift:
    """A shift without the kinks at the triangles' edges.

    Args:
        shift: The shift.
        sigma: Standard deviation of the blur in px.
        keep: Pixels near which it stays as it is: edges of openings, across which nothing may mix.
    """
    smooth = cv2.GaussianBlur(shift, (0, 0), sigma)
    if keep is None:
        return np.asarray(smooth, np.float32)
    share = cv2.GaussianBlur(cv2.dilate(keep.astype(np.float32), disc(3 * sigma)), (0, 0), sigma)[..., None]
    return np.asarray(shift * share + smooth * (1 - share), np.float32)


def sampled(pixels: NDArray[Any], shift: Shift, border: int = cv2.BORDER_REFLECT_101) -> NDArray[Any]:
    """The picture, shape (side, side, any), as the shift shows it; exact where the shift is zero."""
    height, width = shift.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + shift[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + shift[..., 1]
    return np.asarray(cv2.remap(pixels, x, y, cv2.INTER_CUBIC, borderMode=border))


def moved(shift: Shift) -> NDArray[np.bool_]:
    """Pixels that a shift changes."""
    return np.asarray(np.hypot(shift[..., 0], shift[..., 1]) > SEEN)


def filled(outline: NDArray[np.floating[Any]], side: int) -> NDArray[np.float32]:
    """A polygon, shape (n, 2 or more) px, as a mask in 0-1 with a smooth edge."""
    mask = np.zeros((side, side), np.uint8)
    fixed = np.round((outline[:, :2] - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, SUBPIXEL)
    return np.asarray(mask / 255, np.float32)


def disc(radius: float) -> NDArray[np.uint8]:
    """A disc for dilating and eroding by `radius` px."""
    size = 2 * max(round(radius), 1) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def mixed(base: NDArray[Any], top: NDArray[Any], share: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Pictures mixed: `top` where `share`, shape (side, side), is 1."""
    weight = share[..., None].astype(np.float32)
    return np.asarray(base.astype(np.float32) * (1 - weight) + top.astype(np.float32) * weight, np.float32)


def as_pixels(values: NDArray[np.floating[Any]]) -> Pixels:
    """Rounded to whole values in 0-255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
