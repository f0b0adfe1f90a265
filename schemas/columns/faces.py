"""Columns of the faces table: one row per detected face."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns import images

UPRIGHT = "upright image pixels, origin at the top-left corner, x right, y down"

FACES = ColumnGroup("faces", "One row per detected face; the row order every layer follows.")

FACE_ID = FACES.add("face_id", pa.string(), Kind.ID, "`image_id`, a dot, and the face's number in the image.")
IMAGE_ID = FACES.share(images.IMAGE_ID)
BOX_X = FACES.add("box_x", pa.float32(), Kind.NUMBER, "Left edge of the box.", unit="px", frame=UPRIGHT)
BOX_Y = FACES.add("box_y", pa.float32(), Kind.NUMBER, "Top edge of the box.", unit="px", frame=UPRIGHT)
BOX_W = FACES.add("box_w", pa.float32(), Kind.NUMBER, "Width of the box.", unit="px", frame=UPRIGHT, low=0)
BOX_H = FACES.add("box_h", pa.float32(), Kind.NUMBER, "Height of the box.", unit="px", frame=UPRIGHT, low=0)
POINTS_5 = FACES.add(
    "points_5",
    pa.list_(pa.float32(), 10),
    Kind.POINTS,
    "Eye centres, nose tip, mouth corners of the detector; subject's right first (image-left in an upright face).",
    unit="px",
    frame=UPRIGHT,
    shape=(5, 2),
    taxonomy="points-5",
)
SCORE = FACES.add("detection_score", pa.float32(), Kind.NUMBER, "Detector's confidence.", unit="0-1", low=0, high=1)
ORIGIN = FACES.add("origin", pa.string(), Kind.LABEL, "`model` or `human`: who found the face.")

BOX = (BOX_X, BOX_Y, BOX_W, BOX_H)
