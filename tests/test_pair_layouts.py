"""Kinds of rows of one face, of a group and of changed appearance: what they propose, refuse and compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.export.sample import FaceItem, Sample
from curate.pairs.base import Row
from curate.pairs.choose import choose
from curate.pairs.kinds.appearance_pairs import AppearancePairs
from curate.pairs.kinds.group_pictures import (
    PEOPLE,
    TOO_FEW,
    TOO_SMALL,
    UNKNOWN_FACE,
    MultiIdConfig,
    MultiIdLayout,
    patches,
    story,
)
from curate.pairs.kinds.person_pairs import NO_MESH, PersonPairs
from curate.pairs.kinds.single_faces import (
    AGAIN,
    BETWEEN,
    FACE,
    NO_POSE,
    SYNTHETIC,
    PretrainPool,
    YawViews,
    YawViewsConfig,
    yaw_bin,
)
from curate.pairs.pool import Pool
from schemas import UsageError
from schemas.columns import faces, images, labels
from tests.pair_samples import pool


def people(boxes: list[tuple[float, ...]], pictures: list[int], missing: tuple[int, ...] = ()) -> Pool:
    """Faces of group pictures: boxes and pictures, some without embedding."""
    rng = np.random.default_rng(0)
    vectors = [None if i in missing else rng.normal(size=128).tolist() for i in range(len(boxes))]
    columns = {c: [box[k] for box in boxes] for k, c in enumerate(faces.BOX)}
    sizes = {images.WIDTH: [200] * len(boxes), images.HEIGHT: [100] * len(boxes)}
    captions = {labels.CAPTION: [f"Person {i}." for i in range(len(boxes))]}
    return pool({**columns, **sizes, labels.EMBEDDING: vectors, **captions}, picture=pictures)


def test_groups_are_read_from_left_to_right_and_the_others_refused() -> None:
    given_faces = people([(120, 10, 50, 60), (20, 20, 60, 50), (0, 0, 50, 50), (60, 0, 20, 20), (5, 5, 60, 60),
                          (0, 0, 60, 60), (90, 0, 60, 60)], [0, 0, 1, 1, 2, 3, 3], missing=(6,))  # fmt: skip
    kind = MultiIdLayout()
    found = choose(given_faces, kind, 0, 0)
    assert [row.faces[PEOPLE] for row in found.rows] == [(1, 0)]
    assert found.refused == {TOO_SMALL: 1, TOO_FEW: 1, UNKNOWN_FACE: 1}
    facts = kind.facts(given_faces, found.rows[0])
    first, second = facts["layout"]
    assert first["face_id"] == "f1" and first["centre"] == [50, 45] and (first["region"], second["region"]) == (1, 2)
    assert facts["caption"] == "Character 1 on the left: Person 1. Character 2 on the right: Person 0."
    loose = MultiIdLayout(MultiIdConfig(min_px=10, least_people=1))
    assert len(choose(given_faces, loose, 0, 0).rows) == 3


def sample(box: tuple[float, ...], width: int, height: int) -> Sample:
    vector = np.linspace(-1, 1, 128, dtype=np.float32)
    return Sample("a", 0, "", b"", ".png", width, height, (FaceItem("a.0", box, {labels.EMBEDDING.name: vector}),))  # type: ignore[arg-type]


def test_cut_pictures_are_refused_in_one_line() -> None:
    row = Row({PEOPLE: (0,)}, {images.WIDTH.name: 200, images.HEIGHT.name: 100})
    drawn = MultiIdLayout().draw(row, {PEOPLE: [sample((50, 20, 30, 40), 200, 100)]})
    assert drawn["regions"].shape == (100, 200) and drawn["regions"][40, 65] == 1
    with pytest.raises(UsageError, match="--crop none"):
        MultiIdLayout().draw(row, {PEOPLE: [sample((50, 20, 30, 40), 512, 512)]})


@given(st.floats(-20, 220), st.floats(-20, 120))
def test_a_patch_has_its_middle_at_the_face_s(x: float, y: float) -> None:
    image = patches(np.array([[x, y]]), [np.linspace(-1, 1, 128)], 100, 200, 11)
    where = np.argwhere(image.any(2))
    if 6 <= x <= 194 and 6 <= y <= 94:
        middle = (where.min(0) + where.max(0) + 1) / 2
        assert abs(middle[1] - x) <= 1 and abs(middle[0] - y) <= 1 and len(where) == 121


def test_two_people_s_patches_differ_and_stories_number_them() -> None:
    rng = np.random.default_rng(0)
    one, two = (patches(np.array([[50.0, 50]]), [rng.normal(size=128)], 100, 100, 16) for _ in range(2))
    assert (one != two).any()
    assert story([None, None]) is None
    assert story(["A man.", None, "a woman"]) == (
        "Character 1 on the left: A man. Character 2 in the middle: not described. Character 3 on the right: a woman."
    )
    assert story(["a"] * 4).startswith("Character 1: a. Character 2: a.")


@pytest.mark.parametrize("config", [MultiIdConfig(patch=0.0), MultiIdConfig(patch=0.9), MultiIdConfig(least_people=0)])
def test_group_settings_are_checked(config: MultiIdConfig) -> None:
    with pytest.raises(UsageError, match="multi_id_layout"):
        MultiIdLayout.preflight(config)


def test_a_pool_holds_each_photograph_once() -> None:
    hashes = [0b0, 0b111, (1 << 40) - 1, 0, 0, 0xF0F0F0F0F0]
    given_faces = pool(
        {labels.YAW: [0.0] * 6}, hashes=hashes, mirrored=[~h & (1 << 64) - 1 for h in hashes],
        copies=[-1, -1, 3, 3, -1, -1], synthetic=[False] * 4 + [True, False], picture=[0, 1, 2, 3, 4, 0],
    )  # fmt: skip
    found = choose(given_faces, PretrainPool(), 0, 0)
    kept = {row.faces[FACE][0] for row in found.rows}
    # 0, 1 and 3 are near by hash, 2 and 3 by the layer; 5 lies in 0's picture and is another face.
    assert 5 in kept and 4 not in kept and found.refused[SYNTHETIC] == 1
    assert len(kept & {0, 1, 3}) == 1 and len(kept & {2, 3}) == 1 and found.refused[AGAIN] == 5 - len(kept)


@pytest.mark.parametrize(
    ("yaw", "wanted"), [(0, 0), (15, 0), (-15, 0), (15.1, 30), (-44, -30), (75, 60), (76, 90), (-90, -90)]
)
def test_bins_of_the_yaw_are_mirror_images(yaw: float, wanted: float) -> None:
    assert yaw_bin(yaw, 30) == wanted and yaw_bin(-yaw, 30) == -wanted


def test_yaw_views_need_a_pose_within_the_bins() -> None:
    given_faces = pool({labels.YAW: [20.0, None, 120.0], labels.PITCH: [1.0, 1.0, 1.0], labels.ROLL: [3.0, 3.0, 3.0]})
    kind = YawViews()
    found = choose(given_faces, kind, 0, 0)
    assert found.refused == {NO_POSE: 1, BETWEEN: 1}
    facts = kind.facts(given_faces, found.rows[0])
    assert (facts["bin"], facts["mirror_bin"], facts["mirror_yaw"], facts["mirror_roll"]) == (30, -30, -20, -3)
    with pytest.raises(UsageError, match="bin_width"):
        YawViews.preflight(YawViewsConfig(bin_width=0))


def test_a_missing_skeleton_has_its_reason() -> None:
    given_faces = pool(
        {labels.POINTS_68: [[0.0] * 136, None], labels.IDENTITY_ID: ["p", "p"], labels.EMBEDDING: [[1.0] * 128] * 2},
        identity=[0, 0],
    )
    facts = PersonPairs().facts(given_faces, Row({"from": (0,), "to": (1,)}))
    assert facts == {"person": "p", "from_reason": None, "to_reason": NO_MESH}


def test_factors_are_what_differs() -> None:
    given_faces = pool(
        {labels.YAW: [0.0, 0.0, 30.0, 0.0], labels.PITCH: [0.0] * 4, labels.ROLL: [0.0] * 4,
         labels.SYMMETRY_APPEARANCE: [0.9, 0.9, 0.9, 0.6], labels.BRIGHTNESS: [0.5, 0.5, 0.5, 0.5],
         images.GENERATOR: [None, "relighting/1", "head_turn/1", "stylise/1"]},
        parent=[-1, 0, 0, 0], synthetic=[False, True, True, True], roots=[frozenset(["i0"])] * 4,
    )  # fmt: skip
    found = choose(given_faces, AppearancePairs(), 0, 0)
    told = {row.faces["target"][0]: AppearancePairs().facts(given_faces, row)["factors"] for row in found.rows}
    assert told == {1: ["light"], 2: ["pose"], 3: ["light"]}
