"""Contradictions among labels: each rule on a face that breaks it and one that keeps it; ranking; the command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_samples import KEYS, add, face_table, image_table, sample

from annotators.caption_grammar import compose
from curate.cli.main import main
from curate.consistency import all_rules, check
from curate.consistency.check import choose
from curate.consistency.findings import LEAST
from curate.consistency.layer import write_layer
from curate.consistency.rule import clash
from curate.consistency.rules import across_rules
from curate.consistency.values import Values, ramp
from curate.store import Dataset
from schemas import REGISTRY, Column, UnknownNameError, taxonomy
from schemas.columns import faces, labels

Row = Mapping[Column, Any]


def scores(column: Column, least: float = 0.0, **given: float) -> dict[str, float]:
    """A struct of scores: those given, the others at `least`."""
    return {f.name: given.get(f.name, least) for f in column.type}


def emotion(label: str, p: float) -> Row:
    rest = (1 - p) / 6
    return {labels.PERCEIVED_EMOTION: label, labels.EMOTION_PROB: scores(labels.EMOTION_PROB, rest, **{label: p})}


def au(**given: float) -> Row:
    return {labels.AU_SCORE: scores(labels.AU_SCORE, 0.1, **given)}


def shapes(**given: float) -> Row:
    return {labels.BLENDSHAPES: scores(labels.BLENDSHAPES, 0.1, **given)}


def eyes(state: str, left: float, right: float) -> Row:
    return {labels.EYES_STATE: state, labels.EYE_LEFT: left, labels.EYE_RIGHT: right}


def box_and_points(shift: float = 0.0, scale: float = 1.0) -> Row:
    """A box of 100 px, five points in it, and 68 landmarks with matching eyes, or moved and scaled."""
    five = [30, 40, 70, 40, 50, 60, 35, 80, 65, 80]
    spread = np.stack([np.linspace(5, 95, 68), np.linspace(5, 95, 68)], axis=1)
    spread[36:42], spread[42:48] = (30, 40), (70, 40)
    moved = (spread - 50) * scale + 50 + [shift, 0]
    box = dict(zip(faces.BOX, (0.0, 0.0, 100.0, 100.0), strict=True))
    return {**box, faces.POINTS_5: five, labels.POINTS_68: moved.reshape(-1).tolist()}


SMILE = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}
STILL = {"mouthSmileLeft": 0.0, "mouthSmileRight": 0.0}
AGED = scores(labels.AGE_PROB, 0.0, **{"70+": 0.5, "20-29": 0.5})
PARTS = (labels.SHARPNESS, labels.EXPOSURE, labels.SIZE, labels.POSE_PART, labels.VISIBILITY)

CASES: dict[str, tuple[Row, Row]] = {
    "au12_against_mouthSmile": ({**au(AU12=0.95), **shapes(**STILL)}, {**au(AU12=0.95), **shapes(**SMILE)}),
    "au43_against_eyeBlink": (
        {**au(AU43=0.02), **shapes(eyeBlinkLeft=0.7, eyeBlinkRight=0.7)},
        {**au(AU43=0.95), **shapes(eyeBlinkLeft=0.7, eyeBlinkRight=0.7)},
    ),
    "au26_against_jawOpen": ({**au(AU26=0.95), **shapes(jawOpen=0.0)}, {**au(AU26=0.95), **shapes(jawOpen=0.5)}),
    "au_score_against_intensity": (
        {**au(AU12=0.95), labels.AU_INTENSITY: scores(labels.AU_INTENSITY)},
        {**au(AU12=0.95), labels.AU_INTENSITY: scores(labels.AU_INTENSITY, AU12=3.0)},
    ),
    "au_sides_against_total": (
        {
            labels.AU_INTENSITY: scores(labels.AU_INTENSITY, AU12=5.0),
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=1.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=2.0),
        },
        {
            labels.AU_INTENSITY: scores(labels.AU_INTENSITY, AU12=1.5),
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=1.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=2.0),
        },
    ),
    "smile_side_against_smile_shape": (
        {
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=4.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=0.0),
            **shapes(mouthSmileLeft=0.1, mouthSmileRight=0.9),
        },
        {
            labels.AU_LEFT: scores(labels.AU_LEFT, AU12=4.0),
            labels.AU_RIGHT: scores(labels.AU_RIGHT, AU12=0.0),
            **shapes(mouthSmileLeft=0.9, mouthSmileRight=0.1),
        },
    ),
    "au25_against_mouth_gap": (
        {**au(AU25=0.95), labels.MOUTH_OPENING: 0.01},
        {**au(AU25=0.95), labels.MOUTH_OPENING: 0.3},
    ),
    "au26_against_mouth_gap": (
        {**au(AU26=0.02), labels.MOUTH_OPENING: 0.7},
        {**au(AU26=0.95), labels.MOUTH_OPENING: 0.7},
    ),
    "au43_against_eye_gap": (
        {**au(AU43=0.95), labels.EYE_LEFT: 0.4, labels.EYE_RIGHT: 0.4},
        {**au(AU43=0.95), labels.EYE_LEFT: 0.05, labels.EYE_RIGHT: 0.05},
    ),
    "closed_mouth_with_parted_lips": (
        {labels.MOUTH_STATE: "closed", **au(AU25=0.95)},
        {labels.MOUTH_STATE: "open", **au(AU25=0.95)},
    ),
    "mouth_state_against_mouth_gap": (
        {labels.MOUTH_STATE: "closed", labels.MOUTH_OPENING: 0.4},
        {labels.MOUTH_STATE: "open", labels.MOUTH_OPENING: 0.4},
    ),
    "eyes_state_against_au43": (
        {labels.EYES_STATE: "open", **au(AU43=0.95)},
        {labels.EYES_STATE: "closed", **au(AU43=0.95)},
    ),
    "closed_eyes_look_at_camera": (
        {**eyes("closed", 0.05, 0.05), labels.LOOKS_AT_CAMERA: True},
        {**eyes("closed", 0.05, 0.05), labels.LOOKS_AT_CAMERA: False},
    ),
    "looks_at_camera_against_gaze": (
        {labels.LOOKS_AT_CAMERA: True, labels.GAZE_YAW: 30.0, labels.GAZE_PITCH: 0.0},
        {labels.LOOKS_AT_CAMERA: True, labels.GAZE_YAW: 4.0, labels.GAZE_PITCH: 2.0},
    ),
    "wink_with_even_eyes": (eyes("wink_left", 0.3, 0.1), eyes("wink_left", 0.1, 0.3)),
    "wide_and_closed_eyes": (au(AU5=0.9, AU43=0.9), au(AU5=0.9, AU43=0.05)),
    "covered_mouth_with_expression": (
        {labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 1.0, mouth=0.0), labels.MOUTH_STATE: "open", **au()},
        {labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 1.0, mouth=0.9), labels.MOUTH_STATE: "open", **au()},
    ),
    "happiness_without_smile": (
        {**emotion("happiness", 0.9), **au(AU12=0.05, AU6=0.05)},
        {**emotion("happiness", 0.9), **au(AU12=0.9, AU6=0.05)},
    ),
    "negative_emotion_with_smile": (
        {**emotion("anger", 0.9), **au(AU12=0.99)},
        {**emotion("happiness", 0.9), **au(AU12=0.99)},
    ),
    "surprise_with_closed_eyes": (
        {**emotion("surprise", 0.9), labels.EYES_STATE: "closed"},
        {**emotion("surprise", 0.9), labels.EYES_STATE: "open"},
    ),
    "surprise_without_movement": (
        {**emotion("surprise", 0.9), **au()},
        {**emotion("surprise", 0.9), **au(AU26=0.9)},
    ),
    "neutral_with_laughter": (
        {**emotion("neutral", 0.9), **au(AU12=0.99, AU6=0.9)},
        {**emotion("neutral", 0.9), **au(AU12=0.99, AU6=0.1)},
    ),
    "emotion_against_prototype": (
        {
            **emotion("neutral", 0.95),
            labels.PROTOTYPE: "fear",
            labels.PROTOTYPE_PROB: scores(labels.PROTOTYPE_PROB, 0.01, fear=0.94),
        },
        {
            **emotion("fear", 0.95),
            labels.PROTOTYPE: "fear",
            labels.PROTOTYPE_PROB: scores(labels.PROTOTYPE_PROB, 0.01, fear=0.94),
        },
    ),
    "emotion_against_valence": (
        {**emotion("happiness", 0.95), labels.VALENCE: -0.5},
        {**emotion("happiness", 0.95), labels.VALENCE: 0.5},
    ),
    "caption_against_its_facts": (
        {labels.CAPTION: "A photo of a man.", labels.CAPTION_FACTS: ["perceived_gender=Female"]},
        {labels.CAPTION: "A photo of a man.", labels.CAPTION_FACTS: ["perceived_age=adult", "perceived_gender=Male"]},
    ),
    "caption_facts_against_labels": (
        {
            labels.CAPTION_FACTS: ["mouth_state=open", "pose_yaw=image_left"],
            labels.MOUTH_STATE: "closed",
            labels.YAW: 30.0,
        },
        {
            labels.CAPTION_FACTS: ["mouth_state=open", "pose_yaw=image_left"],
            labels.MOUTH_STATE: "open",
            labels.YAW: -30.0,
        },
    ),
    "perceived_gender_against_probabilities": (
        {labels.GENDER: "Male", labels.GENDER_PROB: {"Female": 0.8, "Male": 0.2}},
        {labels.GENDER: "Female", labels.GENDER_PROB: {"Female": 0.8, "Male": 0.2}},
    ),
    "perceived_gender_prob_against_one": (
        {labels.GENDER_PROB: {"Female": 0.8, "Male": 0.8}},
        {labels.GENDER_PROB: {"Female": 0.8, "Male": 0.2}},
    ),
    "perceived_gender_against_abstention": (
        {labels.GENDER: "Male", labels.GENDER_ABSTAINED: True},
        {labels.GENDER: "Male", labels.GENDER_ABSTAINED: False},
    ),
    "perceived_gender_against_its_set": (
        {labels.GENDER: "Male", labels.GENDER_SET: ["Female"]},
        {labels.GENDER: "Male", labels.GENDER_SET: ["Male"]},
    ),
    "age_group_against_age": (
        {labels.AGE_GROUP: "70+", labels.AGE: 30.0},
        {labels.AGE_GROUP: "70+", labels.AGE: 68.0},
    ),
    "perceived_race_against_perceived_race4": (
        {labels.RACE: "East Asian", labels.RACE4: "Black"},
        {labels.RACE: "East Asian", labels.RACE4: "Asian"},
    ),
    "child_with_grown_celeba_attributes_score": (
        {
            labels.AGE_GROUP: "3-9",
            labels.AGE_PROB: scores(labels.AGE_PROB, 0.0, **{"3-9": 1.0}),
            REGISTRY["celeba_attributes_score"]: scores(REGISTRY["celeba_attributes_score"], 0.0, Goatee=0.95),
        },
        {
            labels.AGE_GROUP: "30-39",
            labels.AGE_PROB: scores(labels.AGE_PROB, 0.0, **{"30-39": 1.0}),
            REGISTRY["celeba_attributes_score"]: scores(REGISTRY["celeba_attributes_score"], 0.0, Goatee=0.95),
        },
    ),
    "skin_tone_against_angle": (
        {labels.MONK: "monk_09", labels.ITA: 60.0},
        {labels.MONK: "monk_05", labels.ITA: 45.0},
    ),
    "ita_class_against_angle": (
        {labels.ITA_CLASS: "very_light", labels.ITA: -40.0},
        {labels.ITA_CLASS: "dark", labels.ITA: -40.0},
    ),
    "skin_confidence_against_light": (
        {labels.SKIN_CONFIDENCE: 0.9, labels.SKIN_LIGHTING: "grey_image"},
        {labels.SKIN_CONFIDENCE: 0.9, labels.SKIN_LIGHTING: "usable"},
    ),
    "visibility_against_regions": (
        {labels.VISIBILITY: 1.0, labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 0.0)},
        {labels.VISIBILITY: 1.0, labels.REGION_VISIBLE: scores(labels.REGION_VISIBLE, 1.0)},
    ),
    "quality_against_its_parts": (
        {labels.QUALITY_SCORE: 0.9, **dict.fromkeys(PARTS, 0.9), labels.SHARPNESS: 0.0},
        {labels.QUALITY_SCORE: 0.9, **dict.fromkeys(PARTS, 0.9)},
    ),
    "no_second_detector_and_no_mesh": (
        {labels.SECOND_SCORE: 0.0, labels.PRESENCE: 0.01},
        {labels.SECOND_SCORE: 0.0, labels.PRESENCE: 0.9},
    ),
    "detectors_disagree": (
        {faces.SCORE: 0.95, labels.SECOND_SCORE: 0.0},
        {faces.SCORE: 0.95, labels.SECOND_SCORE: 0.9},
    ),
    "landmarks_beside_box": (box_and_points(shift=80.0), box_and_points()),
    "landmarks_against_box_size": (box_and_points(scale=0.2), box_and_points()),
    "detector_eyes_against_landmarks": (box_and_points(shift=50.0), box_and_points(shift=2.0)),
    "roll_against_eye_line": (
        {**box_and_points(), labels.YAW: 0.0, labels.PITCH: 0.0, labels.ROLL: 60.0},
        {**box_and_points(), labels.YAW: 0.0, labels.PITCH: 0.0, labels.ROLL: 4.0},
    ),
    "yaw_against_nose": (
        {labels.YAW: -30.0, faces.POINTS_5: [30, 40, 70, 40, 65, 60, 35, 80, 65, 80]},
        {labels.YAW: 30.0, faces.POINTS_5: [30, 40, 70, 40, 65, 60, 35, 80, 65, 80]},
    ),
    "quality_pose_against_pose": (
        {labels.POSE_PART: 1.0, labels.YAW: 70.0, labels.PITCH: 0.0},
        {labels.POSE_PART: 1.0, labels.YAW: 5.0, labels.PITCH: 0.0},
    ),
    "asymmetry_of_frontal_face": (
        {labels.SYMMETRY: 0.4, labels.YAW: 2.0},
        {labels.SYMMETRY: 0.95, labels.YAW: 2.0},
    ),
}


def as_values(rows: Sequence[Row]) -> Values:
    columns = {c: [row.get(c) for row in rows] for row in rows for c in row}
    return Values(pa.table({c.name: pa.array(v, c.type) for c, v in columns.items()}))


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_the_contradiction_and_nothing_else(name: str) -> None:
    (rule,) = choose([name])
    broken, kept = CASES[name]
    nothing: Row = dict.fromkeys(broken)
    verdict = rule.test(as_values([broken, kept, nothing]))  # type: ignore[union-attr]
    assert verdict.confidence[0] >= 0.4
    assert verdict.confidence[1] == 0
    assert verdict.confidence[2] == 0
    assert verdict.checked[:2].all()
    assert not verdict.checked[2]
    sentence = rule.sentence({n: v[0] for n, v in verdict.facts.items()})
    assert sentence.endswith(".")
    assert not {"nan", "None", "{", "}"} & set(sentence.replace(".", " ").split())


def test_two_boxes_in_one_place() -> None:
    (rule,) = choose(["two_boxes_for_one_face"])
    boxes = [(0, 0, 10, 10), (1, 1, 10, 10), (40, 40, 10, 10), (0, 0, 10, 10)]
    rows = [
        {faces.IMAGE_ID: i, **dict(zip(faces.BOX, map(float, b), strict=True))}
        for i, b in zip("aaab", boxes, strict=True)
    ]
    found = rule.test(as_values(rows)).confidence  # type: ignore[union-attr]
    assert (found > LEAST).tolist() == [True, True, False, False]


def test_every_rule_has_a_known_answer() -> None:
    """Rules that follow from a declared pair of columns are all made alike: one of each kind is enough."""
    alike = ("_against_probabilities", "_against_one", "_against_abstention", "_against_its_set")
    open_ones = {r.name for r in all_rules() if not r.name.endswith(alike)} - set(CASES)
    assert open_ones == {
        "au1_against_browInnerUp",
        "au2_against_browOuterUp",
        "au5_against_eyeWide",
        "two_boxes_for_one_face",
    }


def test_an_empty_set_contradicts_no_label() -> None:
    (rule,) = choose(["perceived_gender_against_its_set"])
    verdict = rule.test(as_values([{labels.GENDER: "Male", labels.GENDER_SET: []}]))  # type: ignore[union-attr]
    assert verdict.confidence.tolist() == [0]


def test_names_are_one_of_a_kind() -> None:
    names = [r.name for r in choose(None)]
    assert len(names) == len(set(names))


@given(st.floats(-2, 2), st.floats(-1, 0.9))
def test_ramps_rise_from_start_to_full(value: float, start: float) -> None:
    up, down = ramp(np.array([value]), start, start + 0.1)[0], ramp(np.array([value]), start + 0.1, start)[0]
    assert 0 <= up <= 1
    assert up + down == pytest.approx(1)


def test_a_clash_needs_both_sides() -> None:
    verdict = clash(np.array([1.0, 0.0, np.nan, 0.5]), np.array([1.0, 1.0, 1.0, 0.5]))
    assert verdict.confidence.tolist() == [1.0, 0.0, 0.0, 0.5]
    assert verdict.checked.tolist() == [True, True, False, True]


def test_every_caption_of_the_grammar_agrees_with_its_facts() -> None:
    import random

    claims = {"gender": "Female", "maturity": "adult", "emotion": "happiness", "mouth": "open", "turn": "image_left"}
    captions = [compose(claims, random.Random(seed)) for seed in range(100)]
    rows: list[Row] = [{labels.CAPTION: c.text, labels.CAPTION_FACTS: c.facts} for c in captions]
    (rule,) = choose(["caption_against_its_facts"])
    verdict = rule.test(as_values(rows))  # type: ignore[union-attr]
    assert verdict.checked.all()
    assert not verdict.confidence.any()


def test_a_caption_of_another_writer_is_not_checked() -> None:
    (rule,) = choose(["caption_against_its_facts"])
    rows: list[Row] = [{labels.CAPTION: "Gosh, what a jolly chap!", labels.CAPTION_FACTS: ["mouth_state=open"]}]
    assert not rule.test(as_values(rows)).checked.any()  # type: ignore[union-attr]


# --- over a dataset ----------------------------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Six faces in two shards; the boxes of the sample all stand in pictures of their own."""
    ds = sample(tmp_path / "ds")
    mouths: list[list[Any]] = [["closed", "open", None], ["closed", "closed", "open"]]
    gaps: list[Any] = [0.4, 0.4, 0.4]
    for key, states in zip(KEYS, mouths, strict=True):
        values: dict[Column, list[Any]] = {labels.MOUTH_STATE: states, labels.MOUTH_OPENING: gaps}
        add(ds, "state", "model", "2026-01-01", values, key)
    return ds


def test_findings_are_ranked_counted_and_told(dataset: Dataset) -> None:
    findings = check(dataset, by=[labels.MOUTH_STATE])
    rows = findings.table.to_pylist()
    assert [r[faces.FACE_ID.name] for r in rows] == ["00000-0.0", "00001-0.0", "00001-1.0"]
    assert rows[0]["sentence"] == "The mouth is labelled closed, but the gap between the lips is 0.40 of its width."
    assert rows[0]["rank"] == pytest.approx(0.7)
    count = next(c for c in findings.rules if c.found)
    assert (count.rule.name, count.checked, count.found) == ("mouth_state_against_mouth_gap", 5, 3)
    assert (findings.faces, findings.contradicted) == (6, 3)
    groups = {g.group: (g.n, g.found) for g in findings.groups}
    assert groups == {"closed": (3, 3), "open": (2, 0)}
    assert all(g.low <= g.found / g.n <= g.high for g in findings.groups)


def test_what_could_not_be_checked_is_said(dataset: Dataset) -> None:
    findings = check(dataset)
    idle = {c.rule.name: c.missing for c in findings.rules if c.missing}
    assert idle["gender_of_one_identity"] == (labels.IDENTITY_ID.name, labels.GENDER.name)
    assert "mouth_state_against_mouth_gap" not in idle
    assert len(findings.rules) == len(all_rules()) + len(across_rules())


def test_pictures_of_one_person_and_copies_of_one_photo(tmp_path: Path) -> None:
    ds = Dataset.create(tmp_path / "ds")
    ids = [f"p{i}" for i in range(6)]
    ds.write("images", "00000", image_table(ids))
    ds.write("faces", "00000", face_table(ids))
    sure = {"Female": 0.02, "Male": 0.98}
    values: dict[Column, list[Any]] = {
        labels.IDENTITY_ID: ["a", "a", "a", "b", None, None],
        labels.GENDER: ["Male", "Male", "Female", "Female", "Female", "Male"],
        labels.GENDER_PROB: [sure, sure, {"Female": 0.98, "Male": 0.02}, sure, sure, sure],
        labels.AGE: [30.0, 32.0, 80.0, 10.0, 10.0, 90.0],
        labels.DUPLICATE_GROUP: [None, None, None, None, "d", "d"],
        labels.YAW: [0.0, 0.0, 0.0, 0.0, 20.0, -21.0],
        labels.ROLL: [0.0, 0.0, 0.0, 0.0, 20.0, 20.0],
    }
    add(ds, "m", "model", "2026-01-01", values, "00000")
    findings = check(ds, [r.name for r in across_rules()])
    found = {(r["rule"], r[faces.FACE_ID.name]) for r in findings.table.to_pylist()}
    assert ("gender_of_one_identity", "p2.0") in found
    assert ("age_of_one_identity", "p2.0") in found
    assert ("age_of_one_picture", "p4.0") in found
    assert ("sides_of_yaw_and_roll_in_one_picture", "p4.0") in found
    assert not {("gender_of_one_identity", "p3.0"), ("yaw_of_one_picture", "p4.0")} & found
    words = {r["rule"]: r["sentence"] for r in findings.table.to_pylist() if r[faces.FACE_ID.name] == "p2.0"}
    assert words["gender_of_one_identity"] == (
        "Perceived gender is Female here, but Male in others of the same identity (2 compared)."
    )


def test_a_label_that_a_person_corrected_does_not_contradict_the_models_probabilities(dataset: Dataset) -> None:
    scores_of = [{"Female": 0.1, "Male": 0.9}] * 3
    values: dict[Column, list[Any]] = {labels.GENDER: ["Male", "Female", "Male"], labels.GENDER_PROB: scores_of}
    add(dataset, "model", "model", "2026-01-01", values)
    assert check(dataset, ["perceived_gender_against_probabilities"]).table.num_rows == 1
    add(dataset, "person", "human", "2026-01-02", {labels.GENDER: [None, "Male", "Female"]})
    findings = check(dataset, ["perceived_gender_against_probabilities"])
    assert (findings.table.num_rows, findings.rules[0].checked) == (0, 1)


def test_the_layer_holds_the_rules_and_a_score_and_is_written_once(dataset: Dataset) -> None:
    findings = check(dataset)
    info = write_layer(dataset, findings)
    table = dataset.faces([labels.FINDINGS, labels.CONSISTENCY_SCORE])
    broken = ["mouth_state_against_mouth_gap"]
    assert table.column(0).to_pylist() == [broken, [], [], broken, broken, []]
    assert table.column(1).to_pylist() == pytest.approx([0.3, 1, 1, 0.3, 0.3, 1])
    assert write_layer(dataset, check(dataset)).created == info.created
    assert info.extra["counts"]["mouth_state_against_mouth_gap"] == {"checked": 5, "found": 3}
    assert "gender_of_one_identity" in info.extra["not_checked"]


def test_an_empty_dataset_has_no_findings(tmp_path: Path) -> None:
    findings = check(Dataset.create(tmp_path / "ds"))
    assert (findings.faces, findings.table.num_rows, findings.groups) == (0, 0, ())


def test_a_wrong_rule_is_named_with_the_nearest(dataset: Dataset) -> None:
    with pytest.raises(UnknownNameError, match="happiness_without_smile"):
        check(dataset, ["happines_without_smile"])


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(arguments)
    return int(str(done.value.code))


def test_the_command(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "csv", "parquet"):
        assert run("check", str(dataset.path), "-o", str(tmp_path / f"f.{form}"), "--layer", "--top", "1") == 0
    said = capsys.readouterr().out
    assert "3 findings on 3 faces (50.0%)" in said
    assert "The mouth is labelled closed" in said
    assert "not checked, for want of identity, perceived_gender: gender_of_one_identity" in said
    assert len({line for line in said.splitlines() if line.startswith("Layer: consistency.v1-")}) == 1
    stored = json.loads((tmp_path / "f.json").read_text("utf-8"))
    assert [f["rule"] for f in stored["findings"]] == ["mouth_state_against_mouth_gap"] * 3
    assert pq.read_table(tmp_path / "f.parquet").num_rows == 3
    assert len((tmp_path / "f.csv").read_text("utf-8").splitlines()) == 4


def test_wrong_calls_of_the_command(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--list") == 0
    assert run("check") == 2
    assert run("check", str(dataset.path), "-o", str(tmp_path / "f.txt")) == 2
    assert run("check", str(dataset.path), "--by", labels.YAW.name) == 2
    assert run("check", str(dataset.path), "--rules", "nonsense") == 2
    complaints = capsys.readouterr().err
    assert "the name must end in .parquet, .csv, .json" in complaints
    assert "cannot group by pose_yaw" in complaints


def test_labels_of_the_cases_are_of_their_taxonomies() -> None:
    for broken, kept in CASES.values():
        for column, value in (*broken.items(), *kept.items()):
            if column.taxonomy and isinstance(value, str):
                assert value in taxonomy(column.taxonomy)
