"""Decoders by format: OpenCV for JPEG, Pillow for all others. Each returns pixels and what was found."""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin

from curate.ingest.exif import exif_facts
from curate.ingest.integrity import check_lengths
from curate.ingest.jpeg import JpegFile, parse_jpeg
from curate.ingest.options import Limits
from curate.ingest.pixels import Pixels, colour_transform, recolour, render, scale_16, upright
from curate.ingest.png import check_png
from curate.ingest.problem import PictureError
from schemas.status import Reason

ORIENTATION = ExifTags.Base.Orientation
SUBFILE_TYPE, BITS_PER_SAMPLE = 254, 258
REDUCED = 1
MODE_16 = "RGB;16"

_PILLOW = threading.Lock()
"""Held while warnings are silenced, which Python can only do for the whole process."""


@dataclass
class Facts:
    """What is known of a picture, also when decoding it fails later on.

    Attributes:
        format: As found in the bytes.
        mode: Pixel layout before conversion.
        width: After EXIF rotation, px.
        height: Likewise.
        orientation: EXIF tag, if there is one.
        has_gps: Whether EXIF holds a position.
        frames: Frames or pages.
        note: Something a user should know although the picture is used.
    """

    format: str = ""
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    orientation: int | None = None
    has_gps: bool = False
    frames: int | None = 1
    note: str | None = None

    def set_size(self, width: int, height: int) -> None:
        """Store the size, turned if the orientation says so."""
        self.width, self.height = (height, width) if (self.orientation or 1) >= 5 else (width, height)


def check_size(width: int, height: int, encoded: int, limits: Limits) -> None:
    """Refuse pictures that are too large or too small.

    Raises:
        PictureError: `too_large`, `decompression_bomb` or `too_small`.
    """
    pixels = width * height
    if pixels > limits.max_pixels:
        bomb = pixels > limits.bomb_ratio * encoded
        size = f"{width} x {height} pixels, more than {limits.max_pixels:,}"
        if bomb:
            raise PictureError(Reason.BOMB, f"{encoded:,} bytes claim to be {size}")
        raise PictureError(Reason.TOO_LARGE, size)
    if min(width, height) < limits.min_side:
        raise PictureError(Reason.TOO_SMALL, f"{width} x {height} pixels, a side is less than {limits.min_side}")


def decode_jpeg(data: bytes, facts: Facts, limits: Limits) -> Pixels:
    """Decode a JPEG file after checking that it is whole.

    Raises:
        PictureError: if it is not.
    """
    jpeg = parse_jpeg(data)
    facts.mode = {1: "L", 3: "RGB", 4: "CMYK"}[jpeg.components]
    facts.orientation, facts.has_gps = exif_facts(jpeg.exif)
    facts.set_size(jpeg.width, jpeg.height)
    check_size(jpeg.width, jpeg.height, len(data), limits)
    pixels = _cmyk(data, jpeg, facts) if jpeg.components == 4 else _colour(data, jpeg, facts)
    return upright(pixels, facts.orientation)


def _colour(data: bytes, jpeg: JpegFile, facts: Facts) -> Pixels:
    if not jpeg.many_runs:  # before OpenCV, which lets libjpeg write to the terminal
        check_lengths(data, jpeg)
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if decoded is None or decoded.shape[:2] != (jpeg.height, jpeg.width):
        raise PictureError(Reason.CORRUPT, "OpenCV cannot decode it")
    pixels = np.asarray(decoded, np.uint8)
    if jpeg.many_runs:
        check_lengths(data, jpeg, pixels)
    transform = _transform(jpeg.icc, "RGB", facts)
    if transform is not None:
        recolour(pixels, transform)
    return pixels


def _cmyk(data: bytes, jpeg: JpegFile, facts: Facts) -> Pixels:
    check_lengths(data, jpeg)
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        picture.load()
    return render(picture, _transform(jpeg.icc, "CMYK", facts))


def _transform(profile: bytes, mode: str, facts: Facts) -> ImageCms.ImageCmsTransform | None:
    try:
        return colour_transform(profile, mode)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        facts.note = f"colour profile ignored: {error}"
        return None


def decode_other(data: bytes, facts: Facts, limits: Limits) -> Pixels:
    """Decode the first frame of any other format with Pillow.

    Raises:
        PictureError: if it is damaged, too large or too small.
    """
    if facts.format == "PNG":
        check_png(data)
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _opened(data, facts.format)
        facts.mode = _mode(picture)
        facts.set_size(*picture.size)
        check_size(*picture.size, len(data), limits)
        _describe(picture, facts)
        picture.load()
        turned = ORIENTATION not in picture.getexif()  # Pillow turns TIFF while loading and drops the tag
        deep = _deep(data) if facts.mode == MODE_16 else None
        transform = _transform(picture.info.get("icc_profile") or b"", picture.mode, facts)
        pixels = render(picture, transform) if deep is None else deep
    pixels = upright(pixels, None if turned and deep is None else facts.orientation)
    facts.height, facts.width = pixels.shape[:2]  # Pillow gives the size of a TIFF as turned already
    return pixels


def _opened(data: bytes, name: str) -> Image.Image:
    """Open with the one plug-in of the format: no other gets to see the bytes, and no global limit applies."""
    if name not in Image.OPEN:
        Image.init()
    if name not in Image.OPEN:
        raise PictureError(Reason.UNSUPPORTED, f"{name} needs a plug-in for Pillow that is not installed")
    return Image.OPEN[name][0](io.BytesIO(data), "")


def _describe(picture: Image.Image, facts: Facts) -> None:
    """Note what the tags say, for which Pillow may load a PNG; camera raw begins with a preview page."""
    if int(getattr(picture, "tag_v2", {}).get(SUBFILE_TYPE, 0)) & REDUCED:
        raise PictureError(Reason.UNSUPPORTED, "camera raw: its first page is a preview")
    exif = picture.getexif()
    orientation = exif.get(ORIENTATION)
    facts.orientation = orientation if orientation in range(1, 9) else None
    facts.has_gps = bool(exif.get_ifd(ExifTags.IFD.GPSInfo))
    facts.frames = _frames(picture)
    facts.set_size(*picture.size)


def _mode(picture: Image.Image) -> str:
    """The mode, with `RGB;16` where Pillow would drop the low bytes of 16-bit colour."""
    raw = [str(tile[3][0] if isinstance(tile[3], tuple) else tile[3]) for tile in getattr(picture, "tile", [])]
    bits = getattr(picture, "tag_v2", {}).get(BITS_PER_SAMPLE, ())
    is_deep = any(r.startswith("RGB;16") for r in raw) or tuple(bits) == (16, 16, 16)
    return MODE_16 if picture.mode == "RGB" and is_deep else picture.mode


def _frames(picture: Image.Image) -> int | None:
    try:
        return int(getattr(picture, "n_frames", 1))
    except (OSError, EOFError, ValueError, SyntaxError, KeyError):  # damage behind the first frame, which is used
        return None


def _deep(data: bytes) -> Pixels | None:
    """16-bit colour from OpenCV, which keeps all bits; None if it cannot."""
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    values = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if values is None or values.dtype != np.uint16:
        return None
    return scale_16(cv2.cvtColor(values, cv2.COLOR_BGR2RGB))
