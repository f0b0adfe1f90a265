"""Quality: each part falls with its own fault and not with others; covered regions are told from dark ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.base import FaceBatch
from annotators.crops import Pixels
from annotators.occlusion import OcclusionModel, patch_features, patches, point_colours
from annotators.quality import Quality, fine_detail, nose_angle
from annotators.registry import annotator, detector
from annotators.scales import geometric_mean, ramp
from annotators.weights import ModelStore
from schemas import taxonomy
from schemas.columns import faces, labels
from schemas.landmarks import layout, opposite

unit = st.floats(0, 1)
Measure = Callable[[Pixels], dict[Any, Any]]


@given(st.lists(unit, min_size=3, max_size=3), st.integers(0, 2), unit)
def test_the_score_grows_with_every_part(parts: list[float], which: int, raised: float) -> None:
    better = list(parts)
    better[which] = max(parts[which], raised)
    weights = (0.5, 0.3, 0.2)
    assert geometric_mean(better, weights) >= geometric_mean(parts, weights) - 1e-12
    assert min(parts) - 1e-12 <= max(geometric_mean(parts, weights), 1e-3)
    assert 0 <= geometric_mean(parts, weights) <= max(*parts, 1e-3) + 1e-12


def test_a_part_that_is_not_known_takes_its_weight_along() -> None:
    assert geometric_mean([0.25, None, 0.25], (0.1, 0.8, 0.1)) == pytest.approx(0.25)


def test_ramps_go_both_ways() -> None:
    assert [ramp(x, (0, 2)) for x in (-1, 0, 1, 2, 3)] == [0, 0, 0.5, 1, 1]
    assert [ramp(x, (2, 0)) for x in (-1, 0, 1, 2, 3)] == [1, 1, 0.5, 0, 0]


def test_nose_angle_is_the_angle_between_two_directions() -> None:
    assert nose_angle(0, 0) == 0
    assert nose_angle(-30, 0) == pytest.approx(30)
    assert nose_angle(0, 40) == pytest.approx(40)
    assert nose_angle(90, 90) == pytest.approx(90)


@given(st.floats(0.3, 3), st.floats(1.2, 2))
def test_detail_falls_with_blur(sigma: float, more: float) -> None:
    noise = np.random.default_rng(0).normal(0, 1, (128, 128))
    shape, texture = cv2.GaussianBlur(noise, (0, 0), 15) * 1500, cv2.GaussianBlur(noise, (0, 0), 1) * 60
    mask = np.ones((128, 128), np.uint8)
    blurred = (cv2.GaussianBlur(128 + shape + texture, (0, 0), s) for s in (sigma, sigma * more))
    less, least = (fine_detail(b.clip(0, 255).round().astype(np.uint8), mask, 1.0) for b in blurred)
    assert least < less + 0.02


def test_patches_and_regions_are_mirror_images() -> None:
    mirror = layout("points-478").mirror
    for name, points in patches().items():
        if opposite(name) != name:
            assert {mirror[i] for i in points} == set(patches()[opposite(name)].tolist())
    model = OcclusionModel.default()
    assert model.regions == taxonomy("face-region").labels
    assert model.weights.shape == (len(patch_features(np.zeros((468, 4), np.float32))), len(model.regions))


@pytest.fixture(scope="module")
def measure(models: ModelStore) -> Measure:
    """Quality of the largest face of a picture, with the mesh under `labels.MESH`."""
    finder = detector("yunet")()
    labellers = [annotator(name)() for name in ("mesh", "head_pose", "quality")]
    for worker in (finder, *labellers):
        worker.setup(models)

    def run(image: Pixels) -> dict[Any, Any]:
        found = finder.detect(image)
        assert len(found), "no face is found in this picture"
        best = int(np.argmax(found.boxes[:, 2]))
        table = {faces.FACE_ID.name: ["p.0"], faces.IMAGE_ID.name: ["p"],
                 faces.POINTS_5.name: pa.array([found.points[best].ravel()], faces.POINTS_5.type)}  # fmt: skip
        table |= {c.name: pa.array([v], c.type) for c, v in zip(faces.BOX, found.boxes[best].tolist(), strict=True)}
        batch = FaceBatch(pa.table(table), {"p": image})
        for worker in labellers:
            record = worker.annotate(batch)
            assert record.column(labels.STATUS.name).to_pylist() == ["ok"], record.column(labels.ERROR.name)
            batch.add({c.name: record.column(c.name) for c in worker.provides})
        return {c: batch.value(0, c) for c in (*Quality.provides, labels.MESH)}

    return run


@cache
def photo(file: Path) -> Pixels:
    return cv2.cvtColor(cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.uint8)


@pytest.fixture(params=["skimage/astronaut.png", "face_recognition/biden.jpg"])
def picture(request: pytest.FixtureRequest, shared_data: Path) -> Iterator[Pixels]:
    image = photo(shared_data / "photos" / request.param)
    share = min(1.0, 900 / max(image.shape))
    yield np.asarray(cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)


def test_good_portraits_are_good(picture: Pixels, measure: Measure) -> None:
    found = measure(picture)
    assert found[labels.QUALITY_SCORE] > 0.7
    assert found[labels.SHARPNESS] > 0.6
    assert found[labels.EXPOSURE] > 0.9
    assert all(v > 0.5 for v in found[labels.REGION_VISIBLE].values())


def test_blur_lowers_sharpness_and_the_score(picture: Pixels, measure: Measure) -> None:
    steps = [measure(picture)] + [measure(cv2.GaussianBlur(picture, (0, 0), s)) for s in (1, 2, 3)]
    for column in (labels.SHARPNESS, labels.QUALITY_SCORE):
        values = [step[column] for step in steps]
        assert values == sorted(values, reverse=True)
        assert values[-1] < values[0] / 2


@pytest.mark.parametrize("gains", [(1, 0.4, 0.15), (1, 1.7, 2.5)])
def test_wrong_exposure_is_seen(picture: Pixels, measure: Measure, gains: tuple[float, ...]) -> None:
    steps = [measure(np.clip(picture * gain, 0, 255).astype(np.uint8)) for gain in gains]
    values = [step[labels.EXPOSURE] for step in steps]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] - 0.1


def test_shrinking_lowers_size_but_hardly_sharpness(picture: Pixels, measure: Measure) -> None:
    steps = [measure(cv2.resize(picture, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)) for s in (1, 0.6, 0.35)]
    size = [step[labels.SIZE] for step in steps]
    assert size == sorted(size, reverse=True)
    assert steps[-1][labels.INTER_OCULAR] == pytest.approx(0.35 * steps[0][labels.INTER_OCULAR], rel=0.1)
    assert min(step[labels.SHARPNESS] for step in steps) > 0.5


@pytest.mark.parametrize(("region", "colour"), [("mouth", (200, 220, 235)), ("left_eye", (10, 10, 10)),
                                                ("right_eye", (10, 10, 10)), ("nose", (60, 160, 60))])  # fmt: skip
def test_pasted_things_hide_their_region_only(
    picture: Pixels, measure: Measure, region: str, colour: tuple[int, int, int]
) -> None:
    before = measure(picture)
    groups = {"mouth": "outer_lip", "nose": "nose_base", "left_eye": "left_eye", "right_eye": "right_eye"}
    points = before[labels.MESH][list(layout("points-478").group(groups[region])), :2]
    size = before[labels.INTER_OCULAR]
    covered = picture.copy()
    axes = {"mouth": (0.6, 0.35), "nose": (0.35, 0.35)}.get(region, (0.32, 0.25))
    centre = np.round(points.mean(0) - (0, 0.2 * size if region == "nose" else 0)).astype(int).tolist()
    cv2.ellipse(covered, centre, [round(size * a) for a in axes], 0, 0, 360, colour, -1)
    seen = measure(covered)[labels.REGION_VISIBLE]
    assert seen[region] < 0.35
    assert before[labels.REGION_VISIBLE][region] > 0.5
    far = {"mouth": ("brows", "left_eye", "right_eye"), "nose": ("brows",)}.get(region, ("mouth", "chin"))
    assert all(seen[other] > 0.5 for other in far)


def test_a_face_cut_by_the_frame_is_less_visible(picture: Pixels, measure: Measure) -> None:
    whole = measure(picture)
    bottom = int(whole[labels.MESH][13, 1])
    cut = measure(picture[:bottom])
    assert cut[labels.REGION_VISIBLE]["chin"] < 0.3
    assert cut[labels.VISIBILITY] < whole[labels.VISIBILITY]
    assert cut[labels.REGION_VISIBLE]["left_eye"] > 0.5


def test_shared_degraded_copies_rank_below_the_original(shared_data: Path, measure: Measure) -> None:
    photos = shared_data / "photos"
    original = measure(photo(photos / "skimage/astronaut.png"))
    assert measure(photo(photos / "derived/blur3.jpg"))[labels.SHARPNESS] < original[labels.SHARPNESS] / 2
    for name in ("dark", "bright"):
        assert measure(photo(photos / f"derived/{name}.jpg"))[labels.EXPOSURE] < original[labels.EXPOSURE] / 2
    assert measure(photo(photos / "derived/tiny_64.png"))[labels.SIZE] < 0.2


def test_nothing_is_said_of_covers_where_nothing_can_be_seen(shared_data: Path, measure: Measure) -> None:
    for name in ("tiny_64.png", "dark.jpg", "bright.jpg"):
        found = measure(photo(shared_data / "photos" / "derived" / name))
        assert found[labels.REGION_VISIBLE] is None
        assert found[labels.VISIBILITY] is None
        assert found[labels.QUALITY_SCORE] < 0.6


def test_the_same_face_gives_the_same_bits_wherever_its_arrays_lie() -> None:
    rng = np.random.default_rng(4)
    pixels = cv2.GaussianBlur(rng.integers(0, 255, (128, 128, 3), dtype=np.uint8), (0, 0), 2)
    points = rng.uniform(0, 128, (478, 2))
    first = point_colours(pixels, points)
    held = []
    for i in range(200):
        held.append(np.empty(1000 + 37 * i, np.uint8))  # moves where the next arrays lie
        assert np.array_equal(point_colours(pixels.copy(), points), first)
