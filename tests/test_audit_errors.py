"""Errors by group and corrected counts, from truth and from evaluations that were saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.evaluation import EvaluateOptions
from curate.evaluation.run import evaluate
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from tests.audit_samples import BLACK, WHITE, quick, sample
from tests.evaluation_samples import dataset, write_csv


def test_errors_and_corrected_counts_come_from_truth(tmp_path: Path) -> None:
    """A labeller that calls one woman in four a man hides that men and women are equally many."""
    truth = ["Female"] * 200 + ["Male"] * 200
    said = ["Male"] * 50 + ["Female"] * 150 + ["Male"] * 200
    race = ([WHITE] * 100 + [BLACK] * 100) * 2
    ds = dataset(tmp_path / "ds", [1] * 400, {"demographics.v1": {labels.GENDER: said, labels.RACE: race}})
    table = write_csv(tmp_path / "truth.csv", [{"file": f"p{i}.jpg", "gender": g} for i, g in enumerate(truth)])
    name = labels.GENDER.name
    found = quick(ds, by=("gender", "race"), truth=table, outcomes={name: "Female"}, min_group=10)
    assert found.errors is not None
    accuracy = next(f for f in found.errors.figures if f.measure == "accuracy" and f.by == labels.RACE.name)
    assert {g.name: g.figure.value for g in accuracy.groups} == {WHITE: 0.75, BLACK: 1.0}
    assert accuracy.gap.worst == WHITE
    assert all("gender" not in o.by for o in found.errors.outcomes)
    rates = next(o for o in found.errors.outcomes if o.by == labels.RACE.name)
    assert dict(zip(rates.groups, (e.value for e in rates.true_positive), strict=True)) == {WHITE: 0.5, BLACK: 1.0}
    assert any("Female is found for 50 % of White against 100 % of Black (race)" in f.sentence.replace(
        labels.RACE.name, "race") for f in found.findings)  # fmt: skip
    corrected = next(c for c in found.corrected if c.by == name)
    female = corrected.groups[0]
    assert female.raw.value == 0.375
    assert female.corrected.value == pytest.approx(0.5, abs=0.01)
    assert female.corrected.low < 0.5 < female.corrected.high
    sentence = next(f.sentence for f in found.findings if f.section == "corrected" and f.subject == "Female")
    assert "38 % by the labels, 50 %" in sentence
    short = quick(ds, by=("race",), truth=table, outcomes={"gender": "Female"}, min_group=10)
    assert short.errors is not None
    assert {o.column for o in short.errors.outcomes} == {name}
    with pytest.raises(UnknownNameError, match="evaluated label column"):
        quick(ds, by=("race",), truth=table, outcomes={"perceived_emotion": "happiness"})


def test_an_evaluation_that_was_saved_gives_the_same_errors(tmp_path: Path) -> None:
    ds = sample(tmp_path / "ds", {(WHITE, "Male"): 20, (BLACK, "Female"): 20})
    table = write_csv(tmp_path / "t.csv", [{"file": f"p{i}.jpg", "gender": "Male"} for i in range(40)])
    options = {"by": ("race",), "rounds": 200, "min_group": 10}
    json_file = evaluate(ds, table, EvaluateOptions(by=(labels.RACE.name,), rounds=200, min_group=10)).save(
        tmp_path, ("json",)
    )[0]
    read = quick(ds, **options, evaluation=json_file)
    made = quick(ds, **options, truth=table)
    assert read.errors is not None
    assert made.errors is not None
    assert read.errors.figures == made.errors.figures
    assert read.errors.notes == ()
    with pytest.raises(UsageError, match="no evaluation"):
        quick(ds, evaluation=read.save(tmp_path, ("json",))[0])
    stored = json.loads(json_file.read_text())
    short = {key: value for key, value in stored.items() if key != "sections"}
    json_file.write_text(json.dumps(short))
    with pytest.raises(UsageError, match="it lacks sections"):
        quick(ds, evaluation=json_file)
    json_file.write_text(json.dumps({**stored, "dataset": {**stored["dataset"], "name": "portraits"}}))
    other = quick(ds, **options, evaluation=json_file)
    assert other.errors is not None
    assert "measured on the dataset portraits, not on sample" in other.errors.notes[0]
