"""Swapped parts: each mask lies on its part, pixels change inside masks only, the part is the partner's."""

from __future__ import annotations

import numpy as np
import pytest

from annotators.canonical_face import COUNT, fit_pose
from annotators.weights import ModelStore
from curate.generators.base import Made, Request
from curate.generators.part_swap import GROUPS, PartSwap, PartSwapConfig, placed
from curate.generators.promise import Identity
from curate.generators.subject import Subject
from schemas import UnknownNameError
from tests.generator_samples import astronaut, subjects

ON_PART = {"brows": (105, 334), "eyes": (159, 386, 145, 374), "nose": (4, 2), "mouth": (13, 14, 61, 291)}
OFF_PART = {"brows": (4, 13, 152), "eyes": (4, 13, 10), "nose": (159, 386, 17), "mouth": (4, 159, 10)}


@pytest.fixture(scope="module")
def faces(models: ModelStore) -> tuple[Subject, Subject]:
    mirrored = (astronaut()[:, ::-1] * 0.7).astype(np.uint8)
    one, two = subjects([astronaut(), mirrored], models)
    return one, two


def swap(faces: tuple[Subject, Subject], parts: str) -> Made:
    worker, request = PartSwap(PartSwapConfig(parts=parts)), Request(*faces)
    worker.preflight(worker.config)
    (made,) = worker.make(request, worker.draw(request, np.random.default_rng(0)))
    return made


@pytest.mark.models
@pytest.mark.parametrize("part", GROUPS)
def test_a_part_changes_and_nothing_outside_its_mask(part: str, faces: tuple[Subject, Subject]) -> None:
    made, subject = swap(faces, part), faces[0]
    assert made.changed is not None and made.promise.identity is Identity.OPEN
    outside = made.changed == 0
    assert np.array_equal(made.pixels[outside], subject.pixels[outside])
    assert not np.array_equal(made.pixels, subject.pixels)
    mesh = subject.need_mesh()
    places = {n: made.changed[int(mesh[n, 1]), int(mesh[n, 0])] for n in (*ON_PART[part], *OFF_PART[part])}
    assert all(places[n] for n in ON_PART[part]) and not any(places[n] for n in OFF_PART[part])
    assert made.note["areas"] == {part: pytest.approx(float((made.changed > 0).mean()), abs=2e-3)}
    assert 0.001 < made.note["areas"][part] < 0.1


@pytest.mark.models
def test_several_parts_are_the_union_of_their_masks(faces: tuple[Subject, Subject]) -> None:
    eyes, mouth, both = (swap(faces, parts) for parts in ("eyes", "mouth", "eyes,mouth"))
    assert eyes.changed is not None and mouth.changed is not None
    assert np.array_equal(both.changed, eyes.changed | mouth.changed)
    assert set(both.note["areas"]) == {"eyes", "mouth"}


@pytest.mark.models
def test_the_part_has_the_partners_shape_at_the_subjects_place(faces: tuple[Subject, Subject]) -> None:
    one, two = faces
    pose, other = fit_pose(one.need_mesh()), fit_pose(two.need_mesh())
    ((_, goal),) = placed(one, two, pose, other, "mouth", 1.0)
    wanted = other.to_head(two.need_mesh()[:COUNT])
    lips = [61, 0, 291, 17]
    shape = pose.to_head(goal)[lips]
    assert np.allclose(shape - shape.mean(0), wanted[lips] - wanted[lips].mean(0), atol=1e-6)
    own = pose.to_head(one.need_mesh()[:COUNT])
    assert np.linalg.norm(shape.mean(0) - own[lips].mean(0)) < 0.3
    assert np.allclose(goal[[10, 33, 263]], one.need_mesh()[[10, 33, 263]])


def test_unknown_parts_are_named() -> None:
    with pytest.raises(UnknownNameError):
        PartSwap.preflight(PartSwapConfig(parts="eyes,ears"))


@pytest.mark.models
def test_open_parts_are_drawn(faces: tuple[Subject, Subject]) -> None:
    drawn = [PartSwap().draw(Request(*faces), np.random.default_rng(seed))["parts"] for seed in range(12)]
    assert all(1 <= len(d) <= 2 and set(d) <= set(GROUPS) for d in drawn)
    assert len({tuple(d) for d in drawn}) > 3
