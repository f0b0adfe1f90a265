"""Hidden faces: nothing outside changes, nothing inside is left, and the check of re-identification counts right."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from annotators.weights import ModelStore
from curate.evaluation.quantiles import wilson
from curate.generators.base import Request
from curate.generators.deidentify import METHODS, Deidentify, DeidentifyConfig, hidden_area, pixelated
from curate.generators.promise import SAME_PERSON, Identity, same_person
from curate.generators.regions import regions
from curate.generators.reidentification import reidentification
from curate.generators.subject import Subject
from curate.generators.synthetic_face import drawn_nobody, moved_mesh
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from schemas.landmarks import layout
from tests.generator_samples import astronaut, measured, subjects

SIDE = 320


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()[0:270, 70:340]], models, side=SIDE)
    return found


@pytest.mark.models
@pytest.mark.parametrize("method", METHODS)
def test_no_method_lets_the_face_be_matched(method: str, face: Subject, models: ModelStore) -> None:
    worker = Deidentify(DeidentifyConfig(method=method))
    parameters = worker.draw(Request(face), np.random.default_rng(1))
    (made,) = worker.make(Request(face), json.loads(json.dumps(parameters)))
    assert made.promise.identity is Identity.HIDDEN and made.changed is not None
    assert np.array_equal(made.pixels[made.changed == 0], face.pixels[made.changed == 0])
    assert (made.changed[regions(face).face > 0.99] > 0).mean() > 0.9
    (row,) = measured([made.pixels], models)
    cosine = same_person(face.labels[labels.EMBEDDING.name], row.get(labels.EMBEDDING.name))
    assert cosine is None or cosine < SAME_PERSON
    if method == "swap":
        assert cosine is not None, "a painted face still is a face"


@pytest.mark.models
def test_the_hidden_area_covers_the_whole_face(face: Subject) -> None:
    parts = regions(face)
    area = hidden_area(parts, 0.05)
    assert (area[parts.face > 0.5] == 1).all()
    assert area.mean() < 2.2 * parts.face.mean()


@pytest.mark.models
def test_a_mask_leaves_one_colour(face: Subject) -> None:
    worker = Deidentify(DeidentifyConfig(method="mask", skin=False))
    (made,) = worker.make(Request(face), worker.draw(Request(face), np.random.default_rng(0)))
    assert (made.pixels[regions(face).face > 0.5] == 0).all()


@pytest.mark.models
def test_nobody_keeps_the_outline_and_moves_the_features(face: Subject) -> None:
    mesh = face.need_mesh()
    moves = drawn_nobody(np.random.default_rng(2))["moves"]
    shift = np.linalg.norm((moved_mesh(mesh, moves) - mesh)[:, :2], axis=1) / regions(face).unit
    assert shift[list(layout("points-478").group("oval"))].max() < 0.03
    assert shift[list(layout("points-478").group("outer_lip"))].max() > 0.03
    still = moved_mesh(mesh, dict.fromkeys(moves, 0.0))
    assert np.allclose(still, mesh, atol=1e-6)


def test_cells_hold_the_mean_of_their_light() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4, :4] = 255
    picture[::2, 4:] = 255
    found = pixelated(picture, 4.0)
    assert np.allclose(found[:4, :4], 255) and np.allclose(found[4:, :4], 0, atol=0.01)
    assert found[0, 5, 0] == pytest.approx(188, abs=1), "half the light of white"
    assert np.ptp(found[:4, 4:]) < 1e-6


def test_matches_ranks_and_rates_are_counted() -> None:
    originals = np.eye(4)
    changed = [np.array([0.9, 0.1, 0.0, 0.0]), np.array([0.8, 0.3, 0.0, 0.0]), None, np.array([0.5, 0.5, 0.5, 0.6])]
    found = reidentification(originals, changed)
    assert found.ranks.tolist() == [1, 2, 0, 1]
    assert math.isnan(found.cosines[2]) and found.cosines[1] == pytest.approx(0.3 / math.hypot(0.8, 0.3))
    assert (found.verified.value, found.first.value, found.nearest.value, found.found.value) == (0.5, 0.5, 0.5, 0.75)
    assert (found.first.low, found.first.high) == pytest.approx(wilson(0.5, 4))
    assert found.first.n == 4


def test_a_gallery_adds_rivals_and_other_photos_of_the_person_are_none() -> None:
    originals = np.array([[1.0, 0.0], [0.99, 0.14]])
    probe = [np.array([0.98, 0.2]), None]
    assert reidentification(originals, probe).ranks[0] == 2
    assert reidentification(originals, probe, people=["a", "a"]).ranks[0] == 1
    assert reidentification(originals, probe, np.array([[0.97, 0.24]]), ["a", "a"]).ranks[0] == 2
    with pytest.raises(ValueError, match="length"):
        reidentification(np.zeros((1, 2)), [None])


@pytest.mark.parametrize("config", [DeidentifyConfig(strength=1.5), DeidentifyConfig(strength=math.nan)])
def test_strengths_out_of_range_are_refused(config: DeidentifyConfig) -> None:
    with pytest.raises(UsageError):
        Deidentify.preflight(config)


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        Deidentify.preflight(DeidentifyConfig(method="bar"))
