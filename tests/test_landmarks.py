"""The mesh on real faces: known points, mirrored and turned pictures, borders, sizes, visibility."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from annotators.base import FaceBatch
from annotators.landmarks import FaceMesh, MeshConfig
from annotators.mesh_crops import DetectionCrop, MeshCrop, mesh_square
from annotators.points import convert, mirror
from annotators.visibility import inside, normals, triangles
from annotators.weights import ModelStore
from annotators.yunet import YuNet
from schemas import Status
from schemas.columns import faces, labels

Picture = NDArray[np.uint8]
Row = dict[str, Any]
FACE = np.array([178.0, 63.0, 90.0, 113.0])
FIVE = np.array([[200.1, 101.8], [247.1, 102.6], [220.4, 124.5], [198.6, 142.8], [239.7, 143.6]])
KNOWN_68 = {8: (221, 178), 30: (223, 127), 36: (195, 101), 45: (257, 104), 48: (203, 139), 54: (245, 141)}
"""Chin, nose tip, outer eye corners, mouth corners of the astronaut, read off an enlarged picture."""


@pytest.fixture(scope="module")
def astronaut() -> Picture:
    return np.asarray(pytest.importorskip("skimage.data").astronaut(), np.uint8)


@pytest.fixture(scope="module")
def mesher(models: ModelStore) -> FaceMesh:
    annotator = FaceMesh()
    annotator.setup(models)
    return annotator


def label(mesher: FaceMesh, image: Picture, box: NDArray[Any] = FACE, five: NDArray[Any] | None = FIVE) -> Row:
    row = {
        faces.FACE_ID.name: "image.0",
        faces.IMAGE_ID.name: "image",
        **{c.name: float(v) for c, v in zip(faces.BOX, box, strict=True)},
        faces.POINTS_5.name: None if five is None else np.asarray(five, np.float32).reshape(-1).tolist(),
    }
    used = [faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.POINTS_5]
    table = pa.Table.from_pylist([row], schema=pa.schema([c.field for c in used]))
    result: Row = mesher.annotate(FaceBatch(table, {"image": image})).to_pylist()[0]
    return result


def mesh_of(row: Row) -> NDArray[np.float64]:
    assert row[labels.STATUS.name] == Status.OK, row[labels.ERROR.name]
    return np.array(row[labels.MESH.name]).reshape(478, 3)


def points_of(row: Row) -> NDArray[np.float64]:
    return np.array(row[labels.POINTS_68.name]).reshape(68, 2)


def eye_distance(points: NDArray[Any]) -> float:
    return float(np.linalg.norm(points[36] - points[45]))


class TestAstronaut:
    def test_known_points(self, mesher: FaceMesh, astronaut: Picture) -> None:
        row = label(mesher, astronaut)
        points = points_of(row)
        for number, expected in KNOWN_68.items():
            assert np.linalg.norm(points[number] - expected) < 3, number
        np.testing.assert_array_equal(points, convert(mesh_of(row)[:, :2], "points-478", "points-68"))
        assert row[labels.PRESENCE.name] > 0.95
        assert row[labels.IN_FRAME.name] == 1
        assert all(row[labels.VISIBLE_68.name])

    def test_depth_grows_away_from_the_camera_in_pixels(self, mesher: FaceMesh, astronaut: Picture) -> None:
        depth = mesh_of(label(mesher, astronaut))[:, 2]
        nose, cheek, ear = depth[1], depth[205], depth[[127, 356]].mean()
        assert nose < cheek < ear
        assert 0.5 < (ear - nose) / FACE[2] < 1.5

    def test_a_larger_picture_gives_the_larger_mesh(self, mesher: FaceMesh, astronaut: Picture) -> None:
        large = np.asarray(cv2.resize(astronaut, None, fx=6, fy=6, interpolation=cv2.INTER_LINEAR), np.uint8)
        plain, scaled = mesh_of(label(mesher, astronaut)), mesh_of(label(mesher, large, FACE * 6, FIVE * 6)) / 6
        assert np.abs(plain - scaled).max() < 1.5

    def test_mirrored(self, mesher: FaceMesh, astronaut: Picture) -> None:
        plain = points_of(label(mesher, astronaut))
        box = np.array([512 - FACE[0] - FACE[2], *FACE[1:]])
        mirrored = label(mesher, np.ascontiguousarray(astronaut[:, ::-1]), box, mirror(FIVE, "points-5", 512))
        back = mirror(points_of(mirrored), "points-68", 512)
        assert np.linalg.norm(back - plain, axis=1).mean() < 0.03 * eye_distance(plain)

    def test_turned_by_a_quarter(self, mesher: FaceMesh, astronaut: Picture) -> None:
        def turn(points: NDArray[Any]) -> NDArray[Any]:
            return np.stack([points[:, 1], 512 - points[:, 0]], axis=1)

        box = np.array([FACE[1], 512 - FACE[0] - FACE[2], FACE[3], FACE[2]])
        turned = label(mesher, np.ascontiguousarray(np.rot90(astronaut)), box, turn(FIVE))
        plain = points_of(label(mesher, astronaut))
        assert np.linalg.norm(points_of(turned) - turn(plain), axis=1).mean() < 0.02 * eye_distance(plain)

    def test_without_points_the_face_is_taken_as_upright(self, mesher: FaceMesh, astronaut: Picture) -> None:
        with_points, without = label(mesher, astronaut), label(mesher, astronaut, five=None)
        assert np.linalg.norm(points_of(with_points) - points_of(without), axis=1).mean() < 2

    def test_a_second_pass_forgives_a_poor_box(self, models: ModelStore, astronaut: Picture) -> None:
        away = []
        for passes in (1, 2):
            mesher = FaceMesh(MeshConfig(passes=passes))
            mesher.setup(models)
            poor = np.add(FACE, [14, -14, 10, 10])
            away.append(np.abs(points_of(label(mesher, astronaut)) - points_of(label(mesher, astronaut, poor))).mean())
        assert away[1] < 0.75 * away[0]

    def test_points_outside_the_picture_are_not_visible(self, mesher: FaceMesh, astronaut: Picture) -> None:
        cut = np.ascontiguousarray(astronaut[:, 215:])
        row = label(mesher, cut, FACE - [215, 0, 0, 0], FIVE - [215, 0])
        points, visible = points_of(row), np.array(row[labels.VISIBLE_68.name])
        assert (points[:, 0] < 0).any()
        assert not visible[points[:, 0] < 0].any()
        assert visible[points[:, 0] > 5].all()
        assert row[labels.IN_FRAME.name] == pytest.approx(inside(mesh_of(row), 512, 297).mean())
        assert 0.4 < row[labels.IN_FRAME.name] < 0.9

    @pytest.mark.parametrize("side", [80, 160])
    def test_small_faces_keep_their_shape(self, side: int, mesher: FaceMesh, astronaut: Picture) -> None:
        by = side / 512
        small = np.asarray(cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        plain = points_of(label(mesher, astronaut))
        away = np.linalg.norm(points_of(label(mesher, small, FACE * by, FIVE * by)) / by - plain, axis=1).mean()
        assert away < 0.15 * eye_distance(plain)

    def test_no_face_is_not_applicable(self, mesher: FaceMesh) -> None:
        row = label(mesher, np.full((300, 400, 3), 128, np.uint8))
        assert row[labels.STATUS.name] == Status.NOT_APPLICABLE
        assert "presence" in row[labels.ERROR.name]
        assert row[labels.MESH.name] is None


class TestGeometry:
    def test_triangles_are_those_of_the_canonical_face(self) -> None:
        assert triangles().shape == (898, 3)
        assert set(triangles().ravel()) == set(range(468))

    def test_normals_point_out_of_the_face(self, mesher: FaceMesh, astronaut: Picture) -> None:
        mesh = mesh_of(label(mesher, astronaut))
        out = normals(mesh)
        np.testing.assert_allclose(np.linalg.norm(out[:468], axis=1), 1, atol=1e-9)
        assert out[1, 2] < -0.7, "the nose tip faces the camera"
        assert out[127, 0] < 0 < out[356, 0], "the temples face the sides"
        back_to_front = normals(mesh * [1, 1, -1] * [-1, 1, 1])
        np.testing.assert_allclose(back_to_front, out * [-1, 1, -1], atol=1e-9)

    def test_mesh_crop_levels_the_eyes_and_holds_the_mesh(self, mesher: FaceMesh, astronaut: Picture) -> None:
        turn = cv2.getRotationMatrix2D((223, 120), 25, 1)
        turned = np.asarray(cv2.warpAffine(astronaut, turn, (512, 512)), np.uint8)
        mesh = mesh_of(label(mesher, turned, five=FIVE @ turn[:, :2].T + turn[:, 2]))
        matrix = mesh_square(mesh, 100, 1.0)
        cut = mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        assert cut[33, 1] == pytest.approx(cut[263, 1], abs=1e-6)
        assert (cut.max(0) - cut.min(0)).max() == pytest.approx(100)
        assert (cut.min(0) > -1e-6).all()
        assert (cut.max(0) < 100 + 1e-6).all()
        np.testing.assert_allclose((cut.max(0) + cut.min(0)) / 2, 50)
        np.testing.assert_array_equal(MeshCrop(100, 1.0).matrix({labels.MESH: mesh}), matrix)

    def test_equal_specs_are_one(self) -> None:
        assert len({MeshCrop(64, 1.0), MeshCrop(64, 1.0), MeshCrop(64, 1.2)}) == 2
        assert set(MeshCrop.requires) == {labels.MESH}
        assert set(DetectionCrop.requires) == {*faces.BOX, faces.POINTS_5}


@pytest.mark.data
def test_labelled_photos(mesher: FaceMesh, models: ModelStore, shared_data: Path) -> None:
    """Error against 68 points set by people, in per cent of the outer-eye distance; one photo is small and blurred."""
    finder = YuNet()
    finder.setup(models)
    with (shared_data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["task"] == "landmarks68"]
    errors = {}
    for row in rows:
        truth = np.array(json.loads(row["label_json"])["points"])
        with Image.open(shared_data / "photos" / row["file"]) as picture:
            image = np.asarray(picture.convert("RGB"))
        found = finder.detect(image)
        points = [points_of(label(mesher, image, b, f)) for b, f in zip(found.boxes, found.points, strict=True)]
        away = min(np.linalg.norm(p - truth, axis=1)[17:].mean() for p in points)
        errors[Path(row["file"]).stem] = 100 * away / eye_distance(truth)
    assert errors.keys() == {"einstein", "takeo"}
    assert errors["takeo"] < 5
    assert errors["einstein"] < 10
