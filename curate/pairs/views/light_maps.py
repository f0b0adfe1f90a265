"""A face taken apart into light and skin: shading from nine numbers, and the colours that it leaves.

The light is fitted to the brightness of the visible skin on the mesh's shape (`curate.generators.relighting`),
shading is what that light makes of the shape, and albedo is the picture divided by it. No network: shadows that the
head throws, shine, and make-up stay in the albedo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotators.colour import linear_rgb
from annotators.crops import Pixels
from annotators.part_maps import Mask
from curate.export.sample import Sample
from curate.generators.regions import Regions, regions
from curate.generators.relighting import estimated_light
from curate.generators.spherical_harmonics import basis
from curate.generators.subject import Subject
from curate.generators.surface import Surface, surface
from curate.pairs.views.base import ArrayView, FineView, MaskView, MeshView, shared

DARKEST = 0.15
"""Least shading as a share of the face's mean, so that noise in deep shade is not blown up."""
BRIGHTEST = 99.9
"""Percentile of the skin's colours that becomes full white of the albedo."""
UNIT = 4096
"""Value of shading 1 in its 16-bit picture, which so holds up to 16."""


@dataclass(frozen=True)
class LightMaps:
    """Light and skin of a face; `albedo * shading` is the picture in linear light wherever neither was cut off.

    Attributes:
        albedo: (side, side, 3) linear sRGB in 0-1.
        shading: (side, side), of the same light everywhere on the head's shape.
        light: (9,) coefficients of the light in the crop's frame; see `curate.generators.spherical_harmonics`.
        skin: Where skin is seen on the mesh.
    """

    albedo: NDArray[np.float32]
    shading: NDArray[np.float32]
    light: NDArray[np.float64]
    skin: Mask


def light_maps(subject: Subject) -> LightMaps:
    """Take a face apart.

    Raises:
        CannotGenerate: if the face has no mesh that lies on it.
    """
    parts, shape = shared(subject, regions), surface(subject)
    light = estimated_light(parts, shape)
    shading = shaded(shape, light, parts)
    colours = linear_rgb(subject.pixels).astype(np.float32) / shading[..., None]
    skin = (parts.bare_skin > 0.5) & (shape.mesh > 0.5)
    scale = float(np.percentile(colours[skin], BRIGHTEST)) if skin.any() else float(colours.max())
    scale = min(max(scale, 1e-6), 65535 / UNIT / float(shading.max()))
    return LightMaps(np.clip(colours / scale, 0, 1), shading * np.float32(scale), light, skin)


def shaded(shape: Surface, light: NDArray[np.float64], parts: Regions) -> NDArray[np.float32]:
    """What a light makes of a shape, (side, side); at least `DARKEST` of its mean on the face."""
    found = basis(shape.normals) @ light.astype(np.float32)
    mean = float((found * parts.face).sum() / max(float(parts.face.sum()), 1e-6))
    return np.asarray(np.maximum(found, max(DARKEST * mean, 1e-4)), np.float32)


def encoded(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear light in 0-1 as sRGB bytes (IEC 61966-2-1)."""
    coded = np.where(linear > 0.0031308, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.asarray(np.clip(np.rint(coded * 255), 0, 255), np.uint8)


def shading_picture(shading: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Shading as 16-bit grey, 4096 for 1."""
    return np.asarray(np.clip(np.rint(shading * UNIT), 0, 65535), np.uint16)


def recomposed(albedo: NDArray[np.uint8], shading: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The picture from the two files, sRGB bytes."""
    light = linear_rgb(albedo).astype(np.float32) * (shading.astype(np.float32) / UNIT)[..., None]
    return encoded(np.clip(light, 0, 1))


class Albedo(MeshView):
    """Colours without light."""

    name = "albedo"
    doc = "The picture divided by its shading, sRGB; with `shading` it gives the picture again."

    def made(self, subject: Subject, sample: Sample) -> Pixels:
        """As sRGB bytes."""
        return encoded(shared(subject, light_maps).albedo)


class Shading(FineView):
    """Light without colours."""

    name = "shading"
    doc = "What the estimated light makes of the head's shape, 16-bit grey, 4096 for 1, linear."

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.uint16]:
        """The picture of shading."""
        return shading_picture(shared(subject, light_maps).shading)


class Light(ArrayView):
    """Nine numbers."""

    name = "light"
    doc = "Nine coefficients of the light on the face, second-order spherical harmonics in the picture's frame."
    suffix = ".npy"

    def made(self, subject: Subject, sample: Sample) -> NDArray[np.float32]:
        """The coefficients."""
        return shared(subject, light_maps).light.astype(np.float32)


class SkinMask(MaskView):
    """All skin that is seen."""

    name = "skin_mask"
    doc = "White on skin: face without eyes, brows and lips, and forehead, ears and neck by their colour."

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """Skin within and beyond the mesh."""
        return skin_mask(shared(subject, regions))


class SurroundMask(MaskView):
    """What is neither face nor skin."""

    name = "surround_mask"
    doc = "White on hair, clothes, background and whatever else is neither face nor skin."

    def made(self, subject: Subject, sample: Sample) -> Mask:
        """The rest."""
        parts = shared(subject, regions)
        return np.asarray(~skin_mask(parts) & (parts.face <= 0.5))


def skin_mask(parts: Regions) -> Mask:
    """Skin that is seen, within the mesh and beyond it, (side, side)."""
    return np.asarray(parts.bare_skin > 0.5)
