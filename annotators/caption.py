"""Captions in words, from the other columns: varied by a seed, and only what those columns say with confidence."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotators.base import Config, Face, FaceAnnotator, NotApplicable
from annotators.caption_grammar import compose
from schemas import Column
from schemas.columns import faces, labels

CHILD_GROUPS = ("0-2", "3-9")
MINOR_GROUPS = (*CHILD_GROUPS, "10-19")
"""Groups of `age-fairface-9` that the nouns for adults exclude; a teenager gets neither noun."""


@dataclass(frozen=True)
class CaptionConfig(Config):
    """When a label is sure enough to be told.

    Attributes:
        seed: Same seed and face, same words.
        most: Most claims besides the person and the age.
        include_skin_tone: Whether skin tone may be told.
        gender: Least probability of a perceived gender.
        age: Least probability of an age group.
        maturity: Least probability of being adult (20 or older), or a child (under 10).
        emotion: Least probability of an expression.
        smile: Least AU12 score.
        visible: Least visibility of the regions a claim is about.
        covered: Visibility of the mouth below which it is told to be covered.
        skin: Least skin confidence.
        blurred: Sharpness below which a picture is called blurred.
        turn: Degrees of yaw, and of pitch, from which a head is turned or nodded.
        frontal: Degrees up to which it faces the camera.
        tilt: Degrees of roll from which it is tilted.
        gaze: Degrees from which the eyes look elsewhere.
        at_camera: Degrees up to which they look at the camera.
    """

    seed: int = 0
    most: int = 6
    include_skin_tone: bool = False
    gender: float = 0.9
    age: float = 0.6
    maturity: float = 0.95
    emotion: float = 0.6
    smile: float = 0.8
    visible: float = 0.5
    covered: float = 0.05
    skin: float = 0.7
    blurred: float = 0.2
    turn: float = 20.0
    frontal: float = 8.0
    tilt: float = 15.0
    gaze: float = 18.0
    at_camera: float = 7.0


Claims = dict[str, str]
Values = Mapping[Column, Any]


class CaptionWriter(FaceAnnotator):
    """One or two English sentences per face and the facts they claim.

    Everything is worded as appearance. Identity, ethnicity, attractiveness and health are never spoken of:
    the grammar has no words for them. A face of which nothing is sure, or which the second detector doubts,
    gets no caption (null, `not_applicable`). `caption_parser.parse` gives the facts back from the words.
    """

    name = "caption"
    version = "2"
    doc = "One or two sentences that tell only confident labels, varied by a seed; a parser reads the facts back."
    requires = (
        labels.FACE_DOUBTFUL,
        labels.GENDER,
        labels.GENDER_PROB,
        labels.AGE_PROB,
        labels.PERCEIVED_EMOTION,
        labels.EMOTION_PROB,
        labels.AU_SCORE,
        labels.MOUTH_STATE,
        labels.EYES_STATE,
        labels.REGION_VISIBLE,
        labels.SHARPNESS,
        labels.YAW,
        labels.PITCH,
        labels.ROLL,
        labels.GAZE_YAW,
        labels.GAZE_PITCH,
        labels.LOOKS_AT_CAMERA,
        labels.ITA_CLASS,
        labels.SKIN_CONFIDENCE,
        labels.SKIN_LIGHTING,
    )
    provides = tuple(labels.CAPTION_GROUP.values())
    config_type = CaptionConfig
    config: CaptionConfig

    def label(self, face: Face) -> Values:
        if face[labels.FACE_DOUBTFUL]:
            raise NotApplicable("the second detector does not see a human face")
        claims = claims_of(face, self.config)
        if not claims:
            raise NotApplicable("no label is sure enough to be told")
        chance = random.Random(f"{self.config.seed}:{face[faces.FACE_ID]}")
        caption = compose(claims, chance, self.config.most)
        return {labels.CAPTION: caption.text, labels.CAPTION_FACTS: caption.facts}


def claims_of(values: Values, config: CaptionConfig) -> Claims:
    """What the columns say with confidence, as slot -> label of the caption grammar.

    Args:
        values: The columns of `CaptionWriter.requires` for one face; null is None.
        config: The thresholds.
    """
    parts = (_picture, _person, _expression, _mouth_and_eyes, _head, _gaze, _skin)
    return {slot: label for part in parts for slot, label in part(values, config).items()}


def _picture(values: Values, config: CaptionConfig) -> Claims:
    claims = {}
    if values[labels.SKIN_LIGHTING] == "grey_image":
        claims["medium"] = "grey_image"
    sharpness = values[labels.SHARPNESS]
    if sharpness is not None and sharpness < config.blurred:
        claims["sharpness"] = "blurred"
    return claims


def _person(values: Values, config: CaptionConfig) -> Claims:
    claims = {}
    gender = values[labels.GENDER]
    if gender is not None and _at_least(values[labels.GENDER_PROB], gender, config.gender):
        claims["gender"] = gender
    ages = {group: p or 0.0 for group, p in (values[labels.AGE_PROB] or {}).items()}
    if not ages:
        return claims
    group = max(ages, key=lambda g: ages[g])
    if ages[group] >= config.age:
        claims["age"] = group
        if group not in MINOR_GROUPS or group in CHILD_GROUPS:
            claims["maturity"] = "child" if group in CHILD_GROUPS else "adult"
    elif sum(p for g, p in ages.items() if g not in MINOR_GROUPS) >= config.maturity:
        claims["maturity"] = "adult"
    elif sum(ages.get(g, 0.0) for g in CHILD_GROUPS) >= config.maturity:
        claims["maturity"] = "child"
    return claims


def _expression(values: Values, config: CaptionConfig) -> Claims:
    claims: Claims = {}
    if not _seen(values, config, "mouth"):
        return claims
    emotion = values[labels.PERCEIVED_EMOTION]
    eyes = _seen(values, config, "left_eye") or _seen(values, config, "right_eye")
    if emotion is not None and eyes and _at_least(values[labels.EMOTION_PROB], emotion, config.emotion):
        claims["emotion"] = emotion
    if _at_least(values[labels.AU_SCORE], "AU12", config.smile):
        claims["smile"] = "active"
    return claims


def _mouth_and_eyes(values: Values, config: CaptionConfig) -> Claims:
    claims = {}
    visible = (values[labels.REGION_VISIBLE] or {}).get("mouth")
    if visible is not None and visible < config.covered:
        claims["mouth_covered"] = "covered"
    elif _seen(values, config, "mouth") and values[labels.MOUTH_STATE] is not None:
        claims["mouth"] = values[labels.MOUTH_STATE]
    if values[labels.EYES_STATE] is not None and _seen(values, config, "left_eye", "right_eye"):
        claims["eyes"] = values[labels.EYES_STATE]
    return claims


def _head(values: Values, config: CaptionConfig) -> Claims:
    claims: Claims = {}
    yaw, pitch, roll = (values[c] for c in (labels.YAW, labels.PITCH, labels.ROLL))
    if yaw is None or pitch is None or roll is None:
        return claims
    if abs(yaw) >= config.turn:
        claims["turn"] = _side(yaw)
    elif math.hypot(yaw, pitch) <= config.frontal:
        claims["turn"] = "frontal"
    if abs(pitch) >= config.turn:
        claims["nod"] = "up" if pitch > 0 else "down"
    if config.tilt <= abs(roll) <= 60:
        claims["tilt"] = _side(roll)
    return claims


def _gaze(values: Values, config: CaptionConfig) -> Claims:
    claims: Claims = {}
    yaw, pitch = values[labels.GAZE_YAW], values[labels.GAZE_PITCH]
    open_eyes = values[labels.EYES_STATE] in ("open", "narrowed")
    if yaw is None or pitch is None or not open_eyes or not _seen(values, config, "left_eye", "right_eye"):
        return claims
    if abs(yaw) >= config.gaze:
        claims["gaze"] = _side(yaw)
    if abs(pitch) >= config.gaze:
        claims["gaze_height"] = "up" if pitch > 0 else "down"
    if math.hypot(yaw, pitch) <= config.at_camera and values[labels.LOOKS_AT_CAMERA]:
        claims["camera"] = "true"
    elif values[labels.LOOKS_AT_CAMERA] is False and math.hypot(yaw, pitch) >= config.gaze and not claims:
        claims["camera"] = "false"
    return claims


def _skin(values: Values, config: CaptionConfig) -> Claims:
    confidence, tone = values[labels.SKIN_CONFIDENCE], values[labels.ITA_CLASS]
    sure = confidence is not None and confidence >= config.skin and values[labels.SKIN_LIGHTING] == "usable"
    return {"skin": tone} if config.include_skin_tone and sure and tone is not None else {}


def _side(angle: float) -> str:
    return "image_right" if angle > 0 else "image_left"


def _at_least(scores: Mapping[str, float | None] | None, label: str, least: float) -> bool:
    score = (scores or {}).get(label)
    return score is not None and score >= least


def _seen(values: Values, config: CaptionConfig, *regions: str) -> bool:
    return all(_at_least(values[labels.REGION_VISIBLE], region, config.visible) for region in regions)
