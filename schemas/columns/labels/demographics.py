"""Perceived demographics and skin tone: what a model sees, not facts about a person."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import Column, ColumnGroup, Kind
from schemas.columns.labels.layer import F32, scores

DEMOGRAPHICS = ColumnGroup("perceived demographics", "A model's perception, not a fact about the person.")
AGE = DEMOGRAPHICS.add(
    "perceived_age", F32, Kind.NUMBER, "Mean of the age distribution.", unit="years", low=0, high=120, sensitive=True
)
AGE_SD = DEMOGRAPHICS.add("perceived_age_sd", F32, Kind.NUMBER, "Its standard deviation.", unit="years", low=0, high=60)
AGE_GROUP = DEMOGRAPHICS.add(
    "perceived_age_group", pa.string(), Kind.LABEL,
    "Most probable FairFace bin; null beside probabilities means the model abstains.",
    taxonomy="age-fairface-9", sensitive=True,
)  # fmt: skip
AGE_PROB = scores(
    DEMOGRAPHICS, "perceived_age_prob", "age-fairface-9", "Probabilities of the nine bins.", sensitive=True
)
GENDER = DEMOGRAPHICS.add(
    "perceived_gender", pa.string(), Kind.LABEL,
    "Most probable presentation; null beside probabilities means the model abstains.",
    taxonomy="gender-2", sensitive=True,
)  # fmt: skip
GENDER_PROB = scores(
    DEMOGRAPHICS, "perceived_gender_prob", "gender-2", "Probabilities of the two labels.", sensitive=True
)
RACE = DEMOGRAPHICS.add(
    "perceived_race", pa.string(), Kind.LABEL,
    "Most probable of FairFace's seven groups; null beside probabilities means the model abstains.",
    taxonomy="race-fairface-7", sensitive=True,
)  # fmt: skip
RACE_PROB = scores(
    DEMOGRAPHICS, "perceived_race_prob", "race-fairface-7", "Probabilities of the seven groups.", sensitive=True
)
RACE4 = DEMOGRAPHICS.add(
    "perceived_race4", pa.string(), Kind.LABEL,
    "Most probable of the four groups; null where the face has most likely no place among them.",
    taxonomy="race-fairface-4", sensitive=True,
)  # fmt: skip
RACE4_PROB = scores(
    DEMOGRAPHICS, "perceived_race4_prob", "race-fairface-4",
    "Probabilities of the four groups if the face belongs to one: those of the seven groups, merged and scaled to 1.",
    sensitive=True,
)  # fmt: skip


def _abstained(label: Column) -> Column:
    doc = f"The model was not sure enough: {label.name} is null."
    return DEMOGRAPHICS.add(f"{label.name}_abstained", pa.bool_(), Kind.FLAG, doc)


def _set(label: Column) -> Column:
    doc = "Labels that hold the truth in 90 % of faces like FairFace's (a conformal set); empty where none fits well."
    return DEMOGRAPHICS.add(
        f"{label.name}_set", pa.list_(pa.string()), Kind.LIST, doc, taxonomy=label.taxonomy, sensitive=True
    )


AGE_GROUP_ABSTAINED, AGE_GROUP_SET = _abstained(AGE_GROUP), _set(AGE_GROUP)
GENDER_ABSTAINED, GENDER_SET = _abstained(GENDER), _set(GENDER)
RACE_ABSTAINED, RACE_SET = _abstained(RACE), _set(RACE)
RACE4_ABSTAINED, RACE4_SET = _abstained(RACE4), _set(RACE4)

SKIN = ColumnGroup("skin tone", "Colour of visible skin in this picture, under its light.")
SKIN_LAB = SKIN.add(
    "skin_lab", pa.list_(F32, 3), Kind.VECTOR, "Median CIELAB (D65) of the chosen skin pixels.", shape=(3,)
)
ITA = SKIN.add("skin_ita", F32, Kind.NUMBER, "Individual Typology Angle.", unit="deg", low=-90, high=90)
ITA_CLASS = SKIN.add("skin_ita_class", pa.string(), Kind.LABEL, "Class of the angle.", taxonomy="ita-6")
MONK = SKIN.add(
    "perceived_skin_tone", pa.string(), Kind.LABEL, "Nearest tone of the Monk scale (CIEDE2000).",
    taxonomy="monk-10", sensitive=True,
)  # fmt: skip
SKIN_CONFIDENCE = SKIN.add(
    "skin_confidence", F32, Kind.NUMBER, "How far the light and the pixel count let the tone be trusted.",
    unit="0-1", low=0, high=1,
)  # fmt: skip
SKIN_LIGHTING = SKIN.add(
    "skin_lighting", pa.string(), Kind.LABEL, "The main doubt about the light.", taxonomy="skin-lighting"
)
