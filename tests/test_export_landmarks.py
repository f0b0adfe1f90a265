"""COFW's lists and heat maps: known points, flags and ways back."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_meshes import mesh_at

from annotators.canonical_face import canonical_face
from annotators.cover_cells import GRID, cell_centres
from annotators.points import convert
from curate.export.base import Exporter, Part, Plan
from curate.export.encode import encode
from curate.export.formats.cofw import Cofw
from curate.export.formats.landmark_heatmaps import HeatmapConfig, LandmarkHeatmaps
from curate.export.heatmaps import heatmaps, peaks, refined
from curate.export.options import ExportOptions
from curate.export.point_visibility import covered_points, hidden_points
from curate.export.run import export
from curate.export.sample import FaceItem, Sample
from schemas import UnknownNameError, UsageError, labels
from schemas.columns import faces
from tests.export_samples import hard_cases


def face_at(yaw: float = 0.0) -> FaceItem:
    """A face whose mesh is the average head, with irises in the middle of its lids."""
    mesh = mesh_at(yaw, 0, 0)
    for iris, corners in ((468, (33, 133)), (473, (263, 362))):
        mesh[iris : iris + 5] = mesh[list(corners)].mean(0)
    five = convert(mesh, "points-478", "points-5")[:, :2]
    return FaceItem("f.0", (80.0, 40.0, 220.0, 230.0), {labels.MESH.name: mesh, faces.POINTS_5.name: five})


def sample(face: FaceItem, number: int = 0) -> Sample:
    data = encode(np.full((400, 400, 3), 90, np.uint8), "png")
    facts = {"crop_matrix": [1, 0, 0, 0, 1, 0]}
    return Sample(f"k{number}", number, "train", data, ".png", 400, 400, (face,), facts)


def written(writer: Exporter, folder: Path, *given: Sample) -> Path:
    part = Part("train", 0, ())
    list(writer.write(folder, part, given))
    list(writer.finish(folder, Plan((), ("train",), "drawn", 400), [part]))
    return folder


def test_the_29_points_are_where_cofw_has_them() -> None:
    """Order of mmpose's example annotations: outer brows, inner brows, middles, eyes, pupils, nose, lips, chin."""
    mesh = np.zeros((478, 3))
    mesh[:468] = canonical_face().points * [1, -1, 1]
    for iris, corners in ((468, (33, 133)), (473, (263, 362))):
        mesh[iris] = mesh[list(corners)].mean(0)
    x, y = convert(mesh, "points-478", "points-29")[:, :2].T
    assert x[0] < x[4] < x[2] < x[3] < x[6] < x[1], "brows from the image's left to its right"
    assert x[8] < x[16] < x[10] < x[11] < x[17] < x[9] and x[18] < x[20] < x[19] and x[22] < x[24] < x[23]
    assert y[4] < y[5] < y[12] < y[16] < y[13] < y[20] < y[21] < y[24] < y[25] <= y[26] < y[27] < y[28]
    np.testing.assert_allclose(x[[20, 21, 24, 25, 26, 27, 28]], 0, atol=1e-4)


def test_pycocotools_reads_cofw_with_flags(tmp_path: Path) -> None:
    from pycocotools import coco

    face = face_at()
    covered = np.zeros((GRID, GRID), np.float32)
    points = convert(face.labels[labels.MESH.name], "points-478", "points-29")[:, :2]
    centres = cell_centres({faces.POINTS_5: face.labels[faces.POINTS_5.name]})
    mouth = points[22:28].mean(0)
    near = np.linalg.norm(centres - mouth, axis=2) < 0.6 * np.ptp(points[22:28, 0])
    covered[near] = 0.9
    hidden = FaceItem("f.0", face.box, {**face.labels, labels.OCCLUSION_MAP.name: covered.ravel().tolist()})
    folder = written(Cofw(), tmp_path, sample(hidden), sample(FaceItem("f.1", face.box, {}), 1))
    with contextlib.redirect_stdout(io.StringIO()):
        told = coco.COCO(str(folder / "annotations/cofw_train.json"))
    assert len(told.imgs) == 2 and (folder / "images/000002.png").is_file()
    (note,) = told.loadAnns(told.getAnnIds())
    keypoints = np.array(note["keypoints"]).reshape(29, 3)
    np.testing.assert_allclose(keypoints[:, :2], points, atol=1e-3)
    assert note["bbox"] == [80, 40, 220, 230] and note["num_keypoints"] == 29
    assert set(keypoints[22:28, 2]) == {1} and set(keypoints[[*range(18), 20], 2]) == {2}


def test_a_turned_face_hides_its_far_side() -> None:
    hidden = hidden_points(face_at(75).labels, "points-29", 400, 400)
    straight = hidden_points(face_at().labels, "points-29", 400, 400)
    assert not straight.any()
    assert np.flatnonzero(hidden).tolist() == [1, 6, 9, 11, 19], "the nose points to the image's right"
    assert hidden_points(face_at().labels, "points-29", 210, 400)[[9, 17]].all(), "outside the picture"


@given(st.integers(0, GRID - 1), st.integers(0, GRID - 1))
def test_a_point_is_covered_if_its_cell_is(row: int, column: int) -> None:
    five = np.array([[150, 150], [250, 160], [200, 220], [160, 260], [240, 270]], np.float32)
    values = {faces.POINTS_5.name: five, labels.OCCLUSION_MAP.name: None}
    point = cell_centres({faces.POINTS_5: five})[row, column][None]
    assert not covered_points(point, values).any()
    cells = np.full(GRID * GRID, 0.1)
    cells[row * GRID + column] = 0.7
    values[labels.OCCLUSION_MAP.name] = cells
    assert covered_points(point, values).all()
    values[labels.OCCLUSION_MAP.name] = [None if v > 0.5 else 0.9 for v in cells]
    assert not covered_points(point, values).any(), "a cell that was not judged covers nothing"
    assert not covered_points(np.array([[1e5, -1e5], [np.nan, 1]]), values).any()


inside = st.floats(0.51, 63.49)


@given(st.lists(st.tuples(inside, inside), min_size=1, max_size=6), st.sampled_from([1.0, 1.5, 3.0]))
def test_peaks_are_half_a_pixel_off_at_most_and_refined_ones_hardly(
    points: list[tuple[float, float]], sigma: float
) -> None:
    given_points = np.array(points)
    maps = heatmaps(given_points, 64, sigma)
    assert maps.shape == (len(points), 64, 64) and maps.max() <= 1
    assert np.abs(peaks(maps) - given_points).max() <= 0.5 + 1e-4
    inner = ((given_points > 1) & (given_points < 63)).all(1)
    assert np.abs(refined(maps.astype(np.float16)) - given_points)[inner].max(initial=0) < 0.05


def test_points_outside_have_an_empty_map() -> None:
    maps = heatmaps(np.array([[np.nan, 3], [-1, 3], [64, 3], [10, 20]]), 64, 1.5)
    assert [bool(m.any()) for m in maps] == [False, False, False, True]
    assert np.isnan(peaks(maps)[:3]).all() and np.unravel_index(maps[3].argmax(), (64, 64))[0] in (19, 20)


@pytest.mark.parametrize(("name", "size"), [("points-68", 68), ("points-98", 98), ("points-29", 29)])
def test_archives_hold_crops_points_and_maps(name: str, size: int, tmp_path: Path) -> None:
    face = face_at()
    own = convert(face.labels[labels.MESH.name], "points-478", "points-68")[:, :2]
    face = FaceItem(face.face_id, face.box, {**face.labels, labels.POINTS_68.name: own})
    bare = FaceItem("f.1", face.box, {faces.POINTS_5.name: face.labels[faces.POINTS_5.name]})
    writer = LandmarkHeatmaps(HeatmapConfig(layout=name, side=100))
    written(writer, tmp_path, sample(face), sample(bare, 1))
    with np.load(tmp_path / "train-00000.npz", allow_pickle=False) as told:
        assert told["images"].shape == (2, 400, 400, 3) and told["heatmaps"].shape == (2, size, 100, 100)
        assert told["heatmaps"].dtype == np.float16 and told["mirror"][told["mirror"]].tolist() == list(range(size))
        expected = convert(face.labels[labels.MESH.name], "points-478", name)[:, :2]
        np.testing.assert_allclose(told["points"][0], expected, atol=1e-3)
        assert np.abs(peaks(told["heatmaps"][0]) * 4 - expected).max() <= 2.001, "half a pixel of the map is two here"
        assert np.isnan(told["points"][1]).all() and not told["heatmaps"][1].any()
        assert told["visible"][0].sum() > 0.7 * size and not told["visible"][1].any()
        assert json.loads(str(told["records"][1]))["key"] == "k1"
    back = list(writer.read(tmp_path))
    assert [s.key for s in back] == ["k0", "k1"]


def test_layouts_without_a_way_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        LandmarkHeatmaps.preflight(HeatmapConfig(layout="points-70"))
    with pytest.raises(UsageError, match="cannot be drawn"):
        LandmarkHeatmaps.preflight(HeatmapConfig(layout="points-478"))


def test_the_matrix_leads_back_to_the_photo(tmp_path: Path) -> None:
    ds = hard_cases(tmp_path / "hard", 20)
    options = ExportOptions(columns=(labels.POINTS_68.name,), crop="ffhq", size=256, form="png")
    export(ds, "landmark_heatmaps", tmp_path / "out", options)
    rows = {r[faces.FACE_ID.name]: r for r in ds.faces([faces.FACE_ID, labels.POINTS_68]).to_pylist()}
    seen = 0
    for path in (tmp_path / "out").glob("*.npz"):
        with np.load(path) as told:
            for points, matrix, text in zip(told["points"], told["matrix"], told["records"], strict=True):
                original = rows[json.loads(str(text))[faces.FACE_ID.name]][labels.POINTS_68.name]
                if original is not None:
                    inverse = cv2.invertAffineTransform(matrix)
                    back = points @ inverse[:, :2].T + inverse[:, 2]
                    np.testing.assert_allclose(back.ravel(), original, atol=1e-2)
                    seen += 1
    assert seen > 8
