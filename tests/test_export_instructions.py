"""Exports of instructions: questions, answers and reasoning that say what the labels say, and nothing else."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.emotion_prototype import prototypes
from curate.export.facial import facial_caption, facial_labels, phrases
from curate.export.formats.fea_jsonl import Fea, active_units
from curate.export.formats.llava import Llava
from curate.export.formats.paligemma import PaliGemma
from curate.export.formats.sharegpt import ShareGPT
from curate.export.questions import FEWEST, dialogue, labels_of, tasks
from curate.export.reasoning import check, describe, words
from curate.export.sample import FaceItem
from schemas import Column, SchemaError, taxonomy
from schemas.columns import labels
from tests.training_samples import EMOTIONS, HAPPY, UNITS, intensities, lines, written


def test_llava_records(tmp_path: Path) -> None:
    _, back = written(Llava, tmp_path)
    (record,) = json.loads((tmp_path / "train.json").read_text("utf-8"))
    assert list(record) == ["id", "image", "conversations"]
    assert record["id"] == "one" and record["image"] == "images/train/00000/one.png"
    turns = record["conversations"]
    assert [t["from"] for t in turns] == ["human", "gpt"] * 6
    assert [t["value"].count("<image>") for t in turns] == [1] + [0] * 11
    assert turns[0]["value"].startswith("<image>\n")
    told = back["one"].faces[0].labels
    assert told[labels.GENDER.name] == "Female" and told[labels.AGE.name] == 34.0
    assert told[labels.AU_INTENSITY.name] == intensities(AU4=0.0, AU6=2.0, AU12=3.5, AU25=0.9)
    assert told[labels.MASK_WORN.name] is False and told[labels.CAPTION.name] == HAPPY[labels.CAPTION]
    (rest,) = json.loads((tmp_path / "rest" / "train.json").read_text("utf-8"))
    assert rest == {"id": "two", "image": "images/train/00000/two.png", "conversations": []}


def test_sharegpt_records_and_their_names(tmp_path: Path) -> None:
    written(ShareGPT, tmp_path)
    (record,) = json.loads((tmp_path / "train.json").read_text("utf-8"))
    assert list(record) == ["conversations", "images"] and record["images"] == ["images/train/00000/one.png"]
    said = "".join(t["value"] for t in record["conversations"])
    assert said.count("<image>") == len(record["images"])
    info = json.loads((tmp_path / "dataset_info.json").read_text("utf-8"))
    assert info["my_faces_train"]["file_name"] == "train.json"
    assert info["my_faces_train"]["columns"] == {"messages": "conversations", "images": "images"}


def test_paligemma_lines(tmp_path: Path) -> None:
    written(PaliGemma, tmp_path)
    told = lines(tmp_path / "train.jsonl")
    assert len(told) == 6 and all(list(x) == ["image", "prefix", "suffix"] for x in told)
    assert {x["image"] for x in told} == {"images/train/00000/one.png"}
    gender = tasks()[labels.GENDER.name]
    (answer,) = [x["suffix"] for x in told if x["prefix"] in gender.questions]
    assert answer in [a.replace("{value}", "female") for a in gender.answers]


def test_fea_lines(tmp_path: Path) -> None:
    written(Fea, tmp_path)
    (line,) = lines(tmp_path / "train.jsonl")
    assert list(line) == ["id", "dataset", "image", "question", "AUs", "labels", "description", "meta_info"]
    assert (line["id"], line["dataset"], line["image"]) == ("one", "my faces", "images/train/00000/one.png")
    assert line["AUs"] == ["AU6", "AU12"] and line["labels"] == ["Happiness"]
    assert line["question"] in words()["questions"]
    assert line["description"].startswith("<think>") and line["description"].endswith("<answer>Happiness</answer>")
    assert "the cheeks are raised (AU6) and the lip corners are pulled up (AU12)" in line["description"]
    assert "AU6 and AU12" in line["description"]
    assert line["meta_info"][labels.AU_INTENSITY.name]["AU25"] == 0.9
    (rest,) = lines(tmp_path / "rest" / "train.jsonl")
    assert (rest["AUs"], rest["labels"], rest["description"]) == ([], [], "")


@pytest.mark.parametrize(
    ("own", "taken"),
    [("<think>AU6 and AU12 stand out.</think><answer>Happiness</answer>", True),
     ("<think>AU6 stands out.</think><answer>Happiness</answer>", False), (None, False)],
)  # fmt: skip
def test_a_description_of_the_datasets_own_is_taken_where_it_agrees(own: str | None, taken: bool) -> None:
    face = FaceItem(labels={labels.REASONED.name: own})
    told = Fea()._description(face, ["AU6", "AU12"], "happiness", random.Random(0))
    check(told, ["AU6", "AU12"], ["Happiness"])
    assert (told == own) is taken


@pytest.mark.parametrize(
    "change", [{"AUs": ["AU6"]}, {"labels": ["Anger"]}, {"description": "<think>AU6 AU12</think>"}]
)
def test_fea_lines_that_contradict_themselves_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    writer, _ = written(Fea, tmp_path)
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(lines(path)[0] | change) + "\n", "utf-8")
    with pytest.raises(SchemaError):
        list(writer.read(tmp_path))


@given(st.sets(st.sampled_from(UNITS)), st.sampled_from(EMOTIONS), st.integers(0, 1000))
def test_reasoning_cites_the_units_and_claims_a_prototype_only_where_one_is(
    units: set[str], emotion: str, seed: int
) -> None:
    active = [u for u in UNITS if u in units]
    text = describe(active, emotion, random.Random(seed))
    check(text, active, [emotion.capitalize()])
    whole = any(p <= units for p in prototypes().get(emotion, ()))
    claims = ["form a prototype", "is a known prototype", "make up a prototype"]
    assert any(c in text for c in claims) == whole


def test_units_are_active_from_an_intensity_on() -> None:
    assert active_units(intensities(AU1=1.0, AU2=0.99, AU26=5), 1.0) == ["AU1", "AU26"]
    assert active_units(intensities(), 1.0) is None
    assert active_units(intensities(AU1=0), 1.0) == []


def test_every_task_has_enough_questions_and_its_answers_are_read_back() -> None:
    for task in tasks().values():
        assert len(set(task.questions)) >= FEWEST
        for value in _values(task.kind, task.column):
            for answer in task.answers:
                text = answer.replace("{value}", task._write(value))
                assert task.same(value, task.parse(text)), text


def _values(kind: str, column: Column) -> list[Any]:
    if kind == "label":
        return list(taxonomy(column.taxonomy).labels)
    scored = {n: (None if i % 3 == 0 else float(i % 2)) for i, n in enumerate(taxonomy("au-columns").labels)}
    return {
        "flag": [True, False],
        "number": [0.0, -0.004, 0.999, 1.0] if column.low == -1 else [0.0, 34.5, 119.6],
        "text": ["A man.", "two\nlines {value}"],
        "units": [scored, dict.fromkeys(UNITS, 0.0)],
        "intensities": [scored],
    }[kind]


@given(st.data())
@settings(max_examples=50)
def test_dialogues_are_read_back(data: st.DataObject) -> None:
    values = {
        labels.GENDER.name: data.draw(st.sampled_from([None, "Female", "Male"])),
        labels.AGE.name: data.draw(st.none() | st.floats(0, 120)),
        labels.VALENCE.name: data.draw(st.none() | st.floats(-1, 1)),
        labels.PERCEIVED_EMOTION.name: data.draw(st.sampled_from([None, *EMOTIONS])),
        labels.CAPTION.name: data.draw(st.none() | st.text()),
    }
    columns = [tasks()[name].column for name in values]
    found = labels_of(dialogue(values, columns, str(data.draw(st.integers()))))
    assert all(tasks()[name].same(value, found.get(name)) for name, value in values.items())


@pytest.mark.parametrize(
    ("question", "answer"), [("Who is this?", "The person looks male."), (None, "He is a doctor.")]
)
def test_words_of_others_are_not_read_as_labels(question: str | None, answer: str) -> None:
    with pytest.raises(SchemaError):
        labels_of([(question or tasks()[labels.GENDER.name].questions[0], answer)])


@given(st.data())
@settings(max_examples=50)
def test_facial_captions_are_read_back(data: st.DataObject) -> None:
    values = {name: data.draw(st.sampled_from([None, *entries])) for name, entries in phrases().items()}
    text = facial_caption(values, random.Random(data.draw(st.integers())))
    assert facial_labels(text) == {n: v for n, v in values.items() if v is not None}
    assert bool(text) == any(v is not None for v in values.values())
