"""The head that things are put on: its frame in centimetres, how far out its surface lies, and the light on it.

Frame of the head as in `annotators.canonical_face`: cm, x to the image's right when the head faces the camera, y up,
z out of the face. Things that wrap around the head are drawn in cylinder coordinates about its vertical axis: the angle
in degrees (0 is straight ahead, positive to the image's right), the height y, and the distance from the axis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.canonical_face import COUNT, Pose, fit_pose
from annotators.colour import SRGB_TO_XYZ, linear_rgb
from curate.generators.regions import Regions, regions
from curate.generators.relighting import estimated_light
from curate.generators.spherical_harmonics import basis
from curate.generators.subject import Subject
from curate.generators.surface import Surface, rasterised, surface

Array = NDArray[np.float64]

AXIS = -4.0
"""z of the vertical axis in cm: between the ears."""
WIDE, HIGH = 120.0, 16.0
"""The map of distances reaches so many degrees to either side and cm up and down."""
PER_DEGREE, PER_CM = 1.0, 5.0
"""Its fineness."""
NECK = 5.6
"""Radius of the neck in cm."""
DARKEST, BRIGHTEST = 0.4, 1.4
"""Range of shading, as a share of that of a surface that faces the camera."""
SOFTER = 0.75
"""Share of the estimated contrast that is used: the estimate takes stubble and hollows for shadow."""
WHITE = (1.8, 4.5)
"""White is so many times as bright as the face's skin, between the darkest and the palest skin."""


@dataclass(frozen=True)
class Head:
    """A subject's head.

    Attributes:
        subject: The face.
        parts: Its regions.
        shape: Depth and normals of its mesh.
        pose: From head to camera.
        points: (468, 3) points of its mesh in the head's frame: its own face with pose and size taken out.
        radii: Distance of the surface from the axis in cm, rows from `HIGH` down, columns from -`WIDE` on.
        light: Nine coefficients of the light on it, in the portrait's frame.
        white: Linear light of a white surface that faces the camera.
        tint: Colour of the light, linear RGB of mean luminance 1.
        blur: Standard deviation in px by which drawn things are softened, so that they are no sharper than the photo.
    """

    subject: Subject
    parts: Regions
    shape: Surface
    pose: Pose
    points: Array
    radii: NDArray[np.float32]
    light: Array
    white: float
    tint: Array
    blur: float

    @property
    def cm(self) -> float:
        """Pixels per centimetre."""
        return self.pose.scale

    def radius(self, angle: NDArray[Any], y: NDArray[Any]) -> Array:
        """Distance of the surface from the axis at angles in degrees and heights in cm."""
        column = (np.asarray(angle, np.float32) + WIDE) * PER_DEGREE
        row = (HIGH - np.asarray(y, np.float32)) * PER_CM
        column, row = np.broadcast_arrays(column, row)
        flat = [np.ascontiguousarray(a, np.float32).reshape(-1, 1) for a in (column, row)]
        found = cv2.remap(self.radii, flat[0], flat[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float64).reshape(column.shape)

    def draped(self, gap: float, sigma: float) -> Head:
        """The head as cloth over it would be shaped; see `smooth_envelope`."""
        return replace(self, radii=smooth_envelope(self.radii, gap, sigma))

    def around(self, angle: NDArray[Any], y: NDArray[Any], radius: NDArray[Any]) -> Array:
        """Cylinder coordinates as points of the head's frame, shape (..., 3)."""
        angle, y, radius = np.broadcast_arrays(np.radians(angle), y, radius)
        return np.stack([radius * np.sin(angle), y, AXIS + radius * np.cos(angle)], axis=-1)

    def to_image(self, points: NDArray[Any]) -> Array:
        """Points of the head, shape (..., 3) cm, in the portrait: x right, y down, z away, px."""
        flat = self.pose.to_image(np.asarray(points, np.float64).reshape(-1, 3))
        return np.asarray(flat.reshape(np.shape(points)))

    def shading(self, normals: NDArray[Any]) -> NDArray[np.float32]:
        """Light on surfaces with these normals of the portrait's frame, 1 where one faces the camera."""
        front = float(basis(np.array([0.0, 0.0, -1.0])) @ self.light)
        found = 1 + SOFTER * (basis(normals) @ self.light.astype(np.float32) / max(front, 1e-3) - 1)
        return np.asarray(np.clip(found, DARKEST, BRIGHTEST), np.float32)

    def lit(self, colour: NDArray[Any], normals: NDArray[Any]) -> NDArray[np.float32]:
        """Linear light from matt surfaces of these linear colours (..., 3), 1 being white."""
        level = self.white * self.shading(normals)[..., None] * self.tint.astype(np.float32)
        return np.asarray(np.asarray(colour, np.float32) * level, np.float32)


def head(subject: Subject) -> Head:
    """Measure a subject's head.

    Raises:
        CannotGenerate: if the face has no mesh.
    """
    mesh = subject.need_mesh()
    parts, shape, pose = regions(subject), surface(subject), fit_pose(subject.need_mesh())
    points = pose.to_head(mesh)[:COUNT]
    light = estimated_light(parts, shape)
    white, tint = _white(subject, parts)
    grown = float(np.hypot(*subject.matrix[:, 0]))
    blur = 0.35 * max(grown, 1.0)
    return Head(subject, parts, shape, pose, points, radius_map(points), light, white, tint, blur)


def _white(subject: Subject, parts: Regions) -> tuple[float, Array]:
    """How bright white is, and the light's colour: from the picture's brightest parts, within reason of the skin's."""
    linear = linear_rgb(subject.pixels)
    luminance = linear @ SRGB_TO_XYZ[1]
    skin = float(np.median(luminance[parts.face > 0.5])) if (parts.face > 0.5).any() else float(np.median(luminance))
    white = float(np.clip(np.quantile(luminance, 0.97), WHITE[0] * skin, WHITE[1] * skin))
    mean = linear.reshape(-1, 3).mean(0)
    tint = (mean / max(float(mean @ SRGB_TO_XYZ[1]), 1e-3)) ** 0.2
    return float(np.clip(white, 0.05, 0.92)), np.asarray(tint / float(tint @ SRGB_TO_XYZ[1]))


def radius_map(points: Array) -> NDArray[np.float32]:
    """Distance of a face's surface from the axis, carried on to the skull above and the neck below.

    Args:
        points: (468, 3) of the mesh in the head's frame.
    """
    angle = np.degrees(np.arctan2(points[:, 0], points[:, 2] - AXIS))
    radius = np.hypot(points[:, 0], points[:, 2] - AXIS)
    flat = np.stack([(angle + WIDE) * PER_DEGREE, (HIGH - points[:, 1]) * PER_CM, -radius], axis=1)
    width, height = round(2 * WIDE * PER_DEGREE) + 1, round(2 * HIGH * PER_CM) + 1
    found, _, seen = rasterised(flat, np.repeat(radius[:, None], 2, axis=1), max(width, height))
    found, seen = found[:height, :width], seen[:height, :width]
    prior = _prior(width, height)
    offset, weight = np.zeros_like(found), np.zeros_like(found)
    for sigma in (1.5, 4, 10, 25):
        share = cv2.GaussianBlur(seen, (0, 0), sigma)
        new = (1 - weight) * np.clip(2 * share, 0, 1)
        offset += cv2.GaussianBlur((found - prior) * seen, (0, 0), sigma) * new / np.maximum(share, 1e-6)
        weight += new
    return np.asarray(prior + offset, np.float32)


def _prior(width: int, height: int) -> NDArray[np.float32]:
    """An average head and neck where the mesh ends: a dome above, narrowing below the chin."""
    y = HIGH - np.arange(height) / PER_CM
    dome = 8.6 * np.sqrt(np.clip(1 - (np.maximum(y - 3, 0) / 10.5) ** 2, 0.02, 1))
    below = np.clip((-8.5 - y) / 3, 0, 1)
    radius = dome * (1 - below) + NECK * below
    return np.asarray(np.repeat(radius[:, None], width, axis=1), np.float32)


def smooth_envelope(radii: NDArray[np.float32], gap: float, sigma: float) -> NDArray[np.float32]:
    """A map of distances as cloth would lie on it: hollows narrower than `gap` cm are bridged, edges rounded."""
    size = (2 * round(gap * PER_CM / 2) + 1, 2 * round(gap * PER_CM / 2) + 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size)
    closed = cv2.morphologyEx(radii, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    cloth = cv2.GaussianBlur(closed, (0, 0), sigma * PER_CM)
    # What still pokes through, the tip of the nose above all, lifts the cloth around it.
    poking = cv2.dilate(np.maximum(radii - cloth, 0), kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cloth + cv2.GaussianBlur(poking, (0, 0), sigma * PER_CM), np.float32)
