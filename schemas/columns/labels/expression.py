"""What the face does: coefficients, action units, mouth and eyes, perceived emotion."""

from __future__ import annotations

import pyarrow as pa

from schemas.column import ColumnGroup, Kind
from schemas.columns.labels.layer import F32, scores

BLENDSHAPE = ColumnGroup("blendshapes", "MediaPipe's expression coefficients.")
BLENDSHAPES = scores(
    BLENDSHAPE, "blendshapes", "blendshapes-mediapipe",
    "Expression coefficients; the label set says which are dead: those never move, and their values mean nothing.",
)  # fmt: skip

AU = ColumnGroup("action units", "Facial Action Coding System; null where no method here can see the unit.")
AU_SCORE = scores(AU, "au_score", "au-columns", "How sure the unit is active; 0.5 is the decision point.")
AU_INTENSITY = scores(
    AU, "au_intensity", "au-columns", "Estimated intensity, FACS A-E as 1-5, 0 = absent.", high=5, unit="0-5"
)
AU_LEFT = scores(
    AU, "au_intensity_left", "au-columns", "Intensity on the subject's left side, where sides differ.",
    high=5, unit="0-5",
)  # fmt: skip
AU_RIGHT = scores(
    AU, "au_intensity_right", "au-columns", "Intensity on the subject's right side, where sides differ.",
    high=5, unit="0-5",
)  # fmt: skip

AU_SIDES = ColumnGroup("action units by side", "Scores of models that judge each side; null where they do not.")
AU_SCORE_LEFT = scores(
    AU_SIDES, "au_score_left", "au-columns", "How sure the unit is active on the subject's left side."
)
AU_SCORE_RIGHT = scores(
    AU_SIDES, "au_score_right", "au-columns", "How sure the unit is active on the subject's right side."
)

STATE = ColumnGroup("mouth and eyes", "How open they are.")
MOUTH_OPENING = STATE.add(
    "mouth_opening", F32, Kind.NUMBER, "Inner-lip gap over mouth width.", unit="ratio", low=0, high=3
)
MOUTH_STATE = STATE.add("mouth_state", pa.string(), Kind.LABEL, "closed, parted or open.", taxonomy="mouth-state")
EYE_LEFT = STATE.add(
    "eye_opening_left", F32, Kind.NUMBER, "Lid gap over eye width, subject's left.", unit="ratio", low=0, high=2
)
EYE_RIGHT = STATE.add(
    "eye_opening_right", F32, Kind.NUMBER, "Lid gap over eye width, subject's right.", unit="ratio", low=0, high=2
)
EYES_STATE = STATE.add("eyes_state", pa.string(), Kind.LABEL, "Open, narrowed, closed, wink.", taxonomy="eyes-state")

EMOTION = ColumnGroup("emotion", "Perceived expression, never what a person feels.")
PERCEIVED_EMOTION = EMOTION.add(
    "perceived_emotion", pa.string(), Kind.LABEL,
    "Most probable class; null beside probabilities means the model abstains.",
    taxonomy="emotion-7", sensitive=True,
)  # fmt: skip
EMOTION_PROB = scores(
    EMOTION, "perceived_emotion_prob", "emotion-7", "Probabilities of the seven classes.", sensitive=True
)
EMOTION_ABSTAINED = EMOTION.add(
    "perceived_emotion_abstained",
    pa.bool_(),
    Kind.FLAG,
    "The model was not sure enough, or the face is in profile: perceived_emotion is null.",
)
EMOTION_SET = EMOTION.add(
    "perceived_emotion_set", pa.list_(pa.string()), Kind.LIST,
    "Classes among which the truth is in 90 % of faces like those it was fitted on (a conformal set); never empty.",
    taxonomy="emotion-7", sensitive=True,
)  # fmt: skip
EMOTION8 = EMOTION.add(
    "perceived_emotion8", pa.string(), Kind.LABEL,
    "Most probable of eight classes, contempt among them; null beside probabilities means the model abstains.",
    taxonomy="emotion-8", sensitive=True,
)  # fmt: skip
EMOTION8_PROB = scores(
    EMOTION, "perceived_emotion8_prob", "emotion-8", "Probabilities of the eight classes.", sensitive=True
)
PROTOTYPE = EMOTION.add(
    "emotion_prototype", pa.string(), Kind.LABEL, "Class whose EMFACS action-unit prototype fits best.",
    taxonomy="emotion-7", sensitive=True,
)  # fmt: skip
PROTOTYPE_PROB = scores(
    EMOTION, "emotion_prototype_prob", "emotion-7", "Fit of each EMFACS prototype as a distribution.", sensitive=True
)
VALENCE = EMOTION.add("valence", F32, Kind.NUMBER, "Mean of the valence estimate.", unit="-1..1", low=-1, high=1)
VALENCE_SD = EMOTION.add("valence_sd", F32, Kind.NUMBER, "Its standard deviation.", unit="-1..1", low=0, high=1)
AROUSAL = EMOTION.add("arousal", F32, Kind.NUMBER, "Mean of the arousal estimate.", unit="-1..1", low=-1, high=1)
AROUSAL_SD = EMOTION.add("arousal_sd", F32, Kind.NUMBER, "Its standard deviation.", unit="-1..1", low=0, high=1)
