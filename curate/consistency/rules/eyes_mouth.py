"""Eyes and mouth: openings, states, action units, gaze and cover."""

from __future__ import annotations

import numpy as np

from curate.consistency.rule import Rule, Verdict, clash, either
from curate.consistency.values import Numbers, Values, is_label, ramp
from schemas.columns import labels

FACS = "Ekman, Friesen and Hager 2002 (FACS manual)"
SEEN = "openings of 2,753 FairFace training faces: the ramps begin beyond the 99th percentile of the other state"
CLOSED, OPEN, WINKS = "closed", "open", ("wink_left", "wink_right")


def _eye_opening(values: Values) -> Numbers:
    return np.asarray((values.number(labels.EYE_LEFT) + values.number(labels.EYE_RIGHT)) / 2)


def _au25(values: Values) -> Verdict:
    unit, gap = values.field(labels.AU_SCORE, "AU25"), values.number(labels.MOUTH_OPENING)
    facts = {"unit": unit, "gap": gap}
    return either(
        clash(ramp(unit, 0.6, 0.9), ramp(gap, 0.06, 0.02), **facts),
        clash(ramp(unit, 0.4, 0.1), ramp(gap, 0.1, 0.2), **facts),
    )


def _au26(values: Values) -> Verdict:
    unit, gap = values.field(labels.AU_SCORE, "AU26"), values.number(labels.MOUTH_OPENING)
    facts = {"unit": unit, "gap": gap}
    return either(
        clash(ramp(unit, 0.6, 0.9), ramp(gap, 0.15, 0.04), **facts),
        clash(ramp(unit, 0.3, 0.05), ramp(gap, 0.3, 0.6), **facts),
    )


def _au43(values: Values) -> Verdict:
    unit, gap = values.field(labels.AU_SCORE, "AU43"), _eye_opening(values)
    facts = {"unit": unit, "gap": gap}
    return either(
        clash(ramp(unit, 0.6, 0.9), ramp(gap, 0.3, 0.4), **facts),
        clash(ramp(unit, 0.3, 0.05), ramp(gap, 0.11, 0.04), **facts),
    )


def _closed_mouth(values: Values) -> Verdict:
    closed = is_label(values.label(labels.MOUTH_STATE), CLOSED)
    lips, jaw = (ramp(values.field(labels.AU_SCORE, u), 0.6, 0.9) for u in ("AU25", "AU26"))
    falls = np.nan_to_num(jaw) > np.nan_to_num(lips)
    which = np.where(falls, "AU26 (jaw dropped)", "AU25 (lips apart)")
    score = np.where(falls, *(values.field(labels.AU_SCORE, u) for u in ("AU26", "AU25")))
    return clash(closed, np.fmax(lips, jaw), which=which, score=score)


def _mouth_state(values: Values) -> Verdict:
    state, gap = values.label(labels.MOUTH_STATE), values.number(labels.MOUTH_OPENING)
    facts = {"state": state, "gap": gap}
    return either(
        clash(is_label(state, CLOSED), ramp(gap, 0.1, 0.25), **facts),
        clash(is_label(state, OPEN), ramp(gap, 0.2, 0.05), **facts),
    )


def _eyes_state(values: Values) -> Verdict:
    state, unit = values.label(labels.EYES_STATE), values.field(labels.AU_SCORE, "AU43")
    facts = {"state": state, "unit": unit}
    return either(
        clash(is_label(state, CLOSED), ramp(unit, 0.35, 0.1), **facts),
        clash(is_label(state, OPEN), ramp(unit, 0.6, 0.9), **facts),
    )


def _blind_look(values: Values) -> Verdict:
    shut = is_label(values.label(labels.EYES_STATE), CLOSED) * ramp(_eye_opening(values), 0.22, 0.1)
    return clash(shut, values.number(labels.LOOKS_AT_CAMERA), gap=_eye_opening(values))


def _gaze_flag(values: Values) -> Verdict:
    angle = np.hypot(values.number(labels.GAZE_YAW), values.number(labels.GAZE_PITCH))
    looks = values.number(labels.LOOKS_AT_CAMERA)
    facts = {"angle": angle, "looks": np.where(looks > 0, "set", "not set")}
    return either(clash(looks, ramp(angle, 11.0, 20.0), **facts), clash(1 - looks, ramp(angle, 9.0, 3.0), **facts))


def _even_wink(values: Values) -> Verdict:
    left, right = values.number(labels.EYE_LEFT), values.number(labels.EYE_RIGHT)
    state = values.label(labels.EYES_STATE)
    closed_less_open = np.where(is_label(state, "wink_left") == 1, left - right, right - left)
    evidence = ramp(closed_less_open, -0.02, 0.1)
    return clash(is_label(state, *WINKS), evidence, state=state, left=left, right=right)


def _wide_and_shut(values: Values) -> Verdict:
    wide, shut = (values.field(labels.AU_SCORE, u) for u in ("AU5", "AU43"))
    return clash(ramp(wide, 0.5, 0.8), ramp(shut, 0.5, 0.8), wide=wide, shut=shut)


def _covered_mouth(values: Values) -> Verdict:
    covered = ramp(values.field(labels.REGION_VISIBLE, "mouth"), 0.1, 0.02)
    state = values.label(labels.MOUTH_STATE)
    smile = ramp(values.field(labels.AU_SCORE, "AU12"), 0.8, 0.95)
    told = np.fmax(is_label(state, OPEN), smile)
    facts = {"state": state, "visible": values.field(labels.REGION_VISIBLE, "mouth")}
    return clash(covered, told, **facts)


RULES = (
    Rule(
        "au25_against_mouth_gap",
        (labels.AU_SCORE, labels.MOUTH_OPENING),
        0.7,
        "AU25 (lips apart) scores {unit:.2f}, but the gap between the lips is {gap:.2f} of the mouth's width.",
        f"{FACS}; {SEEN}",
        _au25,
    ),
    Rule(
        "au26_against_mouth_gap",
        (labels.AU_SCORE, labels.MOUTH_OPENING),
        0.7,
        "AU26 (jaw dropped) scores {unit:.2f}, but the gap between the lips is {gap:.2f} of the mouth's width.",
        f"{FACS}; {SEEN}",
        _au26,
    ),
    Rule(
        "au43_against_eye_gap",
        (labels.AU_SCORE, labels.EYE_LEFT, labels.EYE_RIGHT),
        0.7,
        "AU43 (eyes closed) scores {unit:.2f}, but the gap between the lids is {gap:.2f} of the eye's width.",
        f"{FACS}; {SEEN}",
        _au43,
    ),
    Rule(
        "closed_mouth_with_parted_lips",
        (labels.MOUTH_STATE, labels.AU_SCORE),
        0.7,
        "The mouth is labelled closed, but {which} scores {score:.2f}.",
        f"{FACS}: AU25 and AU26 part the lips",
        _closed_mouth,
    ),
    Rule(
        "mouth_state_against_mouth_gap",
        (labels.MOUTH_STATE, labels.MOUTH_OPENING),
        0.7,
        "The mouth is labelled {state}, but the gap between the lips is {gap:.2f} of its width.",
        "the states' limits of the annotator face_state, 0.08 and 0.25",
        _mouth_state,
    ),
    Rule(
        "eyes_state_against_au43",
        (labels.EYES_STATE, labels.AU_SCORE),
        0.7,
        "The eyes are labelled {state}, but AU43 (eyes closed) scores {unit:.2f}.",
        f"{FACS}: AU43 is eye closure",
        _eyes_state,
    ),
    Rule(
        "closed_eyes_look_at_camera",
        (labels.EYES_STATE, labels.EYE_LEFT, labels.EYE_RIGHT, labels.LOOKS_AT_CAMERA),
        0.8,
        "The eyes are labelled closed, but the face is said to look at the camera.",
        "who has the eyes closed looks at nothing",
        _blind_look,
    ),
    Rule(
        "looks_at_camera_against_gaze",
        (labels.LOOKS_AT_CAMERA, labels.GAZE_YAW, labels.GAZE_PITCH),
        0.6,
        "The line of sight is {angle:.0f} degrees off the camera, but the flag for looking at it is {looks}.",
        "the flag means a line of sight within 10 degrees (docs of the column)",
        _gaze_flag,
    ),
    Rule(
        "wink_with_even_eyes",
        (labels.EYES_STATE, labels.EYE_LEFT, labels.EYE_RIGHT),
        0.7,
        "The eyes are labelled {state}, but the left is open by {left:.2f} and the right by {right:.2f} of its width.",
        "a wink closes one eye; openings of 2,753 FairFace training faces",
        _even_wink,
    ),
    Rule(
        "wide_and_closed_eyes",
        (labels.AU_SCORE,),
        0.7,
        "AU5 (upper lids raised) scores {wide:.2f} and AU43 (eyes closed) {shut:.2f}.",
        f"{FACS}: the units move the same lid in opposite directions",
        _wide_and_shut,
    ),
    Rule(
        "covered_mouth_with_expression",
        (labels.REGION_VISIBLE, labels.MOUTH_STATE, labels.AU_SCORE),
        0.7,
        "The mouth seems covered (visible by {visible:.2f}), but it is labelled {state} or smiling.",
        "what is covered cannot be read; caption's limit for a covered mouth is 0.05",
        _covered_mouth,
    ),
)
