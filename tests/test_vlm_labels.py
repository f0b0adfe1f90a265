"""Closed labels by a vision-language model: replies become labels or nothing, and what cannot be read is kept."""

from __future__ import annotations

import json

import pytest

from annotators.adapters.vlm_labels import VlmLabelsConfig
from annotators.adapters.vlm_replies import prompt, questions, read, schema
from schemas import UsageError, taxonomy
from schemas.columns import labels

GOOD = {"gender": "Female", "race": "East Asian", "age": "30-39", "emotion": "happiness"}


def told(text: str) -> tuple[list[str | None], tuple[str, ...]]:
    reply = read(text)
    return [reply.labels[q.column] for q in questions()], reply.unread


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"Here is my answer:\n```json\n{json.dumps(GOOD)}\n```",
        '{"note": 1} {"gender": "FEMALE", "race": "east asian", "age": "30-39", "emotion": "Happy"}',
        "Gender: female\nRace: East Asian\nAge group: 30-39\nEmotion: happiness.",
    ],
)
def test_replies_are_read_in_the_forms_that_models_give(text: str) -> None:
    assert told(text) == (["Female", "East Asian", "30-39", "happiness"], ())


@pytest.mark.parametrize("word", [None, "null", "unknown", "not visible", ""])
def test_a_model_may_say_that_it_cannot_tell(word: str | None) -> None:
    assert told(json.dumps({**GOOD, "race": word})) == (["Female", None, "30-39", "happiness"], ())


def test_what_is_no_label_is_none_and_named() -> None:
    assert told(json.dumps({**GOOD, "race": "Martian", "age": 35})) == (
        ["Female", None, None, "happiness"],
        ("race", "age"),
    )
    assert told(json.dumps({"gender": "Male"})) == (["Male", None, None, None], ("race", "age", "emotion"))
    assert told("I cannot help with that.") == ([None] * 4, ("gender", "race", "age", "emotion"))
    assert told("") == ([None] * 4, ("gender", "race", "age", "emotion"))
    assert told("{ broken") == ([None] * 4, ("gender", "race", "age", "emotion"))


def test_the_question_names_every_label_and_the_schema_allows_no_other() -> None:
    text = prompt()
    for question in questions():
        assert all(label in text for label in question.labels)
        assert schema()["properties"][question.key]["enum"] == [*question.labels, None]
    assert [q.column for q in questions()] == [labels.GENDER, labels.RACE, labels.AGE_GROUP, labels.PERCEIVED_EMOTION]
    assert len(taxonomy(labels.RACE.taxonomy).labels) == 7
    assert len(taxonomy(labels.AGE_GROUP.taxonomy).labels) == 9


def test_messages_name_this_annotator() -> None:
    with pytest.raises(UsageError, match=r"vlm_labels would send crops of faces to api\.example\.org"):
        VlmLabelsConfig(base_url="https://api.example.org/v1", model="m")
    with pytest.raises(UsageError, match="vlm_labels needs a model"):
        VlmLabelsConfig().require_choice()
