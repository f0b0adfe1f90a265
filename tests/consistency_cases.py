"""For every rule of consistency a face that breaks it and one that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from schemas import REGISTRY, Column
from schemas.columns import faces, labels

Row = Mapping[Column, Any]


def scores(column: Column, least: float = 0.0, **given: float) -> dict[str, float]:
    """A struct of scores: those given, the others at `least`."""
    return {f.name: given.get(f.name, least) for f in column.type}


def emotion(label: str, p: float) -> Row:
    rest = (1 - p) / 6
    return {labels.PERCEIVED_EMOTION: label, labels.EMOTION_PROB: scores(labels.EMOTION_PROB, rest, **{label: p})}


def au(**given: float) -> Row:
    return {labels.AU_SCORE: scores(labels.AU_SCORE, 0.1, **given)}


def shapes(**given: float) -> Row:
    return {labels.BLENDSHAPES: scores(labels.BLENDSHAPES, 0.1, **given)}


def eyes(state: str, left: float, right: float) -> Row:
    return {labels.EYES_STATE: state, labels.EYE_LEFT: left, labels.EYE_RIGHT: right}


def box_and_points(shift: float = 0.0, scale: float = 1.0) -> Row:
    """A box of 100 px, five points in it, and 68 landmarks with matching eyes, or moved and scaled."""
    five = [30, 40, 70, 40, 50, 60, 35, 80, 65, 80]
    spread = np.stack([np.linspace(5, 95, 68), np.linspace(5, 95, 68)], axis=1)
    spread[36:42], spread[42:48] = (30, 40), (70, 40)
    moved = (spread - 50) * scale + 50 + [shift, 0]
    box = dict(zip(faces.BOX, (0.0, 0.0, 100.0, 100.0), strict=True))
    return {**box, faces.POINTS_5: five, labels.POINTS_68: moved.reshape(-1).tolist()}


SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}
STILL = {"mouthSmileLeft": 0.0, "mouthSmileRight": 0.0}
AGED = scores(labels.AGE_PROB, 0.0, **{"70+": 0.5, "20-29": 0.5})
PARTS = (labels.SHARPNESS, labels.EXPOSURE, labels.SIZE, labels.POSE_PART, labels.VISIBILITY)

CASES: dict[str, tuple[Row, Row]] = {
    "au12_against_mouthSmile": ({**au(AU12=0.95), **shapes(**STILL)}, {**au(AU12=0.95), **shapes(**SMILE)}),
    "au43_against_eyeBlink": (
        {**au(AU43=0.02), **shapes(eyeBlinkLeft=0.7, eyeBlinkRight=0.7)},
        {**au(AU43=0.95), **shapes(eyeBlinkLeft=0.7, eyeBlinkRight=0.7)},
    ),
    "au26_against_jawOpen": ({**au(AU26=0.95), **shapes(jawOpen=0.0)}, {**au(AU26=0.95), **shapes(jawOpen=0.5)}),
    "au_score_against_intensity": (
        {**au(AU12=0.95), labels.AU_INTENSITY: scores(labels.AU_INTENSITY)},
        {**au(AU12=0.95), labels.AU_INTENSITY: scores(labels.AU_INTENSITY, AU12=3.0)},
    ),
    "au_sides_against_total": (
        {
            labels.AU_INTENSITY: scores(labels.AU_INTENSITY, AU12=5.0),
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=1.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=2.0),
        },
        {
            labels.AU_INTENSITY: scores(labels.AU_INTENSITY, AU12=1.5),
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=1.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=2.0),
        },
    ),
    "smile_side_against_smile_shape": (
        {
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=4.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=0.0),
            **shapes(mouthSmileLeft=0.1, mouthSmileRight=0.9),
        },
        {
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=4.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=0.0),
            **shapes(mouthSmileLeft=0.9, mouthSmileRight=0.1),
        },
    ),
    "au25_against_mouth_gap": (
        {**au(AU25=0.95), labels.MOUTH_OPENING: 0.01},
        {**au(AU25=0.95), labels.MOUTH_OPENING: 0.3},
    ),
    "au26_against_mouth_gap": (
        {**au(AU26=0.02), labels.MOUTH_OPENING: 0.7},
        {**au(AU26=0.95), labels.MOUTH_OPENING: 0.7},
    ),
    "au43_against_eye_gap": (
        {**au(AU43=0.95), labels.EYE_LEFT: 0.4, labels.EYE_RIGHT: 0.4},
        {**au(AU43=0.95), labels.EYE_LEFT: 0.05, labels.EYE_RIGHT: 0.05},
    ),
    "closed_mouth_with_parted_lips": (
        {labels.MOUTH_STATE: "closed", **au(AU25=0.95)},
        {labels.MOUTH_STATE: "open", **au(AU25=0.95)},
    ),
    "mouth_state_against_mouth_gap": (
        {labels.MOUTH_STATE: "closed", labels.MOUTH_OPENING: 0.4},
        {labels.MOUTH_STATE: "open", labels.MOUTH_OPENING: 0.4},
    ),
    "eyes_state_against_au43": (
        {labels.EYES_STATE: "open", **au(AU43=0.95)},
        {labels.EYES_STATE: "closed", **au(AU43=0.95)},
    ),
    "closed_eyes_look_at_camera": (
        {**eyes("closed", 0.05, 0.05), labels.LOOKS_AT_CAMERA: True},
        {**eyes("closed", 0.05, 0.05), labels.LOOKS_AT_CAMERA: False},
    ),
    "looks_at_camera_against_gaze": (
        {labels.LOOKS_AT_CAMERA: True, labels.GAZE_YAW: 30.0, labels.GAZE_PITCH: 0.0},
        {labels.LOOKS_AT_CAMERA: True, labels.GAZE_YAW: 4.0, labels.GAZE_PITCH: 2.0},
    ),
    "wink_with_even_eyes": (eyes("wink_left", 0.3, 0.1), eyes("wink_left", 0.1, 0.3)),
    "wide_and_closed_eyes": (au(AU5=0.9, AU43=0.9), au(AU5=0.9, AU43=0.05)),
    "covered_mouth_with_expression": (
        {labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 1.0, mouth=0.0), labels.MOUTH_STATE: "open", **au()},
        {labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 1.0, mouth=0.9), labels.MOUTH_STATE: "open", **au()},
    ),
    "happiness_without_smile": (
        {**emotion("happiness", 0.9), **au(AU12=0.05, AU6=0.05)},
        {**emotion("happiness", 0.9), **au(AU12=0.9, AU6=0.05)},
    ),
    "negative_emotion_with_smile": (
        {**emotion("anger", 0.9), **au(AU12=0.99)},
        {**emotion("happiness", 0.9), **au(AU12=0.99)},
    ),
    "surprise_with_closed_eyes": (
        {**emotion("surprise", 0.9), labels.EYES_STATE: "closed"},
        {**emotion("surprise", 0.9), labels.EYES_STATE: "open"},
    ),
    "surprise_without_movement": (
        {**emotion("surprise", 0.9), **au()},
        {**emotion("surprise", 0.9), **au(AU26=0.9)},
    ),
    "neutral_with_laughter": (
        {**emotion("neutral", 0.9), **au(AU12=0.99, AU6=0.9)},
        {**emotion("neutral", 0.9), **au(AU12=0.99, AU6=0.1)},
    ),
    "emotion_against_prototype": (
        {
            **emotion("neutral", 0.95),
            labels.PROTOTYPE: "fear",
            labels.PROTOTYPE_PROB: scores(labels.PROTOTYPE_PROB, 0.01, fear=0.94),
        },
        {
            **emotion("fear", 0.95),
            labels.PROTOTYPE: "fear",
            labels.PROTOTYPE_PROB: scores(labels.PROTOTYPE_PROB, 0.01, fear=0.94),
        },
    ),
    "emotion_against_valence": (
        {**emotion("happiness", 0.95), labels.VALENCE: -0.5},
        {**emotion("happiness", 0.95), labels.VALENCE: 0.5},
    ),
    "caption_against_its_facts": (
        {labels.CAPTION: "A photo of a man.", labels.CAPTION_FACTS: ["perceived_gender=Female"]},
        {labels.CAPTION: "A photo of a man.", labels.CAPTION_FACTS: ["perceived_age=adult", "perceived_gender=Male"]},
    ),
    "caption_facts_against_labels": (
        {
            labels.CAPTION_FACTS: ["mouth_state=open", "pose_yaw=image_left"],
            labels.MOUTH_STATE: "closed",
            labels.YAW: 30.0,
        },
        {
            labels.CAPTION_FACTS: ["mouth_state=open", "pose_yaw=image_left"],
            labels.MOUTH_STATE: "open",
            labels.YAW: -30.0,
        },
    ),
    "perceived_gender_against_probabilities": (
        {labels.GENDER: "Male", labels.GENDER_PROB: {"Female": 0.8, "Male": 0.2}},
        {labels.GENDER: "Female", labels.GENDER_PROB: {"Female": 0.8, "Male": 0.2}},
    ),
    "perceived_gender_prob_against_one": (
        {labels.GENDER_PROB: {"Female": 0.8, "Male": 0.8}},
        {labels.GENDER_PROB: {"Female": 0.8, "Male": 0.2}},
    ),
    "perceived_gender_against_abstention": (
        {labels.GENDER: "Male", labels.GENDER_ABSTAINED: True},
        {labels.GENDER: "Male", labels.GENDER_ABSTAINED: False},
    ),
    "perceived_gender_against_its_set": (
        {labels.GENDER: "Male", labels.GENDER_SET: ["Female"]},
        {labels.GENDER: "Male", labels.GENDER_SET: ["Male"]},
    ),
    "age_group_against_age": (
        {labels.AGE_GROUP: "70+", labels.AGE: 30.0},
        {labels.AGE_GROUP: "70+", labels.AGE: 68.0},
    ),
    "perceived_race_against_perceived_race4": (
        {labels.RACE: "East Asian", labels.RACE4: "Black"},
        {labels.RACE: "East Asian", labels.RACE4: "Asian"},
    ),
    "child_with_grown_celeba_attributes_score": (
        {
            labels.AGE_GROUP: "3-9",
            labels.AGE_PROB: scores(labels.AGE_PROB, 0.0, **{"3-9": 1.0}),
            REGISTRY["celeba_attributes_score"]: scores(REGISTRY["celeba_attributes_score"], 0.0, Goatee=0.95),
        },
        {
            labels.AGE_GROUP: "30-39",
            labels.AGE_PROB: scores(labels.AGE_PROB, 0.0, **{"30-39": 1.0}),
            REGISTRY["celeba_attributes_score"]: scores(REGISTRY["celeba_attributes_score"], 0.0, Goatee=0.95),
        },
    ),
    "skin_tone_against_angle": (
        {labels.MONK: "monk_09", labels.ITA: 60.0},
        {labels.MONK: "monk_05", labels.ITA: 45.0},
    ),
    "ita_class_against_angle": (
        {labels.ITA_CLASS: "very_light", labels.ITA: -40.0},
        {labels.ITA_CLASS: "dark", labels.ITA: -40.0},
    ),
    "skin_confidence_against_light": (
        {labels.SKIN_CONFIDENCE: 0.9, labels.SKIN_LIGHTING: "grey_image"},
        {labels.SKIN_CONFIDENCE: 0.9, labels.SKIN_LIGHTING: "usable"},
    ),
    "visibility_against_regions": (
        {labels.VISIBILITY: 1.0, labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 0.0)},
        {labels.VISIBILITY: 1.0, labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 1.0)},
    ),
    "quality_against_its_parts": (
        {labels.QUALITY_SCORE: 0.9, **dict.fromkeys(PARTS, 0.9), labels.SHARPNESS: 0.0},
        {labels.QUALITY_SCORE: 0.9, **dict.fromkeys(PARTS, 0.9)},
    ),
    "no_second_detector_and_no_mesh": (
        {labels.SECOND_SCORE: 0.0, labels.PRESENCE: 0.01},
        {labels.SECOND_SCORE: 0.0, labels.PRESENCE: 0.9},
    ),
    "detectors_disagree": (
        {faces.SCORE: 0.95, labels.SECOND_SCORE: 0.0},
        {faces.SCORE: 0.95, labels.SECOND_SCORE: 0.9},
    ),
    "landmarks_beside_box": (box_and_points(shift=80.0), box_and_points()),
    "landmarks_against_box_size": (box_and_points(scale=0.2), box_and_points()),
    "detector_eyes_against_landmarks": (box_and_points(shift=50.0), box_and_points(shift=2.0)),
    "roll_against_eye_line": (
        {**box_and_points(), labels.YAW: 0.0, labels.PITCH: 0.0, labels.ROLL: 60.0},
        {**box_and_points(), labels.YAW: 0.0, labels.PITCH: 0.0, labels.ROLL: 4.0},
    ),
    "yaw_against_nose": (
        {labels.YAW: -30.0, faces.POINTS_5: [30, 40, 70, 40, 65, 60, 35, 80, 65, 80]},
        {labels.YAW: 30.0, faces.POINTS_5: [30, 40, 70, 40, 65, 60, 35, 80, 65, 80]},
    ),
    "quality_pose_against_pose": (
        {labels.POSE_PART: 1.0, labels.YAW: 70.0, labels.PITCH: 0.0},
        {labels.POSE_PART: 1.0, labels.YAW: 5.0, labels.PITCH: 0.0},
    ),
    "asymmetry_of_frontal_face": (
        {labels.SYMMETRY: 0.4, labels.YAW: 2.0},
        {labels.SYMMETRY: 0.95, labels.YAW: 2.0},
    ),
}
