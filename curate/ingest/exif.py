"""The two facts that are taken from EXIF: the orientation, and whether a position is stored.

Read here and not with Pillow because Pillow warns about damaged tags through the process-wide warning
filters, which cannot be silenced safely in threads. Layout: TIFF 6.0, section 2; EXIF 2.32, 4.6.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

ORIENTATION_TAG = 0x0112
GPS_TAG = 0x8825
ENTRY_BYTES = 12
SHORT = 3


class ExifFacts(NamedTuple):
    """`orientation` is 1-8, or None where the tag is absent or nonsense."""

    orientation: int | None
    has_gps: bool


def exif_facts(block: bytes) -> ExifFacts:
    """Facts of an EXIF block.

    Args:
        block: TIFF structure, with or without the leading `Exif` and two zero bytes. Damaged blocks give
            what can be read.
    """
    tiff = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return ExifFacts(None, False)
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    tags = _directory(tiff, order, start)
    orientation = tags.get(ORIENTATION_TAG)
    position = tags.get(GPS_TAG)
    return ExifFacts(
        orientation if orientation is not None and 1 <= orientation <= 8 else None,
        position is not None and any(1 <= tag <= 4 for tag in _directory(tiff, order, position)),
    )


def _directory(tiff: bytes, order: str, start: int) -> dict[int, int]:
    """Tags of one directory with their value read as an integer (or their offset)."""
    if start + 2 > len(tiff):
        return {}
    (count,) = struct.unpack_from(order + "H", tiff, start)
    tags: dict[int, int] = {}
    for at in range(start + 2, min(start + 2 + count * ENTRY_BYTES, len(tiff) - ENTRY_BYTES + 1), ENTRY_BYTES):
        tag, type_, _, long = struct.unpack_from(order + "HHII", tiff, at)
        tags[tag] = struct.unpack_from(order + "H", tiff, at + 8)[0] if type_ == SHORT else long
    return tags
