"""Drawn pairs: fields move what they should and nothing else, and twins go back to where they came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotators.canonical_face import canonical_face, fit_pose
from annotators.weights import ModelStore
from benchmarks.au_pairs import Reader, area
from benchmarks.face_warps import DRAWN, pair
from curate.generators.au_movements import field, group
from schemas.columns import labels
from tests.real_meshes import read

HEAD = canonical_face().points
MIRROR = canonical_face().mirror


@pytest.mark.parametrize("name", DRAWN)
def test_both_halves_move_alike(name: str) -> None:
    move = field(name, HEAD)
    assert move.shape == HEAD.shape
    assert np.abs(move).max() > 0.2
    assert np.abs(move[MIRROR] * [-1, 1, 1] - move).max() < 0.02


@pytest.mark.parametrize(("name", "points", "axis", "sign"), [
    ("AU1", (55, 107), 1, 1), ("AU2", (46, 70), 1, 1), ("AU4", (55, 107), 1, -1), ("AU12", (61,), 1, 1),
    ("AU12", (61,), 0, -1), ("AU15", (61,), 1, -1), ("AU26", (17, 152), 1, -1), ("AU5", (159,), 1, 1),
    ("AU43", (159,), 1, -1), ("AU10", (0,), 1, 1), ("AU25", (17,), 1, -1), ("AU7", (145,), 1, 1),
])  # fmt: skip
def test_units_move_their_points_their_way(name: str, points: tuple[int, ...], axis: int, sign: int) -> None:
    assert (field(name, HEAD)[list(points), axis] * sign > 0.1).all()


@pytest.mark.parametrize(("name", "still"), [
    ("AU1", group("eye")), ("AU2", group("eye")), ("AU4", group("eye")), ("AU26", group("upper_lip")),
    ("AU12", (1, 4, 33, 133)), ("AU43", (145, 153)),
])  # fmt: skip
def test_other_parts_stay(name: str, still: tuple[int, ...]) -> None:
    assert np.abs(field(name, HEAD)[list(still)]).max() < 1e-6


def test_lids_close_without_crossing() -> None:
    moved = HEAD + field("AU43", HEAD)
    gap = moved[159, 1] - moved[145, 1]
    assert 0 <= gap < 0.1 * (HEAD[159, 1] - HEAD[145, 1])


@pytest.mark.models
@pytest.mark.data
def test_a_pair_of_a_real_face(models: ModelStore, shared_data: Path) -> None:
    """The twin stays near the source, the other does not; the mesh finds the movement from the pixels."""
    photo = read(shared_data / "photos/skimage/astronaut.png")[:256, 96:352].copy()
    look = Reader(models, "mesh")
    source = look(photo)
    assert source is not None
    mesh = source.value(0, labels.MESH)
    shown, twin = pair(photo, mesh, "AU1", 4)
    assert shown.shape == twin.shape == photo.shape
    assert np.abs(twin.astype(int) - photo).mean() < 3
    assert np.abs(shown.astype(int) - twin).max() > 40
    again = [look(p) for p in (shown, twin)]
    brows = []
    for batch in again:
        assert batch is not None
        points = batch.value(0, labels.MESH)
        head = fit_pose(points).to_head(points[:468])
        brows.append(head[[55, 285, 107, 336], 1].mean() - head[[33, 133, 263, 362], 1].mean())
    assert brows[0] > brows[1] + 0.1
    unmoved = pair(photo, mesh, "AU1", 0)
    assert np.array_equal(*unmoved)


def test_area_of_a_perfect_and_a_blind_score() -> None:
    perfect = [{"shown": 0.9 + i / 100, "twin": 0.1 + i / 100} for i in range(8)]
    assert area(perfect).value == 1.0
    assert area([{"shown": 0.5, "twin": 0.5}] * 8).value == 0.5
