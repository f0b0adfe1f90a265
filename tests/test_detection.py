"""Detectors on real faces with known counts, sizes, turns; the second opinion; boxes and their overlaps."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageOps

from annotators import yunet
from annotators.base import Detections, Detector, FaceBatch
from annotators.blazeface import BlazeFace
from annotators.boxes import covered, iou, suppress
from annotators.second_opinion import SecondOpinion
from annotators.weights import ModelStore
from annotators.yunet import YuNet, YunetConfig
from schemas.columns import faces, labels

Picture = NDArray[np.uint8]
FACE = (178.0, 63.0, 90.0, 113.0)
"""The astronaut's face in scikit-image's picture, x, y, width, height."""


@pytest.fixture(scope="module")
def finder(models: ModelStore) -> YuNet:
    detector = YuNet()
    detector.setup(models)
    return detector


@pytest.fixture(scope="module")
def second(models: ModelStore) -> SecondOpinion:
    annotator = SecondOpinion()
    annotator.setup(models)
    return annotator


@pytest.fixture(scope="module")
def astronaut() -> Picture:
    return np.asarray(pytest.importorskip("skimage.data").astronaut(), np.uint8)


def photos(shared_data: Path, task: str) -> Iterator[tuple[str, dict[str, Any], Picture]]:
    with (shared_data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["task"] == task]
    for row in rows:
        with Image.open(shared_data / "photos" / row["file"]) as picture:
            upright = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        yield row["file"], json.loads(row["label_json"]), upright


def opinions(second: SecondOpinion, image: Picture, found: Detections) -> list[dict[str, Any]]:
    rows = [
        {
            faces.FACE_ID.name: str(i),
            faces.IMAGE_ID.name: "image",
            **{c.name: float(v) for c, v in zip(faces.BOX, found.boxes[i], strict=True)},
            faces.POINTS_5.name: found.points[i].reshape(-1).tolist(),
        }
        for i in range(len(found))
    ]
    used = [faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.POINTS_5]
    table = pa.Table.from_pylist(rows, schema=pa.schema([c.field for c in used]))
    return list(second.annotate(FaceBatch(table, {"image": image})).to_pylist())


def resized(image: Picture, side: int) -> Picture:
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


class TestKnownFace:
    def test_box_and_points(self, finder: YuNet, astronaut: Picture) -> None:
        found = finder.detect(astronaut)
        assert len(found) == 1
        assert iou(found.boxes, np.array([FACE]))[0, 0] > 0.9
        right_eye, left_eye, nose, right_mouth, left_mouth = found.points[0]
        expected = [[201, 102], [247, 103], [221, 126], [200, 143], [240, 144]]
        assert np.abs(found.points[0] - expected).max() < 4
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]

    @pytest.mark.parametrize("side", [24, 32, 48, 100, 191, 192, 640, 1500, 4000])
    def test_any_resolution(self, side: int, finder: YuNet, astronaut: Picture) -> None:
        found = finder.detect(resized(astronaut, side))
        assert len(found) == 1
        assert iou(found.boxes * 512 / side, np.array([FACE]))[0, 0] > 0.7

    @pytest.mark.parametrize("quarter", [1, 2, 3])
    def test_turned_pictures_give_turned_points(self, quarter: int, finder: YuNet, astronaut: Picture) -> None:
        found = finder.detect(np.ascontiguousarray(np.rot90(astronaut, quarter)))
        assert len(found) == 1
        back = yunet._turned_back(found, quarter, 512, 512)
        upright = finder.detect(astronaut)
        np.testing.assert_allclose(back.boxes, upright.boxes, atol=0.01)
        np.testing.assert_allclose(back.points, upright.points, atol=0.01)

    def test_turning_can_be_switched_off(self, models: ModelStore, astronaut: Picture) -> None:
        plain = YuNet(YunetConfig(turned=False))
        plain.setup(models)
        right_eye, left_eye = plain.detect(np.ascontiguousarray(astronaut[::-1, ::-1])).points[0, :2]
        assert right_eye[0] < left_eye[0], "upside down is read as upright, which is why turning is on"

    def test_the_mirrored_picture_gives_the_mirrored_face(self, finder: YuNet, astronaut: Picture) -> None:
        plain, mirrored = finder.detect(astronaut), finder.detect(np.ascontiguousarray(astronaut[:, ::-1]))
        points = mirrored.points[0][[1, 0, 2, 4, 3]] * [-1, 1] + [512, 0]
        away = np.linalg.norm(points - plain.points[0], axis=1)
        assert away[:2].max() < 2
        assert away.max() < 8

    def test_a_face_cut_by_the_border(self, finder: YuNet, astronaut: Picture) -> None:
        assert len(finder.detect(np.ascontiguousarray(astronaut[:, 215:]))) == 1

    def test_many_small_faces_in_a_large_photo(self, finder: YuNet, astronaut: Picture) -> None:
        small = np.asarray(cv2.resize(astronaut[20:220, 120:320], (60, 60), interpolation=cv2.INTER_AREA))
        crowd = np.full((1500, 2400, 3), 120, np.uint8)
        places = [(x, y) for x in range(30, 2300, 190) for y in range(30, 1400, 190)]
        for x, y in places:
            crowd[y : y + 60, x : x + 60] = small
        found = finder.detect(crowd)
        centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
        nearest = [np.linalg.norm(centres - [x + 31, y + 30], axis=1).min() for x, y in places]
        assert np.mean(np.array(nearest) < 8) > 0.98
        assert len(found) == sum(np.array(nearest) < 8)


@pytest.mark.data
class TestSharedPhotos:
    def test_exact_counts(self, finder: YuNet, shared_data: Path) -> None:
        counts = [(f, known, len(finder.detect(image))) for f, known, image in photos(shared_data, "face_count")]
        exact = {f: (known["exact"], n) for f, known, n in counts if known["exact"]}
        assert len(exact) >= 5
        for file, (truth, number) in exact.items():
            assert number == truth, file
        tiled = [(known["tiles"], n) for _, known, n in counts if not known["exact"]]
        assert sum(min(pair) for pair in tiled) >= 0.95 * sum(truth for truth, _ in tiled)

    def test_nothing_unflagged_where_there_is_no_face(
        self, finder: YuNet, second: SecondOpinion, shared_data: Path
    ) -> None:
        seen = 0
        for file, _, image in photos(shared_data, "non_face"):
            seen += 1
            found = finder.detect(image)
            assert all(row[labels.FACE_DOUBTFUL.name] for row in opinions(second, image, found)), file
        assert seen == 10

    def test_fairface(self, finder: YuNet, second: SecondOpinion, shared_data: Path) -> None:
        rows = pq.read_table(shared_data / "fairface" / "part-001.parquet", columns=["image"]).to_pylist()[::6]
        images = [cv2.cvtColor(cv2.imdecode(np.frombuffer(r["image"], np.uint8), 1), cv2.COLOR_BGR2RGB) for r in rows]
        found = [(image, finder.detect(image)) for image in images]
        assert len(found) > 300
        assert np.mean([len(each) > 0 for _, each in found]) >= 0.99
        flags = [opinions(second, image, each)[0][labels.FACE_DOUBTFUL.name] for image, each in found if len(each)]
        assert np.mean(flags) < 0.05

    @pytest.mark.parametrize(("angle", "file"), [(15, "rot15"), (45, "rot45"), (90, "rot90"), (180, "rot180")])
    def test_turned_photos(self, angle: int, file: str, finder: YuNet, shared_data: Path) -> None:
        with Image.open(shared_data / "photos" / "derived" / f"{file}.jpg") as picture:
            found = finder.detect(np.asarray(picture.convert("RGB")))
        assert len(found) == 1
        if angle in (90, 180):
            x, y = found.points[0, 1] - found.points[0, 0]
            assert abs((np.degrees(np.arctan2(y, x)) + angle + 180) % 360 - 180) < 10

    def test_a_photo_of_8000_pixels(self, finder: YuNet, shared_data: Path) -> None:
        with Image.open(shared_data / "photos" / "derived" / "huge_8000.jpg") as picture:
            found = finder.detect(np.asarray(picture.convert("RGB")))
        assert len(found) == 1
        assert iou(found.boxes * 512 / 8000, np.array([FACE]))[0, 0] > 0.8


class TestSecondOpinion:
    def test_agrees_on_a_face(self, second: SecondOpinion, finder: YuNet, astronaut: Picture) -> None:
        for image in (astronaut, np.ascontiguousarray(np.rot90(astronaut))):
            (row,) = opinions(second, image, finder.detect(image))
            assert row[labels.SECOND_SCORE.name] > 0.8
            assert row[labels.SECOND_IOU.name] > 0.5
            assert row[labels.FACE_DOUBTFUL.name] is False

    def test_doubts_what_is_no_face(self, second: SecondOpinion, astronaut: Picture) -> None:
        cat = np.asarray(pytest.importorskip("skimage.data").chelsea(), np.uint8)
        points = np.array([[[170, 110], [245, 125], [190, 175], [170, 200], [220, 205]]], np.float32)
        one = np.ones(1, np.float32)
        for image, box in ((cat, [110, 30, 190, 220]), (astronaut, [330, 20, 100, 120])):
            (row,) = opinions(second, image, Detections(np.array([box], np.float32), points, one))
            assert row[labels.FACE_DOUBTFUL.name] is True
            assert row[labels.SECOND_SCORE.name] < 0.3


def test_blazeface_agrees_with_yunet(models: ModelStore, finder: YuNet, astronaut: Picture) -> None:
    other: Detector = BlazeFace()
    other.setup(models)
    wide = np.ascontiguousarray(np.hstack([astronaut[:300], np.zeros((300, 200, 3), np.uint8)]))
    a, b = other.detect(wide), finder.detect(wide)
    assert len(a) == len(b) == 1
    assert iou(a.boxes, b.boxes)[0, 0] > 0.6
    assert np.linalg.norm(a.points - b.points, axis=2).max() < 10


box = st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 60), st.floats(1, 60))
boxes = st.lists(box, max_size=12).map(lambda rows: np.array(rows, np.float64).reshape(-1, 4))


class TestBoxes:
    def test_known_overlaps(self) -> None:
        a, b = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 10, 10], [20, 20, 5, 5], [2, 2, 4, 4]])
        np.testing.assert_allclose(iou(a, b), [[1 / 3, 0, 0.16]])
        np.testing.assert_allclose(covered(a, b), [[0.5, 0, 1]])

    @given(boxes, boxes)
    def test_overlap_is_a_share_and_symmetric(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
        shares = iou(a, b)
        assert shares.shape == (len(a), len(b))
        assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()
        np.testing.assert_allclose(shares, iou(b, a).T)
        assert (covered(a, b) >= shares - 1e-9).all()

    @given(boxes, st.data())
    def test_suppression_leaves_no_overlap_and_loses_no_lone_box(
        self, every: NDArray[np.float64], data: st.DataObject
    ) -> None:
        scores = data.draw(hnp.arrays(np.float64, len(every), elements=st.sampled_from([0.6, 0.7, 0.9])))
        kept = suppress(every, scores, 0.3)
        assert (np.diff(scores[kept]) <= 0).all()
        overlaps = iou(every[kept], every[kept])
        assert (overlaps[~np.eye(len(kept), dtype=bool)] <= 0.3).all()
        for i in set(range(len(every))) - set(kept.tolist()):
            assert iou(every[i : i + 1], every[kept]).max() > 0.3


@given(st.integers(1, 3), st.integers(2, 40), st.integers(2, 40), st.data())
def test_turning_back_undoes_numpy(quarter: int, width: int, height: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    picture = np.zeros((height, width), np.uint8)
    picture[y, x] = 1
    row, column = np.argwhere(np.rot90(picture, quarter))[0]
    pixel = Detections(
        np.array([[column, row, 1, 1]], np.float32),
        np.full((1, 5, 2), [column + 0.5, row + 0.5], np.float32),
        np.ones(1, np.float32),
    )
    back = yunet._turned_back(pixel, quarter, width, height)
    np.testing.assert_array_equal(back.boxes, [[x, y, 1, 1]])
    np.testing.assert_array_equal(back.points[0, 0], [x + 0.5, y + 0.5])


def test_tiles_cover_the_picture_and_overlap() -> None:
    def covers(width: int, height: int) -> bool:
        return all(
            any(x <= px < x + yunet.TILE and y <= py < y + yunet.TILE for x, y in yunet._tiles(width, height))
            for px in range(0, width, 37)
            for py in range(0, height, 37)
        )

    assert all(covers(w, h) for w, h in ((640, 480), (1280, 1280), (1281, 900), (2560, 2560), (2560, 100)))
    assert len(list(yunet._tiles(1280, 1280))) == 1
