"""Columns of the images table: one row per source picture, in the order of ingest."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind

IMAGES = ColumnGroup("images", "One row per source picture or video frame.")

IMAGE_ID = IMAGES.add(
    "image_id", pa.string(), Kind.ID, "BLAKE2b-128 of the file's bytes in hex; null if no bytes could be read."
)
URI = IMAGES.add("uri", pa.string(), Kind.TEXT, "Where the bytes are: path or fsspec URL.")
MEMBER = IMAGES.add("member", pa.int64(), Kind.NUMBER, "Row inside a Parquet container; null for plain files.")
NAME = IMAGES.add("name", pa.string(), Kind.TEXT, "Path below the source's root, with forward slashes.")
BYTES = IMAGES.add("byte_size", pa.int64(), Kind.NUMBER, "Size of the encoded picture.", unit="bytes", low=0)
FORMAT = IMAGES.add("format", pa.string(), Kind.TEXT, "Format found in the bytes (JPEG, PNG, ...).")
MODE = IMAGES.add("mode", pa.string(), Kind.TEXT, "Pixel layout before conversion to RGB (L, CMYK, I;16, ...).")
WIDTH = IMAGES.add("width", pa.int32(), Kind.NUMBER, "Width after EXIF rotation.", unit="px", low=1)
HEIGHT = IMAGES.add("height", pa.int32(), Kind.NUMBER, "Height after EXIF rotation.", unit="px", low=1)
ORIENTATION = IMAGES.add("exif_orientation", pa.int8(), Kind.NUMBER, "EXIF orientation tag found.", low=1, high=8)
HAS_GPS = IMAGES.add("has_gps", pa.bool_(), Kind.FLAG, "The file carries a GPS position (never copied here).")
FRAMES = IMAGES.add("n_frames", pa.int32(), Kind.NUMBER, "Frames or pages in the file; the first is used.", low=1)
STATUS = IMAGES.add("status", pa.string(), Kind.LABEL, "ok, duplicate, rejected or failed.")
REASON = IMAGES.add("reason", pa.string(), Kind.LABEL, "Reason code where status is not ok.")
DETAIL = IMAGES.add("detail", pa.string(), Kind.TEXT, "The reason in words.")
DUPLICATE_OF = IMAGES.add("duplicate_of", pa.string(), Kind.TEXT, "`uri` of the earlier identical picture.")
LICENCE = IMAGES.add("licence", pa.string(), Kind.TEXT, "Licence of the picture.")
CONSENT = IMAGES.add("consent", pa.string(), Kind.TEXT, "Consent statement of the persons shown.")
IS_SYNTHETIC = IMAGES.add("is_synthetic", pa.bool_(), Kind.FLAG, "Made by a generator.")
PARENT = IMAGES.add("parent", pa.string(), Kind.ID, "`image_id` it was generated from.")
PARENT_FACE = IMAGES.add("parent_face", pa.string(), Kind.ID, "`face_id` it was generated from.")
PARTNER_FACE = IMAGES.add("partner_face", pa.string(), Kind.ID, "`face_id` of the second face that went into it.")
GENERATOR = IMAGES.add("generator", pa.string(), Kind.TEXT, "Name and version of what made it, `name/version`.")
GENERATOR_SEED = IMAGES.add("generator_seed", pa.int64(), Kind.NUMBER, "Seed that its parameters were drawn with.")
GENERATION = IMAGES.add(
    "generation", pa.string(), Kind.TEXT, "Its parameters, promise, step, note and run, as a JSON object."
)
SPLIT = IMAGES.add("split", pa.string(), Kind.TEXT, "train, validation, test, ... if assigned.")
VIDEO_ID = IMAGES.add("video_id", pa.string(), Kind.ID, "Content hash of the video it is a frame of.")
FRAME = IMAGES.add("frame", pa.int64(), Kind.NUMBER, "Frame number in the video.", low=0)
EXTRA = IMAGES.add("extra", pa.string(), Kind.TEXT, "The list's other columns, as a JSON object.")
