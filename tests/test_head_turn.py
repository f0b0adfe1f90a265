"""Turned heads: the pose is found again in the pixels, the person too, and nothing tears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.canonical_face import angles, fit_pose, rotation_of
from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.head_turn import HeadTurn, HeadTurnConfig, turn_shift
from curate.generators.promise import same_person
from curate.generators.subject import Subject
from schemas import UsageError
from schemas.columns import labels
from tests.generator_samples import adult_pictures, astronaut, measured, subjects

READ = ("mesh", "head_pose", "identity")
TURNS = ({"yaw": -15.0, "pitch": 0.0}, {"yaw": 15.0, "pitch": 0.0}, {"yaw": 0.0, "pitch": 10.0},
         {"yaw": 0.0, "pitch": -10.0}, {"yaw": 0.0, "pitch": 0.0, "roll": 15.0})  # fmt: skip


def turn(face: Subject, **settings: Any) -> Made:
    worker, request = HeadTurn(HeadTurnConfig(**settings)), Request(face)
    worker.preflight(worker.config)
    (made,) = worker.make(request, worker.draw(request, np.random.default_rng(0)))
    return made


@pytest.fixture(scope="module")
def face(models: ModelStore) -> Subject:
    (found,) = subjects([astronaut()], models, READ)
    return found


@pytest.mark.models
def test_the_promise_is_found_in_the_pixels(face: Subject, models: ModelStore) -> None:
    made = [turn(face, **t) for t in TURNS]
    before, *after = measured([face.pixels, *(m.pixels for m in made)], models, READ)
    for picture, row, asked in zip(made, after, TURNS, strict=True):
        assert all(c.held(before, row) for c in picture.promise.changes), asked
        same = same_person(before[labels.EMBEDDING.name], row[labels.EMBEDDING.name])
        assert same is not None and same > 0.6
        name, angle = max(asked.items(), key=lambda kv: abs(kv[1]))
        column = {"yaw": labels.YAW, "pitch": labels.PITCH, "roll": labels.ROLL}[name].name
        assert row[column] - before[column] == pytest.approx(angle, abs=6)


@pytest.mark.models
def test_nothing_folds_or_tears(face: Subject) -> None:
    """Neighbouring pixels come from neighbouring places: no pixel jumps, none runs backwards across the face."""
    pose = fit_pose(face.need_mesh())
    yaw, pitch, roll = angles(pose.rotation)
    shift = turn_shift(face.need_mesh(), pose, rotation_of(yaw + 22, pitch, roll), face.side)
    across = 1 + np.diff(shift[..., 0], axis=1)
    assert across.min() > -0.6 and across.max() < 6


@pytest.mark.models
def test_far_corners_of_the_portrait_stay(face: Subject) -> None:
    made = turn(face, yaw=12.0, pitch=0.0)
    assert made.changed is not None and not made.changed[:5].any() and not made.changed[-5:].any()
    assert np.array_equal(made.pixels[made.changed == 0], face.pixels[made.changed == 0])


@pytest.mark.models
def test_open_settings_are_drawn_within_what_looks_true(face: Subject) -> None:
    worker, request = HeadTurn(), Request(face)
    drawn = [worker.draw(request, np.random.default_rng(seed)) for seed in range(20)]
    assert {np.sign(d["yaw"]) for d in drawn} == {-1.0, 1.0}
    assert all(8 <= abs(d["yaw"]) <= 20 and abs(d["pitch"]) <= 10 and d["roll"] == 0 for d in drawn)


def test_turns_that_go_too_far_are_refused() -> None:
    for settings in ({"yaw": 40.0}, {"pitch": -30.0}, {"roll": 90.0}):
        with pytest.raises(UsageError):
            HeadTurn.preflight(HeadTurnConfig(**settings))
    HeadTurn.preflight(HeadTurnConfig())


@pytest.mark.models
def test_a_head_that_would_face_away_is_refused(face: Subject) -> None:
    with pytest.raises(CannotGenerate, match="no turn"):
        turn(face, yaw=0.0, pitch=0.0)
    with pytest.raises(CannotGenerate, match="no face"):
        HeadTurn().draw(Request(), np.random.default_rng(0))


@pytest.mark.models
@pytest.mark.data
def test_adults_turn_as_promised(models: ModelStore, shared_data: Path) -> None:
    faces = [s for s in subjects(adult_pictures(shared_data, 24), models, READ) if abs(s.labels[labels.YAW.name]) < 15]
    assert len(faces) >= 6
    made = [turn(s, yaw=-12.0, pitch=0.0) for s in faces]
    rows = measured([m.pixels for m in made], models, READ)
    held = [all(c.held(s.labels, r) for c in m.promise.changes) for s, m, r in zip(faces, made, rows, strict=True)]
    assert np.mean(held) >= 0.8
