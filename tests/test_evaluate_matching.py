"""Rows of the truth find the right face: names that repeat in folders, equal boxes, and what stays out is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curate.evaluation import EvaluateOptions, Evaluation
from curate.evaluation.matching import ELSEWHERE
from curate.evaluation.run import evaluate
from curate.store import Dataset
from schemas import UsageError
from schemas.columns import labels
from tests.evaluation_samples import SIDE, dataset, write_csv

GENDERS = ["Male", "Female"]


def held(ds: Dataset, tmp_path: Path, rows: list[dict[str, Any]]) -> Evaluation:
    return evaluate(ds, write_csv(tmp_path / "truth.csv", rows), EvaluateOptions(rounds=100))


def accuracy(found: Evaluation) -> float:
    return found.section(labels.GENDER.name).figures["accuracy"].value


def test_names_that_repeat_in_folders_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    names = ["a/1.jpg", "b/1.jpg"]
    ds = dataset(tmp_path / "ds", [1, 1], {"g.v1": {labels.GENDER: GENDERS}}, names=names)
    for keys in (names, ["/elsewhere/a/1.jpg", "/elsewhere/b/1.jpg"], ["./a/1.jpg", "b\\1.jpg"]):
        rows = [{"file": k, "gender": g} for k, g in zip(keys, GENDERS, strict=True)]
        found = held(ds, tmp_path, rows)
        assert accuracy(found) == 1, keys
        assert found.matching["outcomes"] == {"matched": 2}


def test_a_name_that_several_pictures_bear_finds_none_of_them(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1] * 3, {"g.v1": {labels.GENDER: [*GENDERS, "Male"]}},
                 names=["a/1.jpg", "b/1.jpg", "b/2.jpg"])  # fmt: skip
    found = held(ds, tmp_path, [{"file": k, "gender": "Male"} for k in ("1.jpg", "2.jpg", "3.jpg")])
    assert found.matching["outcomes"] == {
        "matched": 1, "several pictures go by this name": 1, "not in the dataset": 1,
    }  # fmt: skip
    with pytest.raises(UsageError, match="2 rows: several pictures go by this name"):
        held(ds, tmp_path, [{"file": "1.jpg", "gender": "Male"}] * 2)


def test_a_row_of_another_split_does_not_speak_of_its_namesake(tmp_path: Path) -> None:
    """FairFace has train/1.jpg and val/1.jpg; a dataset of one of them must not take the other's labels."""
    ds = dataset(tmp_path / "ds", [1, 1], {"g.v1": {labels.GENDER: GENDERS}}, names=["val/1.jpg", "val/2.jpg"])
    rows = [{"file": f"{split}/{i}.jpg", "gender": GENDERS[(i + (split == "val")) % 2]}
            for split in ("train", "val") for i in (1, 2)]  # fmt: skip
    found = held(ds, tmp_path, rows)
    assert accuracy(found) == 1
    assert found.matching["outcomes"] == {"matched": 2, "not in the dataset": 2}


def test_a_match_by_name_alone_is_told(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1], {"g.v1": {labels.GENDER: ["Male"]}}, names=["val/1.jpg"])
    found = held(ds, tmp_path, [{"file": "moved/1.jpg", "gender": "Male"}])
    assert found.matching["found_by"] == {ELSEWHERE: 1}


def test_rows_with_the_same_box_are_one_face(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [2], {"g.v1": {labels.GENDER: ["Male", "Female"], labels.AGE: [30.0, 40.0]}})
    boxes: list[dict[str, Any]] = [{"x": 2 * SIDE * i, "y": 0, "w": SIDE, "h": SIDE} for i in (0, 1)]
    rows = [{"file": "p0.jpg", **box, **more} for box, gender, age in zip(boxes, GENDERS, (31, 42), strict=True)
            for more in ({"gender": gender, "age": None}, {"gender": None, "age": age})]  # fmt: skip
    found = held(ds, tmp_path, rows)
    assert found.matching["outcomes"] == {"matched": 2, "another row about a matched face, merged": 2}
    assert accuracy(found) == 1
    assert found.section(labels.AGE.name).figures["mae"].value == pytest.approx(1.5)
    assert found.section("detection").details["true_faces"] == 2
    assert found.section("detection").figures["recall"].value == 1


def test_counts_of_pictures_that_are_not_here_make_no_section(tmp_path: Path) -> None:
    ds = dataset(tmp_path / "ds", [1], {"g.v1": {labels.GENDER: ["Male"]}})
    rows: list[dict[str, Any]] = [{"file": "p0.jpg", "gender": "Male", "face_count": None},
            {"file": "other.jpg", "gender": None, "face_count": 3}]  # fmt: skip
    section = held(ds, tmp_path, rows).section("detection")
    assert section.figures["found"].n == 1
