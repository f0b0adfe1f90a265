"""Action units: the capability table, sides, nulls, monotone intensity and real faces."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_meshes import batch_of_images, batch_of_photos, read
from synthetic_meshes import batch_of, mesh_at, mirrored

from annotators.action_units import ActionUnits
from annotators.au_geometry import MEASURES, side_measures
from annotators.au_models import GEOMETRY, SHAPES, Unit, intensity, parse, score, table
from annotators.au_texture import FrontalCrop, side_gradients
from annotators.base import FaceBatch
from annotators.canonical_face import COUNT, fit_pose
from annotators.weights import ModelStore
from schemas import SchemaError, taxonomy
from schemas.columns import labels

SMILES = ["skimage/astronaut.png", "face_recognition/obama.jpg"]
NO_SMILE = ["face_recognition/biden.jpg"]


@pytest.fixture(scope="module")
def annotator(models: ModelStore) -> ActionUnits:
    made = ActionUnits()
    made.setup(models)
    return made


def rows_of(annotator: ActionUnits, batch: FaceBatch) -> list[dict[str, dict[str, float | None]]]:
    rows = annotator.annotate(batch).to_pylist()
    assert {r["label_status"] for r in rows} == {"ok"}
    return rows


def test_the_table_covers_every_unit_and_says_why_where_it_gives_none() -> None:
    units = table().units
    assert tuple(u.name for u in units) == taxonomy("au-columns").labels
    for unit in units:
        assert unit.note
        if unit.supported:
            assert unit.sources
            assert unit.knots[0] == pytest.approx(unit.threshold)
            assert (np.diff(unit.knots) > 0).all()
            assert np.abs(unit.weights).max() > 0
        else:
            assert unit.weights.size == 0


def test_fitted_units_cleared_the_bar_on_held_out_faces() -> None:
    for unit in table().supported:
        for row in unit.measured:
            assert row["positives"] >= 50
            assert row["auc"][0] > 0.6
            if unit.sources != ("geometry",):  # AU25: parted lips are common in neutral faces
                assert row["false_on_neutral"] < 0.15


def test_a_table_with_an_unknown_feature_or_a_missing_unit_is_refused() -> None:
    text = resources.files("annotators").joinpath("data/action_units.toml").read_text("utf-8")
    data = tomllib.loads(text)
    data["unit"][0]["geometry"] = {"ear_wiggle": 1.0}
    with pytest.raises(SchemaError, match="ear_wiggle"):
        parse(data)
    with pytest.raises(SchemaError, match="AU1"):
        parse({**data, "unit": data["unit"][1:]})


@settings(max_examples=50)
@given(st.lists(st.floats(-20, 20), min_size=2, max_size=2))
def test_score_and_intensity_are_monotone_and_agree(evidence: list[float]) -> None:
    low, high = sorted(evidence)
    for unit in table().supported:
        assert score(unit, low) <= score(unit, high)
        assert 0 <= intensity(unit, low) <= intensity(unit, high) <= 5
        for value in (low, high):
            assert (intensity(unit, value) > 0) == (score(unit, value) >= 0.5)


def test_score_is_a_half_at_the_threshold() -> None:
    unit = Unit("AU1", True, "", threshold=2.0, knots=(2.0, 3.0, 4.0, 5.0, 6.0))
    assert score(unit, 2.0) == pytest.approx(0.5)
    assert intensity(unit, 2.0) == 1.0
    assert intensity(unit, 1.99) == 0.0
    assert intensity(unit, 99.0) == 5.0


@settings(deadline=None, max_examples=30)
@given(st.floats(-50, 50), st.floats(-30, 30), st.floats(-180, 180), st.floats(3, 40))
def test_measures_do_not_see_pose_and_size(yaw: float, pitch: float, roll: float, scale: float) -> None:
    reference = mesh_at(0, 0, 0)
    moved = mesh_at(yaw, pitch, roll, scale)
    expected = side_measures(reference, fit_pose(reference))
    assert side_measures(moved, fit_pose(moved)) == pytest.approx(expected, abs=5e-3)
    assert expected[0] == pytest.approx(expected[1], abs=0.02)  # the canonical face is symmetric


def test_measures_read_centimetres_on_the_right_side() -> None:
    mesh = mesh_at(0, 0, 0, scale=10)
    before = side_measures(mesh, fit_pose(mesh))
    raised = mesh.copy()
    raised[[46, 70, 53, 63], 1] -= 10  # the subject's right outer brow, 1 cm up
    change = side_measures(raised, fit_pose(raised)) - before
    outer = list(MEASURES).index("brow_outer_y")
    assert change[1, outer] == pytest.approx(1.0, abs=0.02)
    assert change[0] == pytest.approx(0, abs=0.02)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(-40, 40))
def test_a_mirrored_mesh_swaps_the_measures(seed: int, yaw: float) -> None:
    mesh = mesh_at(yaw, 5, 10)
    mesh[:COUNT] += np.random.default_rng(seed).normal(0, 2, (COUNT, 3)).astype(np.float32)
    a = side_measures(mesh, fit_pose(mesh))
    flipped = mirrored(mesh)
    assert side_measures(flipped, fit_pose(flipped)) == pytest.approx(a[::-1], abs=0.03)


def test_a_mirrored_picture_swaps_the_gradients_and_light_drops_out() -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(60, 160, (96, 96), np.uint8)
    pixels = np.repeat(grey[..., None], 3, 2)
    a = side_gradients(pixels)
    assert side_gradients(np.ascontiguousarray(pixels[:, ::-1])) == pytest.approx(a[::-1], abs=1e-6)
    assert side_gradients(pixels // 2 + 20) == pytest.approx(a, abs=0.06)


def test_gradients_lie_in_the_cell_they_come_from() -> None:
    pixels = np.full((96, 96, 3), 128, np.uint8)
    pixels[26:34, 2:10] = 255  # third row of cells, outermost column of the subject's right
    gradients = side_gradients(pixels)
    assert np.unravel_index(gradients[1].sum(-1).argmax(), (8, 4)) == (2, 0)
    assert gradients[0].sum() < 0.1 * gradients[1].sum()


def test_the_frontal_crop_puts_the_face_upright_at_any_pose() -> None:
    for pose in ((0, 0, 0), (30, 10, 45)):
        mesh = mesh_at(*pose)
        matrix = FrontalCrop().matrix({labels.MESH: mesh})
        eyes = mesh[[33, 263], :2] @ matrix[:, :2].T + matrix[:, 2]
        assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=6)
        assert eyes[0, 0] < 48 < eyes[1, 0]


def test_smiles_are_seen_and_their_absence_too(annotator: ActionUnits, models: ModelStore, shared_data: Path) -> None:
    photos = [shared_data / "photos" / n for n in SMILES + NO_SMILE]
    *smiles, plain = rows_of(annotator, batch_of_photos(models, photos))
    for row in smiles:
        assert row["au_score"]["AU12"] > 0.8
        assert row["au_intensity"]["AU12"] >= 3
        assert row["au_score"]["AU25"] > 0.8
        assert row["au_score"]["AU43"] < 0.2
        assert min(row["au_intensity_left"]["AU12"], row["au_intensity_right"]["AU12"]) > 1
    assert plain["au_score"]["AU12"] < 0.5
    assert plain["au_intensity"]["AU12"] == 0
    assert plain["au_score"]["AU25"] < 0.5


def test_what_cannot_be_seen_is_null_never_zero(annotator: ActionUnits, models: ModelStore, shared_data: Path) -> None:
    row = rows_of(annotator, batch_of_photos(models, [shared_data / "photos" / SMILES[0]]))[0]
    for unit in table().units:
        assert (row["au_score"][unit.name] is None) == (not unit.supported)
        assert (row["au_intensity"][unit.name] is None) == (not unit.supported)
        assert (row["au_intensity_left"][unit.name] is None) == (not unit.sided)


def test_a_mirrored_photo_swaps_the_sides(annotator: ActionUnits, models: ModelStore, shared_data: Path) -> None:
    photos = [read(shared_data / "photos" / n) for n in SMILES + NO_SMILE]
    flipped = [np.ascontiguousarray(p[:, ::-1]) for p in photos]
    before, after = (rows_of(annotator, batch_of_images(models, p)) for p in (photos, flipped))
    for a, b in zip(before, after, strict=True):
        for unit in table().supported:
            assert b["au_score"][unit.name] == pytest.approx(a["au_score"][unit.name], abs=0.15)
            if unit.sided:
                assert b["au_intensity_left"][unit.name] == pytest.approx(a["au_intensity_right"][unit.name], abs=1.3)
                assert b["au_intensity_right"][unit.name] == pytest.approx(a["au_intensity_left"][unit.name], abs=1.3)


def test_a_closed_eye_is_on_the_subjects_side(annotator: ActionUnits, models: ModelStore, shared_data: Path) -> None:
    batch = batch_of_photos(models, [shared_data / "photos" / SMILES[0]])
    winking = batch.table.column(labels.BLENDSHAPES.name).to_pylist()
    winking[0] |= {"eyeBlinkLeft": 0.7, "eyeBlinkRight": 0.05}
    place = batch.table.column_names.index(labels.BLENDSHAPES.name)
    column = pa.array(winking, labels.BLENDSHAPES.type)
    row = rows_of(annotator, FaceBatch(batch.table.set_column(place, labels.BLENDSHAPES.name, column), batch.images))[0]
    assert row["au_intensity_left"]["AU43"] == 5
    assert row["au_intensity_right"]["AU43"] == 0


def test_turned_away_and_missing_faces_are_not_applicable(annotator: ActionUnits) -> None:
    rows = annotator.annotate(batch_of(mesh_at(70, 0, 0), None)).to_pylist()
    assert [r["label_status"] for r in rows] == ["not_applicable"] * 2
    assert all(r["au_score"] is None for r in rows)


def test_features_have_the_names_of_measures_and_blendshapes() -> None:
    names = taxonomy("blendshapes-mediapipe").labels
    assert {n + side for n in SHAPES for side in ("", "Left", "Right")} >= set(names)
    assert set(MEASURES) < set(GEOMETRY)
    assert table().prior.geometry.shape == (len(GEOMETRY), 6)
    assert (table().prior.geometry[:, 5] > 0).all()
