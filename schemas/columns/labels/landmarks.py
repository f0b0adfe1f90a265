"""The mesh and the point layouts taken from it."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.faces import UPRIGHT
from schemas.columns.labels.layer import F32

LANDMARKS = ColumnGroup("landmarks", "Mesh and points.")
MESH = LANDMARKS.add(
    "landmarks_478", pa.list_(F32, 478 * 3), Kind.POINTS,
    "MediaPipe's face mesh with irises; z grows away from the camera, same scale as x, relative to the head.",
    unit="px", frame=UPRIGHT, shape=(478, 3), taxonomy="points-478",
)  # fmt: skip
POINTS_68 = LANDMARKS.add(
    "landmarks_68", pa.list_(F32, 68 * 2), Kind.POINTS, "The 68 points of 300-W, taken from the mesh.",
    unit="px", frame=UPRIGHT, shape=(68, 2), taxonomy="points-68",
)  # fmt: skip
VISIBLE_68 = LANDMARKS.add(
    "landmarks_68_visible", pa.list_(pa.bool_(), 68), Kind.LIST,
    "Which of the 68 points lie inside the picture and face the camera.", shape=(68,),
)  # fmt: skip
PRESENCE = LANDMARKS.add(
    "mesh_presence", F32, Kind.NUMBER, "The mesh model's belief that a face is there.", unit="0-1", low=0, high=1
)
IN_FRAME = LANDMARKS.add(
    "in_frame", F32, Kind.NUMBER, "Share of mesh points inside the picture.", unit="0-1", low=0, high=1
)
