"""Mouth and eye state on a mesh whose openings are set by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_meshes import batch_of, mesh_at, mirrored, with_lids

from annotators.face_state import LEFT_LIDS, RIGHT_LIDS, FaceState


def state_of(
    left: float = 0.3, right: float = 0.3, mouth: float = 0.0, blinks: tuple[float, float] = (0.1, 0.1)
) -> dict[str, object]:
    mesh = mesh_at(0, 0, 0)
    with_lids(mesh, LEFT_LIDS, (263, 362), left)
    with_lids(mesh, RIGHT_LIDS, (33, 133), right)
    mesh[14] = mesh[13] + [0, mouth * np.linalg.norm(mesh[61] - mesh[291]), 0]
    row = FaceState().annotate(batch_of(mesh, blinks=blinks)).to_pylist()[0]
    assert row["label_status"] == "ok", row["label_error"]
    return dict(row)


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 0.6), st.floats(0, 0.6), st.floats(0, 1))
def test_openings_come_back(left: float, right: float, mouth: float) -> None:
    row = state_of(left, right, mouth)
    assert row["eye_opening_left"] == pytest.approx(left, abs=1e-3)
    assert row["eye_opening_right"] == pytest.approx(right, abs=1e-3)
    assert row["mouth_opening"] == pytest.approx(mouth, abs=1e-3)


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [
        (0.1, 0.1, "open"),
        (0.4, 0.42, "narrowed"),
        (0.6, 0.6, "closed"),
        (0.6, 0.1, "wink_left"),
        (0.1, 0.6, "wink_right"),
        (0.5, 0.4, "narrowed"),
    ],
)
def test_eyes(left: float, right: float, state: str) -> None:
    assert state_of(blinks=(left, right))["eyes_state"] == state


@pytest.mark.parametrize(("mouth", "state"), [(0.0, "closed"), (0.15, "parted"), (0.6, "open")])
def test_mouth(mouth: float, state: str) -> None:
    assert state_of(mouth=mouth)["mouth_state"] == state


@settings(deadline=None, max_examples=20)
@given(st.floats(-50, 50), st.floats(-30, 30), st.floats(-90, 90), st.floats(3, 40))
def test_turning_and_scaling_the_head_keep_the_openings(yaw: float, pitch: float, roll: float, scale: float) -> None:
    def openings(mesh: np.ndarray) -> list[float]:
        row = FaceState().annotate(batch_of(mesh)).to_pylist()[0]
        return [row["eye_opening_left"], row["eye_opening_right"], row["mouth_opening"]]

    assert openings(mesh_at(yaw, pitch, roll, scale)) == pytest.approx(openings(mesh_at(0, 0, 0)), rel=0.01)


def test_a_mirrored_face_swaps_the_sides() -> None:
    mesh = with_lids(mesh_at(0, 0, 0), LEFT_LIDS, (263, 362), 0.02)
    a, b = FaceState().annotate(batch_of(mesh, mirrored(mesh))).to_pylist()
    assert a["eye_opening_left"] < 0.05 < a["eye_opening_right"]
    assert a["eye_opening_left"] == pytest.approx(b["eye_opening_right"], abs=1e-3)


def test_no_mesh_is_not_applicable() -> None:
    row = FaceState().annotate(batch_of(None)).to_pylist()[0]
    assert row["label_status"] == "not_applicable"
    assert row["eyes_state"] is None
