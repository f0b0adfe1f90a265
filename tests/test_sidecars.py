"""Meshes, rigid transforms and variants: files come back, known answers, and one clear line for what is wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.canonical_face import rotation_of as head_rotation
from curate.measures.kinds.geometry import add, procrustes
from curate.sidecars.deform import normals, point_weights, transferred, varied
from curate.sidecars.mesh import Mesh, read_mesh, write_mesh
from curate.sidecars.render import rendered
from curate.sidecars.transforms import (
    Rigid,
    identity,
    quaternion_of,
    read_transforms,
    rotation_of,
    turn_between,
    write_transforms,
)
from schemas import UsageError

CORNERS = np.array([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)])
FACES = np.array([[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4], [2, 6, 3], [3, 6, 7], [0, 4, 2],
                  [2, 4, 6], [1, 3, 5], [3, 7, 5]])[:, ::-1]  # fmt: skip
CUBE = Mesh(CORNERS, FACES)
ANGLES = st.floats(-180, 180)


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_a_mesh_comes_back_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    points = np.random.default_rng(0).normal(0, 100, (8, 3))
    write_mesh(CUBE.moved(points), tmp_path / f"cube{suffix}")
    back = read_mesh(tmp_path / f"cube{suffix}")
    assert (back.points == points).all() and (back.triangles == FACES).all() and not back.has_uv


def test_texture_coordinates_polygons_and_counting_backwards_are_read(tmp_path: Path) -> None:
    path = tmp_path / "square.obj"
    path.write_text("# a comment\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvn 0 0 1\n"
                    "f 1/1/1 2/2/1 3/3/1 4/4/1\nf -4/-4 -3/-3 -2/-2\n")  # fmt: skip
    mesh = read_mesh(path)
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]] and mesh.has_uv
    write_mesh(mesh, tmp_path / "again.obj")
    again = read_mesh(tmp_path / "again.obj")
    assert again.uv is not None and mesh.uv is not None and (again.uv == mesh.uv).all()
    assert (again.uv_triangles == mesh.uv_triangles).all()


@pytest.mark.parametrize(("order", "name"), [("<", "binary_little_endian"), (">", "binary_big_endian")])
def test_binary_ply_is_read(tmp_path: Path, order: str, name: str) -> None:
    head = (f"ply\nformat {name} 1.0\ncomment made here\nelement vertex 3\nproperty float x\nproperty float y\n"
            "property float z\nproperty uchar red\nelement face 1\nproperty list uchar int vertex_indices\n"
            "end_header\n")  # fmt: skip
    body = b"".join(struct.pack(f"{order}fffB", *p, 7) for p in ((0, 0, 0), (1.5, 0, 0), (0, 2.5, 0)))
    (tmp_path / "one.ply").write_bytes(head.encode() + body + struct.pack(f"{order}Biii", 3, 0, 1, 2))
    mesh = read_mesh(tmp_path / "one.ply")
    assert mesh.points.tolist() == [[0, 0, 0], [1.5, 0, 0], [0, 2.5, 0]] and mesh.triangles.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.stl", "solid", "no mesh that is read here"),
        ("a.obj", "v 0 0\nv a b c\n", "makes no sense"),
        ("a.obj", "v 0 0 0\nf 1 2 3\n", "names a point that is not there"),
        ("a.ply", "obj", "makes no sense"),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nend_header\n0\n", "makes no sense"),
    ],
)
def test_what_is_no_mesh_is_told_in_one_line(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=why):
        read_mesh(tmp_path / name)


def test_a_missing_mesh_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the mesh .*gone\.obj"):
        read_mesh(tmp_path / "gone.obj")


@settings(max_examples=60, deadline=None)
@given(ANGLES, st.floats(-89, 89), ANGLES)
def test_quaternions_hold_any_rotation(yaw: float, pitch: float, roll: float) -> None:
    rotation = head_rotation(yaw, pitch, roll)
    quaternion = quaternion_of(rotation)
    assert quaternion[0] >= 0 and abs(np.linalg.norm(quaternion) - 1) < 1e-9
    assert np.abs(rotation_of(quaternion) - rotation).max() < 1e-9
    assert turn_between(rotation, rotation) < 1e-6


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 180))
def test_the_turn_between_rotations_is_the_angle(angle: float) -> None:
    base = head_rotation(20, -10, 35)
    assert turn_between(base, base @ head_rotation(0, 0, angle)) == pytest.approx(angle, abs=1e-6)


def test_transforms_undo_and_follow_each_other() -> None:
    first, second = Rigid(head_rotation(10, 20, 30), np.array([1.0, 2, 3])), Rigid(head_rotation(-5, 0, 9), np.ones(3))
    both = second.after(first)
    assert np.abs(both.apply(CORNERS) - second.apply(first.apply(CORNERS))).max() < 1e-12
    assert np.abs(first.inverse.apply(first.apply(CORNERS)) - CORNERS).max() < 1e-12
    assert (identity().apply(CORNERS) == CORNERS).all()
    found = procrustes(CORNERS, first.apply(CORNERS))
    assert np.abs(found.rotation - first.rotation).max() < 1e-9 and add(CORNERS, CORNERS) == 0


def test_tables_of_transforms_are_sorted_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_transforms({n: identity() for n in ("10", "9", "jaw")}, path)
    assert list(read_transforms(path)) == ["9", "10", "jaw"]
    text = path.read_text()
    for wrong, why in (
        (text.replace("1.0", "0.5"), "has the length 0.5"),
        (text + text.splitlines()[1] + "\n", "has the object 9 twice"),
        (text.replace("qw", "w"), "no column qw"),
        (text.replace("0.0", "none", 1), "row 1"),
    ):
        path.write_text(wrong)
        with pytest.raises(UsageError, match=why):
            read_transforms(path)


def test_only_weighted_points_move_and_along_their_normals() -> None:
    weights = np.zeros(12)
    weights[:2] = 1  # the side at x = 0
    moved = varied(CUBE, weights, 0.5)
    by_point = point_weights(CUBE, weights)
    assert ((moved.points != CORNERS).any(1) == (by_point > 0)).all() and (by_point[4:] == 0).all()
    assert (moved.points[:4, 0] < 0).all()
    assert np.abs(np.linalg.norm(normals(CUBE), axis=1) - 1).max() < 1e-12
    with pytest.raises(UsageError, match="3 weights"):
        varied(CUBE, np.zeros(3), 1)


def test_a_difference_is_scaled_to_the_mesh_and_needs_its_points() -> None:
    lifted = CUBE.moved(CORNERS + np.array([0, 0, 0.1]))
    small = CUBE.moved(CORNERS / 2)
    assert np.abs(transferred(small, CUBE, lifted).points - (CORNERS / 2 + [0, 0, 0.05])).max() < 1e-12
    with pytest.raises(UsageError, match="a difference needs the same points"):
        transferred(small, CUBE, Mesh(CORNERS[:3], FACES[:1]))


def test_a_rendered_cube_is_a_square_that_grows_wider_when_turned() -> None:
    front, turned = rendered(CUBE, 0, 128) < 255, rendered(CUBE, 45, 128) < 255
    rows, columns = np.flatnonzero(front.any(1)), np.flatnonzero(front.any(0))
    assert abs(len(rows) - len(columns)) <= 2 and abs(rows.mean() - 63.5) <= 1
    wide = len(np.flatnonzero(turned.any(0)))
    assert wide / len(columns) == pytest.approx(2**0.5, abs=0.05)
