"""Draws things on a head: bent sheets of cloth, flat shapes and tubes, with their light, edges and shadow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.colour import linear_rgb
from annotators.crop_masks import FAR
from annotators.crops import Pixels
from curate.generators.occluder_head import Head

Array = NDArray[np.float32]

FINE = 2
"""Samples per pixel and axis."""
SUB = 4
"""Bits behind the point in OpenCV's coordinates."""


@dataclass(frozen=True)
class Layer:
    """Something drawn, at the portrait's size.

    Attributes:
        light: Linear RGB, (side, side, 3).
        alpha: How much of what is behind it hides, 0-1, (side, side).
        shadow: How much light it takes from what is behind it, 0-1, (side, side); it may reach beyond `alpha`.
    """

    light: Array
    alpha: Array
    shadow: Array


@dataclass(frozen=True)
class Drawn:
    """A bent sheet as seen: at each sample the sheet's own coordinates, its normal and its depth.

    Attributes:
        u: Coordinate along the sheet's second axis, 0-1, (fine side, fine side).
        v: Along its first.
        normal: Unit vectors of the portrait's frame, out of the sheet towards the camera.
        depth: px away from the camera.
        seen: 1 where the sheet is, 0 elsewhere.
    """

    u: Array
    v: Array
    normal: Array
    depth: Array
    seen: Array


def draw_sheet(points: NDArray[Any], side: int, both_sides: bool = False) -> Drawn:
    """Draw a sheet given by a grid of points, nearer parts over farther ones.

    Args:
        points: (rows, columns, 3) px of the portrait: x right, y down, z away. Columns run to the image's right and
            rows down when the sheet faces the camera.
        side: Side of the portrait.
        both_sides: Draw parts that show their back, too.
    """
    rows, columns = points.shape[:2]
    grid = np.asarray(points, np.float64) * [FINE, FINE, 1]
    across, down = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normal = np.cross(down, across)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    values = np.concatenate([u[..., None], v[..., None], normal, points[..., 2:]], axis=-1).reshape(-1, 6)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    corners = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    found, seen = _filled(grid.reshape(-1, 3), corners, values, side * FINE, both_sides)
    size = np.maximum(np.linalg.norm(found[..., 2:5], axis=-1, keepdims=True), 1e-6)
    turned = found[..., 2:5] / size
    turned = np.where(turned[..., 2:] > 0, -turned, turned) if both_sides else turned
    return Drawn(found[..., 0], found[..., 1], turned, found[..., 5], seen)


def _filled(
    points: NDArray[Any], corners: NDArray[Any], values: NDArray[Any], side: int, both_sides: bool
) -> tuple[Array, Array]:
    place = points[corners]
    first, second = place[:, 1, :2] - place[:, 0, :2], place[:, 2, :2] - place[:, 0, :2]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    order = np.argsort(-place[..., 2].mean(1), kind="stable")
    shown = np.abs(area) > 1e-9 if both_sides else area > 1e-9
    fixed = np.round((np.clip(place[..., :2], -FAR, FAR) - 0.5) * 2**SUB).astype(np.int32)
    owner = np.full((side, side), -1, np.int32)
    for i in order[shown[order]].tolist():
        cv2.fillConvexPoly(owner, fixed[i], i, shift=SUB)
    y, x = np.nonzero(owner >= 0)
    chosen = owner[y, x]
    at = np.stack([x, y], axis=1) + 0.5 - place[chosen, 0, :2]
    p = (at[:, 0] * second[chosen, 1] - at[:, 1] * second[chosen, 0]) / area[chosen]
    q = (first[chosen, 0] * at[:, 1] - first[chosen, 1] * at[:, 0]) / area[chosen]
    weights = np.clip(np.stack([1 - p - q, p, q], axis=1), 0, 1)
    weights /= weights.sum(1, keepdims=True)
    found = np.zeros((side, side, values.shape[1]), np.float32)
    found[y, x] = np.einsum("nk,nkv->nv", weights, values[corners[chosen]])
    return found, (owner >= 0).astype(np.float32)


def polygon_mask(points: NDArray[Any], side: int) -> Array:
    """Mask of a closed outline, (n, 2 or 3) px of the portrait, at the fine size."""
    fine = np.zeros((side * FINE, side * FINE), np.uint8)
    fixed = np.round((np.clip(points[:, :2] * FINE, -FAR, FAR) - 0.5) * 2**SUB).astype(np.int32)
    cv2.fillPoly(fine, [fixed], 255, cv2.LINE_AA, SUB)
    return np.asarray(fine / np.float32(255), np.float32)


def ribbon_mask(line: NDArray[Any], widths: Sequence[float] | float, side: int) -> Array:
    """Mask of a line with a width at each point, px of the portrait, at the fine size."""
    line = np.asarray(line, np.float64)[:, :2]
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    half = np.broadcast_to(np.asarray(widths, np.float64), len(line))[:, None] / 2
    return polygon_mask(np.vstack([line + across * half, (line - across * half)[::-1]]), side)


def bumped(normals: NDArray[Any], height: NDArray[Any]) -> Array:
    """Normals of a surface with a relief, `height` in samples towards the viewer."""
    height = np.asarray(height, np.float32)
    slope = np.dstack([cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)]) / 8
    tilted = np.array(normals, np.float32)
    tilted[..., :2] -= slope
    return np.asarray(tilted / np.maximum(np.linalg.norm(tilted, axis=-1, keepdims=True), 1e-6), np.float32)


def inflated(mask: Array, half: float) -> tuple[Array, Array]:
    """Round a flat shape as if it were a tube: height and normals.

    Args:
        mask: The shape at the fine size.
        half: Half of the tube's width in samples; wider parts are flat in the middle.
    """
    distance = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    part = np.clip(distance / max(half, 1.0), 0, 1)
    height = cv2.GaussianBlur(np.sqrt(1 - (1 - part) ** 2) * half, (0, 0), max(0.18 * half, 0.6))
    flat = np.zeros((*mask.shape, 3), np.float32)
    flat[..., 2] = -1
    return np.asarray(height, np.float32), bumped(flat, height)


def shine(head: Head, normals: NDArray[Any], sharpness: float) -> Array:
    """Blinn-Phong's highlight of the face's main light, and of a lamp above the camera where there is none, 0-1."""
    direction = np.array([head.light[3], head.light[1], head.light[2]])
    size = float(np.linalg.norm(direction))
    direction = direction / size if size > 1e-6 else np.zeros(3)
    lamp = direction + np.array([0.1, -0.5, -0.7])
    half = lamp / np.linalg.norm(lamp) + np.array([0, 0, -1.0])
    half = half / np.linalg.norm(half)
    return np.asarray(np.clip(np.asarray(normals) @ half.astype(np.float32), 0, 1) ** sharpness, np.float32)


def reduced(values: NDArray[Any]) -> Array:
    """From the fine size to the portrait's."""
    size = (values.shape[1] // FINE, values.shape[0] // FINE)
    return np.asarray(cv2.resize(np.asarray(values, np.float32), size, interpolation=cv2.INTER_AREA))


@dataclass(frozen=True)
class Matter:
    """What a thing is made of, at the fine size.

    Attributes:
        colour: Linear RGB, 1 is white, (fine side, fine side, 3).
        normal: Unit normals.
        gloss: How much of the highlight is added, 0-1.
        sharpness: How small the highlight is.
        opacity: How much of what is behind the thing hides.
    """

    colour: Array
    normal: Array
    gloss: float = 0.0
    sharpness: float = 30.0
    opacity: float = 1.0


def layer(head: Head, matter: Matter, mask: Array, shadow: float = 0.45, reach: float = 0.5) -> Layer:
    """A thing under the head's light, softened to the photo's sharpness, with the shadow it casts.

    Args:
        head: The head it is on.
        matter: What it is made of.
        mask: Where it is, at the fine size; mask, colour and normals may also come at the portrait's own.
        shadow: How dark the contact shadow is, 0-1.
        reach: How far the shadow reaches, cm.
    """
    alpha, colour, normal = mask, matter.colour, matter.normal
    if mask.shape[0] != head.subject.side:
        alpha = reduced(mask)
        share = np.maximum(alpha, 1e-4)[..., None]
        colour, normal = (reduced(v * mask[..., None]) / share for v in (colour, normal))
    normal = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    light = head.lit(colour, normal)
    if matter.gloss:
        light = light + (matter.gloss * head.white * shine(head, normal, matter.sharpness))[..., None]
    return softened(head, light, alpha, matter.opacity, shadow, reach)


def softened(head: Head, light: NDArray[Any], alpha: Array, opacity: float, shadow: float, reach: float) -> Layer:
    """A layer of linear light at the portrait's size, blurred as the photo is; see `layer` for the numbers."""
    wide = np.asarray(cv2.GaussianBlur(alpha, (0, 0), head.blur), np.float32)
    mean = cv2.GaussianBlur(np.asarray(light, np.float32) * alpha[..., None], (0, 0), head.blur)
    colour = np.asarray(mean / np.maximum(wide, 1e-4)[..., None], np.float32)
    dark = cast(head, wide, reach) * shadow if shadow else np.zeros_like(wide)
    return Layer(colour, _cut(wide * opacity), _cut(dark))


def cast(head: Head, alpha: Array, reach: float) -> Array:
    """Contact shadow of a mask: blurred, and moved away from the light."""
    sigma = max(0.5 * reach * head.cm, 0.8)
    away = np.array([-head.light[3], -head.light[1]]) / max(float(np.linalg.norm(head.light[1:4])), 1e-6)
    shift = away * 0.4 * reach * head.cm + np.array([0, 0.35 * reach * head.cm])
    moved = cv2.warpAffine(alpha, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), alpha.shape[::-1])
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma), np.float32)


def _cut(values: NDArray[Any]) -> Array:
    """Without the endless tail of a blur, so that what is left unchanged is known."""
    return np.asarray(np.where(values < 0.004, 0, np.clip(values, 0, 1)), np.float32)


def composed(pixels: Pixels, layers: Sequence[Layer], on: Array | None = None) -> tuple[Pixels, Array]:
    """The picture with layers laid over it in order, and how much of each pixel is new.

    Args:
        pixels: RGB.
        layers: From back to front.
        on: Where shadows may fall, 0-1; everywhere by default.

    Returns:
        RGB bytes, and the share of each pixel that was drawn or shaded, 0-1.
    """
    light, changed = linear_rgb(pixels).astype(np.float32), np.zeros(pixels.shape[:2], np.float32)
    for one in layers:
        shadow = one.shadow * (1 - one.alpha) if on is None else one.shadow * (1 - one.alpha) * on
        light = light * (1 - shadow[..., None])
        light = light * (1 - one.alpha[..., None]) + one.light * one.alpha[..., None]
        changed = 1 - (1 - changed) * (1 - np.maximum(one.alpha, shadow))
    changed = _cut(changed)
    coded = np.where(light > 0.0031308, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * light)
    drawn = np.asarray(np.rint(np.clip(coded * 255, 0, 255)), np.uint8)
    return np.where(changed[..., None] > 0, drawn, pixels), changed
