"""Perceived emotion against the face's movements, their prototype, and valence."""

from __future__ import annotations

import numpy as np

from curate.consistency.rule import Rule, Verdict, clash, either
from curate.consistency.values import Numbers, Values, is_label, ramp
from schemas.columns import labels

EMFACS = "EMFACS prototypes (FACS Investigator's Guide, table 11-1)"
NEGATIVE = ("anger", "disgust", "fear", "sadness")


def _sure(values: Values, *names: str, start: float = 0.6, full: float = 0.9) -> Numbers:
    label = values.label(labels.PERCEIVED_EMOTION)
    return np.asarray(is_label(label, *names) * ramp(values.probability(labels.PERCEIVED_EMOTION), start, full))


def _facts(values: Values) -> dict[str, object]:
    return {"emotion": values.label(labels.PERCEIVED_EMOTION), "p": values.probability(labels.PERCEIVED_EMOTION)}


def _no_smile(values: Values) -> Verdict:
    corner, cheek = (values.field(labels.AU_SCORE, u) for u in ("AU12", "AU6"))
    still = np.minimum(ramp(corner, 0.3, 0.05), ramp(cheek, 0.3, 0.1))
    return clash(_sure(values, "happiness"), still, corner=corner, cheek=cheek, **_facts(values))


def _negative_smile(values: Values) -> Verdict:
    corner = values.field(labels.AU_SCORE, "AU12")
    return clash(_sure(values, *NEGATIVE), ramp(corner, 0.85, 0.99), corner=corner, **_facts(values))


def _blind_surprise(values: Values) -> Verdict:
    closed = is_label(values.label(labels.EYES_STATE), "closed")
    return clash(_sure(values, "surprise", "fear", start=0.4, full=0.8), closed, **_facts(values))


def _still_surprise(values: Values) -> Verdict:
    units = ("AU1", "AU2", "AU5", "AU26")
    most = np.max([values.field(labels.AU_SCORE, u) for u in units], axis=0)
    return clash(_sure(values, "surprise"), ramp(most, 0.35, 0.1), most=most, **_facts(values))


def _laughing_neutral(values: Values) -> Verdict:
    corner, cheek = (values.field(labels.AU_SCORE, u) for u in ("AU12", "AU6"))
    strong = np.minimum(ramp(corner, 0.85, 0.98), ramp(cheek, 0.5, 0.8))
    return clash(_sure(values, "neutral"), strong, corner=corner, cheek=cheek, **_facts(values))


def _prototype(values: Values) -> Verdict:
    prototype, fit = values.label(labels.PROTOTYPE), values.probability(labels.PROTOTYPE)
    emotion = values.label(labels.PERCEIVED_EMOTION)
    known = np.array([a is not None and b is not None for a, b in zip(prototype, emotion, strict=True)])
    differ = np.where(known, (prototype != emotion).astype(float), np.nan)
    sure = ramp(values.probability(labels.PERCEIVED_EMOTION), 0.6, 0.95)
    return clash(differ * sure, ramp(fit, 0.6, 0.9), prototype=prototype, **_facts(values))


def _valence(values: Values) -> Verdict:
    valence = values.number(labels.VALENCE)
    facts = {"valence": valence, **_facts(values)}
    return either(
        clash(_sure(values, "happiness"), ramp(valence, -0.05, -0.35), **facts),
        clash(_sure(values, *NEGATIVE), ramp(valence, 0.05, 0.35), **facts),
    )


_EMOTION = (labels.PERCEIVED_EMOTION, labels.EMOTION_PROB)

RULES = (
    Rule(
        "happiness_without_smile",
        (*_EMOTION, labels.AU_SCORE),
        0.8,
        "Labelled happiness ({p:.2f}), but neither AU12 ({corner:.2f}) nor AU6 ({cheek:.2f}) is there.",
        f"{EMFACS}: happiness is AU6 and AU12",
        _no_smile,
    ),
    Rule(
        "negative_emotion_with_smile",
        (*_EMOTION, labels.AU_SCORE),
        0.8,
        "Labelled {emotion} ({p:.2f}), but the lip corners are pulled up (AU12 {corner:.2f}).",
        f"{EMFACS}: AU12 belongs to no prototype of a negative emotion",
        _negative_smile,
    ),
    Rule(
        "surprise_with_closed_eyes",
        (*_EMOTION, labels.EYES_STATE),
        0.8,
        "Labelled {emotion} ({p:.2f}), but the eyes are closed.",
        f"{EMFACS}: surprise and fear raise the upper lids (AU5)",
        _blind_surprise,
    ),
    Rule(
        "surprise_without_movement",
        (*_EMOTION, labels.AU_SCORE),
        0.7,
        "Labelled surprise ({p:.2f}), but brows, lids and jaw are at rest (highest score {most:.2f}).",
        f"{EMFACS}: surprise is AU1, AU2, AU5 and AU26",
        _still_surprise,
    ),
    Rule(
        "neutral_with_laughter",
        (*_EMOTION, labels.AU_SCORE),
        0.7,
        "Labelled neutral ({p:.2f}), but the face smiles with the cheeks raised (AU12 {corner:.2f}, AU6 {cheek:.2f}).",
        f"{EMFACS}: AU6 and AU12 are happiness",
        _laughing_neutral,
    ),
    Rule(
        "emotion_against_prototype",
        (*_EMOTION, labels.PROTOTYPE, labels.PROTOTYPE_PROB),
        0.6,
        "Labelled {emotion} ({p:.2f}), but the action units fit the prototype of {prototype}.",
        EMFACS,
        _prototype,
    ),
    Rule(
        "emotion_against_valence",
        (*_EMOTION, labels.VALENCE),
        0.7,
        "Labelled {emotion} ({p:.2f}), but valence is {valence:+.2f}.",
        "Russell 1980: happiness lies on the pleasant side, anger, disgust, fear and sadness on the unpleasant one",
        _valence,
    ),
)
