"""Shape of the face with pose and size taken out, its symmetry, published aspect ratios, and a pain score."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32, scores

SHAPE = ColumnGroup("face shape", "Geometry with pose and size taken out; symmetry; aspect ratios.")
SHAPE_68 = SHAPE.add(
    "face_shape_68", pa.list_(F32, 68 * 3), Kind.POINTS,
    "The 68 points turned to the front and brought to the average head's size; x to the image's right, y up, z out.",
    unit="cm of the average head", frame="canonical head", shape=(68, 3), taxonomy="points-68", sensitive=True,
)  # fmt: skip
SYMMETRY = SHAPE.add(
    "symmetry", F32, Kind.NUMBER,
    "1 less the mean distance between the mesh and its own mirror image, in eye distances; 1 is symmetric.",
    unit="0-1", low=0, high=1,
)  # fmt: skip
SYMMETRY_PARTS = scores(SHAPE, "symmetry_parts", "symmetry-part", "The same for parts of the face.")
SYMMETRY_APPEARANCE = SHAPE.add(
    "symmetry_appearance", F32, Kind.NUMBER,
    "Correlation of the brightness of the two halves, point by point; side light lowers it too.",
    unit="-1..1", low=-1, high=1,
)  # fmt: skip
EYE_ASPECT_LEFT = SHAPE.add(
    "eye_aspect_left", F32, Kind.NUMBER, "Eye aspect ratio of the 68 points, subject's left.", unit="ratio", low=0
)
EYE_ASPECT_RIGHT = SHAPE.add(
    "eye_aspect_right", F32, Kind.NUMBER, "Eye aspect ratio of the 68 points, subject's right.", unit="ratio", low=0
)
MOUTH_ASPECT = SHAPE.add(
    "mouth_aspect", F32, Kind.NUMBER, "Mouth aspect ratio of the inner lips' eight points.", unit="ratio", low=0
)

PAIN = ColumnGroup("pain", "What an observer could read as pain; no measure of what a person feels.")
PSPI = PAIN.add(
    "pspi", F32, Kind.NUMBER,
    "Prkachin and Solomon's score AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43; null where one of the six is null.",
    unit="0-16", low=0, high=16,
)  # fmt: skip
