"""Swapped faces: the partner is recognised, the subject's pose and all pixels outside the mask stay."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotators.canonical_face import COUNT, Pose, fit_pose, rotation_of
from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.face_swap import FaceSwap, FaceSwapConfig, blended, goal_mesh, matched
from curate.generators.promise import Identity, same_person
from curate.generators.subject import Subject
from schemas import UsageError
from schemas.columns import labels
from schemas.landmarks import layout
from tests.generator_samples import adult_pictures, astronaut, measured, subjects

READ = ("mesh", "head_pose", "identity")


def swap(subject: Subject, partner: Subject, shape: float = 0.8) -> Made:
    worker, request = FaceSwap(FaceSwapConfig(shape=shape)), Request(subject, partner)
    (made,) = worker.make(request, worker.draw(request, np.random.default_rng(0)))
    return made


@pytest.fixture(scope="module")
def faces(models: ModelStore) -> tuple[Subject, Subject]:
    """The same face in two pictures: upright and bright, mirrored and darker."""
    mirrored = (astronaut()[:, ::-1] * 0.7).astype(np.uint8)
    one, two = subjects([astronaut(), mirrored], models, READ)
    return one, two


@pytest.fixture(scope="module")
def adults(models: ModelStore, shared_data: Path) -> list[Subject]:
    found = subjects(adult_pictures(shared_data, 24), models, READ)
    return [s for s in found if abs(s.labels[labels.YAW.name]) < 25]


def pairs(adults: list[Subject]) -> list[tuple[Subject, Subject, Made]]:
    found = []
    for subject, partner in itertools.pairwise(adults):
        try:
            found.append((subject, partner, swap(subject, partner)))
        except CannotGenerate:
            continue
    return found


@pytest.mark.models
@pytest.mark.data
def test_the_partner_is_recognised_on_the_subjects_head(adults: list[Subject], models: ModelStore) -> None:
    made = pairs(adults)
    assert len(made) >= 5
    rows = measured([m.pixels for _, _, m in made], models, READ)
    nearer, still = [], []
    for (subject, partner, picture), row in zip(made, rows, strict=True):
        new, name = row[labels.EMBEDDING.name], labels.EMBEDDING.name
        to_partner, to_subject = (same_person(new, s.labels[name]) for s in (partner, subject))
        assert to_partner is not None and to_subject is not None
        nearer.append(to_partner > to_subject)
        still.append(all(c.held(subject.labels, row) for c in picture.promise.changes))
        assert picture.promise.identity is Identity.PARTNER
        assert picture.changed is not None
        outside = picture.changed == 0
        assert outside.any() and np.array_equal(picture.pixels[outside], subject.pixels[outside])
    assert np.mean(nearer) >= 0.8 and np.mean(still) >= 0.8


@pytest.mark.models
def test_a_face_on_its_own_head_stays_nearly_as_it_is(faces: tuple[Subject, Subject]) -> None:
    made = swap(faces[0], faces[0])
    assert np.abs(made.pixels.astype(int) - faces[0].pixels).mean() < 1.0
    assert made.note["area"] == pytest.approx(float((made.changed > 0).mean()))  # type: ignore[operator]


@pytest.mark.models
def test_the_outline_is_the_subjects_and_the_middle_the_partners(faces: tuple[Subject, Subject]) -> None:
    one, two = faces
    pose, other = fit_pose(one.need_mesh()), fit_pose(two.need_mesh())
    goal = goal_mesh(one, two, pose, other, 1.0)
    oval = list(layout("points-478").group("oval"))
    assert np.allclose(goal[oval], one.need_mesh()[oval])
    wanted = pose.to_image(other.to_head(two.need_mesh()[:COUNT]))
    assert np.allclose(goal[[4, 13, 133]], wanted[[4, 13, 133]])
    assert np.allclose(goal_mesh(one, two, pose, other, 0.0), one.need_mesh()[:COUNT])


def test_colours_are_matched_within_the_mask() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0, 12, (64, 64, 1))
    face = np.clip(np.array([150, 120, 100]) + base, 0, 255).astype(np.uint8)
    goal = np.clip(np.array([120, 90, 75]) + base[::-1], 0, 255).astype(np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    inside = mask > 0
    assert np.abs(matched(face, goal, mask)[inside].mean(0) - goal[inside].mean(0)).max() < 4
    assert np.array_equal(matched(face, goal, np.zeros_like(mask)), face)


def test_blending_keeps_the_mask_and_what_is_outside() -> None:
    picture = np.full((96, 96, 3), 120, np.uint8)
    face = np.full((96, 96, 3), 160, np.uint8)
    face[44:52, 44:52] = 90
    mask = np.zeros((96, 96), np.uint8)
    mask[24:72, 24:72] = 255
    kept = mask.copy()
    result = blended(picture, face, mask, 6.0)
    assert np.array_equal(mask, kept)
    assert np.array_equal(result[mask == 0], picture[mask == 0])
    edge = np.abs(result[48, 24:28].astype(int) - 120).max()
    assert edge < 12, "no step at the edge"
    assert result[48, 48].mean() < result[40, 40].mean() - 40, "the face's own gradients stay"
    with pytest.raises(CannotGenerate):
        blended(picture, face, np.zeros_like(mask), 6.0)


@pytest.mark.models
def test_heads_that_do_not_fit_are_refused(faces: tuple[Subject, Subject]) -> None:
    one, two = faces
    pose = fit_pose(two.need_mesh())
    head = pose.to_head(two.need_mesh()[:COUNT])
    turned = Pose(rotation_of(30, 0, 0), pose.scale, pose.offset).to_image(head)
    points = np.stack([turned[list(p), :2].mean(0) for p in ((33, 133), (263, 362), (4,), (61,), (291,))])
    mesh = np.vstack([turned, two.need_mesh()[COUNT:]])
    with pytest.raises(CannotGenerate, match="differs"):
        swap(one, replace(two, mesh=mesh, points=points))
    dark = replace(two, pixels=(two.pixels * 0.25).astype(np.uint8))
    with pytest.raises(CannotGenerate, match="lightness"):
        swap(one, dark)
    with pytest.raises(CannotGenerate, match="second face"):
        FaceSwap().draw(Request(one), np.random.default_rng(0))


def test_a_share_must_be_one() -> None:
    with pytest.raises(UsageError):
        FaceSwap.preflight(FaceSwapConfig(shape=1.5))
