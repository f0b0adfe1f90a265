"""Whether the coded data of a JPEG file is as long as its picture.

libjpeg fills what is missing with grey, skips what is too much, and says so only in warnings that
neither OpenCV nor Pillow hands on, so a damaged file decodes in silence. So Pillow decodes once more (one scan
at one eighth of the size) and is fed in such a way that it shows whether it needed all bytes and no more.
Damage that happens to keep the length cannot be seen by any decoder.
"""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, JpegImagePlugin

from curate.ingest.jpeg import EXIF, JpegFile
from curate.ingest.pixels import Pixels
from curate.ingest.problem import PictureError
from schemas.status import Reason

SLACK = 16
"""Bytes of surplus that are forgiven: some cameras pad their data."""
FILL = b"\xff\x00" * 8
"""What libjpeg wants to read ahead at the last symbol (57 bits), in ones: less than a block in any Huffman code."""
PADDING = bytes(random.Random(0).choices(range(1, 255), k=256))
MARKS = (1, 254)


class _Portions(io.BytesIO):
    """A file that hands out the bytes before `cut` first, the others when it is asked again.

    Attributes:
        picture: Set when the headers are read; portions are handed out from then on.
        mark: Value that the picture was filled with.
        early: Whether the picture was complete with the first portion: before or instead of asking again.
        dry: Whether the decoder asked for more than there is.
    """

    def __init__(self, data: bytes, cut: int) -> None:
        super().__init__(data)
        self.cut = cut
        self.picture: JpegImagePlugin.JpegImageFile | None = None
        self.mark = 0
        self.early = True
        self.dry = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.picture is None:
            return super().read(size)
        if self.tell() < self.cut:
            return super().read(self.cut - self.tell())
        if self.tell() == self.cut:
            self.early = self.written()
        rest = super().read()
        self.dry = not rest
        return rest

    def written(self) -> bool:
        """Whether the decoder has reached the last row."""
        assert self.picture is not None
        width, height = self.picture.size
        pixels = [self.picture.im.getpixel((x, height - 1)) for x in (0, width - 1)]
        return any(p != _colour(self.picture.mode, self.mark) for p in pixels)


def check_lengths(data: bytes, jpeg: JpegFile, pixels: Pixels | None = None) -> None:
    """Refuse coded data that is too short or too long for its picture.

    Args:
        data: The file.
        jpeg: Its structure.
        pixels: The picture as another decoder sees it, (H, W, 3) RGB: if Pillow agrees about a progressive
            picture, it need not be decoded a third time.

    Raises:
        PictureError: with reason `corrupt`.
    """
    if jpeg.many_runs:
        _check_many(data, jpeg, pixels)
    else:
        _check_single(data, jpeg)


def _check_single(data: bytes, jpeg: JpegFile) -> None:
    """One scan: the last row must appear when the last bytes come, not before and not never."""
    start, stop = jpeg.segments[0]
    lean = _without_exif(data[:stop], jpeg) + FILL
    cut = max(start, stop - SLACK)
    reached = False
    for mark in MARKS:  # a last row that happens to have the mark's colour differs from the other mark
        early, reached = _feed(lean, cut, mark)
        if early:
            raise PictureError(Reason.CORRUPT, "more picture data than the picture needs")
        if reached:
            return
    raise PictureError(Reason.CORRUPT, "picture data ends before the picture does")


def _feed(lean: bytes, cut: int, mark: int) -> tuple[bool, bool]:
    """Whether the last row was written before the cut, and whether it was at the end."""
    portions = _Portions(lean, cut)
    picture = _open(portions)
    picture.draft(None, (1, 1))
    picture.load_prepare()
    picture.im.paste(_colour(picture.mode, mark), (0, 0, *picture.size))
    portions.picture, portions.mark = picture, mark
    try:
        picture.load()
    except OSError as error:
        if not portions.dry:  # it stopped for another reason than thirst, which is always there at the end
            raise PictureError(Reason.CORRUPT, str(error)) from error
    return portions.early, portions.written()


def _check_many(data: bytes, jpeg: JpegFile, pixels: Pixels | None) -> None:
    """Several runs of data: if bytes put behind each change the picture, one of them was too short.

    In full size, because the last scans of progressive coding hold only fine detail.
    """
    lean = _without_exif(data[: jpeg.end + 2], jpeg)
    parts, at = [], 0
    for _, stop in jpeg.segments:
        parts += [lean[at:stop], PADDING]
        at = stop
    padded = _decoded(b"".join([*parts, lean[at:]]))
    if pixels is not None and np.array_equal(padded, pixels if padded.ndim == 3 else pixels[..., 0]):
        return
    if not np.array_equal(padded, _decoded(lean)):
        raise PictureError(Reason.CORRUPT, "picture data ends before the picture does")


def _decoded(data: bytes) -> Pixels:
    picture = _open(io.BytesIO(data))
    try:
        return np.asarray(picture)
    except OSError as error:
        raise PictureError(Reason.CORRUPT, str(error)) from error


def _open(file: io.BytesIO) -> JpegImagePlugin.JpegImageFile:
    try:
        return JpegImagePlugin.JpegImageFile(file)
    except (OSError, SyntaxError, ValueError, IndexError) as error:
        raise PictureError(Reason.CORRUPT, str(error)) from error


def _without_exif(data: bytes, jpeg: JpegFile) -> bytes:
    """The file with its EXIF headers renamed, so that Pillow does not parse and warn about them."""
    lean = bytearray(data)
    for at in jpeg.exif_at:
        lean[at : at + len(EXIF)] = b"\0" * len(EXIF)
    return bytes(lean)


def _colour(mode: str, value: int) -> int | tuple[int, ...]:
    bands = Image.getmodebands(mode)
    return value if bands == 1 else (value, 255 - value, value, 255 - value)[:bands]
