"""`evaluate` on class labels: figures equal scikit-learn's, nothing is dropped unsaid, vocabularies meet by maps."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.evaluation import EvaluateOptions, Evaluation
from curate.evaluation.run import evaluate
from schemas import Column, UnknownNameError, UsageError, taxonomy
from schemas.columns import images, labels
from tests.evaluation_samples import add, chances, dataset, write_csv

QUICK = EvaluateOptions(rounds=100)
EMOTIONS = taxonomy("emotion-7").labels
RACES = ("White", "Black", "Indian")


def quick(**changes: Any) -> EvaluateOptions:
    return EvaluateOptions(rounds=100, **changes)


def one(tmp_path: Path, column: Column, said: list[Any], truth: list[Any], name: str, **options: Any) -> Evaluation:
    """Evaluate one column of a layer against one column of a CSV, a face per picture."""
    ds = dataset(tmp_path / "ds", [1] * len(said), {"m.v1": {column: said}})
    told = write_csv(tmp_path / "truth.csv", [{"file": f"p{i}.jpg", name: v} for i, v in enumerate(truth)])
    return evaluate(ds, told, quick(**options))


@pytest.fixture
def emotions(tmp_path: Path) -> tuple[Evaluation, list[str], list[str], list[str]]:
    """90 faces with noisy answers; every third face belongs to one race."""
    rng = np.random.default_rng(1)
    truth = [str(x) for x in rng.choice(EMOTIONS, 90)]
    said = [t if rng.random() < 0.6 else str(rng.choice(EMOTIONS)) for t in truth]
    race = [RACES[i % 3] for i in range(90)]
    rows = [{"file": f"p{i}.jpg", "emotion": t, "race": r} for i, (t, r) in enumerate(zip(truth, race, strict=True))]
    ds = dataset(tmp_path / "ds", [1] * 90, {"fer.v1": {labels.PERCEIVED_EMOTION: said}})
    return evaluate(ds, write_csv(tmp_path / "truth.csv", rows), QUICK), truth, said, race


def test_figures_equal_scikit_learn(emotions: tuple[Evaluation, list[str], list[str], list[str]]) -> None:
    from sklearn import metrics

    found, truth, said, _ = emotions
    figures = found.section(labels.PERCEIVED_EMOTION.name).figures
    expected = {
        "accuracy": metrics.accuracy_score(truth, said),
        "macro_f1": metrics.f1_score(truth, said, average="macro"),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, said),
        "worst_recall": min(metrics.recall_score(truth, said, average=None)),
        "kappa": metrics.cohen_kappa_score(truth, said),
    }
    for key, value in expected.items():
        assert figures[key].value == pytest.approx(value, abs=1e-9), key
        assert figures[key].low <= value <= figures[key].high
        assert figures[key].n == 90


def test_confusion_and_figures_of_every_group_are_kept_raw(
    emotions: tuple[Evaluation, list[str], list[str], list[str]],
) -> None:
    from sklearn import metrics

    found, truth, said, race = emotions
    data = found.as_dict()
    section = next(s for s in data["sections"] if s["column"] == labels.PERCEIVED_EMOTION.name)
    (split,) = [s for s in section["groups"] if s["by"] == "race"]
    assert [g["name"] for g in split["groups"]] == ["White", "Black", "Indian"]
    total = np.zeros((7, 7), int)
    for group in split["groups"]:
        rows = [i for i, r in enumerate(race) if r == group["name"]]
        own = metrics.confusion_matrix([truth[i] for i in rows], [said[i] for i in rows], labels=list(EMOTIONS))
        assert np.array_equal(group["details"]["confusion"]["counts"], own)
        assert group["n"] == group["figures"]["accuracy"]["n"] == 30
        total += own
    assert np.array_equal(section["details"]["confusion"]["counts"], total)
    values = {g["name"]: g["figures"]["accuracy"]["value"] for g in split["groups"]}
    gap = split["gaps"]["accuracy"]
    assert (gap["worst"], gap["best"]) == (min(values, key=values.__getitem__), max(values, key=values.__getitem__))
    assert gap["gap"]["value"] == pytest.approx(max(values.values()) - min(values.values()))
    json.dumps(data, allow_nan=False)


def test_abstained_not_applicable_failed_and_missing_are_told_apart(tmp_path: Path) -> None:
    prob = chances(labels.GENDER_PROB, [{"Female": 0.9, "Male": 0.1}, {"Female": 0.4, "Male": 0.6}, None, None, None])
    ds = dataset(
        tmp_path / "ds", [1] * 5,
        {"g.v1": {labels.GENDER: ["Female", None, None, None, None], labels.GENDER_PROB: prob}},
        status={"g.v1": ["ok", "ok", "not_applicable", "failed", "ok"]},
    )  # fmt: skip
    rows = [{"file": f"p{i}.jpg", "gender": "Female"} for i in range(5)]
    section = evaluate(ds, write_csv(tmp_path / "t.csv", rows), QUICK).section(labels.GENDER.name)
    assert section.counts == {"answered": 1, "abstained": 1, "not applicable": 1, "failed": 1, "no value": 1}
    assert section.figures["accuracy"].value == 1
    assert section.figures["accuracy"].n == 1
    assert section.figures["forced_accuracy"].value == 0.5
    assert section.figures["answer_rate"].value == pytest.approx(0.2)


def test_a_layer_that_has_not_run_everywhere_is_not_computed(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1, 1], {"g.v1": {labels.GENDER: ["Male", None]}}, status={"g.v1": ["ok", "ok"]})
    rows = [{"file": f"p{i}.jpg", "gender": g} for i, g in enumerate(["Male", ""])]
    section = evaluate(ds, write_csv(tmp_path / "t.csv", rows), QUICK).section(labels.GENDER.name)
    assert section.counts == {"answered": 1, "no truth": 1}


def test_calibration_comes_from_the_probabilities(tmp_path: Path) -> None:
    from sklearn import metrics

    rng = np.random.default_rng(3)
    p = rng.uniform(0.02, 0.98, 60)
    truth = ["Female" if rng.random() < x else "Male" for x in p]
    said = ["Female" if x >= 0.5 else "Male" for x in p]
    prob = [{"Female": float(np.float32(x)), "Male": float(np.float32(1 - x))} for x in p]
    ds = dataset(tmp_path / "ds", [1] * 60, {"g.v1": {labels.GENDER: said, labels.GENDER_PROB: prob}})
    rows = [{"file": f"p{i}.jpg", "sex": t} for i, t in enumerate(truth)]
    section = evaluate(ds, write_csv(tmp_path / "t.csv", rows), QUICK).section(labels.GENDER.name)
    own = np.array([x["Female"] if t == "Female" else x["Male"] for x, t in zip(prob, truth, strict=True)])
    assert section.figures["log_loss"].value == pytest.approx(-np.log(own).mean(), abs=1e-9)
    assert section.figures["brier"].value == pytest.approx(
        2 * metrics.brier_score_loss([t == "Female" for t in truth], p), abs=1e-6
    )
    sure, right = np.maximum(p, 1 - p), np.array([a == b for a, b in zip(truth, said, strict=True)])
    bins = np.minimum((sure * 10).astype(int), 9)
    ece = sum(abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist()))
    assert section.figures["ece"].value == pytest.approx(ece, abs=1e-6)
    assert sum(section.details["reliability"]["count"]) == 60


def test_words_of_other_spellings_are_read(tmp_path: Path) -> None:
    found = one(tmp_path, labels.AGE_GROUP, ["70+", "0-2", "20-29"], ["more than 70", "0-2", "30-39"], "age_group")
    section = found.section(labels.AGE_GROUP.name)
    assert section.figures["accuracy"].value == pytest.approx(2 / 3)
    assert section.figures["within_one"].value == 1
    assert section.map_kind == "exact"


def test_years_fall_into_bins_and_bins_are_held_against_years(tmp_path: Path) -> None:
    ds = dataset(
        tmp_path / "ds", [1] * 4,
        {"age.v1": {labels.AGE_GROUP: ["20-29", "30-39", "70+", "0-2"], labels.AGE: [24.0, 33.0, 71.0, 4.0]}},
    )  # fmt: skip
    years = write_csv(tmp_path / "y.csv", [{"file": f"p{i}.jpg", "age": a} for i, a in enumerate([29.5, 41, 90, 2])])
    found = evaluate(ds, years, QUICK)
    assert found.section(labels.AGE_GROUP.name).figures["accuracy"].value == 0.75
    own = found.section(labels.AGE.name).figures
    assert own["mae"].value == pytest.approx((5.5 + 8 + 19 + 2) / 4)
    assert own["cs5"].value == 0.25
    assert own["bin_accuracy"].value == 0.5
    bins = write_csv(tmp_path / "b.csv", [{"file": f"p{i}.jpg", "age": a} for i, a in
                                          enumerate(["20-29", "40-49", "70+", "0-2"])])  # fmt: skip
    own = evaluate(ds, bins, QUICK).section(labels.AGE.name).figures
    assert own["mae"].value == pytest.approx((1 + 12 + 4 + 2.5) / 4)
    assert own["bin_accuracy"].value == 0.5
    assert own["within_one"].value == 1
    assert "cs5" not in own


def test_whole_ages_below_nine_could_be_codes(tmp_path: Path) -> None:
    said, truth = ["0-2"] * 20, [1] * 20
    with pytest.raises(UsageError, match="may be years or codes"):
        one(tmp_path, labels.AGE_GROUP, said, truth, "age", columns=(labels.AGE_GROUP.name,))
    found = evaluate(tmp_path / "ds", tmp_path / "truth.csv", quick(maps={"age": "years"}))
    assert found.section(labels.AGE_GROUP.name).figures["accuracy"].value == 1
    found = evaluate(tmp_path / "ds", tmp_path / "truth.csv", quick(maps={"age": "fairface-age"}))
    assert found.section(labels.AGE_GROUP.name).figures["accuracy"].value == 0


def test_bare_numbers_need_their_coding(tmp_path: Path) -> None:
    said, truth = ["neutral", "happiness", "sadness"], [0, 1, 6]
    with pytest.raises(UsageError, match=r"bare numbers.*--map emotion="):
        one(tmp_path, labels.PERCEIVED_EMOTION, said, truth, "emotion", columns=(labels.PERCEIVED_EMOTION.name,))
    found = evaluate(tmp_path / "ds", tmp_path / "truth.csv", quick(maps={"emotion": "affectnet-8"}))
    section = found.section(labels.PERCEIVED_EMOTION.name)
    assert section.figures["accuracy"].value == pytest.approx(2 / 3)
    assert section.details["confusion"]["counts"][EMOTIONS.index("anger")][EMOTIONS.index("sadness")] == 1
    with pytest.raises(UsageError, match="unknown vocabulary 'afectnet'"):
        evaluate(tmp_path / "ds", tmp_path / "truth.csv", quick(maps={"emotion": "afectnet"}))


def test_a_number_with_one_reading_is_read(tmp_path: Path) -> None:
    found = one(tmp_path, labels.MONK, ["monk_03", "monk_07"], [3, 9], "monk")
    assert found.section(labels.MONK.name).figures["accuracy"].value == 0.5
    assert found.section(labels.MONK.name).figures["steps"].value == 1


def test_eight_true_emotions_against_seven(tmp_path: Path) -> None:
    """A model of seven classes never says contempt: the comparison is in eight, and those count as errors."""
    found = one(
        tmp_path, labels.PERCEIVED_EMOTION, ["anger", "fear", "disgust"], ["anger", "fear", "contempt"], "emotion"
    )
    section = found.section(labels.PERCEIVED_EMOTION.name)
    assert section.details["confusion"]["labels"] == list(taxonomy("emotion-8").labels)
    assert section.figures["accuracy"].value == pytest.approx(2 / 3)
    assert any("can never say contempt" in n for n in section.notes)


def test_seven_races_are_merged_into_four(tmp_path: Path) -> None:
    from curate.evaluation.vocabulary import bring_together, read_labels

    spoken = read_labels("race", ["East Asian", "Southeast Asian", "Latino_Hispanic", None], "race-fairface-7")
    common = bring_together(spoken, "race-fairface-4", "perceived_race")
    assert common.taxonomy == "race-fairface-4"
    assert common.truth[:2] == ["Asian", "Asian"]
    assert common.kind.value == "merge"
    four = read_labels("race", ["Asian", "Black"], "race-fairface-7")
    back = bring_together(four, "race-fairface-7", "perceived_race")
    assert (four.taxonomy, back.taxonomy) == ("race-fairface-4", "race-fairface-4")
    assert back.table is not None
    assert back.table["East Asian"] == "Asian"


def test_labels_without_a_counterpart_are_left_out_and_counted(tmp_path: Path) -> None:
    found = one(tmp_path, labels.PERCEIVED_EMOTION, ["anger", "fear"], ["anger", "uncertain"], "emotion",
                maps={"emotion": "affectnet-11"})  # fmt: skip
    section = found.section(labels.PERCEIVED_EMOTION.name)
    assert section.figures["accuracy"].n == 1
    assert section.counts["no counterpart"] == 1
    assert any("uncertain (1)" in n for n in section.notes)


def test_a_wrong_label_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'hapiness' in the truth's column emotion .* Did you mean 'happiness'"):
        one(tmp_path, labels.PERCEIVED_EMOTION, ["anger"], ["hapiness"], "emotion",
            columns=(labels.PERCEIVED_EMOTION.name,))  # fmt: skip


def test_what_cannot_be_compared_does_not_stop_the_rest(tmp_path: Path) -> None:
    ds = dataset(
        tmp_path / "ds", [1, 1], {"m.v1": {labels.GENDER: ["Male"] * 2, labels.PERCEIVED_EMOTION: ["fear"] * 2}}
    )
    rows = [{"file": f"p{i}.jpg", "gender": "Male", "emotion": "puzzled"} for i in range(2)]
    found = evaluate(ds, write_csv(tmp_path / "t.csv", rows), QUICK)
    assert found.section(labels.GENDER.name).figures["accuracy"].value == 1
    assert "puzzled" in found.refused[labels.PERCEIVED_EMOTION.name]


def test_the_layer_that_is_the_truth_does_not_speak(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 3, {"g.v1": {labels.GENDER: ["Male", "Male", "Female"]}})
    add(ds, "ann", {labels.GENDER: ["Male", "Female", "Female"]}, kind="human")
    section = evaluate(ds, "layer:ann", QUICK).section(labels.GENDER.name)
    assert section.figures["accuracy"].value == pytest.approx(2 / 3)
    assert section.speakers == {"g.v1": 3}
    with pytest.raises(UnknownNameError, match=r"unknown layer 'an'\. Did you mean 'ann'"):
        evaluate(ds, "layer:an", QUICK)


def test_only_the_chosen_layers_speak(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1], {"a.v1": {labels.GENDER: ["Male"]}, "b.v1": {labels.GENDER: ["Female"]}})
    told = write_csv(tmp_path / "t.csv", [{"file": "p0.jpg", "gender": "Male"}])
    values = [evaluate(ds, told, quick(layers=(x,))).section(labels.GENDER.name).figures["accuracy"].value
              for x in ("a.v1", "b.v1")]  # fmt: skip
    assert values == [1, 0]


def test_groups_too_small_are_shown_and_not_compared(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 5, {"g.v1": {labels.GENDER: ["Male"] * 5}})
    race = ["White", "White", "Black", "Black", "Indian"]
    rows = [{"file": f"p{i}.jpg", "gender": "Male" if i else "Female", "race": r} for i, r in enumerate(race)]
    section = evaluate(ds, write_csv(tmp_path / "t.csv", rows), quick(min_group=2, by=("race",))).section(
        labels.GENDER.name
    )
    (split,) = section.splits
    assert [(g.name, g.n, g.small) for g in split.groups] == [
        ("White", 2, False),
        ("Black", 2, False),
        ("Indian", 1, True),
    ]
    assert (split.gaps["accuracy"].worst, split.gaps["accuracy"].best) == ("White", "Black")
    assert split.gaps["accuracy"].left_out == ("Indian",)
    assert math.isfinite(split.groups[2].figures["accuracy"].low)


def test_two_columns_can_be_crossed(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 4, {"g.v1": {labels.GENDER: ["Male", "Male", "Female", "Female"]}})
    true = [("Male", "White"), ("Female", "White"), ("Female", "Black"), ("Female", "")]
    rows = [{"file": f"p{i}.jpg", "gender": g, "race": r} for i, (g, r) in enumerate(true)]
    by = (f"race*{labels.GENDER.name}",)
    section = evaluate(ds, write_csv(tmp_path / "t.csv", rows), quick(min_group=2, by=by)).section(labels.GENDER.name)
    (split,) = section.splits
    assert split.source == "truth and dataset"
    assert {g.name: g.figures["accuracy"].value for g in split.groups} == {"White · Male": 0.5, "Black · Female": 1}
    assert split.unknown == 1
    with pytest.raises(UnknownNameError, match=r"unknown column to group by 'rase'\. Did you mean 'race'"):
        evaluate(ds, tmp_path / "t.csv", quick(by=("rase",)))


def test_the_same_evaluation_gives_the_same_bytes(tmp_path: Path) -> None:
    one(tmp_path, labels.GENDER, ["Male", "Female"] * 10, ["Male"] * 20, "gender")
    pages = [evaluate(tmp_path / "ds", tmp_path / "truth.csv", QUICK).save(tmp_path / str(i)) for i in range(2)]
    for a, b in zip(*pages, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_columns_of_the_pictures_group_too(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 4, {"g.v1": {labels.GENDER: ["Male", "Male", "Female", "Female"]}})
    rows = [{"file": f"p{i}.jpg", "gender": "Male"} for i in range(4)]
    told = write_csv(tmp_path / "t.csv", rows)
    (split,) = evaluate(ds, told, quick(by=(images.WIDTH.name,))).section(labels.GENDER.name).splits
    assert [(g.name, g.figures["accuracy"].value) for g in split.groups] == [("640", 0.5)]


def test_numbers_are_grouped_by_quarters(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 40, {"g.v1": {labels.GENDER: ["Male"] * 40}})
    rows = [{"file": f"p{i}.jpg", "gender": "Male" if i < 10 else "Female", "blur": i / 10} for i in range(40)]
    told = write_csv(tmp_path / "t.csv", rows)
    (split,) = evaluate(ds, told, quick(by=("blur",))).section(labels.GENDER.name).splits
    assert [(g.n, g.figures["accuracy"].value) for g in split.groups] == [(10, 1), (10, 0), (10, 0), (10, 0)]
