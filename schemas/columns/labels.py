"""Columns of the label layers, grouped by what they describe.

Left and right always mean the subject's own side. Every struct names its fields by the taxonomy it
gives, so a value can never be read in another tool's order.
"""

from __future__ import annotations

import pyarrow as pa

from schemas.column import Column, ColumnGroup, Kind
from schemas.columns.faces import FACE_ID, UPRIGHT
from schemas.taxonomy import taxonomy

F32 = pa.float32()

LAYER = ColumnGroup("layer", "Columns that stand in every layer.")
LAYER.share(FACE_ID)
STATUS = LAYER.add("label_status", pa.string(), Kind.LABEL, "ok, not_applicable or failed.")
ERROR = LAYER.add("label_error", pa.string(), Kind.TEXT, "Why, where the status is not ok.")


def scores(
    group: ColumnGroup, name: str, taxonomy_name: str, doc: str, low: float = 0, high: float = 1, unit: str = "0-1"
) -> Column:
    """Declare a struct column with one float32 per label of a taxonomy."""
    fields = [pa.field(label, F32) for label in taxonomy(taxonomy_name).labels]
    return group.add(name, pa.struct(fields), Kind.SCORES, doc, low=low, high=high, unit=unit, taxonomy=taxonomy_name)


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

LANDMARKS = ColumnGroup("landmarks", "Mesh and points.")
MESH = LANDMARKS.add(
    "landmarks_478", pa.list_(F32, 478 * 3), Kind.POINTS,
    "MediaPipe's face mesh with irises; z grows away from the camera, same scale as x, relative to the head.",
    unit="px", frame=UPRIGHT, shape=(478, 3), taxonomy="points-478",
)  # fmt: skip
POINTS_68 = LANDMARKS.add(
    "landmarks_68", pa.list_(F32, 68 * 2), Kind.POINTS, "The 68 points of 300-W, taken from the mesh.",
    unit="px", frame=UPRIGHT, shape=(68, 2), taxonomy="points-68",
)  # fmt: skip
VISIBLE_68 = LANDMARKS.add(
    "landmarks_68_visible", pa.list_(pa.bool_(), 68), Kind.LIST,
    "Which of the 68 points lie inside the picture and face the camera.", shape=(68,),
)  # fmt: skip
PRESENCE = LANDMARKS.add(
    "mesh_presence", F32, Kind.NUMBER, "The mesh model's belief that a face is there.", unit="0-1", low=0, high=1
)
IN_FRAME = LANDMARKS.add(
    "in_frame", F32, Kind.NUMBER, "Share of mesh points inside the picture.", unit="0-1", low=0, high=1
)

POSE = ColumnGroup("head pose", "Angles of the head to the camera.")
YAW = POSE.add(
    "pose_yaw", F32, Kind.NUMBER, "Head turned; positive when the nose points to the image's right.",
    unit="deg", low=-180, high=180,
)  # fmt: skip
PITCH = POSE.add(
    "pose_pitch", F32, Kind.NUMBER, "Head nodded; positive when the nose points up.", unit="deg", low=-90, high=90
)
ROLL = POSE.add(
    "pose_roll", F32, Kind.NUMBER,
    "Head tilted; positive when the head leans to the image's right (clockwise as seen).",
    unit="deg", low=-180, high=180,
)  # fmt: skip

GAZE = ColumnGroup("gaze", "Where the eyes look, from the irises.")
GAZE_YAW = GAZE.add(
    "gaze_yaw", F32, Kind.NUMBER, "Line of sight to the camera axis; positive to the image's right.",
    unit="deg", low=-180, high=180,
)  # fmt: skip
GAZE_PITCH = GAZE.add(
    "gaze_pitch", F32, Kind.NUMBER, "Line of sight to the camera axis; positive up.", unit="deg", low=-90, high=90
)
GAZE_IN_HEAD_YAW = GAZE.add(
    "gaze_in_head_yaw", F32, Kind.NUMBER, "Eyes turned in the head; positive to the image's right.",
    unit="deg", low=-90, high=90,
)  # fmt: skip
GAZE_IN_HEAD_PITCH = GAZE.add(
    "gaze_in_head_pitch", F32, Kind.NUMBER, "Eyes raised in the head; positive up.", unit="deg", low=-90, high=90
)
LOOKS_AT_CAMERA = GAZE.add("looks_at_camera", pa.bool_(), Kind.FLAG, "Line of sight within 10 degrees of the camera.")

BLENDSHAPE = ColumnGroup("blendshapes", "MediaPipe's expression coefficients.")
BLENDSHAPES = scores(
    BLENDSHAPE, "blendshapes", "blendshapes-mediapipe",
    "Expression coefficients; noseSneer, cheekSquint, cheekPuff and _neutral never move in this model.",
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
EMOTION_PROB = scores(EMOTION, "perceived_emotion_prob", "emotion-7", "Probabilities of the seven classes.")
PROTOTYPE = EMOTION.add(
    "emotion_prototype", pa.string(), Kind.LABEL, "Class whose EMFACS action-unit prototype fits best.",
    taxonomy="emotion-7", sensitive=True,
)  # fmt: skip
PROTOTYPE_PROB = scores(
    EMOTION, "emotion_prototype_prob", "emotion-7", "Fit of each EMFACS prototype as a distribution."
)
VALENCE = EMOTION.add("valence", F32, Kind.NUMBER, "Mean of the valence estimate.", unit="-1..1", low=-1, high=1)
VALENCE_SD = EMOTION.add("valence_sd", F32, Kind.NUMBER, "Its standard deviation.", unit="-1..1", low=0, high=1)
AROUSAL = EMOTION.add("arousal", F32, Kind.NUMBER, "Mean of the arousal estimate.", unit="-1..1", low=-1, high=1)
AROUSAL_SD = EMOTION.add("arousal_sd", F32, Kind.NUMBER, "Its standard deviation.", unit="-1..1", low=0, high=1)

DEMOGRAPHICS = ColumnGroup("perceived demographics", "A model's perception, not a fact about the person.")
AGE = DEMOGRAPHICS.add(
    "perceived_age", F32, Kind.NUMBER, "Mean of the age distribution.", unit="years", low=0, high=120, sensitive=True
)
AGE_SD = DEMOGRAPHICS.add("perceived_age_sd", F32, Kind.NUMBER, "Its standard deviation.", unit="years", low=0, high=60)
AGE_GROUP = DEMOGRAPHICS.add(
    "perceived_age_group", pa.string(), Kind.LABEL, "Most probable FairFace bin.",
    taxonomy="age-fairface-9", sensitive=True,
)  # fmt: skip
AGE_PROB = scores(DEMOGRAPHICS, "perceived_age_prob", "age-fairface-9", "Probabilities of the nine bins.")
GENDER = DEMOGRAPHICS.add(
    "perceived_gender", pa.string(), Kind.LABEL,
    "Most probable presentation; null beside probabilities means the model abstains.",
    taxonomy="gender-2", sensitive=True,
)  # fmt: skip
GENDER_PROB = scores(DEMOGRAPHICS, "perceived_gender_prob", "gender-2", "Probabilities of the two labels.")

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

IDENTITY = ColumnGroup("identity", "Biometric data.")
EMBEDDING = IDENTITY.add(
    "embedding_sface", pa.list_(F32, 128), Kind.VECTOR, "SFace embedding, unit length; compare by dot product.",
    shape=(128,), low=-1, high=1, sensitive=True,
)  # fmt: skip

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

CAPTION_GROUP = ColumnGroup("caption", "Words made from the other columns.")
CAPTION = CAPTION_GROUP.add("caption", pa.string(), Kind.TEXT, "One or two sentences that claim only confident labels.")
CAPTION_FACTS = CAPTION_GROUP.add(
    "caption_facts", pa.list_(pa.string()), Kind.LIST, "The claims in the caption, as `column=label`."
)

REVIEW = ColumnGroup("review", "What people say when they look at faces one by one.")
REVIEW_TAGS = REVIEW.add(
    "review_tags", pa.list_(pa.string()), Kind.LIST, "Tags that a reviewer set; an empty list where all were removed."
)
REVIEW_REJECTED = REVIEW.add(
    "review_rejected", pa.bool_(), Kind.FLAG, "A reviewer deleted this face: no face, or not wanted."
)
