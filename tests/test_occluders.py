"""Occluders: drawn where they say, seen by the annotator that looks for them, and refused where they cannot be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from annotators.canonical_face import canonical_face
from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.occluder_eyewear import FORMS, fitted_frame
from curate.generators.occluder_hand_shape import KNUCKLES, drawn_hand, fingers
from curate.generators.occluder_head import AXIS, Head, head, radius_map, smooth_envelope
from curate.generators.occluder_render import bumped, draw_sheet, inflated
from curate.generators.occluders import KINDS, Occlude, OccludeConfig
from curate.generators.subject import Subject
from schemas import UnknownNameError
from schemas.columns import labels
from tests.generator_samples import astronaut, measured, subjects

SIDE = 320


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()[0:270, 70:340]], models, ("mesh", "covers", "identity"), side=SIDE)
    return found


@pytest.fixture(scope="module")
def its_head(face: Subject) -> Head:
    return head(face)


def made(face: Subject, kind: str, form: str = "", seed: int = 2) -> Made:
    worker = Occlude(OccludeConfig(kind=kind, form=form))
    (picture,) = worker.make(Request(face), worker.draw(Request(face), np.random.default_rng(seed)))
    return picture


@pytest.mark.models
@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_holds_all_that_differs_and_says_how_much(kind: str, face: Subject) -> None:
    picture = made(face, kind)
    assert picture.changed is not None
    differs = (picture.pixels != face.pixels).any(-1)
    assert differs.any() and not (differs & (picture.changed == 0)).any()
    assert picture.note["drawn_share"] == float((picture.changed > 127).mean()) > 0.002


@pytest.mark.models
def test_the_annotator_sees_what_was_put_on(face: Subject, models: ModelStore) -> None:
    kinds = ("mask", "glasses", "sunglasses", "scarf")
    forms = {"mask": "surgical", "glasses": "wayfarer", "sunglasses": "aviator", "scarf": "nose"}
    pictures = [made(face, kind, forms[kind]) for kind in kinds]
    before, *after = measured([face.pixels, *(p.pixels for p in pictures)], models, ("mesh", "covers"))
    for kind, picture, row in zip(kinds, pictures, after, strict=True):
        assert picture.promise.changes
        assert all(change.held(before, row) for change in picture.promise.changes), kind


@pytest.mark.models
def test_emotion_is_inherited_under_a_mask_but_what_is_worn_is_not(face: Subject) -> None:
    keeps = made(face, "mask").promise.keeps
    assert labels.PERCEIVED_EMOTION in keeps and labels.MASK_WORN not in keeps
    assert labels.EYEWEAR not in made(face, "glasses").promise.keeps


@pytest.mark.models
def test_glasses_sit_around_the_eyes_and_mirror_each_other(face: Subject, its_head: Head) -> None:
    for form in FORMS:
        frame = fitted_frame(its_head, form)
        right, left = (frame.outline(k) for k in (0, 1))
        middle = frame.centres[:, 0].mean()
        assert np.allclose(2 * middle - right[:, 0], left[:, 0]) and np.allclose(right[:, 1], left[:, 1])
        assert right[:, 0].max() < middle < left[:, 0].min()
        for which, eye in ((right, (33, 133)), (left, (263, 362))):
            x, y = its_head.points[list(eye), :2].mean(0)
            assert which[:, 0].min() < x < which[:, 0].max() and which[:, 1].min() < y < which[:, 1].max()


@pytest.mark.models
def test_the_head_is_put_back_where_it_was(face: Subject, its_head: Head) -> None:
    assert np.allclose(its_head.to_image(its_head.points), face.need_mesh()[:468], atol=1e-6)
    nose = its_head.points[4]
    found = its_head.around(np.zeros(1), nose[1:2], its_head.radius(np.zeros(1), nose[1:2]))[0]
    assert np.abs(found - nose).max() < 0.6


def test_distances_of_the_average_head_and_cloth_over_it() -> None:
    points = canonical_face().points
    radii = radius_map(points)
    row, column = round((16 - points[4, 1]) * 5), 120
    assert radii[row, column] == pytest.approx(points[4, 2] - AXIS, abs=0.3)
    assert np.abs(radii - radii[:, ::-1]).max() < 0.35
    cloth = smooth_envelope(radii, 5.0, 1.1)
    face = slice((16 - 3) * 5, (16 + 8) * 5)
    assert (cloth - radii)[face, 80:161].min() > -0.25, "cloth lies on the face, not in it"
    assert np.abs(np.diff(cloth, 2, axis=0)).max() < np.abs(np.diff(radii, 2, axis=0)).max() / 3


def test_a_sheet_is_drawn_where_it_is_nearest_first_and_lit_from_its_normal() -> None:
    y, x = np.meshgrid(np.linspace(10, 50, 5), np.linspace(8, 40, 7), indexing="ij")
    drawn = draw_sheet(np.stack([x, y, np.zeros_like(x)], -1), 64)
    assert drawn.seen.sum() == pytest.approx(4 * 32 * 40, rel=0.06)
    assert np.allclose(drawn.normal[drawn.seen > 0], [0, 0, -1], atol=1e-5)
    assert drawn.u[60, 48] == pytest.approx((24.25 - 8) / 32, abs=0.01) and drawn.v[60, 48] == pytest.approx(
        0.506, abs=0.01
    )
    back = draw_sheet(np.stack([x[:, ::-1], y, np.zeros_like(x)], -1), 64)
    assert back.seen.sum() == 0


def test_a_tube_rises_to_its_middle() -> None:
    mask = np.zeros((40, 80), np.float32)
    mask[15:25] = 1
    height, normal = inflated(mask, 5.0)
    assert height[20, 40] == pytest.approx(5, abs=0.8) and height[5, 40] < 0.1
    assert normal[16, 40, 1] < -0.2 < 0.2 < normal[23, 40, 1]
    assert np.allclose(bumped(normal, np.zeros((40, 80))), normal, atol=1e-6)


def test_a_hand_has_five_fingers_of_its_lengths() -> None:
    joints = fingers(1.0, (0.0, 0.0, 0.0, 0.0))
    assert [round(float(np.linalg.norm(f[-1] - f[0])), 2) for f in joints] == [7.2, 8.0, 7.4, 5.9]
    y, x = np.meshgrid(np.linspace(8, -6, 281), np.linspace(-2, 19, 421), indexing="ij")
    hand = drawn_hand(x, y, 0.05, 1.2, (0.0, 0.0, 0.0, 0.0))
    across = hand.inside[:, int((14.2 + 2) / 0.05)] > 0.5
    assert int((np.diff(across.astype(int)) == 1).sum()) == 4, "four fingers beyond the thumb"
    assert hand.nail.sum() > 0 and hand.height[hand.inside > 0.5].min() >= -0.1
    assert len(KNUCKLES) == 4


@pytest.mark.models
def test_what_cannot_be_worn_is_refused(face: Subject) -> None:
    with_glasses = replace(face, labels={**face.labels, labels.EYEWEAR.name: "glasses", labels.MASK_WORN.name: True})
    for kind in ("glasses", "sunglasses", "mask"):
        with pytest.raises(CannotGenerate):
            Occlude(OccludeConfig(kind=kind)).draw(Request(with_glasses), np.random.default_rng(0))
    kinds = {Occlude().draw(Request(with_glasses), np.random.default_rng(s))["kind"] for s in range(12)}
    assert kinds <= {"hand", "hair", "scarf"} and len(kinds) > 1


@pytest.mark.models
def test_a_chosen_colour_and_form_are_used(face: Subject) -> None:
    worker = Occlude(OccludeConfig(kind="mask", form="ffp2", colour="#123456"))
    numbers = json.loads(json.dumps(worker.draw(Request(face), np.random.default_rng(0))))["numbers"]
    assert (numbers["form"], numbers["colour"], numbers["pattern"]) == ("ffp2", "#123456", "plain")


def test_bare_faces_are_aimed_at_cells_of_eyewear_and_masks() -> None:
    eyewear, mask, gender = labels.EYEWEAR.name, labels.MASK_WORN.name, labels.GENDER.name
    bare = {eyewear: "none", mask: False, gender: "Female"}
    aim = Occlude().aim
    assert aim(bare, {eyewear: "sunglasses", gender: "Female"}) == {"kind": "sunglasses"}
    assert aim(bare, {mask: "True"}) == {"kind": "mask"}
    assert aim(bare, {gender: "Female"}) == {}
    assert aim(bare, {gender: "Male", eyewear: "glasses"}) is None
    assert aim({**bare, eyewear: "glasses"}, {eyewear: "sunglasses"}) is None
    assert aim({**bare, eyewear: "glasses"}, {eyewear: "none"}) is None
    assert aim(bare, {eyewear: "glasses", mask: "True"}) is None


@pytest.mark.parametrize("config", [
    OccludeConfig(kind="beard"), OccludeConfig(kind="mask", form="aviator"), OccludeConfig(form="surgical"),
    OccludeConfig(kind="mask", colour="blue"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(config: OccludeConfig) -> None:
    with pytest.raises(UnknownNameError):
        Occlude.preflight(config)
