"""Maps of parts: kept by name, laid back onto the picture, drawn from the mesh on the right places and sides."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from numpy.typing import NDArray

from annotators.adapters.parsing_mesh import PARTS, ParsingMesh, ParsingMeshConfig, drawn, triangle_parts
from annotators.canonical_face import canonical_face
from annotators.part_maps import NOT_JUDGED, PartMap, decoded, part_names
from annotators.points import mirror
from annotators.visibility import triangles
from annotators.weights import ModelStore
from curate.bridges.fiftyone_fields import on_detection
from curate.report.tiles import written
from schemas import SchemaError, TaxonomyError, UsageError
from schemas.coding import coding
from schemas.columns import labels
from schemas.landmarks import layout

SHIFTED = np.array([[1.0, 0, -20], [0, 1.0, -30]])


@given(
    hn.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.sampled_from([*range(19), 255])),
    hn.arrays(np.float64, (2, 3), elements=st.floats(-1e4, 1e4)),
)
def test_a_map_survives_storing(parts: NDArray[np.uint8], matrix: NDArray[np.float64]) -> None:
    back = decoded(PartMap(parts, matrix).encoded())
    np.testing.assert_array_equal(back.parts, parts)
    np.testing.assert_array_equal(back.matrix, matrix)


def test_the_picture_opens_anywhere_and_names_its_parts() -> None:
    from PIL import Image

    parts = np.arange(19, dtype=np.uint8).reshape(1, 19)
    with Image.open(io.BytesIO(PartMap(parts, SHIFTED).encoded()["png"])) as picture:
        assert picture.format == "PNG"
        assert picture.mode == "P"
        assert picture.text["parts"].split() == list(part_names())
        colours = np.array(picture.convert("RGB"))[0]
    assert len({tuple(c) for c in colours.tolist()}) == 19


def test_parts_are_read_by_name_not_by_value() -> None:
    from PIL import Image, PngImagePlugin

    picture = Image.frombytes("P", (3, 1), bytes([0, 1, 255]))
    picture.putpalette(bytes(768))
    text = PngImagePlugin.PngInfo()
    text.add_text("parts", "hair nose")
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=text)
    found = decoded({"png": file.getvalue(), "matrix": SHIFTED.ravel().tolist()})
    assert [part_names()[v] if v != NOT_JUDGED else None for v in found.parts[0]] == ["hair", "nose", None]


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n broken"])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(SchemaError, match="face_parsing"):
        decoded({"png": content, "matrix": [0.0] * 6})


def test_shares_and_masks_by_hand() -> None:
    names = part_names()
    parts = np.full((4, 5), NOT_JUDGED, np.uint8)
    parts[0] = names.index("hair")
    parts[1, :3] = names.index("nose")
    found = PartMap(parts, SHIFTED)
    assert found.shares()["hair"] == pytest.approx(5 / 8)
    assert found.shares()["hat"] == 0
    limited = found.shares(["nose", "skin"])
    assert limited["nose"] == pytest.approx(3 / 8)
    assert limited["skin"] == 0
    assert limited["hair"] is None
    assert found.mask("hair", "nose").sum() == 8
    assert PartMap(np.full((2, 2), NOT_JUDGED, np.uint8), SHIFTED).shares()["hair"] is None
    with pytest.raises(TaxonomyError, match="teeth"):
        found.mask("teeth")


def test_the_map_lies_on_the_picture() -> None:
    parts = np.zeros((50, 60), np.uint8)
    parts[10:20, 16:30] = part_names().index("nose")
    laid = PartMap(parts, SHIFTED).on_image(200, 220)
    expected = np.full((200, 220), NOT_JUDGED, np.uint8)
    expected[30:80, 20:80] = parts
    np.testing.assert_array_equal(laid, expected)
    doubled = PartMap(parts, np.array([[2.0, 0, -40], [0, 2.0, -60]])).on_image(200, 220)
    rows, columns = np.nonzero(doubled == part_names().index("nose"))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (35, 39, 28, 34)


def test_it_is_told_in_words_and_stays_out_of_detections() -> None:
    value = PartMap(np.zeros((4, 4), np.uint8), SHIFTED).encoded()
    assert written(labels.FACE_PARSING, value) == f"a map of parts, {len(value['png'])} bytes"
    assert not on_detection(labels.FACE_PARSING)
    assert on_detection(labels.PARSING_SHARE)


def test_other_tables_of_values() -> None:
    assert coding("face-parsing").order == part_names()
    assert coding("celebamask-hq").encode("nose").value == 2
    assert coding("fgid-parts").encode("hair").value == 6
    assert coding("fgid-parts").encode("mouth").value == 11, "the inner mouth; 9, the outer, has no name here"
    assert coding("fgid-parts").encode("l_lip").value == 13


def average_mesh(yaw: float = 0.0) -> NDArray[np.float64]:
    """The average head as a mesh of 478 points around (128, 128), turned to the image's right."""
    points = canonical_face().points
    angle = np.deg2rad(yaw)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    mesh = np.zeros((478, 3))
    mesh[:468] = (points @ turn.T) * [10, -10, -10] + [128, 128, 0]
    return mesh


class TestDrawing:
    def test_every_triangle_has_a_part_and_sides_mirror_each_other(self) -> None:
        names, partner = part_names(), layout("points-478").mirror
        parts = {frozenset(t): names[v] for t, v in zip(triangles().tolist(), triangle_parts(), strict=True)}
        assert set(parts.values()) == set(PARTS)
        swapped = {"l_brow": "r_brow", "r_brow": "l_brow", "l_eye": "r_eye", "r_eye": "l_eye"}
        mirrored = {t: parts.get(frozenset(partner[i] for i in t)) for t in parts}
        same = [swapped.get(part, part) == mirrored[t] for t, part in parts.items() if mirrored[t] is not None]
        assert len(same) > 850, "nearly all triangles have a mirror image in the mesh"
        assert all(same)

    def test_parts_lie_where_their_points_are(self) -> None:
        mesh = average_mesh()
        parts, names = drawn(mesh, np.eye(2, 3), 256, (256, 256)), part_names()

        def at(point: int) -> str:
            x, y = mesh[point, :2].astype(int)
            return names[parts[y, x]]

        assert at(1) == at(4) == "nose"
        assert at(105) == "r_brow"
        assert at(334) == "l_brow"
        assert at(205) == at(425) == at(151) == at(199) == "skin"
        for name, part in (("right_eye", "r_eye"), ("left_eye", "l_eye")):
            x, y = mesh[list(layout("points-478").group(name)), :2].mean(0).astype(int)
            assert names[parts[y, x]] == part
        rows = {p: np.nonzero(parts == names.index(p))[0].mean() for p in ("nose", "u_lip", "l_lip")}
        assert rows["nose"] < rows["u_lip"] < rows["l_lip"]
        assert not np.isin(parts, [names.index(n) for n in ("hair", "neck", "l_ear", "background")]).any()

    def test_mirroring_the_face_mirrors_the_map(self) -> None:
        names = part_names()
        mesh = average_mesh(25).astype(np.float32)
        one = drawn(mesh, np.eye(2, 3), 256, (256, 256))
        other = drawn(mirror(mesh, "points-478", 256), np.eye(2, 3), 256, (256, 256))[:, ::-1]
        swap = np.arange(256, dtype=np.uint8)
        for left, right in (("l_brow", "r_brow"), ("l_eye", "r_eye")):
            swap[[names.index(left), names.index(right)]] = names.index(right), names.index(left)
        assert (one == swap[other]).mean() > 0.995

    def test_the_far_side_is_hidden(self) -> None:
        names = part_names()
        counts = np.bincount(drawn(average_mesh(70), np.eye(2, 3), 256, (256, 256)).ravel(), minlength=256)
        near, far = sorted((counts[names.index("l_eye")], counts[names.index("r_eye")]), reverse=True)
        assert near > 5 * max(far, 1)

    def test_outside_the_picture_nothing_is_judged(self) -> None:
        parts = drawn(average_mesh(), np.eye(2, 3), 256, (256, 100))
        assert (parts[:, 101:] == NOT_JUDGED).all()
        assert (parts[:, :99] != NOT_JUDGED).any()

    @pytest.mark.parametrize("side", [0, 5000])
    def test_a_side_out_of_range(self, side: int) -> None:
        with pytest.raises(UsageError, match=f"side={side}"):
            ParsingMesh(ParsingMeshConfig(side=side)).setup(ModelStore(entries=()))
