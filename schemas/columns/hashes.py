"""Columns of the table of picture hashes, which is made anew where it is missing."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns import images

HASHES = ColumnGroup("picture hashes", "One row per picture, to find copies of it; kept beside the images.")

IMAGE_ID = HASHES.share(images.IMAGE_ID)
PIXELS = HASHES.add("pixel_digest", pa.binary(16), Kind.ID, "BLAKE2b-128 of size and upright RGB pixels.")
HASH = HASHES.add(
    "hash_64", pa.uint64(), Kind.NUMBER, "Signs of the 8 x 8 lowest cosine frequencies of the luma about their median."
)
HASH_MIRRORED = HASHES.add("hash_64_mirrored", pa.uint64(), Kind.NUMBER, "The same of the mirrored picture.")
FINE = HASHES.add("hash_256", pa.binary(32), Kind.ID, "The same with 16 x 16 frequencies.")
FINE_MIRRORED = HASHES.add("hash_256_mirrored", pa.binary(32), Kind.ID, "The same of the mirrored picture.")
