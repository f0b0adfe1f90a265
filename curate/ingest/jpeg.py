"""The structure of a JPEG file, read without decoding it (ITU-T T.81, annex B)."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field

from curate.ingest.problem import PictureError
from schemas.status import Reason

SOI, EOI, SOS, DQT, DNL, DRI, DHT, COM, TEM = 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xC4, 0xFE, 0x01
BASELINE = frozenset({0xC0, 0xC1})
PROGRESSIVE = 0xC2
FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
APP1, APP2 = 0xE1, 0xE2
EXIF = b"Exif\0\0"
BETWEEN_SCANS = frozenset({SOS, DQT, DNL, DRI, DHT, COM, EOI, *range(0xE0, 0xF0)})
NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
RESTART = re.compile(rb"\xff[\xd0-\xd7]")


@dataclass
class JpegFile:
    """What the markers say.

    Attributes:
        width: Pixels as stored, before any EXIF rotation.
        height: Likewise.
        components: 1 grey, 3 colour, 4 CMYK.
        progressive: Whether it is coded in several scans over the whole picture.
        exif: The EXIF block, empty if there is none.
        icc: The ICC profile, empty if there is none.
        segments: Start and end of each entropy-coded run: scans, cut at restart markers.
        end: Where the end-of-image marker stands.
        frame: Body of the frame header.
        restart_interval: Blocks between restart markers, 0 for none.
        exif_at: Where the bodies of EXIF headers start.
        icc_parts: Pieces of the profile by their number.
    """

    width: int = 0
    height: int = 0
    components: int = 0
    progressive: bool = False
    exif: bytes = b""
    icc: bytes = b""
    segments: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0
    frame: bytes = b""
    restart_interval: int = 0
    exif_at: list[int] = field(default_factory=list)
    icc_parts: dict[int, bytes] = field(default_factory=dict)

    @property
    def many_runs(self) -> bool:
        """Whether the coded data stands in several runs, or in scans that only together make the picture."""
        return self.progressive or len(self.segments) > 1


def parse_jpeg(data: bytes) -> JpegFile:
    """Walk the markers from the first to the end of the image; bytes behind it are ignored.

    Raises:
        PictureError: `truncated` if the file ends before its end marker, `corrupt` where a marker makes no
            sense, `unsupported_format` for lossless, arithmetic and 12-bit coding.
    """
    jpeg = JpegFile()
    at = 2
    while True:
        marker, at = _marker(data, at)
        if marker == EOI:
            break
        if marker in (TEM, SOI):
            continue
        body = _body(data, at)
        _take(jpeg, marker, body)
        if marker == APP1 and body.startswith(EXIF):
            jpeg.exif = jpeg.exif or body
            jpeg.exif_at.append(at + 2)
        at += 2 + len(body)
        if marker == SOS:
            at = _scan(jpeg, data, at)
    jpeg.end = at - 2
    jpeg.icc = b"".join(jpeg.icc_parts[i] for i in sorted(jpeg.icc_parts))
    if not jpeg.segments:
        raise PictureError(Reason.CORRUPT, "no picture data before the end marker")
    return jpeg


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The marker at a place and where its body starts."""
    if at < len(data) and data[at] != 0xFF:
        raise PictureError(Reason.CORRUPT, f"no marker at byte {at}")
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at >= len(data):
        raise PictureError(Reason.TRUNCATED, f"ends at byte {len(data)}, before the picture does")
    return data[at], at + 1


def _body(data: bytes, at: int) -> bytes:
    if at + 2 > len(data):
        raise PictureError(Reason.TRUNCATED, f"ends at byte {len(data)}, inside a header")
    (length,) = struct.unpack_from(">H", data, at)
    if length < 2:
        raise PictureError(Reason.CORRUPT, f"a header of impossible length at byte {at}")
    if at + length > len(data):
        raise PictureError(Reason.TRUNCATED, f"ends at byte {len(data)}, inside a header")
    return data[at + 2 : at + length]


def _take(jpeg: JpegFile, marker: int, body: bytes) -> None:
    """Keep what a header says."""
    if marker in FRAMES:
        _take_frame(jpeg, marker, body)
    elif marker == DRI and len(body) >= 2:
        (jpeg.restart_interval,) = struct.unpack_from(">H", body)
    elif marker == APP2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
        jpeg.icc_parts[body[12]] = body[14:]


def _take_frame(jpeg: JpegFile, marker: int, body: bytes) -> None:
    if jpeg.components:
        raise PictureError(Reason.CORRUPT, "a second frame header")
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise PictureError(Reason.CORRUPT, "a frame header that is too short")
    precision, jpeg.height, jpeg.width, jpeg.components = struct.unpack_from(">BHHB", body)
    jpeg.progressive = marker == PROGRESSIVE
    jpeg.frame = body
    if (marker not in BASELINE and not jpeg.progressive) or precision != 8:
        raise PictureError(Reason.UNSUPPORTED, f"JPEG of coding {marker:#x} with {precision} bits")
    if not jpeg.width or not jpeg.height or jpeg.components not in (1, 3, 4):
        raise PictureError(Reason.CORRUPT, f"a frame of {jpeg.width} x {jpeg.height} with {jpeg.components} components")


def _scan(jpeg: JpegFile, data: bytes, start: int) -> int:
    """Find the end of the coded data that starts here, and cut it at its restart markers."""
    if not jpeg.components:
        raise PictureError(Reason.CORRUPT, "picture data before the frame header")
    found = NEXT_MARKER.search(data, start)
    if found is None:
        raise PictureError(Reason.TRUNCATED, f"ends at byte {len(data)}, before the picture does")
    end = found.start()
    if data[end + 1] not in BETWEEN_SCANS:
        raise PictureError(Reason.CORRUPT, f"a stray marker {data[end + 1]:#04x} in the picture data")
    stop = start + len(data[start:end].rstrip(b"\xff"))
    cuts = [m.start() for m in RESTART.finditer(data, start, stop)]
    _check_restarts(jpeg, data, cuts)
    jpeg.segments += zip([start, *(c + 2 for c in cuts)], [*cuts, stop], strict=True)
    return end


def _check_restarts(jpeg: JpegFile, data: bytes, cuts: list[int]) -> None:
    if cuts and not jpeg.restart_interval:
        raise PictureError(Reason.CORRUPT, "a stray restart marker in the picture data")
    if any(data[cut + 1] - 0xD0 != i % 8 for i, cut in enumerate(cuts)):
        raise PictureError(Reason.CORRUPT, "restart markers out of order")
    if jpeg.restart_interval and not jpeg.progressive and len(cuts) != _restarts_expected(jpeg):
        raise PictureError(Reason.CORRUPT, f"{len(cuts)} restart markers instead of {_restarts_expected(jpeg)}")


def _restarts_expected(jpeg: JpegFile) -> int:
    """Restart markers in the one interleaved scan of a baseline picture."""
    sampling = [(jpeg.frame[7 + 3 * i] >> 4, jpeg.frame[7 + 3 * i] & 15) for i in range(jpeg.components)]
    across, down = (8 * max(s) if jpeg.components > 1 else 8 for s in zip(*sampling, strict=True))
    blocks = math.ceil(jpeg.width / across) * math.ceil(jpeg.height / down)
    return math.ceil(blocks / jpeg.restart_interval) - 1
