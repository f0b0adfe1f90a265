"""Head pose: known angles, mirrors and turned photos."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_meshes import batch_of_images, batch_of_photos, read
from synthetic_meshes import batch_of, mesh_at

from annotators.base import FaceBatch
from annotators.canonical_face import angles, canonical_face, fit_pose, rotation_of
from annotators.head_pose import HeadPose
from annotators.runtime import zip_member
from annotators.weights import ModelStore

YAW = st.floats(-75, 75)
PITCH = st.floats(-45, 45)
ROLL = st.floats(-170, 170)


def pose_of(mesh: np.ndarray) -> tuple[float, float, float]:
    row = HeadPose().annotate(batch_of(mesh)).to_pylist()[0]
    assert row["label_status"] == "ok", row["label_error"]
    return row["pose_yaw"], row["pose_pitch"], row["pose_roll"]


def test_canonical_face_is_symmetric_and_its_axes_are_as_said() -> None:
    face = canonical_face()
    assert (face.mirror[face.mirror] == np.arange(468)).all()
    assert np.abs(face.points[face.mirror] * [-1, 1, 1] - face.points).max() < 0.02
    assert face.points[33, 0] < 0 < face.points[263, 0]
    assert face.points[152, 1] < face.points[10, 1]
    assert face.points[:, 2].argmax() in (1, 4)


@settings(deadline=None, max_examples=60)
@given(YAW, PITCH, ROLL)
def test_known_angles_come_back(yaw: float, pitch: float, roll: float) -> None:
    assert pose_of(mesh_at(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=0.05)


@settings(deadline=None, max_examples=60)
@given(YAW, PITCH, ROLL)
def test_angles_and_rotation_are_inverse(yaw: float, pitch: float, roll: float) -> None:
    assert angles(rotation_of(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-45, 45), st.integers(0, 10_000))
def test_noise_and_expression_move_the_pose_little(yaw: float, pitch: float, roll: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh = mesh_at(yaw, pitch, roll)
    mesh += rng.normal(0, 1.0, mesh.shape).astype(np.float32)  # 1 px on a face 180 px wide
    lips = [0, 13, 14, 17, 61, 291, 78, 308, 82, 312, 87, 317]
    mesh[lips, 1] += 15
    assert pose_of(mesh) == pytest.approx((yaw, pitch, roll), abs=2.0)


def test_signs() -> None:
    nose, eyes = 4, [33, 263]
    for yaw, pitch in ((30, 0), (0, 30)):
        mesh = mesh_at(yaw, pitch, 0)
        step = mesh[nose, :2] - mesh[eyes, :2].mean(0)
        rest = mesh_at(0, 0, 0)[nose, :2] - mesh_at(0, 0, 0)[eyes, :2].mean(0)
        assert (step - rest)[0 if yaw else 1] * (1 if yaw else -1) > 10  # to the right; up
    forehead, chin = mesh_at(0, 0, 30)[[10, 152], 0]
    assert forehead > chin  # leans to the image's right


@settings(deadline=None, max_examples=30)
@given(YAW, PITCH, ROLL)
def test_mirrored_head_has_mirrored_angles(yaw: float, pitch: float, roll: float) -> None:
    mesh = mesh_at(yaw, pitch, roll)
    flipped = mesh.copy()
    flipped[:468] = mesh[canonical_face().mirror] * [-1, 1, 1]
    assert pose_of(flipped) == pytest.approx((-yaw, pitch, -roll), abs=0.1)


def test_no_mesh_and_no_extent_are_not_applicable() -> None:
    rows = HeadPose().annotate(batch_of(None, np.zeros((478, 3), np.float32))).to_pylist()
    assert [r["label_status"] for r in rows] == ["not_applicable"] * 2
    assert all(r["pose_yaw"] is None and r["label_error"] for r in rows)


def test_perspective_costs_little() -> None:
    """A portrait taken from 60 cm is not weak perspective; the fit may err by a few degrees."""
    for yaw in (-40.0, 0.0, 40.0):
        head = canonical_face().points @ rotation_of(yaw, 10, 0).T
        mesh = np.zeros((478, 3), np.float32)
        depth = 60 / (60 - head[:, 2])
        mesh[:468] = np.column_stack([head[:, 0] * depth, -head[:, 1] * depth, -head[:, 2]]) * 12
        assert angles(fit_pose(mesh).rotation)[:2] == pytest.approx((yaw, 10), abs=4)


def poses_of(batch: FaceBatch) -> list[tuple[float, float, float]]:
    rows = HeadPose().annotate(batch).to_pylist()
    assert [r["label_status"] for r in rows] == ["ok"] * len(rows)
    return [(r["pose_yaw"], r["pose_pitch"], r["pose_roll"]) for r in rows]


def test_turned_photos_turn_the_pose(models: ModelStore, shared_data: Path) -> None:
    """The photo turned counterclockwise by an angle gives the same rotation with that angle before it."""
    names = ["skimage/astronaut.png", "derived/rot15.jpg", "derived/rot45.jpg"]
    upright, *turned = poses_of(batch_of_photos(models, [shared_data / "photos" / n for n in names]))
    for angle, found in zip((15, 45), turned, strict=True):
        expected = angles(rotation_of(0, 0, -angle) @ rotation_of(*upright))
        assert found == pytest.approx(expected, abs=3)
        assert found[2] - upright[2] == pytest.approx(-angle, abs=5)


def test_mirrored_photos_mirror_the_pose(models: ModelStore, shared_data: Path) -> None:
    names = ["skimage/astronaut.png", "face_recognition/obama.jpg", "face_recognition/biden.jpg"]
    photos = [read(shared_data / "photos" / n) for n in names]
    flipped = [np.ascontiguousarray(p[:, ::-1]) for p in photos]
    for a, b in zip(*(poses_of(batch_of_images(models, p)) for p in (photos, flipped)), strict=True):
        assert b == pytest.approx((-a[0], a[1], -a[2]), abs=3)


def test_portraits_face_the_camera(models: ModelStore, shared_data: Path) -> None:
    names = ["face_recognition/obama.jpg", "face_recognition/biden.jpg"]
    for pose in poses_of(batch_of_photos(models, [shared_data / "photos" / n for n in names])):
        assert np.abs(pose).max() < 20


def test_the_canonical_face_is_the_one_in_the_model_file(models: ModelStore) -> None:
    """Vertices stand there as unpacked floats of protobuf field 3; 33 weights as field 2."""
    content = zip_member(models.path("face_landmarker"), "geometry_pipeline_metadata_landmarks.binarypb")
    face = canonical_face()
    for point in face.points.astype("<f4"):
        assert b"".join(b"\x1d" + value.tobytes() for value in point) in content
    assert len(face.basis) == 33
    with resources.files("annotators").joinpath("data/canonical_face.csv").open(encoding="utf-8") as file:
        weights = np.loadtxt(file, delimiter=",")[:, 3].astype("<f4")
    for index in face.basis:
        assert b"\x15" + weights[index].tobytes() in content
