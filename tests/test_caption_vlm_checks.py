"""Answers of a caption model are read, and held against the labels that the dataset has."""

from __future__ import annotations

from typing import Any

import pytest

from annotators.adapters.vlm_checks import check_answer
from annotators.adapters.vlm_questions import questionnaire
from schemas import Kind, labels_of
from schemas.columns import labels
from tests.caption_samples import ADULT, UNKNOWN, ages, answer, scores

pytest.importorskip("jsonschema")


def judged(text: str, person: Any, **known: str) -> tuple[list[str], list[str]]:
    asked = questionnaire()
    done = check_answer(asked.read(answer(text, **known)), person, asked)
    return done.reasons, done.unverified


@pytest.mark.parametrize(
    ("text", "known", "change", "why"),
    [
        ("A person.", {"age": "70+"}, {}, "perceived_age_group says 30-39"),
        (
            "A person.",
            {"age": "70+"},
            {labels.AGE_PROB: ages(a30_39=0.5, a40_49=0.5)},
            "chance of 70+ or a group beside",
        ),
        ("A person.", {"age": "40-49"}, {}, ""),
        ("A child.", {}, {}, "perceived_age=child is denied"),
        ("A person.", {"mouth": "open"}, {}, "mouth_state says closed"),
        ("A person.", {"mouth": "parted"}, {}, ""),
        ("A person with closed eyes.", {}, {}, "eyes_state says open"),
        ("A person looking away.", {}, {}, "looks_at_camera says true"),
        ("A person.", {"head_turn": "image_left"}, {}, "pose_yaw says frontal"),
        ("A person.", {"head_turn": "image_left"}, {labels.YAW: 12.0}, "pose_yaw is 12 degrees"),
        ("A person.", {"head_nod": "up"}, {}, "pose_pitch is 1 degrees"),
        ("A person.", {"head_tilt": "image_right"}, {labels.ROLL: -30.0}, "pose_roll says image_left"),
        ("A blurry face.", {}, {}, "sharpness is 0.90"),
        ("A black-and-white photo of a person.", {}, {}, "colour could be measured"),
        ("A cheerful person.", {}, {}, "perceived_emotion says sadness"),
        ("A person.", {"smile": "active"}, {labels.AU_SCORE: scores(labels.AU_SCORE, AU12=0.25)}, "happiness has a"),
        ("A person who is not smiling.", {}, {}, ""),
        ("A man.", {}, {labels.GENDER: None}, ""),
        ("A man and a woman.", {}, {labels.GENDER: None}, "contradicts itself about gender"),
        ("A woman with closed lips.", {"mouth": "open"}, {labels.MOUTH_STATE: None}, "contradicts itself about mouth"),
        ("A beautiful woman.", {}, {}, "speaks of attractiveness ('beautiful')"),
        ("A white woman.", {}, {}, "speaks of ethnicity or origin ('white woman')"),
        ("A famous woman.", {}, {}, "speaks of identity"),
        ("A woman in a white shirt.", {}, {}, ""),
    ],
)
def test_answers_are_checked_against_the_labels(
    text: str, known: dict[str, str], change: dict[Any, Any], why: str
) -> None:
    reasons, _ = judged(text, {**ADULT, **change}, **known)
    if why:
        assert any(why in reason for reason in reasons), reasons
    else:
        assert reasons == []


@pytest.mark.parametrize(
    ("text", "worn", "reason", "unverified"),
    [
        ("A person with glasses.", "none", "Eyeglasses=present is denied: eyewear says none", []),
        ("A person without glasses.", "sunglasses", "Eyeglasses=absent is denied: eyewear says sunglasses", []),
        ("A person with sunglasses.", "glasses", "", []),
        ("A person without glasses.", "none", "", []),
        ("A person with glasses.", None, "", ["celeba_attributes_score.Eyeglasses=present"]),
        ("A person with sunglasses on top of her head.", "none", "", []),
        ("A person with glasses pushed up on the forehead.", "none", "", []),
        ("A person with glasses on the nose.", "none", "eyewear says none", []),
    ],
)
def test_glasses_are_held_against_the_eyewear(text: str, worn: str | None, reason: str, unverified: list[str]) -> None:
    person = {**UNKNOWN, labels.EYEWEAR: worn}
    reasons, left = judged(text.replace(" her ", " the "), person)
    assert [reason in r for r in reasons] == ([True] if reason else [])
    assert left == unverified


def test_nothing_known_denies_and_confirms_nothing() -> None:
    reasons, unverified = judged("A smiling man with glasses and a hat.", UNKNOWN, mouth="open")
    assert reasons == []
    assert unverified == sorted(
        [
            "au_score.AU12=active",
            "celeba_attributes_score.Eyeglasses=present",
            "celeba_attributes_score.Wearing_Hat=present",
            "mouth_state=open",
            "perceived_age=adult",
            "perceived_gender=Male",
        ]
    )


def test_a_negation_is_confirmed_by_what_denies_its_opposite() -> None:
    assert judged("A person.", ADULT, smile="inactive", blurred="sharp")[1] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("She isn't smiling.", {("gender", "Female"), ("smile", "inactive")}),
        ("He smiles, without glasses.", {("gender", "Male"), ("smile", "active"), ("glasses", "absent")}),
        ("A person with no hat and a wide grin.", {("hat", "absent"), ("smile", "active")}),
        ("A person without a beard.", {("clean_shaven", "present")}),
        ("A bearded person.", {("clean_shaven", "absent")}),
        ("The eyes are closed.", {("eyes", "closed")}),
        ("A human behind a manual.", set()),
        ("Not sad.", set()),
    ],
)
def test_words_are_read(text: str, said: set[tuple[str, str]]) -> None:
    assert set(questionnaire().spoken(text)) == said


def test_answers_about_a_label_column_are_labels_of_its_taxonomy() -> None:
    for fact in questionnaire().facts.values():
        if fact.column.kind is Kind.LABEL and fact.column.taxonomy:
            assert set(fact.labels) <= labels_of(fact.column.taxonomy), fact.key
        if fact.field:
            assert fact.field in labels_of(fact.column.taxonomy)


def test_every_question_has_words_in_the_prompt_and_the_schema() -> None:
    asked = questionnaire()
    assert all(f'"{key}"' in asked.prompt() for key in asked.facts)
    assert set(asked.schema()["properties"]) == {"caption", *asked.facts}
