"""Pictures of one person, and copies of one picture, against each other."""

from __future__ import annotations

import numpy as np

from curate.consistency.across import AcrossRule
from curate.consistency.values import Numbers, Values
from schemas import REGISTRY, Kind
from schemas.columns import labels

PERSON = "two pictures of one person; either the label or the identity is wrong"
COPY = "the same pixels, scaled, mirrored or re-encoded, must get the same label"

MOST_ROLL = 40.0
"""Degrees of roll from which a picture rather than a head is taken to be turned."""

MIRROR = "mirroring turns left and right about for all labels at once, so that products of two of them stay"


def _turn_times_tilt(values: Values) -> Numbers:
    """Geometric mean of yaw and roll in degrees, with the sign of their product, which no mirror changes.

    Unknown where the picture itself may have been turned.
    """
    roll = values.number(labels.ROLL)
    product = values.number(labels.YAW) * roll
    return np.where(np.abs(roll) > MOST_ROLL, np.nan, np.sign(product) * np.sqrt(np.abs(product)))


def _eyes_by_turn(values: Values) -> Numbers:
    """Left less right eye opening, signed by where the head turns; unknown for a frontal face."""
    yaw = values.number(labels.YAW)
    lean = values.number(labels.EYE_LEFT) - values.number(labels.EYE_RIGHT)
    return np.where(np.abs(yaw) < 8, np.nan, np.sign(yaw) * lean)


_RACES = tuple(
    c for c in REGISTRY.values() if c.kind is Kind.LABEL and c.taxonomy in ("race-fairface-7", "race-fairface-4")
)

_LABELS = "{value} here, but {others} in others of"
ONE_PERSON = (
    AcrossRule(
        "gender_of_one_identity",
        labels.IDENTITY_ID,
        labels.GENDER,
        0.7,
        f"Perceived gender is {_LABELS} the same identity ({{count}} compared).",
        PERSON,
    ),
    *(
        AcrossRule(
            f"{race.name}_of_one_identity",
            labels.IDENTITY_ID,
            race,
            0.6,
            f"{race.name} is {_LABELS} the same identity ({{count}} compared).",
            PERSON,
        )
        for race in _RACES
    ),
    AcrossRule(
        "age_of_one_identity",
        labels.IDENTITY_ID,
        labels.AGE,
        0.5,
        "Perceived age is {value:.0f} years here, but {others:.0f} on average in others of the same identity "
        "({count} compared).",
        f"{PERSON}, unless the pictures lie decades apart",
        start=20,
        full=45,
    ),
)

_COPIED_LABELS = (labels.PERCEIVED_EMOTION, labels.GENDER, labels.AGE_GROUP, *_RACES)
ONE_PICTURE = (
    *(
        AcrossRule(
            f"{column.name}_of_one_picture",
            labels.DUPLICATE_GROUP,
            column,
            0.8,
            f"{column.name} is {_LABELS} the same photo ({{count}} compared).",
            COPY,
        )
        for column in _COPIED_LABELS
    ),
    AcrossRule(
        "age_of_one_picture",
        labels.DUPLICATE_GROUP,
        labels.AGE,
        0.7,
        "Perceived age is {value:.0f} years here, but {others:.0f} in copies of the photo ({count} compared).",
        COPY,
        start=8,
        full=25,
    ),
    AcrossRule(
        "yaw_of_one_picture",
        labels.DUPLICATE_GROUP,
        labels.YAW,
        0.7,
        "The head is turned by {value:.0f} degrees here, by {others:.0f} in copies of the photo ({count} compared).",
        f"{COPY}; the sign may differ, since a copy may be mirrored",
        start=8,
        full=25,
        derive=lambda values: np.abs(values.number(labels.YAW)),
    ),
    AcrossRule(
        "sides_of_yaw_and_roll_in_one_picture",
        labels.DUPLICATE_GROUP,
        labels.YAW,
        0.8,
        "Turn and tilt of the head go to other sides than in {count} copies of the photo, mirrored or not.",
        MIRROR,
        start=10,
        full=25,
        derive=_turn_times_tilt,
        needs=(labels.ROLL,),
    ),
    AcrossRule(
        "sides_of_eyes_in_one_picture",
        labels.DUPLICATE_GROUP,
        labels.EYE_LEFT,
        0.7,
        "The more open eye is on another side than in {count} copies of the photo, mirrored or not.",
        MIRROR,
        start=0.12,
        full=0.3,
        derive=_eyes_by_turn,
        needs=(labels.EYE_RIGHT, labels.YAW),
    ),
    AcrossRule(
        "mouth_gap_of_one_picture",
        labels.DUPLICATE_GROUP,
        labels.MOUTH_OPENING,
        0.7,
        "The lips are {value:.2f} mouth widths apart here, but {others:.2f} on average in other copies of the photo "
        "({count} compared).",
        COPY,
        start=0.1,
        full=0.3,
    ),
    AcrossRule(
        "valence_of_one_picture",
        labels.DUPLICATE_GROUP,
        labels.VALENCE,
        0.6,
        "Valence is {value:+.2f} here, but {others:+.2f} in copies of the photo ({count} compared).",
        COPY,
        start=0.3,
        full=0.8,
    ),
)

RULES = (*ONE_PERSON, *ONE_PICTURE)
