"""Dense warps: known moves, nothing outside the reach, exact where nothing moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.canonical_face import Pose, canonical_face, rotation_of
from annotators.visibility import triangles
from curate.generators import openings, warping

SIDE = 256
MESH = Pose(np.eye(3), 9.0, np.array([128.0, -128.0, 0.0])).to_image(canonical_face().points)
NOISE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def shift_of(move: tuple[float, float]) -> tuple[warping.Shift, np.ndarray]:
    new = MESH + np.array([*move, 0.0])
    owner = warping.owners(new, triangles(), SIDE)
    return warping.shifts(MESH, new, triangles(), owner), owner >= 0


@given(st.floats(-30, 30), st.floats(-30, 30))
@settings(max_examples=15, deadline=None)
def test_a_mesh_that_is_moved_as_a_whole_moves_its_pixels_as_much(x: float, y: float) -> None:
    shift, known = shift_of((x, y))
    assert known.sum() > 5000
    assert np.abs(shift[known] - [-x, -y]).max() < 1e-3
    assert not shift[~known].any()


def test_whole_pixels_are_moved_exactly() -> None:
    shift, known = shift_of((7.0, -4.0))
    picture = warping.sampled(NOISE, shift)
    y, x = np.nonzero(known)
    assert np.array_equal(picture[y, x], NOISE[y + 4, x - 7])
    assert np.array_equal(picture[~known], NOISE[~known])


def test_a_shift_dies_out_smoothly_with_distance() -> None:
    shift, known = shift_of((6.0, 0.0))
    spread = warping.spread(shift, known, 40.0)
    row = spread[128, :, 0]
    edge = np.flatnonzero(known[128]).max()
    assert np.allclose(row[edge - 20 : edge], -6.0, atol=1e-3)
    beyond = row[edge:]
    assert (np.diff(beyond) >= -1e-5).all() and np.abs(np.diff(beyond)).max() < 0.4
    assert not beyond[45:].any()
    assert np.abs(warping.spread(shift, known, np.inf)[..., 0] + 6).max() < 1e-3


def test_nearer_triangles_hide_farther_ones() -> None:
    points = np.array([[10, 10, 5.0], [90, 10, 5.0], [10, 90, 5.0], [10, 10, -5.0], [60, 10, -5.0], [10, 60, -5.0]])
    corners = np.array([[3, 4, 5], [0, 1, 2]])
    owner = warping.owners(points, corners, 100)
    assert owner[20, 20] == 0 and owner[12, 75] == 1 and owner[95, 95] == -1


def test_blur_leaves_edges_of_openings_alone() -> None:
    shift = np.zeros((SIDE, SIDE, 2), np.float32)
    shift[128:, :, 1] = 10
    keep = np.zeros((SIDE, SIDE), bool)
    keep[126:130] = True
    smooth, kept = warping.softened(shift, 2.0), warping.softened(shift, 2.0, keep)
    assert 3 < smooth[127, 50, 1] < 5
    assert kept[127, 50, 1] < 0.1 and kept[128, 50, 1] > 9.9
    assert np.array_equal(warping.moved(shift), shift[..., 1] > 1)


def test_openings_are_triangles_of_lips_and_lids() -> None:
    names = warping.holes()
    counts = {str(n): int((names == n).sum()) for n in np.unique(names)}
    assert counts.pop("") + sum(counts.values()) == len(triangles())
    assert counts == {"mouth": 18, "right_eye": 14, "left_eye": 14}


@pytest.mark.parametrize("roll", [-30.0, 0.0, 20.0])
def test_heights_of_an_opening_do_not_depend_on_roll(roll: float) -> None:
    head = canonical_face().points
    gaps = []
    for angle in (0.0, roll):
        mesh = Pose(rotation_of(0, 0, angle), 10.0, np.zeros(3)).to_image(head)
        gaps.append([openings.edges(mesh, c).gap() for c in (openings.MOUTH, openings.RIGHT_EYE, openings.LEFT_EYE)])
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-6)
    assert gaps[0][1] == pytest.approx(gaps[0][2], rel=1e-6)


def test_the_middle_of_an_opening_stays_and_its_edges_are_stretched() -> None:
    down = np.linspace(-10, 30, 9)
    before, after = (np.zeros(9), np.full(9, 10.0)), (np.full(9, -10.0), np.full(9, 30.0))
    looked = openings.stretched(down, before, after, 0.5)
    assert looked[0] == pytest.approx(0) and looked[-1] == pytest.approx(10) and looked[3] == pytest.approx(5)
    hanging = openings.stretched(down, before, after, 0.5, hanging=True)
    assert hanging[-1] == pytest.approx(30) and hanging[0] == pytest.approx(0)
    assert np.allclose(openings.stretched(down, before, (before[0] + 1, before[1] - 1), 0.5)[3:5], down[3:5])
