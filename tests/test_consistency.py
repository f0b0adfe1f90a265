"""Contradictions among labels: each rule on a face that breaks it and one that keeps it; ranking; the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from consistency_cases import CASES, Row
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
from schemas import Column, UnknownNameError, taxonomy
from schemas.columns import faces, labels


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


def test_a_dropped_jaw_is_called_a_dropped_jaw() -> None:
    (rule,) = choose(["closed_mouth_with_parted_lips"])
    units = dict.fromkeys(labels.AU_SCORE.type.names, 0.0)
    row: Row = {labels.MOUTH_STATE: "closed", labels.AU_SCORE: {**units, "AU26": 0.95}}
    verdict = rule.test(as_values([row]))  # type: ignore[union-attr]
    assert verdict.confidence[0] > 0.9
    told = rule.sentence({n: v[0] for n, v in verdict.facts.items()})
    assert told == "The mouth is labelled closed, but AU26 (jaw dropped) scores 0.95."


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
