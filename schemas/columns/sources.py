"""Columns of the sources table: one row per picture that a dataset was given, before it is opened."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns import images

SOURCES = ColumnGroup("sources", "One row per picture to read; its shards are the unit of work.")

URI = SOURCES.share(images.URI)
MEMBER = SOURCES.share(images.MEMBER)
NAME = SOURCES.share(images.NAME)
BYTES = SOURCES.share(images.BYTES)
MTIME = SOURCES.add(
    "mtime_ns", pa.int64(), Kind.NUMBER, "When the file was last changed; 0 if unknown.", unit="ns", low=0
)
IMAGE_ID = SOURCES.share(images.IMAGE_ID)
"""Filled only where planning had to read the bytes to look for duplicates."""
LICENCE = SOURCES.share(images.LICENCE)
CONSENT = SOURCES.share(images.CONSENT)
SPLIT = SOURCES.share(images.SPLIT)
EXTRA = SOURCES.share(images.EXTRA)
DUPLICATE_OF = SOURCES.share(images.DUPLICATE_OF)
IS_SYNTHETIC = SOURCES.share(images.IS_SYNTHETIC)
PARENT = SOURCES.share(images.PARENT)
PARENT_FACE = SOURCES.share(images.PARENT_FACE)
PARTNER_FACE = SOURCES.share(images.PARTNER_FACE)
GENERATOR = SOURCES.share(images.GENERATOR)
GENERATOR_SEED = SOURCES.share(images.GENERATOR_SEED)
GENERATION = SOURCES.share(images.GENERATION)
LINEAGE = (IS_SYNTHETIC, PARENT, PARENT_FACE, PARTNER_FACE, GENERATOR, GENERATOR_SEED, GENERATION)
"""Where a generated picture comes from; null for photographs."""
