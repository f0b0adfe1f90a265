"""The demographic head: known faces, its file, its abstentions and sets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from annotators.base import FaceBatch
from annotators.demographics import (
    AGE,
    ANSWERS,
    GENDER,
    RACE,
    RACE4,
    Demographics,
    DemographicsConfig,
    age_centres,
    four_groups,
    inside_share,
)
from annotators.heads import heads_folder, load_head
from annotators.registry import annotator
from annotators.weights import ModelStore
from benchmarks.labelling import label, made
from schemas import ModelError
from schemas.columns import faces, labels
from schemas.mapping import mapping

ASTRONAUT = "photos/skimage/astronaut.png"


def photos(folder: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The 252 labelled FairFace photos, two per cell of age, gender and race; none of them is in the training data."""
    listed = pd.read_csv(folder / "photos" / "labels.csv")
    for row in listed[listed.task == "age_gender_race"].itertuples():
        yield (folder / "photos" / str(row.file)).read_bytes(), json.loads(str(row.label_json))


@pytest.fixture(scope="module")
def labelled(models: ModelStore, shared_data: Path) -> list[dict[str, Any]]:
    rows = label(photos(shared_data), made("second_opinion", "demographics"), models)
    assert len(rows) == 252
    return [r for r in rows if r.get(labels.RACE_PROB.name)]


def best(row: dict[str, Any], column: str) -> str:
    return str(max(row[column], key=row[column].get))


@pytest.mark.models
@pytest.mark.data
def test_252_faces_with_equal_shares_of_all_groups(labelled: list[dict[str, Any]]) -> None:
    """All ages count alike here, so children and the old weigh far more than in life."""
    assert len(labelled) >= 248
    gender = np.array([best(r, GENDER.chances.name) == r["gender_perceived"] for r in labelled])
    race = np.array([best(r, RACE.chances.name) == r["race_perceived"] for r in labelled])
    adults = np.array([not r["minor"] for r in labelled])
    assert gender[adults].mean() > 0.9
    assert gender.mean() > 0.82
    assert race.mean() > 0.6
    bins_ = AGE.classes
    apart = np.array([abs(bins_.index(best(r, AGE.chances.name)) - bins_.index(r["age_group"])) for r in labelled])
    assert (apart == 0).mean() > 0.45
    assert (apart <= 1).mean() > 0.88
    ages = np.array([r[labels.AGE.name] for r in labelled])
    means = [ages[[r["age_group"] == name for r in labelled]].mean() for name in bins_]
    assert means == sorted(means)
    assert means[0] < 8
    assert means[-1] > 60


@pytest.mark.models
@pytest.mark.data
def test_flags_labels_and_probabilities_agree(labelled: list[dict[str, Any]]) -> None:
    for row in labelled:
        for answer in ANSWERS:
            chances = row[answer.chances.name]
            assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
            assert tuple(chances) == answer.classes
            expected = None if row[answer.abstained.name] else best(row, answer.chances.name)
            assert row[answer.label.name] == expected
            members = row[answer.members.name]
            assert set(members) <= set(answer.classes)
            assert len(members) < len(answer.classes) or answer is GENDER
        assert 0 < row[labels.AGE.name] < 76
        assert 0.5 < row[labels.AGE_SD.name] < 30


@pytest.mark.models
@pytest.mark.data
def test_abstention_keeps_the_better_answers_and_sets_hold_the_truth(labelled: list[dict[str, Any]]) -> None:
    truth = {GENDER.name: "gender_perceived", RACE.name: "race_perceived", AGE.name: "age_group"}
    for answer in (GENDER, RACE, AGE):
        true = [r[truth[answer.name]] for r in labelled]
        right = np.array([best(r, answer.chances.name) == t for r, t in zip(labelled, true, strict=True)])
        answered = np.array([not r[answer.abstained.name] for r in labelled])
        assert 0.5 < answered.mean() < 1
        assert right[answered].mean() > right[~answered].mean() + 0.1
        covered = np.mean([t in r[answer.members.name] for r, t in zip(labelled, true, strict=True)])
        assert covered > 0.8, f"{answer.name}: the mix of ages is far from the one that the sets were fitted on"


@pytest.mark.models
@pytest.mark.data
def test_the_astronaut(models: ModelStore, shared_data: Path) -> None:
    picture = (shared_data / ASTRONAUT).read_bytes()
    (row,) = label([(picture, {})], made("second_opinion", "demographics"), models)
    assert row[labels.GENDER.name] == "Female"
    assert row[labels.GENDER_SET.name] == ["Female"]
    assert row[labels.RACE4.name] == "White"
    assert 25 < row[labels.AGE.name] < 50


@pytest.mark.models
@pytest.mark.data
def test_values_do_not_depend_on_the_batch(models: ModelStore, shared_data: Path) -> None:
    some = [data for data, _ in photos(shared_data)][:6]
    together = label([(data, {}) for data in some], made("second_opinion", "demographics"), models)
    alone = [label([(data, {})], made("second_opinion", "demographics"), models)[0] for data in reversed(some)]
    for one, other in zip(together, reversed(alone), strict=True):
        for column in Demographics.provides:
            assert one[column.name] == other[column.name], column.name


@pytest.mark.models
@pytest.mark.data
def test_more_outputs_leave_the_embedding_as_it_was(models: ModelStore, shared_data: Path) -> None:
    from annotators.crops import warp
    from annotators.runtime import OnnxModel
    from annotators.sface import CROP, SFace, network_input
    from benchmarks.labelling import decode

    image = decode((shared_data / ASTRONAUT).read_bytes())
    crop = warp(image, np.array([[0.9, 0, -140], [0, 0.9, -60.0]]), CROP.size)
    (plain,) = OnnxModel(models.path("sface"))(network_input(crop))
    assert np.array_equal(SFace(models).features(crop).embedding, plain[0])


@pytest.mark.models
@pytest.mark.data
@pytest.mark.parametrize("case", ["doubted", "tiny", "cut off"])
def test_a_doubtful_crop_abstains(models: ModelStore, shared_data: Path, case: str) -> None:
    import pyarrow as pa

    from annotators.registry import detector
    from benchmarks.labelling import decode, face_table, largest

    image = decode((shared_data / ASTRONAUT).read_bytes())
    finder = detector("yunet")()
    finder.setup(models)
    face = largest(finder.detect(image))
    assert face is not None
    box, points, score = face
    if case == "tiny":
        points = points.mean(0) + (points - points.mean(0)) / 8
    if case == "cut off":
        image = np.ascontiguousarray(image[:, : int(points[:, 0].mean())])
    table = face_table({"a": (box, points, score)})
    table = table.append_column(labels.FACE_DOUBTFUL.name, pa.array([case == "doubted"]))
    for abstain in (True, False):
        labeller = Demographics(DemographicsConfig(abstain=abstain))
        labeller.setup(models)
        (row,) = labeller.annotate(FaceBatch(table, {"a": image})).to_pylist()
        assert row["label_status"] == "ok", row["label_error"]
        for answer in ANSWERS:
            assert row[answer.abstained.name] is True
            assert (row[answer.label.name] is None) == abstain
            assert row[answer.chances.name] is not None


@pytest.mark.models
@pytest.mark.data
def test_a_face_without_points_is_not_applicable(models: ModelStore, shared_data: Path) -> None:
    """Boxes from elsewhere come without them; that is no failure."""
    import pyarrow as pa

    from benchmarks.labelling import decode, face_table

    image = decode((shared_data / ASTRONAUT).read_bytes())
    table = face_table({"a": (np.array([170, 60, 110, 150]), np.zeros((5, 2)), 1.0)})
    place = table.column_names.index(faces.POINTS_5.name)
    table = table.set_column(place, faces.POINTS_5.field, pa.nulls(1, faces.POINTS_5.type))
    table = table.append_column(labels.FACE_DOUBTFUL.name, pa.array([False]))
    for labeller in made("demographics", "identity"):
        labeller.setup(models)
        (row,) = labeller.annotate(FaceBatch(table, {"a": image})).to_pylist()
        assert (row[labels.STATUS.name], row[labels.ERROR.name]) == ("not_applicable", f"no {faces.POINTS_5.name}")
        assert all(row[c.name] is None for c in labeller.provides)


def test_four_groups_follow_the_map() -> None:
    white, black, latino, east, southeast, indian, middle = np.eye(7)
    assert four_groups(white)[0].tolist() == [1, 0, 0, 0]
    shares, none = four_groups(0.3 * east + 0.2 * southeast + 0.1 * indian + 0.25 * latino + 0.15 * middle)
    assert shares == pytest.approx([0, 0, 5 / 6, 1 / 6])
    assert none == pytest.approx(0.4)
    placed, outside_all = four_groups(latino)
    assert placed.tolist() == [0, 0, 0, 0]
    assert outside_all == 1
    seven = mapping(RACE.label.taxonomy, RACE4.label.taxonomy)
    for name, one in zip(RACE.classes, np.eye(7), strict=True):
        place, outside = four_groups(one)
        assert seven.map_label(name) == (None if outside else RACE4.classes[int(place.argmax())])
    assert four_groups(black)[1] == 0


def test_bin_centres() -> None:
    centres, spreads = age_centres()
    assert centres.tolist() == [1.5, 6.5, 15, 25, 35, 45, 55, 65, 75]
    assert spreads[3] == pytest.approx(10 / np.sqrt(12))


def test_share_of_a_crop_inside_the_picture() -> None:
    whole = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    away = np.array([[1.0, 0, 500], [0, 1.0, 0]])
    assert inside_share(whole, 112, 112, 112) == 1
    assert inside_share(whole, 112, 56, 112) == pytest.approx(4 / 7)  # the middle column lies on the border
    assert inside_share(away, 112, 112, 112) == 0


def test_the_head_is_small_and_says_where_it_comes_from() -> None:
    folder = heads_folder()
    sizes = [f.stat().st_size for f in folder.glob("demographics.*")]
    assert len(sizes) == 3
    assert sum(sizes) < 4_000_000
    facts = load_head("demographics").facts
    assert "FairFace" in facts["data"] and "CC BY 4.0" in facts["data"]
    for answer in ANSWERS:
        table = facts[answer.name]
        assert 0.3 < table["temperature"] < 3
        assert 1 / len(answer.classes) < table["threshold"] < 1
        keys = set(answer.classes) if answer in (RACE, RACE4) else set(RACE.classes)
        assert set(table["quantiles"]) == keys
        assert all(0 < q < 1 for q in table["quantiles"].values())
    card = (folder / "demographics.md").read_text("utf-8")
    assert "CC BY 4.0" in card and "must not" in card


@pytest.mark.parametrize("case", ["no network", "no facts", "damaged network", "damaged facts"])
def test_a_missing_or_damaged_head_is_one_clear_error(tmp_path: Path, case: str) -> None:
    for file in heads_folder().glob("demographics.*"):
        shutil.copy(file, tmp_path)
    network, facts = tmp_path / "demographics.onnx", tmp_path / "demographics.toml"
    if case == "no network":
        network.unlink()
    elif case == "no facts":
        facts.unlink()
    elif case == "damaged network":
        network.write_bytes(network.read_bytes()[:-1000])
    else:
        facts.write_text("sha256 = ")
    with pytest.raises(ModelError, match="Install facecurate again") as caught:
        load_head("demographics", tmp_path)
    assert "\n" not in str(caught.value)
    assert "demographics." in str(caught.value)


def test_it_is_default_and_the_older_models_are_not() -> None:
    assert annotator("demographics").default
    assert not annotator("age").default
    assert not annotator("gender").default


def test_the_sensitive_columns_say_so() -> None:
    for answer in ANSWERS:
        assert answer.label.sensitive and answer.members.sensitive and answer.chances.sensitive
    assert faces.POINTS_5 in Demographics.needs()
