"""Where the head and the eyes point."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

POSE = ColumnGroup("head pose", "Angles of the head to the camera.")
YAW = POSE.add(
    "pose_yaw", F32, Kind.NUMBER, "Head turned; positive when the nose points to the image's right.",
    unit="deg", low=-180, high=180,
)  # fmt: skip
PITCH = POSE.add(
    "pose_pitch", F32, Kind.NUMBER, "Head nodded; positive when the nose points up.", unit="deg", low=-90, high=90
)
ROLL = POSE.add(
    "pose_roll", F32, Kind.NUMBER,
    "Head tilted; positive when the head leans to the image's right (clockwise as seen).",
    unit="deg", low=-180, high=180,
)  # fmt: skip

GAZE = ColumnGroup("gaze", "Where the eyes look, from the irises.")
GAZE_YAW = GAZE.add(
    "gaze_yaw", F32, Kind.NUMBER, "Line of sight to the camera axis; positive to the image's right.",
    unit="deg", low=-180, high=180,
)  # fmt: skip
GAZE_PITCH = GAZE.add(
    "gaze_pitch", F32, Kind.NUMBER, "Line of sight to the camera axis; positive up.", unit="deg", low=-90, high=90
)
GAZE_IN_HEAD_YAW = GAZE.add(
    "gaze_in_head_yaw", F32, Kind.NUMBER, "Eyes turned in the head; positive to the image's right.",
    unit="deg", low=-90, high=90,
)  # fmt: skip
GAZE_IN_HEAD_PITCH = GAZE.add(
    "gaze_in_head_pitch", F32, Kind.NUMBER, "Eyes raised in the head; positive up.", unit="deg", low=-90, high=90
)
LOOKS_AT_CAMERA = GAZE.add("looks_at_camera", pa.bool_(), Kind.FLAG, "Line of sight within 10 degrees of the camera.")
