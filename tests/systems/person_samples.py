"""Pictures of one person for the tests of recipes: versions of scikit-image's astronaut (NASA, public domain)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
SIDE = 300


def astronaut() -> Pixels:
    """Head and shoulders, RGB, (300, 300, 3)."""
    from skimage.data import astronaut as picture

    return np.ascontiguousarray(picture()[0:SIDE, 80 : 80 + SIDE])


def version(number: int, face: Pixels | None = None) -> Pixels:
    """One of many pictures of a face: lit, tilted, turned about its height, mirrored and with noise of its own.

    Args:
        number: Decides how.
        face: RGB; the astronaut if not given.
    """
    pixels = astronaut() if face is None else face
    rng = np.random.default_rng(number)
    height, width = pixels.shape[:2]
    lit = np.clip(pixels.astype(np.float64) * rng.uniform(0.75, 1.2) + rng.normal(0, 3, pixels.shape), 0, 255)
    pinch = rng.uniform(-0.06, 0.06) * height
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + np.array([[0, pinch], [0, -pinch], [0, pinch], [0, -pinch]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, moved)
    tilt = np.vstack(
        [cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-18, 18), rng.uniform(0.85, 1.1)), [0, 0, 1]]
    )
    found = cv2.warpPerspective(lit.astype(np.uint8), tilt @ turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(found[:, ::-1] if number % 2 else found)


def apart(face: Pixels, take: int) -> Pixels:
    """Another picture of a face that no search for copies takes for the same photo: tilted, cut and lit otherwise.

    Args:
        face: RGB.
        take: 1 or 2.
    """
    pixels = np.ascontiguousarray(face[:, ::-1]) if take == 2 else face
    width = pixels.shape[1]
    pixels = cv2.resize(pixels, (width, round(pixels.shape[0] * (0.82 if take == 1 else 0.78))))
    height = pixels.shape[0]
    ramp = np.linspace(1.3, 0.5, height)[:, None, None] if take == 2 else np.linspace(0.5, 1.3, width)[None, :, None]
    lit = np.clip(pixels * ramp, 0, 255).astype(np.uint8)
    tilt = cv2.getRotationMatrix2D((width / 2, height / 2), 22 if take == 1 else -20, 1.2 if take == 1 else 1.05)
    return np.asarray(cv2.warpAffine(lit, tilt, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def save(path: Path, pixels: Pixels, taken: str = "") -> Path:
    """Write a picture, JPEG with an EXIF date if one is given, else PNG or what the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if taken:
        exif = image.getexif()
        exif.get_ifd(0x8769)[0x9003] = taken
        image.save(path, exif=exif, quality=95)
    else:
        image.save(path)
    return path


def read(path: Path) -> Pixels:
    """RGB pixels of a file."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)
