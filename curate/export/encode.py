"""Bytes of a sample: the picture's own without its private metadata where that can be, else encoded anew."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np

from annotators.crops import Pixels
from curate.ingest.jpeg import APP1, EOI, SOI, SOS, TEM
from schemas import UnknownNameError

SUFFIXES = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
QUALITY = 95
APP2, APP13, COM = 0xE2, 0xED, 0xFE
PRIVATE = (APP1, APP13, COM)
"""JPEG headers that can say where and by whom a picture was taken: EXIF and XMP, IPTC, comments."""
PNG = b"\x89PNG\r\n\x1a\n"
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers of a frame's header, SOF0 to SOF15; the three left out mean other things."""
PRIVATE_CHUNKS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME")


def encode(pixels: Pixels, form: str, quality: int = QUALITY) -> bytes:
    """RGB pixels as JPEG, PNG or WebP bytes, without metadata.

    Raises:
        UnknownNameError: for another form.
    """
    if form not in SUFFIXES:
        raise UnknownNameError("picture format", form, SUFFIXES)
    how = {"jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality], "webp": [cv2.IMWRITE_WEBP_QUALITY, quality]}.get(form, [])
    done, data = cv2.imencode(SUFFIXES[form], cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), how)
    if not done:
        raise RuntimeError(f"OpenCV was built without {form}")
    return bytes(data)


def decode(data: bytes) -> Pixels:
    """Encoded bytes of an export as RGB, shape (height, width, 3)."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if found is None:
        raise ValueError("these bytes are no picture")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded picture, from its head alone."""
    found = _png_size(data) if data[:8] == PNG else _jpeg_size(data) if data[:2] == b"\xff\xd8" else None
    if found is not None:
        return found
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def _png_size(data: bytes) -> tuple[int, int] | None:
    return struct.unpack_from(">II", data, 16) if data[12:16] == b"IHDR" else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The size in the frame's header; None where the headers before it are odd."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return None


def suffix_of(data: bytes) -> str:
    """`.jpg`, `.png` or `.webp`, by the first bytes."""
    return ".jpg" if data[:2] == b"\xff\xd8" else ".png" if data[:4] == b"\x89PNG" else ".webp"


def without_metadata(data: bytes, form: str) -> bytes | None:
    """The same coded picture without EXIF, XMP, IPTC and comments; None where it cannot be had without decoding.

    A colour profile stays, since the colours need it.

    Args:
        data: An encoded picture.
        form: Its format as the images table has it, such as `JPEG`.
    """
    if form == "JPEG":
        return _jpeg(data)
    return _png(data) if form == "PNG" else None


def _jpeg(data: bytes) -> bytes:
    view = memoryview(data)
    kept, at = [view[:2]], 2
    while at + 4 <= len(data):
        start = at
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        if marker in (SOI, TEM):
            at += 1
            continue
        if marker in (SOS, EOI):
            kept.append(view[start:])
            break
        end = at + 1 + struct.unpack_from(">H", data, at + 1)[0]
        if marker not in PRIVATE:
            kept.append(view[start:end])
        at = end
    return _joined(kept, data)


def _png(data: bytes) -> bytes:
    view = memoryview(data)
    kept, at = [view[:8]], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if data[at + 4 : at + 8] not in PRIVATE_CHUNKS:
            kept.append(view[at:end])
        at = end
    return _joined(kept, data)


def _joined(kept: list[memoryview], data: bytes) -> bytes:
    """The pieces in one; the data themselves, uncopied, where nothing was left out."""
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)
