"""Light as nine numbers, and faces under another lamp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotators.colour import SRGB_TO_XYZ
from annotators.weights import ModelStore
from curate.generators.base import Request
from curate.generators.promise import Move
from curate.generators.regions import Regions, regions
from curate.generators.relighting import DIRECTIONS, Relighting, RelightingConfig, estimated_light, towards
from curate.generators.spherical_harmonics import basis, fitted, lamp, lamp_colour, main_direction
from curate.generators.subject import Subject
from curate.generators.surface import surface
from schemas import UnknownNameError, UsageError
from schemas.columns import labels
from tests.drawn_faces import drawn_face
from tests.generator_samples import astronaut, subjects
from tests.promise_checks import Sitters, outcome, settled, sitters

VERIFIERS = ("second_opinion", "mesh", "head_pose", "identity", "quality", "shape")


@pytest.fixture(scope="module")
def people(shared_data: Path, models: ModelStore) -> Sitters:
    return sitters(shared_data, models, 20, VERIFIERS)


def lit(subject: Subject, **settings: object) -> np.ndarray:
    worker = Relighting(RelightingConfig(**settings))  # type: ignore[arg-type]
    (made,) = worker.make(Request(subject), worker.draw(Request(subject), np.random.default_rng(0)))
    return made.pixels


def sphere(count: int = 4000) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_harmonics_are_orthonormal() -> None:
    terms = basis(sphere(400_000)).astype(np.float64)
    assert np.abs(4 * np.pi * terms.T @ terms / len(terms) - np.eye(9)).max() < 0.02


def test_a_lamp_lights_a_matt_ball_by_the_cosine() -> None:
    normals, direction = sphere(), np.array([0.3, -0.8, -0.5])
    seen = basis(normals) @ lamp(direction)
    true = np.maximum(normals @ direction / np.linalg.norm(direction), 0)
    assert np.abs(seen - true).max() < 0.11 and np.abs(seen - true).mean() < 0.04


def test_the_estimate_finds_the_light_that_was_used() -> None:
    normals = sphere()
    light = np.array([2.0, 0.3, -0.6, 0.4, 0.1, -0.2, 0.05, 0.1, -0.1])
    assert np.allclose(fitted(normals, basis(normals) @ light, 0), light, atol=1e-4)
    half = normals[normals[:, 2] < -0.2]
    found = fitted(half, basis(half) @ lamp(np.array([0.7, 0, -0.7])), 0.02)
    assert main_direction(found) @ np.array([0.7, 0, -0.7]) / np.hypot(0.7, 0.7) > 0.9


def test_lamps_are_warm_and_cool() -> None:
    assert np.allclose(lamp_colour(6504), 1, atol=1e-6)
    warm, cool = lamp_colour(3000), lamp_colour(12000)
    assert warm[0] > warm[1] > warm[2] and cool[0] < cool[1] < cool[2]
    for colour in (warm, cool):
        assert SRGB_TO_XYZ[1] @ colour == pytest.approx(1)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("skin", [(235, 195, 175), (150, 100, 75), (80, 52, 42)])
def test_the_asked_side_gets_brighter(side: str, skin: tuple[int, int, int]) -> None:
    subject, truth = drawn_face(skin=skin)
    after = lit(subject, direction=side, strength=0.8, temperature=6504.0)
    before = subject.pixels.astype(float).mean(2)
    gain = after.astype(float).mean(2) / before
    lighter, darker = (280, slice(300, 345)), (280, slice(167, 212))  # the subject's left lies to the image's right
    if side == "right":
        lighter, darker = darker, lighter
    assert gain[lighter].mean() > 1.05 and gain[darker].mean() < 0.85
    assert gain[truth["wall"]].std() < 0.05, "the wall is lit evenly"


def test_the_background_can_be_left_alone() -> None:
    subject, truth = drawn_face()
    after = lit(subject, direction="left", strength=0.9, temperature=3000.0, background=0.0)
    corner = np.s_[:60, :60]
    assert truth["wall"][corner].all()
    assert np.abs(after[corner].astype(int) - subject.pixels[corner]).max() <= 1


def test_highlights_bend_instead_of_being_cut_off() -> None:
    subject, _ = drawn_face(skin=(250, 225, 205))
    after = lit(subject, direction="left", strength=0.9, temperature=6504.0, exposure=1.0)
    assert (after == 255).any(2).mean() < (subject.pixels == 255).any(2).mean() + 0.01


@pytest.mark.models
def test_the_estimated_light_follows_the_lamp(people: Sitters) -> None:
    """On ten faces the light found in the result comes from where the lamp stands (cosine over 0.8)."""
    good = asked = 0
    for subject in people.faces[:10]:
        for name in ("left", "right_above"):
            pixels = lit(subject, direction=name, strength=0.9, temperature=6504.0)
            parts = Regions(pixels, subject.need_mesh())
            asked += 1
            good += float(main_direction(estimated_light(parts, surface(subject))) @ towards(name)) > 0.8
    assert asked == 20 and good >= 0.85 * asked


@pytest.mark.models
@pytest.mark.parametrize("settings", [{"direction": "left", "strength": 0.8}, {"exposure": -0.7}])
def test_promises_hold_on_most_adults(people: Sitters, models: ModelStore, settings: dict[str, object]) -> None:
    found = outcome(Relighting(RelightingConfig(**settings)), people, models)  # type: ignore[arg-type]
    assert settled(found.held, 12) and settled(found.same, 12)


def test_what_is_promised_depends_on_the_lamp() -> None:
    subject, _ = drawn_face()
    for settings, moves in (
        ({"direction": "left", "strength": 0.9}, {Move.DOWN, Move.STAYS}),
        ({"direction": "front", "strength": 0.9}, {Move.STAYS}),
        ({"direction": "front", "strength": 0.5, "exposure": 1.0}, {Move.UP}),
    ):
        worker = Relighting(RelightingConfig(temperature=6504.0, **settings))  # type: ignore[arg-type]
        (made,) = worker.make(Request(subject), worker.draw(Request(subject), np.random.default_rng(0)))
        assert {c.move for c in made.promise.changes} == moves


def test_every_direction_is_drawn_and_none_is_made_for_cells_of_tone() -> None:
    subject, _ = drawn_face()
    worker = Relighting()
    drawn = {worker.draw(Request(subject), np.random.default_rng(s))["direction"] for s in range(80)}
    assert drawn == set(DIRECTIONS)
    cell = {labels.GENDER.name: "Female"}
    assert worker.aim(cell, cell) == {}
    assert worker.aim({**cell, labels.MONK.name: "monk_06"}, {**cell, labels.MONK.name: "monk_06"}) is None


def test_lamps_that_cannot_be_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="direction"):
        Relighting.preflight(RelightingConfig(direction="leftish"))
    for settings in ({"strength": 1.2}, {"temperature": 500.0}, {"exposure": 5.0}, {"background": -0.1}):
        with pytest.raises(UsageError, match="relighting"):
            Relighting.preflight(RelightingConfig(**settings))


@pytest.mark.models
def test_the_stored_light_is_that_of_the_photo(models: ModelStore) -> None:
    (subject,) = subjects([astronaut()], models)
    worker = Relighting()
    (made,) = worker.make(Request(subject), worker.draw(Request(subject), np.random.default_rng(0)))
    assert np.allclose(made.note["light_before"], estimated_light(regions(subject), surface(subject)), atol=1e-4)
    assert len(made.note["light_before"]) == 9
