"""Fitness of the face for labelling and training."""

from __future__ import annotations

from schemas.column import ColumnGroup, Kind
from schemas.columns.faces import UPRIGHT
from schemas.columns.labels.layer import F32, scores

QUALITY = ColumnGroup("quality", "Fitness of the face for labelling and training; 1 is best.")
QUALITY_SCORE = QUALITY.add("quality", F32, Kind.NUMBER, "Overall score.", unit="0-1", low=0, high=1)
SHARPNESS = QUALITY.add("quality_sharpness", F32, Kind.NUMBER, "Sharpness part.", unit="0-1", low=0, high=1)
EXPOSURE = QUALITY.add("quality_exposure", F32, Kind.NUMBER, "Exposure part.", unit="0-1", low=0, high=1)
SIZE = QUALITY.add("quality_size", F32, Kind.NUMBER, "Size part.", unit="0-1", low=0, high=1)
POSE_PART = QUALITY.add("quality_pose", F32, Kind.NUMBER, "Frontal-pose part.", unit="0-1", low=0, high=1)
VISIBILITY = QUALITY.add("quality_visibility", F32, Kind.NUMBER, "Unoccluded part.", unit="0-1", low=0, high=1)
INTER_OCULAR = QUALITY.add(
    "inter_ocular", F32, Kind.NUMBER, "Distance of the eye centres.", unit="px", frame=UPRIGHT, low=0
)
BRIGHTNESS = QUALITY.add("brightness", F32, Kind.NUMBER, "Mean luma of the face.", unit="0-1", low=0, high=1)
REGION_VISIBLE = scores(
    QUALITY, "region_visible", "face-region", "Chance that the region is neither covered nor outside the picture."
)
