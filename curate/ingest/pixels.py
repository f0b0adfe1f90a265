"""Every pixel layout to upright 8-bit sRGB."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]

PROFILE_SPACE = {"RGB": b"RGB ", "CMYK": b"CMYK"}
"""Colour space that a profile must name to be used; profiles of grey are left aside."""

STRIP = 512
"""Rows that are converted at a time."""

TURNS: dict[int, Callable[[Any], Any]] = {
    2: lambda p: cv2.flip(p, 1),
    3: lambda p: cv2.rotate(p, cv2.ROTATE_180),
    4: lambda p: cv2.flip(p, 0),
    5: cv2.transpose,
    6: lambda p: cv2.rotate(p, cv2.ROTATE_90_CLOCKWISE),
    7: lambda p: cv2.flip(cv2.transpose(p), -1),
    8: lambda p: cv2.rotate(p, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""What makes a picture upright, by its EXIF orientation."""


def upright(pixels: Pixels, orientation: int | None) -> Pixels:
    """Pixels turned as EXIF says; C-contiguous and writeable."""
    turn = TURNS.get(orientation or 1)
    return np.require(pixels if turn is None else turn(pixels), np.uint8, ["C_CONTIGUOUS", "WRITEABLE"])


def render(picture: Image.Image, transform: ImageCms.ImageCmsTransform | None = None) -> Pixels:
    """A loaded picture as (H, W, 3) uint8 RGB, not yet turned.

    16-bit grey is divided by 257 (65535 becomes 255), transparency of any kind is laid over white, floating
    point and 32-bit integers are stretched over their range. Works in strips, so that a large picture is
    never held more than twice.

    Args:
        picture: In any mode.
        transform: From `colour_transform`, for the picture's mode.
    """
    if picture.mode in ("I", "F"):
        picture = Image.fromarray(stretch(np.asarray(picture, np.float64)))
    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIP):
        strip = picture.crop((0, top, width, min(top + STRIP, height)))
        if transform is not None and strip.mode == "CMYK":
            strip = _converted(transform, strip)
        pixels[top : top + STRIP] = np.asarray(_to_rgb(strip))
    if transform is not None and picture.mode != "CMYK":
        recolour(pixels, transform)
    return pixels


def recolour(pixels: Pixels, transform: ImageCms.ImageCmsTransform) -> None:
    """Apply a colour transform to RGB pixels in place."""
    for top in range(0, len(pixels), STRIP):
        strip = Image.fromarray(pixels[top : top + STRIP])
        pixels[top : top + STRIP] = np.asarray(_converted(transform, strip))


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        return Image.fromarray(scale_16(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data or picture.mode in ("La", "RGBa", "PA"):
        return over_white(picture)
    if picture.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _converted(ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB"), picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def scale_16(values: NDArray[Any]) -> Pixels:
    """16-bit values to 8 bits over the whole range, rounded."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def stretch(values: NDArray[np.float64]) -> Pixels:
    """Values without a fixed range to 0-255: 0-1 and 0-255 and 0-65535 as they are meant, others by their range."""
    finite = np.nan_to_num(values, posinf=np.nanmax(values, where=np.isfinite(values), initial=0.0), neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and high <= 65535:
        low, high = 0.0, next(top for top in (1.0, 255.0, 65535.0) if high <= top)
    return np.rint((finite - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)


def over_white(picture: Image.Image) -> Image.Image:
    """A picture with transparency as it looks on white paper."""
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture.convert("RGBA"))
    return paper.convert("RGB")


def colour_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What takes a picture with this ICC profile to sRGB: None for sRGB itself and profiles of another space.

    Raises:
        ImageCms.PyCMSError: if the profile is damaged (or OSError, likewise).
    """
    space = "CMYK" if mode == "CMYK" else "RGB"
    return _transform(profile, space) if profile[16:20] == PROFILE_SPACE[space] else None


def _converted(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    result = ImageCms.applyTransform(picture, transform)
    assert result is not None
    return result


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Transform to sRGB; None if the profile is sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if ImageCms.getProfileDescription(source).startswith("sRGB"):
        return None
    return ImageCms.buildTransform(source, _srgb(), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
