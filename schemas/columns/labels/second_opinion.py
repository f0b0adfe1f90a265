"""What a second detector says."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32

SECOND = ColumnGroup("second opinion", "BlazeFace looks again at each face.")
SECOND_SCORE = SECOND.add(
    "second_detector_score",
    F32,
    Kind.NUMBER,
    "BlazeFace's score at the face; 0 if it sees none.",
    unit="0-1",
    low=0,
    high=1,
)
SECOND_IOU = SECOND.add(
    "second_detector_iou", F32, Kind.NUMBER, "Overlap of the two detectors' boxes.", unit="0-1", low=0, high=1
)
FACE_DOUBTFUL = SECOND.add(
    "face_doubtful", pa.bool_(), Kind.FLAG,
    "The second detector does not see a human face: an animal, a pattern, or a hard face.",
)  # fmt: skip
