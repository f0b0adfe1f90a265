"""Skin tone from skin pixels that the mesh chooses, with a doubt about the light beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from annotators.colour import Array, ciede2000, hex_to_rgb, srgb_to_lab, typology_angle
from annotators.crop_masks import filled, inside_picture
from annotators.crops import Pixels
from annotators.mesh_crops import MeshCrop
from annotators.scales import ramp
from schemas import Column, taxonomy
from schemas.bins import bins
from schemas.columns import labels
from schemas.landmarks import layout

RIGHT_CHEEK = (117, 118, 119, 100, 36, 205, 123)
"""Mesh points around the subject's right cheek: below the lid, beside the nose, above where beards grow."""
FOREHEAD = (69, 108, 151, 337, 299, 296, 336, 9, 107, 66)
"""Mesh points around the lower forehead: above the brows, below most hairlines."""
RIGHT_EYE_WHITE = (33, 160, 158, 133, 153, 144)
"""Mesh points around the subject's right eyeball."""


def mirrored(points: tuple[int, ...]) -> tuple[int, ...]:
    """The same points on the other side of the face."""
    mirror = layout("points-478").mirror
    return tuple(mirror[i] for i in points)


@dataclass(frozen=True)
class SkinToneConfig(Config):
    """When skin counts as skin and light as usable.

    The pairs are ramps: at the first number confidence is 0, at the second it is whole, and half way
    between them the light gets its name (dim, bright, uneven, colour_cast). They were set on FairFace
    training faces, darkened and tinted.

    Attributes:
        pixels: Number of chosen pixels of the original picture; up to the first there is no tone.
        keep: Lightness quantiles between which skin pixels are kept: below lie shadow and hair, above shine.
        brightest: L* that the brightest fiftieth of the face crop exceeds.
        clipped: Share of skin pixels with a channel at its upper end.
        unevenness: Difference of the cheeks' median L*.
        cast: Distance of skin and eye whites from their usual a*b*.
        grey: Spread of a*b* about what lightness explains, below which a picture is grey or toned.
    """

    pixels: tuple[float, float] = (30.0, 300.0)
    keep: tuple[float, float] = (0.25, 0.85)
    brightest: tuple[float, float] = (30.0, 60.0)
    clipped: tuple[float, float] = (0.3, 0.0)
    unevenness: tuple[float, float] = (30.0, 5.0)
    cast: tuple[float, float] = (25.0, 6.0)
    grey: float = 1.0


MOST_PIXELS = 400
"""Pixels of an area that are enough for its median."""

USUAL_WHITE: Array = np.array([8.3, 8.3])
"""Median a*b* of the brighter half of what the mesh calls the whites of the eyes (500 FairFace training faces)."""
USUAL_SKIN: Array = np.array([16.0, 18.0])
"""Median a*b* of skin in the same photos; medians of the seven race groups lie in 13-17 and 15-22."""


class SkinTone(FaceAnnotator):
    """Median colour of the cheeks and the lower forehead in CIELAB, its angle and its nearest Monk tone.

    It is the colour in this picture under its light, not the person's: see the confidence and the
    lighting. A grey or toned picture has no skin colour: lighting `grey_image`, confidence 0, all else
    null. A colour without yellow (b* <= 0) has no typology angle.
    """

    name = "skin_tone"
    version = "1"
    doc = "CIELAB of cheek and forehead skin, typology angle, nearest Monk tone, and how far to trust them."
    requires = (labels.MESH,)
    provides = tuple(labels.SKIN.values())
    crops = (MeshCrop(128, 1.0),)
    config_type = SkinToneConfig
    config: SkinToneConfig

    def label(self, face: Face) -> Mapping[Column, Any]:
        mesh = face.need(labels.MESH)
        crop = face.crop(self.crops[0])
        picture = inside_picture(crop, face.image.shape)
        points = crop.to_crop(mesh)
        areas = skin_areas(crop.pixels, points, picture)
        seen = sum(len(a) for a in areas.values()) / float(abs(np.linalg.det(crop.matrix[:, :2])))
        if seen <= self.config.pixels[0]:
            raise NotApplicable(f"only {seen:.0f} pixels of skin are seen")
        sample = face_sample(crop.pixels, picture)
        if is_grey(sample, self.config.grey):
            return {labels.SKIN_LIGHTING: "grey_image", labels.SKIN_CONFIDENCE: 0.0}
        areas = {name: a[:: len(a) // MOST_PIXELS + 1] for name, a in areas.items()}
        colours = {name: srgb_to_lab(a) for name, a in areas.items()}
        tone = median_colour(np.concatenate(list(colours.values())), self.config.keep)
        angle = float(typology_angle(tone))
        clipped = float((np.concatenate(list(areas.values())) >= 250).any(axis=1).mean())
        doubts = {
            "dim": ramp(float(np.percentile(sample[:, 0], 98)), self.config.brightest),
            "bright": ramp(clipped, self.config.clipped),
            "uneven": ramp(unevenness(colours), self.config.unevenness),
            "colour_cast": ramp(colour_cast(tone, eye_white(crop.pixels, points)), self.config.cast),
        }
        worst = min(doubts, key=lambda name: doubts[name])
        return {
            labels.SKIN_LAB: tone,
            labels.ITA: angle if np.isfinite(angle) else None,
            labels.ITA_CLASS: bins("ita").label(angle) if np.isfinite(angle) else None,
            labels.MONK: nearest_monk(tone),
            labels.SKIN_CONFIDENCE: float(np.prod([*doubts.values(), ramp(seen, self.config.pixels)])),
            labels.SKIN_LIGHTING: worst if doubts[worst] < 0.5 else "usable",
        }


def face_sample(pixels: Pixels, picture: NDArray[np.uint8]) -> Array:
    """CIELAB of the crop averaged down to 24 x 24, where it lies inside the picture; shape (n, 3)."""
    small = cv2.resize(pixels, (24, 24), interpolation=cv2.INTER_AREA)
    within = cv2.resize(picture, (24, 24), interpolation=cv2.INTER_NEAREST)
    return srgb_to_lab(small[within > 0])


def is_grey(lab: Array, spread: float) -> bool:
    """Whether hue follows from lightness alone, as in grey, sepia or otherwise toned pictures.

    Args:
        lab: CIELAB of pixels all over the face, shape (n, 3).
        spread: Root mean square of a*b* about a parabola in L* that still counts as grey.
    """
    light = lab[:, 0] / 100
    terms = np.stack([np.ones_like(light), light, light**2], axis=1)
    fit = np.linalg.pinv(terms) @ lab[:, 1:]
    return bool(np.sqrt(((lab[:, 1:] - terms @ fit) ** 2).sum(axis=1).mean()) < spread)


def unevenness(colours: Mapping[str, Array]) -> float:
    """Difference of the cheeks' median L*; 0 where only one is seen."""
    cheeks = [float(np.median(colours[name][:, 0])) for name in ("right_cheek", "left_cheek") if name in colours]
    return abs(cheeks[0] - cheeks[1]) if len(cheeks) == 2 else 0.0


def colour_cast(tone: Array, white: Array | None) -> float:
    """Distance of skin and, where seen, of the whites of the eyes from their usual a*b*."""
    skin = float(np.hypot(*(tone[1:] - USUAL_SKIN)))
    return skin if white is None else (skin + float(np.hypot(*(white[1:] - USUAL_WHITE)))) / 2


@cache
def _outlines() -> dict[str, tuple[int, ...]]:
    """Outlines of the skin areas, each named by the subject's side, all in the image's clockwise order."""
    return {"right_cheek": RIGHT_CHEEK, "left_cheek": mirrored(RIGHT_CHEEK)[::-1], "forehead": FOREHEAD}


def skin_areas(pixels: Pixels, points: Array, picture: NDArray[np.uint8]) -> dict[str, Pixels]:
    """Pixels of the skin areas that face the camera, by area; areas of under 40 pixels are left out.

    Args:
        pixels: RGB crop, shape (size, size, 3).
        points: Mesh in crop points, shape (478, 2).
        picture: Mask of the crop's pixels to be used.

    Returns:
        Area -> (n, 3) uint8.
    """
    areas = {}
    for name, outline in _outlines().items():
        corners = points[list(outline)]
        if cv2.contourArea(corners.astype(np.float32), oriented=True) <= 0:  # turned away
            continue
        found = pixels[(filled(corners, picture.shape) & picture) > 0]
        if len(found) >= 40:
            areas[name] = found
    return areas


def median_colour(lab: Array, keep: tuple[float, float]) -> Array:
    """Median CIELAB, shape (3,), of the colours, shape (n, 3), between two quantiles of lightness."""
    low, high = np.quantile(lab[:, 0], keep)
    return np.asarray(np.median(lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)], axis=0))


def eye_white(pixels: Pixels, points: Array) -> Array | None:
    """Median CIELAB of the brighter half of both eyes without their irises; None if under 8 pixels are seen."""
    mask = np.zeros(pixels.shape[:2], np.uint8)
    for outline in (RIGHT_EYE_WHITE, mirrored(RIGHT_EYE_WHITE)):
        cv2.fillPoly(mask, [np.round(points[list(outline)] - 0.5).astype(np.int32)], 1)
    for centre, rim in ((468, 469), (473, 474)):
        radius = 1.1 * float(np.hypot(*(points[centre] - points[rim])))
        x, y = np.round(points[centre] - 0.5).astype(int).tolist()
        cv2.circle(mask, (x, y), max(1, round(radius)), 0, -1)
    lab = srgb_to_lab(pixels[mask > 0])
    if len(lab) < 8:
        return None
    return np.asarray(np.median(lab[lab[:, 0] >= np.median(lab[:, 0])], axis=0))


@cache
def monk_lab() -> Array:
    """CIELAB of the ten Monk tones in the taxonomy's order, shape (10, 3)."""
    colours = taxonomy("monk-10").colours
    return srgb_to_lab(np.stack([hex_to_rgb(colours[name]) for name in taxonomy("monk-10").labels]))


def nearest_monk(lab: Array) -> str:
    """Name of the Monk tone nearest to a CIELAB colour, shape (3,), by CIEDE2000."""
    return taxonomy("monk-10").labels[int(ciede2000(lab, monk_lab()).argmin())]
