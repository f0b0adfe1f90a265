"""`evaluate` beyond class labels: numbers, flags, action units, points, boxes, counts, identities, captions, sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.evaluation import EvaluateOptions, Evaluation
from curate.evaluation.run import evaluate
from curate.store import Dataset
from schemas import Column, UsageError
from schemas.columns import faces, labels
from schemas.landmarks import layout
from tests.evaluation_samples import SIDE, dataset, write_csv

QUICK = EvaluateOptions(rounds=100)


def held(ds: Dataset, tmp_path: Path, rows: list[dict[str, Any]], **options: Any) -> Evaluation:
    return evaluate(ds, write_csv(tmp_path / "truth.csv", rows), EvaluateOptions(rounds=100, **options))


def test_valence_by_concordance_and_angles_the_short_way_round(tmp_path: Path) -> None:
    from scipy.stats import pearsonr

    rng = np.random.default_rng(0)
    true, said = rng.uniform(-1, 1, 40).astype(np.float32), rng.uniform(-1, 1, 40).astype(np.float32)
    yaw = [178.0] * 20 + [10.0] * 20
    ds = dataset(tmp_path / "ds", [1] * 40, {"m.v1": {labels.VALENCE: said.tolist(), labels.YAW: yaw}})
    rows = [{"file": f"p{i}.jpg", "valence": float(v), "yaw": -178 if i < 20 else 10} for i, v in enumerate(true)]
    found = held(ds, tmp_path, rows)
    t, s = true.astype(float), said.astype(float)
    ccc = 2 * np.cov(t, s, bias=True)[0, 1] / (t.var() + s.var() + (t.mean() - s.mean()) ** 2)
    figures = found.section(labels.VALENCE.name).figures
    assert figures["ccc"].value == pytest.approx(ccc, abs=1e-9)
    assert figures["pcc"].value == pytest.approx(pearsonr(t, s).statistic, abs=1e-9)
    assert figures["rmse"].value == pytest.approx(np.sqrt(((t - s) ** 2).mean()), abs=1e-9)
    assert found.section(labels.YAW.name).figures["mae"].value == pytest.approx(2.0)


def test_gaze_is_one_direction_too(tmp_path: Path) -> None:
    """At a pitch of 60 degrees, 90 degrees of yaw are no 90 degrees of sight: cos = sin60 sin60."""
    said: dict[Column, list[Any]] = {
        labels.GAZE_YAW: [90.0, 0.0, 10.0, 5.0], labels.GAZE_PITCH: [60.0, 20.0, None, 5.0],
    }  # fmt: skip
    ds = dataset(tmp_path / "ds", [1] * 4, {"gaze.v1": said})
    rows = [{"file": f"p{i}.jpg", "gaze_yaw": 0, "gaze_pitch": p} for i, p in enumerate([60, 0, 0, None])]
    section = held(ds, tmp_path, rows).section("gaze_direction")
    assert section.counts == {"answered": 2, "no value": 1, "no truth": 1}
    assert section.figures["mae"].value == pytest.approx((np.degrees(np.arccos(0.75)) + 20) / 2, abs=1e-6)
    alone = held(ds, tmp_path, rows, columns=(labels.GAZE_YAW.name,))
    assert [s.name for s in alone.sections] == [labels.GAZE_YAW.name]


def test_a_stated_deviation_is_checked(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 4, {"age.v1": {labels.AGE: [30.0] * 4, labels.AGE_SD: [5.0] * 4}})
    found = held(ds, tmp_path, [{"file": f"p{i}.jpg", "age": a} for i, a in enumerate([30, 39, 41, 21])])
    assert found.section(labels.AGE.name).figures["covered"].value == 0.75


def test_flags(tmp_path: Path) -> None:
    from sklearn.metrics import f1_score

    said, true = [True, True, False, False, True], [1, -1, -1, 1, 1]
    ds = dataset(tmp_path / "ds", [1] * 5, {"gaze.v1": {labels.LOOKS_AT_CAMERA: said}})
    section = held(
        ds, tmp_path, [{"file": f"p{i}.jpg", labels.LOOKS_AT_CAMERA.name: t} for i, t in enumerate(true)]
    ).section(labels.LOOKS_AT_CAMERA.name)
    assert section.figures["f1"].value == pytest.approx(f1_score([t > 0 for t in true], said))
    assert section.details["confusion"]["counts"] == [[1, 1], [1, 2]]
    assert any("CelebA" in n for n in section.notes)


def units(rows: list[dict[str, float | None]]) -> list[dict[str, float | None]]:
    names = [f.name for f in labels.AU_SCORE.type]
    return [{n: row.get(n) for n in names} for row in rows]


def test_an_unsupported_unit_is_not_applicable_and_in_no_mean(tmp_path: Path) -> None:
    from sklearn.metrics import f1_score, roc_auc_score

    rng = np.random.default_rng(5)
    scores = rng.uniform(0, 1, (50, 2)).astype(np.float32)
    true = (scores + rng.normal(0, 0.3, (50, 2))) > 0.5
    ds = dataset(
        tmp_path / "ds", [1] * 50,
        {"au.v1": {labels.AU_SCORE: units([{"AU12": float(a), "AU4": float(b)} for a, b in scores])}},
    )  # fmt: skip
    rows = [{"file": f"p{i}.jpg", "AU12": int(a), "au_4_c": int(b), "AU14": i % 2} for i, (a, b) in enumerate(true)]
    section = held(ds, tmp_path, rows).section(labels.AU_SCORE.name)
    own = [f1_score(true[:, k], scores[:, k] >= 0.5) for k in range(2)]
    assert section.figures["f1"].value == pytest.approx(np.mean(own), abs=1e-9)
    assert section.figures["auc"].value == pytest.approx(
        np.mean([roc_auc_score(true[:, k], scores[:, k]) for k in range(2)]), abs=1e-9
    )
    fields = {f["name"]: f for f in section.details["fields"]}
    assert fields["AU14"]["figures"] is None
    assert fields["AU12"]["figures"]["f1"].value == pytest.approx(own[0], abs=1e-9)
    assert any("AU14" in n for n in section.notes)


def test_intensities_and_what_follows_from_them(tmp_path: Path) -> None:
    said = [0.2, 1.1, 2.4, 3.3, 4.6]
    values = units([{"AU12": v} for v in said])
    shown = units([{"AU12": float(v > 2)} for v in said])
    ds = dataset(tmp_path / "ds", [1] * 5, {"au.v1": {labels.AU_INTENSITY: values, labels.AU_SCORE: shown}})
    found = held(ds, tmp_path, [{"file": f"p{i}.jpg", "AU12_r": v} for i, v in enumerate([0, 1, 2, 4, 5])])
    figures = found.section(labels.AU_INTENSITY.name).figures
    assert figures["pcc"].value == pytest.approx(np.corrcoef(np.float32(said), [0, 1, 2, 4, 5])[0, 1], abs=1e-6)
    assert figures["icc"].value > 0.95
    occurrence = found.section(labels.AU_SCORE.name)
    assert occurrence.figures["f1"].value == 1
    assert any("intensity of 2 or more" in n for n in occurrence.notes)


def test_points_of_one_layout_and_of_another(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    base = rng.uniform(0, 90, (68, 2))
    shifted = base + np.array([3.0, 4.0])
    ds = dataset(tmp_path / "ds", [1, 1], {"mesh.v1": {labels.POINTS_68: [shifted.reshape(-1).tolist()] * 2}})
    rows = [{"file": "p0.jpg", "points": base.tolist()}]
    section = held(ds, tmp_path, rows, iou=0.05).section(labels.POINTS_68.name)
    eyes = layout("points-68")
    corner = eyes.group("right_eye")[0]
    size = np.linalg.norm(base[corner] - base[eyes.mirror[corner]])
    assert section.figures["nme"].value == pytest.approx(5 / size, abs=1e-6)
    assert section.figures["nme"].n == 1
    assert set(section.details["regions"]) == set(eyes.groups)


def test_true_boxes_tell_faces_of_a_picture_apart(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [2, 1], {"g.v1": {labels.GENDER: ["Female", "Male", "Male"]}})
    rows = [
        {"file": "p0.jpg", "x": 2 * SIDE + 5, "y": 0, "w": SIDE, "h": SIDE, "gender": "Male", "race": "White"},
        {"file": "p0.jpg", "x": 0, "y": 5, "w": SIDE, "h": SIDE, "gender": "Male", "race": "White"},
        {"file": "p0.jpg", "x": 900, "y": 5, "w": SIDE, "h": SIDE, "gender": "Male", "race": "Black"},
        {"file": "p1.jpg", "x": 0, "y": 0, "w": SIDE, "h": SIDE, "gender": "Male", "race": "Black"},
    ]
    found = held(ds, tmp_path, rows, min_group=2)
    assert found.section(labels.GENDER.name).figures["accuracy"].value == pytest.approx(2 / 3)
    assert found.matching["outcomes"] == {"matched": 3, "no face was found at the true box": 1}
    section = found.section("detection")
    assert section.figures["recall"].value == 0.75
    assert section.figures["precision"].value == 1
    (split,) = [s for s in section.splits if s.by == "race"]
    assert {g.name: g.figures["recall"].value for g in split.groups} == {"White": 1, "Black": 0.5}


def test_several_faces_without_boxes_are_left_out_and_counted(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [2, 1, 0], {"g.v1": {labels.GENDER: ["Male"] * 3}}, rejected=["bad.jpg"])
    rows = [{"file": f, "gender": "Male"} for f in ("p0.jpg", "p1.jpg", "p2.jpg", "bad.jpg", "other.jpg")]
    found = held(ds, tmp_path, rows)
    assert found.matching["outcomes"] == {
        "matched": 1, "not in the dataset": 1, "picture could not be used": 1, "no face was found": 1,
        "several faces and no true box to tell them apart": 1,
    }  # fmt: skip
    assert found.matching["unusable"] == {"corrupt": 1}
    assert found.section("detection").figures["found"].value == pytest.approx(2 / 3)


def test_numbers_of_faces(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [2, 1, 0, 3], {"g.v1": {labels.GENDER: ["Male"] * 6}})
    rows = [{"file": f"p{i}.jpg", "face_count": n} for i, n in enumerate([2, 2, 0, 2])]
    figures = held(ds, tmp_path, rows).section("detection").figures
    assert figures["found"].value == pytest.approx(5 / 6)
    assert figures["exact"].value == 0.5
    assert figures["extra"].value == 0.25


def people(tmp_path: Path, groups: list[int]) -> Dataset:
    """Unit vectors, one direction per person, each turned a little."""
    rng = np.random.default_rng(8)
    centres = rng.normal(size=(max(groups) + 1, 128))
    vectors = np.stack([centres[g] / np.linalg.norm(centres[g]) + rng.normal(0, 0.02, 128) for g in groups])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    said = [f"person{g}" if i else "person9" for i, g in enumerate(groups)]
    return dataset(
        tmp_path / "ds", [1] * len(groups),
        {"identity.v1": {labels.EMBEDDING: np.clip(vectors, -1, 1).tolist()}, "cluster.v1": {labels.IDENTITY_ID: said}},
    )  # fmt: skip


def test_verification_and_clusters_from_true_identities(tmp_path: Path) -> None:
    groups = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    ds = people(tmp_path, groups)
    found = held(ds, tmp_path, [{"file": f"p{i}.jpg", "person": f"name {g}"} for i, g in enumerate(groups)])
    section = found.section(labels.EMBEDDING.name)
    assert section.figures["eer"].value == 0
    assert section.details["same_pairs"] == 9
    assert section.details["different_pairs"] == 27
    assert np.isnan(section.figures["tar_at_0.01"].value)
    clusters = found.section(labels.IDENTITY_ID.name)
    assert clusters.figures["pair_precision"].value == 1
    assert clusters.figures["pair_recall"].value == pytest.approx(7 / 9)


def test_a_table_of_pairs(tmp_path: Path) -> None:
    ds = people(tmp_path, [0, 0, 1, 1])
    pairs = write_csv(tmp_path / "pairs.csv", [
        {"file_a": "p0.jpg", "file_b": "p1.jpg", "same_person": 1},
        {"file_a": "p2.jpg", "file_b": "p3.jpg", "same_person": 1},
        {"file_a": "p0.jpg", "file_b": "p2.jpg", "same_person": 0},
        {"file_a": "p1.jpg", "file_b": "gone.jpg", "same_person": 0},
        {"file_a": "p0.jpg", "file_b": "p1.jpg", "same_person": ""},
    ])  # fmt: skip
    section = held(ds, tmp_path, [{"file": "p0.jpg", "person": "a"}], pairs=pairs).section(labels.EMBEDDING.name)
    assert section.figures["eer"].value == 0
    assert section.counts == {
        "pairs": 3, "pairs left out, not said whether one person": 1, "pairs left out, not in the dataset": 1,
    }  # fmt: skip
    with pytest.raises(UsageError, match="is no table of pairs"):
        held(ds, tmp_path, [{"file": "p0.jpg", "person": "a"}], pairs=tmp_path / "truth.csv")
    unclear = write_csv(tmp_path / "unclear.csv", [{"file_a": "p0.jpg", "file_b": "p1.jpg", "same_person": "maybe"}])
    with pytest.raises(UsageError, match="'maybe' in the truth's column same_person is no flag"):
        held(ds, tmp_path, [{"file": "p0.jpg", "person": "a"}], pairs=unclear)


def test_captions_are_held_against_the_true_labels(tmp_path: Path) -> None:
    gender, emotion = labels.GENDER.name, labels.PERCEIVED_EMOTION.name
    told = [[f"{gender}=Male", f"{emotion}=fear"], [f"{gender}=Female"], [f"{labels.EYES_STATE.name}=open"]]
    ds = dataset(
        tmp_path / "ds", [1] * 3,
        {"m.v1": {labels.GENDER: ["Male"] * 3, labels.PERCEIVED_EMOTION: ["fear"] * 3, labels.CAPTION_FACTS: told}},
    )  # fmt: skip
    rows = [{"file": f"p{i}.jpg", "gender": "Male", "emotion": "fear"} for i in range(3)]
    section = held(ds, tmp_path, rows).section(labels.CAPTION_FACTS.name)
    assert section.figures["precision"].value == pytest.approx(2 / 3)
    assert section.figures["recall"].value == pytest.approx(2 / 6)
    assert section.figures["contradictions"].value == pytest.approx(1 / 3)


def test_a_fact_is_not_wrong_where_the_truth_of_this_face_is_silent(tmp_path: Path) -> None:
    gender, emotion = labels.GENDER.name, labels.PERCEIVED_EMOTION.name
    told = [[f"{gender}=Male", f"{emotion}=fear"], [f"{gender}=Male", f"{emotion}=fear"]]
    ds = dataset(
        tmp_path / "ds", [1] * 2,
        {"m.v1": {labels.GENDER: ["Male"] * 2, labels.PERCEIVED_EMOTION: ["fear"] * 2, labels.CAPTION_FACTS: told}},
    )  # fmt: skip
    rows = [{"file": "p0.jpg", "gender": "Male", "emotion": "fear"}, {"file": "p1.jpg", "gender": "Male"}]
    section = held(ds, tmp_path, rows).section(labels.CAPTION_FACTS.name)
    assert section.figures["precision"].value == 1
    assert section.details["told"] == 3


def test_an_empty_set_is_a_set_that_misses(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 4, {"g.v1": {
        labels.GENDER: ["Male"] * 4, labels.GENDER_SET: [["Male"], ["Female", "Male"], [], None],
    }})  # fmt: skip
    section = held(ds, tmp_path, [{"file": f"p{i}.jpg", "gender": "Male"} for i in range(4)]).section(
        labels.GENDER.name
    )
    assert section.figures["set_coverage"].value == pytest.approx(2 / 3)
    assert section.figures["set_size"].value == pytest.approx(1)
    assert section.figures["set_size"].n == 3


def test_rows_may_name_faces_pictures_paths_and_files(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1, 1], {"g.v1": {labels.GENDER: ["Male", "Female"]}})
    for key, values in {
        faces.FACE_ID.name: ["i0.0", "i1.0"], "image_id": ["i0", "i1"], "path": ["/photos/p0.jpg", "/photos/p1.jpg"],
        "filename": ["somewhere/else/p0.jpg", "p1"],
    }.items():  # fmt: skip
        rows = [{key: v, "gender": "Male"} for v in values]
        assert held(ds, tmp_path, rows).section(labels.GENDER.name).figures["accuracy"].value == 0.5, key


def test_one_json_object_per_task_and_row(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1, 1], {"g.v1": {labels.GENDER: ["Male", "Female"]}})
    rows = [
        {"file": "p0.jpg", "task": "who", "label_json": {"gender_perceived": "Male"}},
        {"file": "p0.jpg", "task": "count", "label_json": {"exact": 1}},
        {"file": "p1.jpg", "task": "who", "label_json": {"gender_perceived": "Male"}},
    ]
    found = held(ds, tmp_path, rows)
    assert found.section(labels.GENDER.name).figures["accuracy"].n == 2
    assert found.section("detection").figures["exact"].n == 1
    assert found.matching["outcomes"]["another row about a matched face, merged"] == 1


def test_rows_that_contradict_each_other_are_counted(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1], {"g.v1": {labels.GENDER: ["Male"]}})
    rows = [{"file": "p0.jpg", "gender": "Male"}, {"file": "p0.jpg", "gender": "Female"}]
    found = held(ds, tmp_path, rows)
    assert found.matching["outcomes"]["contradicts another row about the same face"] == 1


def test_the_columns_that_the_list_brought_along(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1, 1], {"g.v1": {labels.GENDER: ["Male", "Female"]}},
                 extra=['{"gender": "Male"}', '{"gender": "Male"}'])  # fmt: skip
    assert evaluate(ds, "extra", QUICK).section(labels.GENDER.name).figures["accuracy"].value == 0.5


def test_faces_of_one_person_are_drawn_together(tmp_path: Path) -> None:
    """Forty copies of two faces hold no more than two faces' worth of knowledge."""
    ds = dataset(tmp_path / "ds", [1] * 80, {"g.v1": {labels.GENDER: ["Male"] * 40 + ["Female"] * 40}})
    rows = [{"file": f"p{i}.jpg", "gender": "Male", "person": i // 40} for i in range(80)]
    clustered = held(ds, tmp_path, rows).section(labels.GENDER.name).figures["accuracy"]
    alone = held(ds, tmp_path, [{**r, "person": i} for i, r in enumerate(rows)]).section(labels.GENDER.name)
    assert alone.figures["accuracy"].high - alone.figures["accuracy"].low < 0.3
    assert not clustered.high - clustered.low < 0.8
