"""What recipes say of faces: captions of attributes and of identity, questions with rated answers, descriptions."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.caption_grammar import compose
from annotators.caption_parser import parse
from curate.export.identity_captions import ANYBODY, identity_caption
from curate.export.sentence_embedding import embed
from curate.recipes.attributes import MALE, NAMES, Decided, caption, decide, facts, mentioned, scores_of
from curate.recipes.instructions import TOPICS, agrees, bank, exchange, topic
from curate.recipes.recipe import parse as recipe_of
from curate.recipes.run import run_recipe
from curate.recipes.state import FILE
from curate.store import Dataset
from schemas import SchemaError, UnknownNameError, UsageError, taxonomy
from schemas.columns import labels
from tests.export_samples import hard_cases

SAYABLE = [n for n in NAMES if n not in ("Attractive", "Chubby")]
sexes = st.sampled_from(["present", "absent", "unknown"])


# --- attributes


@given(st.sets(st.sampled_from([n for n in SAYABLE if n != MALE])), sexes, st.integers(0, 99), st.integers(1, 40))
def test_captions_say_sure_attributes_and_are_read_back(shown: set[str], sex: str, seed: int, most: int) -> None:
    present = tuple(n for n in NAMES if n in shown or (n == MALE and sex == "present"))
    decided = Decided(present, (MALE,) if sex == "absent" else ())
    text = caption(decided, random.Random(seed), most)
    said = mentioned(text)
    assert set(said.present) <= set(present)
    assert said.absent == decided.absent
    assert (MALE in said.present) == (sex == "present")
    assert len(set(said.present) - {MALE}) == min(len(shown), most)


def test_captions_of_attributes_are_sentences() -> None:
    decided = Decided((MALE, "Smiling", "Eyeglasses", "Black_Hair", "Young"), ())
    texts = {caption(decided, random.Random(seed)) for seed in range(20)}
    assert "A young-looking person perceived as male, smiling with black hair wearing glasses." in texts
    with pytest.raises(SchemaError, match="no phrase of an attribute"):
        mentioned("A person with a nice voice.")
    with pytest.raises(SchemaError, match="no words for a person"):
        mentioned("A wizard.")


def test_claims_stand_under_their_columns() -> None:
    assert facts(Decided((MALE, "Smiling"), ())) == ["perceived_gender=Male", "celeba_attributes=Smiling"]
    assert facts(Decided((), (MALE,))) == ["perceived_gender=Female"]


def test_probabilities_come_from_the_labels_and_then_from_clip() -> None:
    values = {
        labels.GENDER_PROB.name: {"Female": 0.9, "Male": 0.1},
        labels.EYEWEAR_PROB.name: {"none": 0.05, "glasses": 0.6, "sunglasses": 0.35},
        labels.MOUTH_STATE.name: "parted",
        labels.AGE_PROB.name: {"20-29": 0.5, "30-39": 0.2, "40-49": 0.3},
        labels.CELEBA_SCORE.name: {"Male": 0.99, "Bald": 0.97, "Wearing_Hat": None},
    }
    scores = scores_of(values)
    assert scores["Male"] == 0.1, "the labels speak before CLIP"
    assert scores["Bald"] == 0.97
    assert scores["Young"] == pytest.approx(0.7)
    assert scores["Smiling"] is scores["Wearing_Hat"] is None
    decided = decide(scores, 0.85)
    assert decided == Decided(("Bald", "Eyeglasses", "Mouth_Slightly_Open"), ("Male",))
    assert decided.valid("decided") == 4
    assert decided.valid("present") == 3
    assert decide({"Bald": 0.85}, 0.85) == Decided((), ()), "exactly the least probability is not above it"


# --- questions


def values_of(rng: np.random.Generator) -> dict[str, Any]:
    """Labels of all tasks with probabilities, drawn."""
    found: dict[str, Any] = {labels.MASK_WORN.name: bool(rng.integers(2)), labels.MASK_PROB.name: float(rng.random())}
    pairs = ((labels.PERCEIVED_EMOTION, labels.EMOTION_PROB), (labels.EYEWEAR, labels.EYEWEAR_PROB),
             (labels.GENDER, labels.GENDER_PROB), (labels.AGE_GROUP, labels.AGE_PROB))  # fmt: skip
    for label, probabilities in pairs:
        names = taxonomy(label.taxonomy).labels
        found[label.name] = str(rng.choice(names))
        found[probabilities.name] = dict(zip(names, rng.dirichlet(np.ones(len(names))).tolist(), strict=True))
    units = taxonomy(labels.AU_SCORE.taxonomy).labels
    found[labels.AU_SCORE.name] = {u: float(rng.random()) for u in units}
    return {**found, "is_synthetic": bool(rng.integers(2))}


@given(st.integers(0, 10_000), st.sampled_from(list(TOPICS)))
def test_answers_say_the_label_and_are_rated_by_its_probability(seed: int, name: str) -> None:
    values = values_of(np.random.default_rng(seed))
    found = exchange(values, topic(name), str(seed))
    assert found is not None
    assert found.question in bank()[found.column.name].questions
    assert agrees(found, values)
    assert 0 <= found.rating <= 10
    assert exchange(values, topic(name), str(seed)) == found
    other = {**values, found.column.name: None}
    if len(topic(name).columns) == 1:
        assert exchange(other, topic(name), str(seed)) is None


def test_an_answer_that_says_another_label_does_not_agree() -> None:
    values = values_of(np.random.default_rng(0))
    found = exchange(values, topic("expression"), "0")
    assert found is not None
    names = taxonomy(labels.PERCEIVED_EMOTION.taxonomy).labels
    other = next(n for n in names if n != values["perceived_emotion"])
    assert not agrees(found, {**values, "perceived_emotion": other})
    with pytest.raises(UnknownNameError, match="Did you mean 'expression'"):
        topic("expresion")


def test_every_task_has_ten_questions_that_no_other_has() -> None:
    asked = [q for task in bank().values() for q in task.questions]
    assert len(asked) == len(set(asked))
    assert all(len(set(task.questions)) >= 10 for task in bank().values())


# --- descriptions


RECIPE = """
name = "lines"
doc = "Lines with descriptions."
[[step]]
name = "take"
kind = "ingest"
[[step]]
name = "fea"
kind = "export"
format = "fea_jsonl"
columns = ["perceived_emotion", "au_intensity"]
crop = "margin"
size = 64
where = "perceived_emotion is not null"
[[step]]
name = "told"
kind = "descriptions"
lines = "fea"
tries = 2
command = 'COMMAND'
"""
STUBBORN = """
import json, sys
ask = json.load(sys.stdin)
units = ask["units"] if ask["rejected"] or ask["key"] < "8" else ["AU99"]
if ask["key"] > "c":
    units = ["AU99"]
print(f"<think>Seen: {', '.join(units) or 'nothing'}.</think><answer>{ask['answer']}</answer>")
"""


def test_wrong_descriptions_are_written_again_or_dropped_with_reasons(tmp_path: Path) -> None:
    ds: Dataset = hard_cases(tmp_path, pictures=24)
    program = tmp_path / "writer.py"
    program.write_text(STUBBORN)
    recipe = recipe_of(RECIPE.replace("COMMAND", f"{sys.executable} {program}"), "lines.toml")
    out = tmp_path / "out"
    run_recipe(recipe, [str(ds.path)], out)
    kept = [json.loads(x) for p in (out / "told").glob("*.jsonl") for x in p.read_text("utf-8").splitlines()]
    gone = [json.loads(x) for x in (out / "told" / "rejected" / "rejected.jsonl").read_text("utf-8").splitlines()]
    assert kept
    assert gone
    assert all(line["id"] <= "c" for line in kept)
    assert all(line["id"] > "c" for line in gone)
    assert all("it cites AU99" in reason for line in gone for reason in line["rejections"])
    assert {line["meta_info"]["tries"] for line in kept} == {1, 2}
    assert {line["meta_info"]["reward"] for line in kept} == {3.0}
    told = {s["name"]: s["done"] for s in json.loads((out / FILE).read_text("utf-8"))["steps"]}["told"]
    assert told["kept"] == len(kept)
    assert sum(told["dropped"].values()) == len(gone)
    with pytest.raises(UsageError, match="there is no program"):
        run_recipe(
            recipe_of(RECIPE.replace("COMMAND", "no-such-program"), "lines.toml"), [str(ds.path)], tmp_path / "o"
        )


# --- texts of exports


@given(st.integers(0, 500))
def test_identity_captions_keep_gender_and_age_alone(seed: int) -> None:
    chance = random.Random(seed)
    claims = {"gender": "Female", "maturity": "adult", "age": "30-39", "emotion": "happiness", "smile": "active",
              "medium": "grey_image", "camera": "true", "turn": "frontal"}  # fmt: skip
    told = {slot: label for slot, label in claims.items() if chance.random() < 0.7}
    text = identity_caption(compose(told, chance).text if told else "", random.Random(seed))
    assert text == ANYBODY or parse(text) <= {
        "perceived_gender=Female",
        "perceived_age=adult",
        "perceived_age_group=30-39",
    }


def test_what_is_no_caption_of_ours_says_that_there_is_a_person() -> None:
    assert identity_caption("A wizard juggles in the rain", random.Random(0)) == ANYBODY


def test_texts_with_words_in_common_are_alike() -> None:
    one, near, far = (embed(t) for t in ("A man with black hair.", "a man with grey hair", "Two cats asleep outside"))
    assert float(one @ one) == pytest.approx(1)
    assert float(one @ near) > 0.3 > float(one @ far)
    assert not embed("...").any()
    assert np.array_equal(embed("A man"), embed("a MAN!"))
