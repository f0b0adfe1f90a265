"""Nothing is held against what it was made from: layers and truths of one family, and reviewers beside abstentions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curate.calibrate import apply, calibrate
from curate.evaluation import EvaluateOptions
from curate.evaluation.descent import ancestors
from curate.evaluation.run import evaluate
from curate.evaluation.truth import MACHINE
from curate.fuse import FuseOptions, fuse
from curate.store import Dataset, LayerInfo
from schemas import Column, UsageError
from schemas.columns import labels
from tests.evaluation_samples import add, chances, dataset, write_csv

QUICK = EvaluateOptions(rounds=100)
GENDER = labels.GENDER.name


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    """Sixty faces; the model calls all of them men, a reviewer two thirds."""
    prob = chances(labels.GENDER_PROB, [{"Female": 0.3, "Male": 0.7}] * 60)
    found = dataset(
        tmp_path / "ds", [1] * 60, {"g.v1": {labels.GENDER: ["Male"] * 60, labels.GENDER_PROB: prob}}
    )  # fmt: skip
    add(found, "ann", {labels.GENDER: ["Male", "Male", "Female"] * 20}, kind="human")
    return found


def test_a_fusion_with_the_truth_does_not_speak_against_it(ds: Dataset) -> None:
    fused = fuse(ds, [labels.GENDER], FuseOptions(layers=("ann", "g.v1"))).layer.name
    found = evaluate(ds, "layer:ann", QUICK)
    assert found.section(GENDER).speakers == {"g.v1": 60}
    assert found.section(GENDER).figures["accuracy"].value == pytest.approx(2 / 3)
    assert found.card.overlaps == {}
    asked = evaluate(ds, "layer:ann", EvaluateOptions(rounds=100, layers=(fused,)))
    assert asked.card.overlaps == {fused: "this layer was made from the truth"}


def test_a_truth_that_models_made_says_so(ds: Dataset) -> None:
    fused = fuse(ds, [labels.GENDER], FuseOptions(layers=("ann", "g.v1"))).layer.name
    card = evaluate(ds, f"layer:{fused}", QUICK).card
    assert card.overlaps["g.v1"] == "the truth was made from this layer"
    assert MACHINE in card.notes
    assert MACHINE not in evaluate(ds, "layer:ann", QUICK).card.notes


def test_a_calibration_is_marked_where_it_has_seen_the_truth(ds: Dataset, tmp_path: Path) -> None:
    rows = [{"file": f"p{i}.jpg", "gender": "Female" if i % 3 == 2 else "Male"} for i in range(60)]
    told = write_csv(tmp_path / "truth.csv", rows)
    name = apply(ds, calibrate(ds, told))
    (why,) = [w for layer, w in evaluate(ds, told, QUICK).card.overlaps.items() if layer == name]
    assert "fitted on this very truth" in why
    other = write_csv(tmp_path / "other.csv", rows[:-1])
    assert name not in evaluate(ds, other, QUICK).card.overlaps


def test_so_it_is_where_the_truth_is_a_layer(ds: Dataset) -> None:
    name = apply(ds, calibrate(ds, "layer:ann"))
    assert name in evaluate(ds, "layer:ann", QUICK).card.overlaps


def test_a_layer_is_not_calibrated_against_itself(ds: Dataset) -> None:
    with pytest.raises(UsageError, match=r"the truth g\.v1 is made of what g\.v1 says"):
        calibrate(ds, "layer:g.v1")
    fused = fuse(ds, [labels.GENDER], FuseOptions(layers=("ann", "g.v1"))).layer.name
    with pytest.raises(UsageError, match=r"is made of what g\.v1 says"):
        calibrate(ds, f"layer:{fused}")


def test_ancestors_are_found_through_others_and_in_circles() -> None:
    def layer(name: str, inputs: Any) -> LayerInfo:
        return LayerInfo(name, "model", name, extra={"inputs": inputs})

    layers = [layer("a", {}), layer("b", {"x": "a"}), layer("c", [{"column": "x", "layers": ["b", "d"]}]),
              layer("d", {"x": "c"})]  # fmt: skip
    assert ancestors("c", layers) == {"a", "b", "c", "d"}
    assert ancestors("b", layers) == {"a"}
    assert ancestors("unknown", layers) == set()


def test_a_model_that_abstains_does_not_silence_a_reviewer(tmp_path: Path) -> None:
    values: dict[Column, list[Any]] = {
        labels.GENDER: [None, None, "Male"],
        labels.GENDER_ABSTAINED: [True, True, False],
    }
    ds = dataset(tmp_path / "ds", [1] * 3, {"g.v1": values})
    add(ds, "ann", {labels.GENDER: ["Female", None, None]}, kind="human")
    told = write_csv(tmp_path / "t.csv", [{"file": f"p{i}.jpg", "gender": "Female"} for i in range(3)])
    section = evaluate(ds, told, QUICK).section(GENDER)
    assert section.counts == {"answered": 2, "abstained": 1}
    assert section.figures["accuracy"].value == 0.5


def test_a_calibration_that_withholds_silences_the_label_below(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 2, {"g.v1": {labels.GENDER: ["Male", "Female"]}})
    add(ds, "later.v1", {labels.GENDER: [None, "Female"], labels.GENDER_ABSTAINED: [True, False]})
    told = write_csv(tmp_path / "t.csv", [{"file": f"p{i}.jpg", "gender": "Female"} for i in range(2)])
    section = evaluate(ds, told, QUICK).section(GENDER)
    assert section.counts == {"answered": 1, "abstained": 1}
    assert section.figures["accuracy"].value == 1
