"""What each action unit is looked for in, and which emotion labels stand in for it.

Positives follow EMFACS (Friesen and Ekman, 1983): surprise 1+2+5+26, happiness 6+12, sadness 1+4+15,
anger 4+5+7+23, disgust 9 or 10 (+15+17), fear 1+2+4+5+20+26. Labels whose faces may or may not show the
unit are left out. A feature with a minus may only count against its measure: no weight can turn around
what the muscle does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How one unit is fitted.

    Attributes:
        name: The unit.
        positives: Emotion labels that go with it.
        ignored: Labels left out of fitting and measuring.
        geometry: Measures with the sign of the muscle's effect.
        shapes: Blendshapes without side.
        region: Rows of the texture layout, or empty.
        sided: Whether each side is given for itself: composites of two half faces show the right side winning.
        note: For the capability table.
    """

    name: str
    positives: str
    ignored: str
    geometry: str
    shapes: str
    region: str
    sided: bool
    note: str


RECIPES = (
    Recipe(
        "AU1", "sadness surprise fear", "", "brow_inner_y", "browInnerUp", "brow", False,
        "Inner brows raised, with brow texture. Raised whole brows (AU1+2) raise it too.",
    ),
    Recipe(
        "AU2", "surprise fear", "", "brow_outer_y brow_mid_y", "browOuterUp", "brow", False,
        "Outer brows raised.",
    ),
    Recipe(
        "AU4", "anger sadness fear", "disgust", "-brow_inner_y -brow_mid_y -brow_inner_x", "browDown", "brow", True,
        "Mostly frown lines and brow shading; heavy brows and strong light from above resemble it.",
    ),
    Recipe(
        "AU5", "surprise fear", "anger", "upper_lid_y", "eyeWide", "eye", False,
        "Upper lids raised; naturally wide eyes resemble it.",
    ),
    Recipe(
        "AU6", "happiness", "disgust", "pouch_y cheek_y lower_lid_y", "eyeSquint cheekSquint", "eye", True,
        "Cheeks and lower lids pushed up. Learnt from smiles: whether it tells one with from one without is unknown.",
    ),
    Recipe(
        "AU7", "anger", "happiness disgust fear sadness", "lower_lid_y", "eyeSquint", "eye", True,
        "Lids tightened; narrow eyes resemble it: given to 18 % of East Asian and 6 % of Indian FairFace faces.",
    ),
    Recipe(
        "AU9", "disgust", "anger", "wing_y subnasal_y -brow_inner_y nose_tip_y", "noseSneer", "nose", False,
        "Nose wrinkles and wings. Learnt from disgust, as AU10 is; telling the two apart is not measured.",
    ),
    Recipe(
        "AU10", "disgust", "anger", "lip_top_y lip_top_side_y", "mouthUpperUp", "lip", False,
        "Upper lip raised, with the fold beside the nose. Learnt from disgust, as AU9 is.",
    ),
    Recipe(
        "AU12", "happiness", "", "corner_y -corner_z corner_x corner_nose_y", "mouthSmile", "mouth", True,
        "Lip corners pulled up and back.",
    ),
    Recipe(
        "AU15", "sadness", "disgust", "-corner_y -corner_nose_y", "mouthFrown", "mouth", False,
        "Lip corners down.",
    ),
    Recipe(
        "AU17", "sadness disgust anger", "", "chin_boss_y -chin_boss_z -lower_lip_y", "mouthShrugLower", "chin", False,
        "Chin raised.",
    ),
    Recipe(
        "AU20", "fear", "happiness sadness", "corner_x -corner_z", "mouthStretch", "mouth", False,
        "Lips stretched.",
    ),
    Recipe(
        "AU26", "surprise fear", "happiness anger disgust sadness", "lip_gap_y -chin_y -lower_lip_nose_y", "jawOpen",
        "", False, "Jaw dropped; AU27 is the same movement further on and is not told apart.",
    ),
)  # fmt: skip

UNSUPPORTED = {
    "AU11": "No label here implies it and no measure shows it.",
    "AU13": "No label here implies it; looks like AU12 to every measure.",
    "AU14": "mouthDimple follows every smile; no label here implies the unit.",
    "AU16": "Lower teeth show with every open mouth; no label here implies the unit.",
    "AU18": "mouthPucker moves, but no label here implies the unit, so it could not be measured.",
    "AU22": "mouthFunnel moves, but no label here implies the unit, so it could not be measured.",
    "AU23": "Anger in the photos at hand is mostly shouting, which hides tight lips: what a fit learns is the shout.",
    "AU24": "As AU23.",
    "AU27": "The same movement as AU26, further on; no label tells where one ends.",
    "AU28": "mouthRoll moves, but no label here implies the unit, so it could not be measured.",
    "AU45": "A blink is a movement; a photo shows closed eyes, which is AU43.",
}
"""Units that are never given, and why."""

LIPS_PART = Recipe(
    "AU25", "surprise fear", "happiness anger disgust sadness", "mouth_opening", "", "", False,
    "Inner-lip gap over mouth width, decided by eye at 0.08: of 59 adults' mouths with a gap below 0.2 that finds "
    "25 of 29 parted and 5 of 30 closed ones (AUC .90). Many faces labelled neutral part their lips.",
)  # fmt: skip
"""AU25 is measured like the others, but not fitted."""

MOUTH_STEPS = (0.08, 0.14, 0.22, 0.35, 0.60)
"""Mouth opening at which AU25 has intensity 1 to 5; the first was set on 59 mouths judged by eye."""

BLINK_STEPS = (0.48, 0.52, 0.56, 0.60, 0.65)
"""`eyeBlink` at which AU43 has intensity 1 to 5; the first was set on 47 nearly shut eyes judged by eye."""
