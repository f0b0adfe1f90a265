"""Composites of one half: mirror-symmetric to the bit, from faces that are turned a little, not from profiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotators.canonical_face import Pose, angles, fit_pose, rotation_of
from annotators.crops import Pixels
from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate, Request
from curate.generators.mirrored_halves import SIDES, MirroredHalves, MirroredHalvesConfig, turned_to_front
from curate.generators.subject import Subject
from schemas import UnknownNameError
from schemas.columns import labels
from schemas.landmarks import layout
from tests.generator_samples import astronaut, measured, subjects


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    import cv2

    turn = cv2.getRotationMatrix2D((220, 110), 14, 1.0)
    tilted = cv2.warpAffine(astronaut(), turn, (512, 512), borderMode=cv2.BORDER_REFLECT_101)
    (found,) = subjects([np.asarray(tilted, np.uint8)], models, ("mesh", "head_pose", "identity", "shape"))
    return found


def composite(face: Subject, side: str) -> Pixels:
    worker = MirroredHalves(MirroredHalvesConfig(side=side))
    (made,) = worker.make(Request(face), worker.draw(Request(face), np.random.default_rng(0)))
    return made.pixels


@pytest.mark.models
def test_a_composite_is_its_own_mirror_image_and_the_two_differ(face: Subject) -> None:
    right, left = (composite(face, side) for side in ("right", "left"))
    for picture in (right, left):
        assert np.abs(picture.astype(int) - picture[:, ::-1]).max() <= 1
    assert np.abs(right.astype(int) - left).mean() > 3


@pytest.mark.models
def test_a_tilted_face_is_set_upright_and_each_half_is_its_own(face: Subject, models: ModelStore) -> None:
    frontal = turned_to_front(face)
    side = frontal.shape[0]
    assert np.array_equal(composite(face, "right")[:, : side // 2 - 4], frontal[:, : side // 2 - 4])
    assert np.array_equal(composite(face, "left")[:, side // 2 + 4 :], frontal[:, side // 2 + 4 :])
    (row,) = measured([frontal], models, ("mesh", "head_pose"))
    yaw, roll = (abs(row[c.name]) for c in (labels.YAW, labels.ROLL))
    assert yaw < 3 and roll < 2, (yaw, roll)
    mesh = np.asarray(row[labels.MESH.name]).reshape(-1, 3)
    pairs = np.asarray(layout("points-478").mirror)
    assert mesh[pairs == np.arange(478), 0].mean() == pytest.approx(side / 2, abs=0.01 * side)


@pytest.mark.models
def test_the_verifier_sees_the_symmetry(face: Subject, models: ModelStore) -> None:
    names = ("mesh", "head_pose", "shape")
    worker = MirroredHalves(MirroredHalvesConfig(side="right"))
    (made,) = worker.make(Request(face), {"side": "right"})
    before, after = measured([face.pixels, made.pixels], models, names)
    assert made.promise.changes and all(c.held(before, after) for c in made.promise.changes)


@pytest.mark.models
def test_heads_turned_too_far_are_refused(face: Subject) -> None:
    pose = fit_pose(face.need_mesh())
    points = pose.to_head(face.need_mesh())
    turned = Pose(rotation_of(30.0, 0.0, 0.0), pose.scale, pose.offset).to_image(points)
    parts = layout("points-478")
    eyes = [turned[list(parts.group(n)), :2].mean(0) for n in ("right_eye", "left_eye")]
    five = np.array([*eyes, turned[4, :2], turned[61, :2], turned[291, :2]])
    assert angles(fit_pose(turned).rotation)[0] == pytest.approx(30, abs=0.5)
    with pytest.raises(CannotGenerate, match="turned"):
        MirroredHalves().draw(Request(replace(face, mesh=turned, points=five)), np.random.default_rng(0))


def test_an_unknown_side_is_refused() -> None:
    assert SIDES == ("left", "right")
    with pytest.raises(UnknownNameError):
        MirroredHalves.preflight(MirroredHalvesConfig(side="top"))
