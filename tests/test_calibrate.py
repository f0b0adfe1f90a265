"""Dataset-level calibration: methods against scikit-learn and known answers, coverage, file, layer, mistakes."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from store_samples import face_table, image_table, label_table
from test_cli import call, mistake

from curate.calibrate import CalibrateOptions, apply, calibrate, load
from curate.calibrate.calibrator import EVERYONE, Calibrator, Settings
from curate.calibrate.fit import FitOptions, crossed, fit, folds
from curate.calibrate.isotonic import fit_isotonic, pool
from curate.evaluation.metrics.probabilistic import ece
from curate.store import Dataset, LayerInfo
from schemas import DatasetError, UsageError
from schemas.columns import faces, labels

NAMES = ("Female", "Male")


def simulated(n: int, sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes that are too sure by `sharpness`, and what is true."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1.5, n)
    truth = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    male = 1 / (1 + np.exp(-logit * sharpness))
    return np.stack([1 - male, male], axis=1), truth


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1, width=16), st.booleans()), min_size=1, max_size=60))
def test_pooling_is_isotonic_regression(points: list[tuple[float, bool]]) -> None:
    x, y = np.array([p for p, _ in points]), np.array([float(b) for _, b in points])
    knots, values = pool(x, y)
    expected = IsotonicRegression(out_of_bounds="clip").fit(x, y).predict(x)
    assert np.allclose(np.interp(x, knots, values), expected, atol=1e-6)
    assert all(b >= a for a, b in itertools.pairwise(values))


def test_a_known_overconfidence_is_undone() -> None:
    p, y = simulated(6000, 3.0, 0)
    found = fit(p, y, range(len(y)))[EVERYONE]
    assert found.method == "temperature"
    assert found.function.temperature == pytest.approx(3, rel=0.1)  # type: ignore[union-attr]
    honest = 1 / (1 + np.exp(-np.log(p[:, 1] / p[:, 0]) / 3))
    assert np.abs(found.probabilities(p)[:, 1] - honest).max() < 0.03


def test_honest_probabilities_are_left_alone() -> None:
    p, y = simulated(4000, 1.0, 1)
    assert fit(p, y, range(len(y)))[EVERYONE].method == "as it is"


def test_a_bent_curve_takes_the_isotonic_method() -> None:
    rng = np.random.default_rng(2)
    honest = rng.random(6000)
    y = (rng.random(6000) < honest).astype(int)
    bent = np.where(honest < 0.5, honest**3, 1 - 0.4 * (1 - honest))
    p = np.stack([1 - bent, bent], axis=1)
    found = fit(p, y, range(len(y)))[EVERYONE]
    assert found.method == "isotonic"
    after = found.probabilities(p)
    assert np.abs(after[:, 1] - honest).mean() < 0.04
    assert np.allclose(after.sum(1), 1)


def test_a_group_with_enough_faces_has_settings_of_its_own() -> None:
    p1, y1 = simulated(2000, 4.0, 3)
    p2, y2 = simulated(2000, 0.5, 4)
    p, y = np.concatenate([p1, p2]), np.concatenate([y1, y2])
    groups = ["a"] * 2000 + ["b"] * 1990 + ["c"] * 10
    found = fit(p, y, range(len(y)), groups)
    assert set(found) == {EVERYONE, "a", "b"}
    assert found["a"].function.temperature > 2.5  # type: ignore[union-attr]
    assert found["b"].function.temperature < 0.8  # type: ignore[union-attr]


def test_sets_cover_as_stated_and_answers_are_as_right_as_asked() -> None:
    p, y = simulated(4000, 2.0, 5)
    groups = ["even" if i % 2 else "odd" for i in range(len(y))]
    after, inside, answered = crossed(
        p, y, range(len(y)), groups, FitOptions(coverage=0.85, accuracy=0.9, least_answered=0.1)
    )
    assert inside[np.arange(len(y)), y].mean() == pytest.approx(0.85, abs=0.02)
    assert (after.argmax(1) == y)[answered].mean() == pytest.approx(0.9, abs=0.02)
    right = (after.argmax(1) == y).astype(float)
    assert ece(after.max(1), right) < 0.03 < ece(p.max(1), (p.argmax(1) == y).astype(float))


def test_a_picture_is_in_one_fold() -> None:
    fold = folds(["a", "b", "a", "c", "b"])
    assert fold[0] == fold[2]
    assert fold[1] == fold[4]
    assert len(set(folds(range(1000)).tolist())) == 5


def test_no_face_is_judged_by_settings_that_saw_its_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    p, y = simulated(400, 3.0, 8)
    clusters = np.repeat(np.arange(100), 4)
    fitted: list[set[int]] = []

    def watched(_: Any, __: Any, seen: Any, *___: Any) -> dict[str, Settings]:
        fitted.append(set(seen.tolist()))
        return {EVERYONE: Settings("as it is", None, 0.5 + len(fitted) / 100, 0.0, 1)}

    monkeypatch.setattr("curate.calibrate.fit.fit", watched)
    _, inside, _ = crossed(p, y, clusters)
    assert len(fitted) == 5
    for held, seen in enumerate(fitted):
        out = folds(clusters) == held
        assert not seen & set(clusters[out].tolist())
        assert np.array_equal(inside[out], 1 - p[out] <= 0.5 + (held + 1) / 100)


def test_faces_of_too_few_persons_are_refused(dataset: tuple[Dataset, Path], tmp_path: Path) -> None:
    ds, truth = dataset
    head, *rows = truth.read_text("utf-8").splitlines()
    told = [f"{head},person", *(f"{row},{i % 3}" for i, row in enumerate(rows))]
    (tmp_path / "three.csv").write_text("\n".join(told), "utf-8")
    with pytest.raises(UsageError, match="are of 3 pictures or persons"):
        calibrate(ds, tmp_path / "three.csv")


def test_a_calibrator_comes_back_from_its_file_form() -> None:
    p, y = simulated(500, 2.0, 6)
    parts = {
        EVERYONE: fit(p, y, range(500))[EVERYONE],
        "bent": Settings("isotonic", fit_isotonic(p, y), float("inf"), 0.6, 500),
        "left": Settings("as it is", None, 0.7, 0.0, 9),
    }
    before = Calibrator("perceived_gender", NAMES, "gender", "1", "abc", "by", parts, 0.9)
    after = Calibrator.from_dict(json.loads(json.dumps(before.as_dict())))
    groups = ["bent", "left", None, "other"] * 125
    assert after.apply(p, groups) == before.apply(p, groups)
    with pytest.raises(DatasetError, match="not understood"):
        Calibrator.from_dict({"column": "perceived_gender"})


def test_a_face_without_probabilities_gets_no_answer() -> None:
    calibrator = Calibrator("perceived_gender", NAMES, "g", "1", "", "", {"": Settings("as it is", None, 0.75, 0.6, 9)})
    found = calibrator.apply([[0.2, 0.8], [np.nan, np.nan], [0.55, 0.45]])
    assert found[1] is None
    assert found[0] is not None
    assert found[2] is not None
    assert (found[0].label, found[0].among) == ("Male", ["Male"])
    assert (found[2].label, found[2].among) == (None, ["Female", "Male"])


@pytest.fixture
def dataset(tmp_path: Path) -> tuple[Dataset, Path]:
    """Two shards of 200 faces with too sure genders, the last without any; and a file of truth."""
    ds = Dataset.create(tmp_path / "ds")
    p, y = simulated(400, 3.0, 7)
    ds_columns = (labels.GENDER, labels.GENDER_PROB)
    ds_info = LayerInfo("gender.v1", "model", "gender", "1", columns=tuple(c.name for c in ds_columns))
    for shard in range(2):
        key, rows = f"{shard:05d}", range(shard * 200, shard * 200 + 200)
        ids = [f"i{i}" for i in rows]
        ds.write("images", key, image_table(ids, uri=[f"/photos/{i}.jpg" for i in ids]))
        ds.write("faces", key, face_table(ids))
        if not shard:
            ds.add_layer(ds_info)
        chances: list[Any] = [dict(zip(NAMES, p[i].tolist(), strict=True)) for i in rows]
        said: list[Any] = [NAMES[int(p[i].argmax())] for i in rows]
        if shard:
            chances[-1] = said[-1] = None
        values = {labels.GENDER: said, labels.GENDER_PROB: chances}
        ds.write("labels/gender.v1", key, label_table([f"{i}.0" for i in ids], values))
    truth = tmp_path / "truth.csv"
    with truth.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "gender"])
        writer.writerows((f"i{i}", NAMES[y[i]]) for i in range(400))
    return ds, truth


def test_a_dataset_is_calibrated_and_the_layer_speaks(dataset: tuple[Dataset, Path]) -> None:
    ds, truth = dataset
    found = calibrate(ds, truth)
    figures = found.reports["perceived_gender"]["all"]
    assert figures["ece_after"]["value"] < figures["ece_before"]["value"]
    assert figures["accuracy"]["n"] == 399
    before = ds.faces([labels.GENDER_PROB]).to_pylist()
    name = apply(ds, found)
    assert apply(ds, found) == name
    table = ds.faces(
        [faces.FACE_ID, labels.GENDER, labels.GENDER_PROB, labels.GENDER_SET, labels.GENDER_ABSTAINED], provenance=True
    ).to_pylist()
    assert {r["perceived_gender_prob__layer"] for r in table[:-1]} == {name}
    expected = found.calibrators[0].apply([[r["perceived_gender_prob"][k] for k in NAMES] for r in before[:-1]])
    for row, answer in zip(table, expected, strict=False):
        assert answer is not None
        assert row["perceived_gender_prob"] == pytest.approx(answer.probabilities, abs=1e-6)
        assert row["perceived_gender_set"] == answer.among
        assert row["perceived_gender_abstained"] == (answer.label is None)
    last = ds.layer_table(name).to_pylist()[-1]
    assert (last["label_status"], last["perceived_gender_prob"]) == ("not_applicable", None)
    assert calibrate(ds, truth).as_dict() == found.as_dict(), "a calibration is never fitted on a calibration"


def test_the_file_fits_only_the_version_it_was_fitted_on(dataset: tuple[Dataset, Path], tmp_path: Path) -> None:
    ds, truth = dataset
    found = calibrate(ds, truth, CalibrateOptions(columns=("perceived_gender",)))
    found.save(tmp_path / "calibration.json")
    again = load(tmp_path / "calibration.json")
    assert again.as_dict() == json.loads(json.dumps(found.as_dict()))
    other = Dataset.create(tmp_path / "other")
    other.write("faces", "00000", face_table(["a"]))
    with pytest.raises(UsageError, match="fitted on gender 1"):
        apply(other, again)
    (tmp_path / "wrong.json").write_text('{"format": "else"}', "utf-8")
    with pytest.raises(DatasetError, match="no calibration"):
        load(tmp_path / "wrong.json")
    whole = json.loads((tmp_path / "calibration.json").read_text("utf-8"))
    del whole["reports"]
    (tmp_path / "wrong.json").write_text(json.dumps(whole), "utf-8")
    with pytest.raises(DatasetError, match="is damaged"):
        load(tmp_path / "wrong.json")
    whole["calibrators"][0]["settings"] = {}
    (tmp_path / "wrong.json").write_text(json.dumps(whole), "utf-8")
    with pytest.raises(DatasetError, match="not understood"):
        load(tmp_path / "wrong.json")


def test_the_command(dataset: tuple[Dataset, Path], capsys: pytest.CaptureFixture[str]) -> None:
    ds, truth = dataset
    assert call("calibrate", ds.path, "--truth", truth) == 0
    out = capsys.readouterr().out
    assert "perceived_gender: temperature" in out
    assert (ds.path / "calibration.json").is_file()
    assert call("calibrate", ds.path, "--using", ds.path / "calibration.json") == 0
    assert len([x for x in ds.layers() if x.annotator == "calibration"]) == 1
    assert "needs --truth" in mistake(capsys, "calibrate", ds.path)
    assert "no calibration file" in mistake(capsys, "calibrate", ds.path, "--using", ds.path / "none.json")
    assert "no truth file" in mistake(capsys, "calibrate", ds.path, "--truth", ds.path / "none.csv")


def test_too_few_known_faces_are_refused(dataset: tuple[Dataset, Path], tmp_path: Path) -> None:
    ds, truth = dataset
    few = tmp_path / "few.csv"
    few.write_text("\n".join(truth.read_text("utf-8").splitlines()[:21]), "utf-8")
    with pytest.raises(UsageError, match="the truth of 20 faces is known, 50 are needed"):
        calibrate(ds, few)
