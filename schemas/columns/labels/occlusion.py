"""What covers the face: eyewear, a mask, and which cells of a grid."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32, scores

COVERS = ColumnGroup("covers", "What is worn on or held before the face.")
EYEWEAR = COVERS.add(
    "eyewear", pa.string(), Kind.LABEL, "What is worn over the eyes; null beside probabilities: the model abstains.",
    taxonomy="eyewear",
)  # fmt: skip
EYEWEAR_PROB = scores(COVERS, "eyewear_prob", "eyewear", "Probabilities of the three labels.")
EYEWEAR_ABSTAINED = COVERS.add(
    "eyewear_abstained", pa.bool_(), Kind.FLAG, "The model was not sure enough: eyewear is null."
)
MASK_WORN = COVERS.add(
    "mask_worn", pa.bool_(), Kind.FLAG,
    "A mask covers nose or mouth; null beside a probability: the model abstains.",
)  # fmt: skip
MASK_PROB = COVERS.add("mask_worn_prob", F32, Kind.NUMBER, "Probability of a mask.", unit="0-1", low=0, high=1)
MASK_ABSTAINED = COVERS.add(
    "mask_worn_abstained", pa.bool_(), Kind.FLAG, "The model was not sure enough: mask_worn is null."
)
OCCLUSION_MAP = COVERS.add(
    "occlusion_map", pa.list_(F32, 14 * 14), Kind.VECTOR,
    "Chance that each cell is covered, row by row from the top left; null where less than half of the cell is face.",
    unit="0-1", frame="14 x 14 cells of 16 px over the square that the five points align to ArcFace's template at "
    "224 px (`FivePointCrop(224)`)", low=0, high=1, shape=(14, 14),
)  # fmt: skip
COVERED_SHARE = COVERS.add(
    "covered_share", F32, Kind.NUMBER, "Mean of occlusion_map over the face's cells.", unit="0-1", low=0, high=1
)
