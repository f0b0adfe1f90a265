"""Whether a caption model's claims agree with the labels that the dataset already has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from annotators.adapters.vlm_questions import Answer, Fact, Questionnaire
from annotators.caption import MINOR_GROUPS, CaptionConfig, claims_of
from annotators.caption_grammar import SLOTS
from schemas import Column, taxonomy
from schemas.columns import labels

Values = Mapping[Column, Any]

IMPOSSIBLE = 0.02
"""Probability of an age group and its neighbours below which the group is denied."""

NO_SMILE, WEAK_SMILE, SAD = 0.1, 0.3, 0.05
"""A smile is denied at this AU12 score; or at the weaker one if happiness is this improbable."""

SHARP, SEEN = 0.6, 0.9
"""Sharpness from which a face is not blurred; visibility from which a mouth is not covered."""

STRAIGHT = 5.0
"""Degrees up to which a head is neither raised, lowered nor tilted."""


@dataclass(frozen=True)
class Checked:
    """A judged answer.

    Attributes:
        claims: Everything it claims, as `column=label`, sorted.
        unverified: Those that nothing confirms.
        reasons: Why it is not accepted; empty if it is.
    """

    claims: list[str]
    unverified: list[str]
    reasons: list[str]


def check_answer(answer: Answer, values: Values, asked: Questionnaire) -> Checked:
    """Judge an answer, its keys and its free text alike.

    Args:
        answer: What the model said.
        values: The columns that the rule-based caption reads, and `eyewear`, for this face.
        asked: The questions.
    """
    known = claims_of(values, CaptionConfig())
    said = dict.fromkeys([*answer.labels.items(), *asked.spoken(answer.caption)])
    reasons = asked.forbidden(answer.caption) + _quarrels(list(said), asked)
    unverified = []
    for key, label in said:
        fact = asked.facts[key]
        if why := _denial(fact, label, values, known):
            reasons.append(f"{fact.claim(label)} is denied: {why}")
        elif known.get(fact.slot) != label and not _confirmed(fact, label, values):
            unverified.append(fact.claim(label))
    claims = sorted(asked.facts[key].claim(label) for key, label in said)
    return Checked(claims, sorted(unverified), list(dict.fromkeys(reasons)))


def _quarrels(said: list[tuple[str, str]], asked: Questionnaire) -> list[str]:
    """Answers that contradict each other or the caption's words."""
    by_key: dict[str, list[str]] = {}
    for key, label in said:
        by_key.setdefault(key, []).append(label)
    return [
        f"the answer contradicts itself about {key}: {' and '.join(found)}"
        for key, found in by_key.items()
        if len(found) > 1 and not (len(found) == 2 and frozenset(found) in asked.facts[key].near)
    ]


def _denial(fact: Fact, label: str, values: Values, known: Mapping[str, str]) -> str:
    """Why the columns deny a claim, or nothing."""
    sure = known.get(fact.slot)
    if sure is not None and sure != label and frozenset((sure, label)) not in fact.near:
        about, field = SLOTS[fact.slot]
        return f"{about.name}{'.' + field if field else ''} says {sure} with confidence"
    return _DENIALS[fact.slot](label, values) if fact.slot in _DENIALS and sure != label else ""


def _confirmed(fact: Fact, label: str, values: Values) -> bool:
    """Whether a claim holds because its opposite is denied."""
    return fact.slot in _NEGATIONS and bool(_DENIALS[fact.slot](fact.other(label), values))


def _age(label: str, values: Values) -> str:
    probabilities = values[labels.AGE_PROB]
    if not probabilities:
        return ""
    order = taxonomy(labels.AGE_GROUP.taxonomy).labels
    place = order.index(label)
    chance = sum(probabilities[g] or 0.0 for g in order[max(place - 1, 0) : place + 2])
    return f"the chance of {label} or a group beside it is {chance:.3f}" if chance < IMPOSSIBLE else ""


def _maturity(label: str, values: Values) -> str:
    probabilities = values[labels.AGE_PROB]
    if not probabilities:
        return ""
    minor = sum(probabilities[g] or 0.0 for g in MINOR_GROUPS)
    chance = minor if label == "child" else 1 - minor
    return f"the chance of it is {chance:.3f}" if chance < IMPOSSIBLE else ""


def _smile(label: str, values: Values) -> str:
    score = (values[labels.AU_SCORE] or {}).get("AU12")
    if label != "active" or score is None:
        return ""
    happy = (values[labels.EMOTION_PROB] or {}).get("happiness")
    if score <= NO_SMILE:
        return f"AU12 (lip corner puller) scores {score:.2f}"
    if score <= WEAK_SMILE and happy is not None and happy <= SAD:
        return f"AU12 (lip corner puller) scores {score:.2f} and happiness has a chance of {happy:.2f}"
    return ""


def _blurred(label: str, values: Values) -> str:
    sharpness = values[labels.SHARPNESS]
    return f"sharpness is {sharpness:.2f}" if label == "blurred" and (sharpness or 0) >= SHARP else ""


def _grey(label: str, values: Values) -> str:
    lighting = values[labels.SKIN_LIGHTING]
    colour = label == "grey_image" and lighting not in (None, "grey_image")
    return "the skin's colour could be measured" if colour else ""


def _eyewear(label: str, values: Values) -> str:
    worn = values[labels.EYEWEAR]
    denied = worn is not None and (label == "present") == (worn == "none")
    return f"{labels.EYEWEAR.name} says {worn}" if denied else ""


def _angle(column: Column, sides: Mapping[str, int]) -> Callable[[str, Values], str]:
    """Denies a direction of which the angle shows nothing, or the other one."""

    def denial(label: str, values: Values) -> str:
        angle = values[column]
        if angle is None or label not in sides or angle * sides[label] > STRAIGHT:
            return ""
        return f"{column.name} is {angle:.0f} degrees"

    return denial


_DENIALS: dict[str, Callable[[str, Values], str]] = {
    "age": _age,
    "maturity": _maturity,
    "smile": _smile,
    "sharpness": _blurred,
    "medium": _grey,
    "eyewear": _eyewear,
    "turn": _angle(labels.YAW, {"image_right": 1, "image_left": -1}),
    "nod": _angle(labels.PITCH, {"up": 1, "down": -1}),
    "tilt": _angle(labels.ROLL, {"image_right": 1, "image_left": -1}),
}

_NEGATIONS = frozenset({"smile", "sharpness", "eyewear"})
"""Questions of which one answer is that something is not there: an answer holds where the other one is denied."""
