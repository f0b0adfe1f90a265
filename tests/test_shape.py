"""Shape, symmetry, aspect ratios, the pain score and heat maps, on meshes with known answers and on a real face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_meshes import batch_of_images, read
from synthetic_meshes import mesh_at

from annotators.au_regions import centres, heat_map, regions
from annotators.base import FaceBatch
from annotators.canonical_face import canonical_face
from annotators.pain import Pain, pspi
from annotators.points import convert, mirror
from annotators.shape import Shape, appearance, eye_aspect, mouth_aspect, symmetry, to_68
from annotators.weights import ModelStore
from schemas import UnknownNameError, taxonomy
from schemas.columns import faces, labels

INTENSITY = st.floats(0, 5, width=32)


def shape_of(mesh: np.ndarray) -> dict[str, object]:
    points = convert(mesh[:, :2], "points-478", "points-68")
    table = pa.table(
        {
            faces.FACE_ID.name: ["a.0"],
            faces.IMAGE_ID.name: ["a"],
            labels.MESH.name: pa.array([mesh.reshape(-1)], labels.MESH.type),
            labels.POINTS_68.name: pa.array([points.reshape(-1)], labels.POINTS_68.type),
        }
    )
    picture = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    row = Shape().annotate(FaceBatch(table, {"a": picture})).to_pylist()[0]
    assert row["label_status"] == "ok", row["label_error"]
    return dict(row)


@settings(deadline=None, max_examples=30)
@given(st.floats(-25, 25), st.floats(-20, 20), st.floats(-60, 60), st.floats(3, 40))
def test_pose_and_size_leave_no_trace_in_the_shape(yaw: float, pitch: float, roll: float, scale: float) -> None:
    row = shape_of(mesh_at(yaw, pitch, roll, scale))
    shape = np.array(row["face_shape_68"]).reshape(68, 3)
    assert np.abs(shape - to_68(canonical_face().points)).max() < 0.02
    assert row["symmetry"] == pytest.approx(1, abs=0.005)


def test_a_turned_head_has_no_symmetry() -> None:
    row = shape_of(mesh_at(40, 0, 0))
    assert row["symmetry"] is None
    assert row["symmetry_parts"] is None
    assert row["face_shape_68"] is not None


def test_one_raised_brow_lowers_the_brows_alone() -> None:
    head = canonical_face().points.copy()
    raised = [70, 63, 105, 66, 107, 46, 53, 52, 65, 55]
    head[raised] += [0, 0.6, 0]
    whole, parts = symmetry(head)
    eye_distance = np.linalg.norm(head[[33, 133]].mean(0) - head[[263, 362]].mean(0))
    assert parts["brows"] == pytest.approx(1 - 0.6 / eye_distance, abs=1e-6)
    assert all(parts[part] == pytest.approx(1) for part in parts if part != "brows")
    assert whole == pytest.approx(1 - 2 * len(raised) * 0.6 / eye_distance / 468, abs=1e-6)
    assert tuple(parts) == taxonomy("symmetry-part").labels


def test_appearance_of_a_mirrored_picture_and_of_side_light() -> None:
    points = np.zeros((478, 2))
    points[:468] = canonical_face().points[:, :2] * [6, -6] + [64, 64]
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (128, 128), dtype=np.uint8)
    same = np.repeat(np.minimum(noise, noise[:, ::-1])[:, :, None], 3, axis=2)
    lit = np.repeat(np.tile(np.linspace(0, 255, 128).astype(np.uint8), (128, 1))[:, :, None], 3, axis=2)
    symmetric, side_lit = appearance(same, points, 2.0), appearance(lit, points, 2.0)
    assert symmetric == pytest.approx(1, abs=0.02)
    assert side_lit == pytest.approx(-1, abs=0.05)
    assert appearance(np.full((128, 128, 3), 90, np.uint8), points, 2.0) is None


def test_aspect_ratios_by_hand() -> None:
    points = np.zeros((68, 2))
    points[36:42] = [[0, 0], [1, -1], [2, -1], [4, 0], [2, 1], [1, 1]]
    points[42:48] = [[10, 0], [11, -0.5], [12, -0.5], [14, 0], [12, 0.5], [11, 0.5]]
    points[60:68] = [[0, 0], [1, -1], [2, -2], [3, -1], [4, 0], [3, 1], [2, 2], [1, 1]]
    assert eye_aspect(points) == (pytest.approx(2 / 4), pytest.approx(1 / 4))
    assert mouth_aspect(points) == pytest.approx((2 + 4 + 2) / (3 * 4))


@given(st.tuples(INTENSITY, INTENSITY, INTENSITY, INTENSITY, INTENSITY), st.booleans())
def test_pspi_is_the_published_sum(values: tuple[float, float, float, float, float], closed: bool) -> None:
    au4, au6, au7, au9, au10 = values
    units = dict(zip(("AU4", "AU6", "AU7", "AU9", "AU10"), values, strict=True))
    score = pspi(units, closed)
    assert score == pytest.approx(au4 + max(au6, au7) + max(au9, au10) + closed)
    assert 0 <= score <= 16
    assert pspi(units | {"AU9": None}, closed) is None


def test_pain_says_which_unit_is_missing() -> None:
    names = [field.name for field in labels.AU_INTENSITY.type]
    full, none = dict.fromkeys(names, 2.0), dict.fromkeys(names, 2.0) | {"AU9": None}
    scores = dict.fromkeys(names, 0.7)
    table = pa.table(
        {
            faces.FACE_ID.name: ["a.0", "a.1", "a.2"],
            labels.AU_INTENSITY.name: pa.array([full, none, None], labels.AU_INTENSITY.type),
            labels.AU_SCORE.name: pa.array([scores, scores, None], labels.AU_SCORE.type),
        }
    )
    rows = Pain().annotate(FaceBatch(table, {})).to_pylist()
    assert [r["pspi"] for r in rows] == [7.0, None, None]
    assert [r["label_status"] for r in rows] == ["ok", "not_applicable", "not_applicable"]
    assert rows[1]["label_error"] == "no AU9"


def test_heat_of_one_unit_sits_on_its_centre_and_follows_its_strength() -> None:
    mesh = mesh_at(0, 0, 0)
    mesh[[468, 473], :2] = mesh[[33, 133]].mean(0)[:2], mesh[[263, 362]].mean(0)[:2]
    for unit in regions():
        both = heat_map(mesh, {unit: 5.0}, size=400)
        peak = np.unravel_index(both.argmax(), both.shape)
        away = np.linalg.norm(centres(mesh, unit) - [peak[1] + 0.5, peak[0] + 0.5], axis=1).min()
        assert away < 1, unit
        assert both.max() == pytest.approx(1, abs=0.02)
        one = heat_map(mesh, {}, {unit: 2.5}, size=400)
        assert one.max() == pytest.approx(0.5, abs=0.02)
        assert (one <= both + 1e-6).all()
    assert not heat_map(mesh, {"AU12": None, "AU4": 0.0, "AU51": 3.0}).any()
    with pytest.raises(UnknownNameError, match="AU51"):
        centres(mesh, "AU51")


def test_left_and_right_regions_change_places_in_a_mirror() -> None:
    mesh = mesh_at(10, 5, 3)
    mesh[[468, 473], :2] = mesh[[33, 133]].mean(0)[:2], mesh[[263, 362]].mean(0)[:2]
    left = heat_map(mesh, {"AU12": 4.0}, {}, size=400)
    other = heat_map(mirror(mesh, "points-478", 400.0), {}, {"AU12": 4.0}, size=400)
    assert np.abs(left - other[:, ::-1]).max() < 1e-4


def test_98_points_hold_the_68() -> None:
    mesh = mesh_at(12, -4, 7)
    rng = np.random.default_rng(3)
    mesh = (mesh + rng.normal(0, 2, mesh.shape)).astype(np.float32)
    by_98 = convert(convert(mesh, "points-478", "points-98"), "points-98", "points-68")
    assert np.abs(by_98 - convert(mesh, "points-478", "points-68")).max() < 1e-3


@pytest.mark.models
@pytest.mark.data
def test_a_mirrored_composite_is_symmetric(models: ModelStore, shared_data: Path) -> None:
    photo = read(shared_data / "photos" / "skimage" / "astronaut.png")
    face = next(iter(batch_of_images(models, [photo])))
    middle = int(face[labels.MESH][[10, 152, 4], 0].mean())
    half = photo[:, : min(middle, photo.shape[1] - middle)] if middle < photo.shape[1] / 2 else photo[:, :middle]
    composite = np.ascontiguousarray(np.hstack([half, half[:, ::-1]]))
    rows = Shape().annotate(batch_of_images(models, [photo, composite])).to_pylist()
    assert rows[1]["symmetry"] == pytest.approx(1, abs=0.01)
    assert rows[1]["symmetry_appearance"] > 0.98
    assert rows[0]["symmetry"] < rows[1]["symmetry"]
    assert rows[0]["symmetry_appearance"] < rows[1]["symmetry_appearance"] - 0.1
