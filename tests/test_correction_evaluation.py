"""Corrections read from what `evaluate` measured on a dataset's own labels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from curate.audit.correction_evaluation import corrected_from_evaluation
from curate.evaluation import EvaluateOptions
from curate.evaluation.run import evaluate
from schemas import UsageError
from schemas.columns import labels
from tests.evaluation_samples import chances, dataset, write_csv

GENDER, RACE = labels.GENDER.name, labels.RACE.name
FACES = 400


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """White and Black faces; gender is told right of 95 % of White and 75 % of Black faces, never of an eighth."""
    folder = tmp_path_factory.mktemp("evaluation")
    rng = np.random.default_rng(0)
    race = np.where(np.arange(FACES) < FACES // 2, "White", "Black")
    gender = np.where(rng.random(FACES) < 0.5, "Female", "Male")
    right = rng.random(FACES) < np.where(race == "White", 0.95, 0.75)
    said = np.where(right, gender, np.where(gender == "Female", "Male", "Female"))
    silent = (np.arange(FACES) % 4 == 0) & (gender == "Female")
    other = np.where(rng.random(FACES) < 0.9, race, np.where(race == "White", "Black", "White"))
    layer = {
        labels.GENDER: [None if quiet else str(s) for s, quiet in zip(said, silent, strict=True)],
        labels.GENDER_PROB: chances(labels.GENDER_PROB, [{str(s): 0.9} for s in said]),
        labels.RACE: [str(r) for r in other],
    }
    ds = dataset(folder / "ds", [1] * FACES, {"d.v1": layer})
    rows = [{"file": f"p{i}.jpg", "gender": g, "race": r} for i, (g, r) in enumerate(zip(gender, race, strict=True))]
    found = evaluate(ds, write_csv(folder / "truth.csv", rows), EvaluateOptions(rounds=100, by=("gender", "race")))
    written: dict[str, Any] = json.loads(json.dumps(found.as_dict()))
    return written


def test_a_column_is_corrected_by_its_own_confusion(evaluation: dict[str, Any]) -> None:
    found = corrected_from_evaluation(evaluation, RACE, {"White": 600, "Black": 400})
    # told right of 90 %: 600 = .9 w + .1 (1000 - w)
    white = next(g for g in found.groups if g.name == "White")
    assert [g.name for g in found.groups] == ["White", "Black"], "labels that do not occur are left out"
    assert white.share.value == pytest.approx(0.625, abs=0.04)
    assert white.share.low < 0.625 < white.share.high
    assert found.validated == FACES
    assert white.validated == FACES // 2


def test_abstentions_are_shared_out_by_how_often_each_group_is_abstained_on(evaluation: dict[str, Any]) -> None:
    counted = corrected_from_evaluation(evaluation, GENDER, {"Female": 400, "Male": 500}, abstained=100)
    assert counted.faces == 1000
    among = corrected_from_evaluation(evaluation, GENDER, {"Female": 400, "Male": 500})
    assert among.faces == 900
    share = {name: next(g for g in found.groups if g.name == "Female").share.value
             for name, found in (("counted", counted), ("among", among))}  # fmt: skip
    assert share["counted"] > share["among"] + 0.02, "only women are abstained on"


def test_abstentions_of_unknown_groups_are_named(evaluation: dict[str, Any]) -> None:
    sections = [{**s, "groups": []} for s in evaluation["sections"]]
    found = corrected_from_evaluation({"sections": sections}, GENDER, {"Female": 400, "Male": 500}, abstained=100)
    assert found.faces == 900
    assert "100 faces without an answer are not counted" in found.notes


def test_crossed_columns_use_the_confusion_of_each_true_group(evaluation: dict[str, Any]) -> None:
    said = {"White · Female": 300, "White · Male": 300, "Black · Female": 100, "Black · Male": 300}
    found = corrected_from_evaluation(evaluation, f"{RACE}*{GENDER}", said)
    assert [g.name for g in found.groups] == list(said)
    assert sum(g.count.value for g in found.groups) == pytest.approx(1000)
    assert any(
        note == "perceived_gender has a confusion of its own for each true group of perceived_race"
        for note in found.notes
    )
    relative = {g.name: (g.count.high - g.count.low) / g.count.value for g in found.groups}
    assert relative["Black · Male"] > relative["White · Male"], "gender is told worse of Black faces"
    plain = {"sections": [{**s, "groups": []} for s in evaluation["sections"]]}
    pooled = corrected_from_evaluation(plain, f"{RACE}*{GENDER}", said)
    assert any("is taken to be told as well in every group" in note for note in pooled.notes)


@pytest.mark.parametrize(
    ("by", "said", "told"),
    [
        ("perceived_emotion", {"anger": 1}, "holds no confusion of perceived_emotion"),
        (RACE, {"Martian": 3}, "knows no Martian"),
        (f"{RACE}*{GENDER}", {"Martian · Male": 3}, "knows no Martian · Male"),
        (f"{RACE}*{GENDER}*{RACE}", {}, "at most two columns"),
    ],
)
def test_what_the_evaluation_cannot_tell_is_said(
    evaluation: dict[str, Any], by: str, said: dict[str, int], told: str
) -> None:
    with pytest.raises(UsageError, match=told.replace("*", r"\*")):
        corrected_from_evaluation(evaluation, by, said)
