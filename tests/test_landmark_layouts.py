"""Landmark layouts: mirrors, groups and conversions, against published tables and geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotators.canonical_face import canonical_face
from annotators.points import convert, mirror
from schemas import SchemaError, TaxonomyError, UnknownNameError
from schemas.landmarks import Conversion, Layout, conversion, conversions, layout, layouts, opposite

Points = NDArray[np.float32]


def drawn(seed: int, size: int, dimensions: int = 2) -> Points:
    return np.random.default_rng(seed).uniform(0, 640, (size, dimensions)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "size"), [("points-5", 5), ("points-29", 29), ("points-68", 68), ("points-98", 98), ("points-478", 478)]
)
def test_sizes_and_group_sizes(name: str, size: int) -> None:
    one = layout(name)
    assert (one.size, len(one.mirror)) == (size, size)
    assert all(len(set(numbers)) == len(numbers) for numbers in one.groups.values())


def test_groups_of_68() -> None:
    groups = layout("points-68").groups
    ends = {name: (numbers[0], numbers[-1]) for name, numbers in groups.items()}
    assert ends == {
        "jaw": (0, 16), "right_brow": (17, 21), "left_brow": (22, 26), "nose_bridge": (27, 30), "nose_base": (31, 35),
        "right_eye": (36, 41), "left_eye": (42, 47), "outer_lip": (48, 59), "inner_lip": (60, 67),
    }  # fmt: skip
    assert sorted(i for numbers in groups.values() for i in numbers) == list(range(68))


def test_groups_of_98_hold_every_point_once() -> None:
    assert sorted(i for numbers in layout("points-98").groups.values() for i in numbers) == list(range(98))


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("points-5", [(0, 1), (3, 4), (2, 2)]),
        (
            "points-68",
            [(0, 16), (8, 8), (17, 26), (30, 30), (31, 35), (36, 45), (41, 46), (48, 54), (60, 64)],
        ),
        ("points-29", [(0, 1), (4, 6), (5, 7), (8, 9), (12, 14), (16, 17), (18, 19), (20, 20), (22, 23), (28, 28)]),
        ("points-98", [(0, 32), (16, 16), (33, 46), (38, 50), (60, 72), (76, 82), (88, 92), (96, 97), (54, 54)]),
        ("points-478", [(33, 263), (133, 362), (61, 291), (127, 356), (234, 454), (468, 473), (469, 476), (470, 475)]),
    ],
)
def test_known_mirror_pairs(name: str, pairs: list[tuple[int, int]]) -> None:
    table = layout(name).mirror
    assert [(a, table[a]) for a, _ in pairs] == pairs
    assert [table[b] for _, b in pairs] == [a for a, _ in pairs]


def test_middle_of_the_mesh() -> None:
    fixed = [i for i, j in enumerate(layout("points-478").mirror) if i == j]
    assert fixed == [
        0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
    ]  # fmt: skip


@pytest.mark.parametrize("name", layouts())
def test_mirror_keeps_groups_and_lines(name: str) -> None:
    one = layout(name)
    for group, numbers in one.groups.items():
        assert {one.mirror[i] for i in numbers} == set(one.group(opposite(group))), group
    flipped = {tuple(sorted((one.mirror[a], one.mirror[b]))) for a, b in one.edges}
    assert flipped == set(one.edges)


@given(st.sampled_from(layouts()), st.integers(0, 2**32), st.integers(1, 4000), st.sampled_from([2, 3]))
def test_mirroring_twice_gives_the_points_back(name: str, seed: int, width: int, dimensions: int) -> None:
    points = drawn(seed, layout(name).size, dimensions)
    np.testing.assert_allclose(mirror(mirror(points, name, width), name, width), points, atol=1e-3)


@given(st.sampled_from(conversions()), st.integers(0, 2**32))
def test_mirroring_and_converting_can_change_places(name: str, seed: int) -> None:
    source, target = name.split(" -> ")
    points = drawn(seed, layout(source).size)
    one_way = mirror(convert(points, source, target), target, 640)
    np.testing.assert_allclose(one_way, convert(mirror(points, source, 640), source, target), atol=1e-3)


@given(st.sampled_from(conversions()), st.integers(0, 2**32))
def test_conversion_follows_shift_and_scale(name: str, seed: int) -> None:
    source, target = name.split(" -> ")
    points = drawn(seed, layout(source).size)
    moved = convert(points * 2 + 7, source, target)
    np.testing.assert_allclose(moved, convert(points, source, target) * 2 + 7, atol=1e-2)


@given(st.integers(0, 2**32))
def test_mesh_to_five_is_the_same_by_way_of_68(seed: int) -> None:
    mesh = drawn(seed, 478, 3)
    detour = convert(convert(mesh, "points-478", "points-68"), "points-68", "points-5")
    np.testing.assert_allclose(convert(mesh, "points-478", "points-5"), detour, atol=1e-3)


@pytest.mark.parametrize(
    ("point", "sources"),
    [(0, (127,)), (3, (132, 58)), (8, (152,)), (12, (397, 288)), (13, (361, 288)), (16, (356,)), (17, (70,)),
     (26, (300,)), (27, (168, 6)), (30, (4,)), (33, (2,)), (36, (33,)), (39, (133,)), (42, (362,)), (45, (263,)),
     (48, (61,)), (51, (0,)), (54, (291,)), (57, (17,)), (60, (78,)), (62, (13,)), (64, (308,)), (66, (14,))],
)  # fmt: skip
def test_mesh_to_68_table(point: int, sources: tuple[int, ...]) -> None:
    assert set(conversion("points-478", "points-68").parts[point]) == set(sources)


def test_wflw_to_68_table() -> None:
    parts = [part[0] for part in conversion("points-98", "points-68").parts]
    assert parts[:17] == list(range(0, 33, 2))
    assert parts[17:27] == [33, 34, 35, 36, 37, 42, 43, 44, 45, 46]
    assert parts[27:36] == list(range(51, 60))
    assert parts[36:48] == [60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75]
    assert parts[48:] == list(range(76, 96))


def test_values_of_a_conversion() -> None:
    points = np.zeros((2, 68, 2), dtype=np.float32)
    points[1, 36:42] = [[10, 20], [12, 18], [16, 18], [18, 20], [16, 22], [12, 22]]
    points[1, 30] = [40, 50]
    five = convert(points, "points-68", "points-5")
    assert five.shape == (2, 5, 2)
    np.testing.assert_allclose(five[1, 0], [14, 20])
    np.testing.assert_allclose(five[1, 2], [40, 50])
    assert five.dtype == np.float32


def test_a_missing_point_is_missing_only_where_it_is_used() -> None:
    points = np.ones((68, 2), dtype=np.float32)
    points[36] = np.nan
    five = convert(points, "points-68", "points-5")
    assert np.isnan(five[0]).all()
    assert np.isfinite(five[1:]).all()


def test_mirror_values() -> None:
    five = np.array([[10, 1], [30, 2], [20, 3], [12, 4], [28, 5]], dtype=np.float32)
    expected = [[70, 2], [90, 1], [80, 3], [72, 5], [88, 4]]
    np.testing.assert_allclose(mirror(five, "points-5", 100), expected)


def test_wrong_arrays_and_names_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"points-68 needs an array of shape \(\.\.\., 68, 2 or 3\): found \(5, 2\)"):
        convert(np.zeros((5, 2)), "points-68", "points-5")
    with pytest.raises(SchemaError, match="points-5 needs"):
        mirror(np.zeros((5, 4)), "points-5", 10)
    with pytest.raises(TaxonomyError, match="no conversion from points-5 to points-68"):
        conversion("points-5", "points-68")
    with pytest.raises(UnknownNameError, match="Did you mean 'points-98'"):
        layout("points-99")
    with pytest.raises(UnknownNameError, match=r"unknown group of points-68 'rigth_eye'\. Did you mean 'right_eye'"):
        layout("points-68").group("rigth_eye")


def test_a_wrong_layout_or_conversion_cannot_be_built() -> None:
    with pytest.raises(TaxonomyError, match="mirroring twice"):
        Layout("x", 3, {}, (1, 2, 0), {}, "d", "s")
    with pytest.raises(TaxonomyError, match=r"no such points: \[9\]"):
        Layout("x", 2, {"eye": (0, 9)}, (1, 0), {}, "d", "s")
    with pytest.raises(TaxonomyError, match="it gives 1 points"):
        Conversion("points-68", "points-5", ((0,),), "d", "s")
    with pytest.raises(TaxonomyError, match="a point does not exist"):
        Conversion("points-5", "points-5", ((0,), (1,), (2,), (3,), (5,)), "d", "s")


def test_five_point_template_lies_mirrored_about_its_middle() -> None:
    arcface = np.array(
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
    )
    np.testing.assert_allclose(mirror(arcface, "points-5", 112), arcface, atol=0.6)


def test_mirror_table_is_the_canonical_heads_own() -> None:
    head = canonical_face().points
    table = list(layout("points-478").mirror[:468])
    np.testing.assert_allclose(head[table] * [-1, 1, 1], head, atol=1e-4)
    for name, numbers in layout("points-478").groups.items():
        sides = {"right_": -1, "left_": 1}
        for prefix, sign in sides.items():
            if name.startswith(prefix) and "iris" not in name:
                assert (sign * head[list(numbers), 0] > 0).all(), f"{name} lies on the other side"
