"""Gaze on meshes whose irises are placed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_meshes import batch_of_images, read
from synthetic_meshes import batch_of, mesh_at

from annotators.canonical_face import TO_CAMERA, canonical_face, direction_angles, fit_pose, rotation_of
from annotators.gaze import EYE_RADIUS, EYEBALL, Gaze
from annotators.weights import ModelStore

ANGLE = st.floats(-30, 30)


def looking(head: tuple[float, float, float], yaw: float, pitch: float) -> np.ndarray:
    """A head at a known pose whose eyes look along a known direction in the frame of the camera."""
    mesh = mesh_at(*head)
    pose = fit_pose(mesh)
    sight = rotation_of(yaw, pitch, 0)[:, 2]
    for iris, corners, mirror in ((473, (263, 362), 1), (468, (33, 133), -1)):
        centre = mesh[list(corners)].mean(0) * TO_CAMERA + pose.scale * pose.rotation @ (EYEBALL * [mirror, 1, 1])
        mesh[iris] = (centre + pose.scale * EYE_RADIUS * sight) * TO_CAMERA
    return mesh


def gaze_of(mesh: np.ndarray, blinks: tuple[float, float] = (0.1, 0.1)) -> dict[str, float]:
    row = Gaze().annotate(batch_of(mesh, blinks=blinks)).to_pylist()[0]
    assert row["label_status"] == "ok", row["label_error"]
    return dict(row)


@settings(deadline=None, max_examples=60)
@given(st.floats(-50, 50), st.floats(-30, 30), st.floats(-45, 45), ANGLE, ANGLE)
def test_known_lines_of_sight_come_back(head_yaw: float, tilt: float, roll: float, yaw: float, pitch: float) -> None:
    row = gaze_of(looking((head_yaw, tilt, roll), yaw, pitch))
    assert (row["gaze_yaw"], row["gaze_pitch"]) == pytest.approx((yaw, pitch), abs=0.2)
    in_head = direction_angles(rotation_of(head_yaw, tilt, roll).T @ rotation_of(yaw, pitch, 0)[:, 2])
    assert (row["gaze_in_head_yaw"], row["gaze_in_head_pitch"]) == pytest.approx(in_head, abs=0.2)
    angle = np.degrees(np.arccos(np.cos(np.radians(yaw)) * np.cos(np.radians(pitch))))
    if abs(angle - 10) > 0.3:
        assert row["looks_at_camera"] == (angle < 10)


def test_signs() -> None:
    """Irises moved to the image's right and up read as positive yaw and pitch."""
    mesh = looking((0, 0, 0), 0, 0)
    mesh[[468, 473], 0] += 4
    assert gaze_of(mesh)["gaze_yaw"] > 10
    mesh = looking((0, 0, 0), 0, 0)
    mesh[[468, 473], 1] -= 4
    row = gaze_of(mesh)
    assert row["gaze_pitch"] > 10
    assert not row["looks_at_camera"]


@settings(deadline=None, max_examples=30)
@given(st.floats(-50, 50), ANGLE, ANGLE)
def test_a_mirrored_face_looks_the_other_way(head_yaw: float, yaw: float, pitch: float) -> None:
    mesh = looking((head_yaw, 5, 8), yaw, pitch)
    flipped = mesh * np.array([-1, 1, 1], np.float32)
    flipped[:468] = flipped[canonical_face().mirror]
    flipped[[468, 473]] = flipped[[473, 468]]
    a, b = gaze_of(mesh), gaze_of(flipped)
    assert b["gaze_yaw"] == pytest.approx(-a["gaze_yaw"], abs=0.5)
    assert b["gaze_pitch"] == pytest.approx(a["gaze_pitch"], abs=0.5)


def test_closed_or_hidden_eyes_have_no_gaze() -> None:
    ahead = looking((0, 0, 0), 0, 0)
    rows = Gaze().annotate(batch_of(ahead, blinks=(0.6, 0.6))).to_pylist()
    rows += Gaze().annotate(batch_of(looking((45, 0, 0), 0, 0), blinks=(0.1, 0.6))).to_pylist()  # the near eye
    rows += Gaze().annotate(batch_of(looking((80, 0, 0), 80, 0), None)).to_pylist()
    assert [r["label_status"] for r in rows] == ["not_applicable"] * 4
    assert all(r["gaze_yaw"] is None and r["looks_at_camera"] is None for r in rows)


def test_a_wink_is_read_from_the_open_eye() -> None:
    mesh = looking((0, 0, 0), 12, 0)
    mesh[473, 0] += 40  # the closed eye's iris is invented by the mesh
    assert gaze_of(mesh, blinks=(0.6, 0.1))["gaze_yaw"] == pytest.approx(12, abs=0.5)


def test_real_faces_and_their_mirror_images(models: ModelStore, shared_data: Path) -> None:
    names = ["skimage/astronaut.png", "face_recognition/obama.jpg", "face_recognition/biden.jpg"]
    photos = [read(shared_data / "photos" / n) for n in names]
    flipped = [np.ascontiguousarray(p[:, ::-1]) for p in photos]
    found = [Gaze().annotate(batch_of_images(models, p)).to_pylist() for p in (photos, flipped)]
    for a, b in zip(*found, strict=True):
        assert a["label_status"] == b["label_status"] == "ok"
        assert b["gaze_yaw"] == pytest.approx(-a["gaze_yaw"], abs=5)
        assert b["gaze_pitch"] == pytest.approx(a["gaze_pitch"], abs=5)
        assert abs(a["gaze_yaw"]) < 15  # official portraits look at or near the camera
    assert np.mean([abs(b["gaze_pitch"] - a["gaze_pitch"]) for a, b in zip(*found, strict=True)]) < 3
