"""Perceived age and gender: arithmetic of the distributions, and known answers on real faces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.age import YEARS, AgeConfig, bin_probabilities, chip_input, spread
from annotators.chips import DLIB_EYES_NOSE, MESH_EYES_NOSE, DetectorChip, MeshChip
from annotators.gender import Gender, GenderConfig
from annotators.weights import ModelStore
from benchmarks.labelling import label, made
from schemas.columns import faces, labels
from schemas.taxonomy import taxonomy

BINS = taxonomy("age-fairface-9").labels


def distribution(*years: float) -> np.ndarray[Any, Any]:
    return np.isin(YEARS, years) / len(years)


@pytest.mark.parametrize(
    ("year", "group"),
    [(0.25, "0-2"), (2, "0-2"), (3, "3-9"), (9, "3-9"), (10, "10-19"), (29, "20-29"), (69, "60-69"), (70, "70+"),
     (80, "70+")],
)  # fmt: skip
def test_a_sure_age_falls_into_its_bin(year: float, group: str) -> None:
    shares = bin_probabilities(distribution(year))
    assert tuple(shares) == BINS
    assert shares[group] == 1
    assert sum(shares.values()) == 1


def test_spread_keeps_probability_and_widens() -> None:
    matrix = spread(AgeConfig())
    assert matrix.sum(1) == pytest.approx(np.ones(81))
    for year in (30, 40, 50):
        ages = distribution(year) @ matrix
        assert ages @ YEARS == pytest.approx(year, abs=0.3)
        assert np.sqrt(ages @ YEARS**2 - (ages @ YEARS) ** 2) == pytest.approx(6, abs=0.3)
    assert bin_probabilities(distribution(1) @ matrix)["0-2"] > 0.95
    untouched = spread(AgeConfig(spread_share=0, spread_base=0.01))
    assert untouched == pytest.approx(np.eye(81))


@given(st.lists(st.floats(0, 1), min_size=81, max_size=81).filter(lambda p: sum(p) > 0.01))
def test_bins_of_any_distribution_sum_to_one(values: list[float]) -> None:
    ages = np.array(values) / sum(values)
    assert sum(bin_probabilities(ages @ spread(AgeConfig())).values()) == pytest.approx(1)


def test_chip_input_matches_dlibs_normalisation() -> None:
    values = chip_input(np.full((32, 32, 3), 128, np.uint8))
    assert values.shape == (3, 32, 32)
    assert values[:, 0, 0] == pytest.approx((128 - np.array([122.782, 117.001, 104.298])) / 256)


def test_chips_put_the_points_where_dlib_does() -> None:
    """A mesh laid out as dlib's mean face comes to lie with the padding around it, wherever it was."""
    mesh = np.zeros((478, 3))
    mesh[list(MESH_EYES_NOSE), :2] = DLIB_EYES_NOSE * 140 + (30, 55)
    matrix = MeshChip(64, padding=0.2).matrix({labels.MESH: mesh})
    placed = mesh[list(MESH_EYES_NOSE), :2] @ matrix[:, :2].T + matrix[:, 2]
    assert placed == pytest.approx((DLIB_EYES_NOSE + 0.2) / 1.4 * 64)
    five = np.array([[10, 10], [50, 10], [30, 30], [15, 50], [45, 50]], np.float32)
    half, full = (DetectorChip(size).matrix({faces.POINTS_5: five}) for size in (32, 64))
    assert half * 2 == pytest.approx(full)


def photos(folder: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The 252 labelled FairFace photos, two per cell of age, gender and race."""
    table = pd.read_csv(folder / "photos" / "labels.csv")
    for row in table[table.task == "age_gender_race"].itertuples():
        yield (folder / "photos" / str(row.file)).read_bytes(), json.loads(str(row.label_json))


@pytest.fixture(scope="module")
def labelled(models: ModelStore, shared_data: Path) -> list[dict[str, Any]]:
    return label(photos(shared_data), made("mesh", "age", "gender"), models)


@pytest.mark.models
@pytest.mark.data
def test_gender_of_252_faces(labelled: list[dict[str, Any]]) -> None:
    """All ages and groups count alike here, so the hard ones weigh more than in life."""
    found = [r for r in labelled if r.get(labels.GENDER_PROB.name)]
    assert len(labelled) == 252
    assert len(found) >= 248
    chance = [r[labels.GENDER_PROB.name] for r in found]
    assert all(sum(c.values()) == pytest.approx(1) for c in chance)
    right = np.array([max(c, key=c.get) == r["gender_perceived"] for c, r in zip(chance, found, strict=True)])
    answered = np.array([r[labels.GENDER.name] is not None for r in found])
    adults = np.array([not r["minor"] for r in found])
    assert right[adults].mean() > right[~adults].mean()
    assert right[adults].mean() > 0.78
    assert 0.7 < answered.mean() < 0.95
    assert right[answered].mean() > right.mean() > 0.7


@pytest.mark.models
@pytest.mark.data
def test_age_of_252_faces(labelled: list[dict[str, Any]]) -> None:
    found = [r for r in labelled if r.get(labels.AGE_PROB.name)]
    truth = np.array([BINS.index(r["age_group"]) for r in found])
    guess = np.array([BINS.index(r[labels.AGE_GROUP.name]) for r in found])
    ages = np.array([r[labels.AGE.name] for r in found])
    assert np.mean(abs(truth - guess) <= 1) > 0.7
    means = [ages[truth == k].mean() for k in range(9)]
    assert means == sorted(means)
    assert means[0] < 8
    assert means[-1] > 50
    for row in found:
        shares = row[labels.AGE_PROB.name]
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert max(shares, key=shares.get) == row[labels.AGE_GROUP.name]
        assert 0 < row[labels.AGE_SD.name] < 30


@pytest.mark.models
@pytest.mark.data
def test_astronaut_and_abstention(models: ModelStore, shared_data: Path) -> None:
    photo = (shared_data / "photos/skimage/astronaut.png").read_bytes()
    (row,) = label([(photo, {})], made("mesh", "age", "gender"), models)
    assert row[labels.GENDER.name] == "Female"
    assert 22 < row[labels.AGE.name] < 50
    (row,) = label([(photo, {})], [*made("mesh"), Gender(GenderConfig(threshold=1.0))], models)
    assert row[labels.GENDER.name] is None
    assert row[labels.GENDER_PROB.name]["Female"] > 0.65


@pytest.mark.models
@pytest.mark.data
def test_a_face_without_mesh_is_still_labelled(models: ModelStore, shared_data: Path) -> None:
    """The detector's chip stands in for the mesh's."""
    import pyarrow as pa

    from annotators.base import FaceBatch
    from annotators.registry import detector
    from benchmarks.labelling import decode, face_table, largest

    image = decode((shared_data / "photos/skimage/astronaut.png").read_bytes())
    finder = detector("yunet")()
    finder.setup(models)
    face = largest(finder.detect(image))
    assert face is not None
    table = face_table({"a": face}).append_column(labels.MESH.name, pa.array([None], labels.MESH.type))
    for annotator in made("age", "gender"):
        annotator.setup(models)
        (row,) = annotator.annotate(FaceBatch(table, {"a": image})).to_pylist()
        assert row["label_status"] == "ok", row["label_error"]
    assert row[labels.GENDER.name] == "Female"
