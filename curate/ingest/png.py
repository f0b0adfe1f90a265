"""Whether a PNG file is whole: chunks up to the end marker, each with its checksum (PNG, section 5)."""

from __future__ import annotations

import struct
import zlib

from curate.ingest.problem import PictureError
from schemas.status import Reason

SIGNATURE_BYTES = 8


def check_png(data: bytes) -> None:
    """Walk the chunks; bytes behind the end marker are ignored.

    Raises:
        PictureError: `truncated` if the end marker is missing, `corrupt` for a wrong checksum.
    """
    view = memoryview(data)
    at = SIGNATURE_BYTES
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        (stored,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[at + 4 : end - 4]) != stored:
            raise PictureError(Reason.CORRUPT, f"wrong checksum of the chunk at byte {at}")
        if kind == b"IEND":
            return
        at = end
    raise PictureError(Reason.TRUNCATED, f"ends at byte {len(data)}, before the picture does")
