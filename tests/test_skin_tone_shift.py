"""Colours of skin, and faces with skin of another tone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.colour import typology_angle
from annotators.skin_tone import nearest_monk
from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate, Request
from curate.generators.regions import regions
from curate.generators.skin_tone_shift import DRAWN, SkinToneShift, SkinToneShiftConfig, skin_median
from curate.generators.subject import Subject
from curate.generators.tone_axis import angle_target, monk_number, monk_target, tone_axis
from schemas import UnknownNameError, UsageError, taxonomy
from schemas.columns import labels
from tests.drawn_faces import LIPS, SKIN, drawn_face
from tests.promise_checks import Sitters, outcome, settled, sitters

TONES = taxonomy(labels.MONK.taxonomy).labels
VERIFIERS = ("mesh", "identity", "skin_tone")
SKINS = st.builds(
    lambda light, red, yellow: tone_axis().colour(light) + np.array([0, red, yellow]),
    st.floats(25, 82), st.floats(-4, 4), st.floats(-4, 4),
)  # fmt: skip


@pytest.fixture(scope="module")
def people(shared_data: Path, models: ModelStore) -> Sitters:
    return sitters(shared_data, models, 24, VERIFIERS)


def shifted(subject: Subject, **config: object) -> np.ndarray:
    worker = SkinToneShift(SkinToneShiftConfig(**config))  # type: ignore[arg-type]
    (made,) = worker.make(Request(subject), worker.draw(Request(subject), np.random.default_rng(0)))
    return made.pixels


def test_the_axis_is_what_skin_looks_like() -> None:
    axis = tone_axis()
    assert (np.diff(axis.lightness) > 0).all() and len(axis.lightness) >= 10
    assert (axis.skin > 5).all() and (axis.skin < 25).all(), "red and yellow at every lightness"
    assert (axis.lips[:, 1] > axis.skin[:, 0] - 3).all(), "lips are about as red as skin, or redder"
    assert (np.diff(axis.lips[:, 0]) > 0).all() and (axis.lips[4:, 0] < axis.lightness[4:]).all()
    assert np.allclose(axis.colour(0.0)[1:], 0) and np.allclose(axis.colour(100.0)[1:], 0)


@given(SKINS, st.sampled_from(TONES))
@settings(max_examples=60, deadline=None)
def test_a_tone_s_target_passes_for_that_tone(skin: np.ndarray, tone: str) -> None:
    assert nearest_monk(monk_target(tone, skin)) == tone


@given(SKINS, st.floats(-40, 30).filter(lambda v: abs(v) > 2))
@settings(max_examples=60, deadline=None)
def test_an_angle_is_reached_where_there_is_such_skin(skin: np.ndarray, degrees: float) -> None:
    before = float(typology_angle(skin))
    if not -75 < before + degrees < 70:
        return
    assert float(typology_angle(angle_target(skin, degrees))) == pytest.approx(before + degrees, abs=2.0)


@pytest.mark.parametrize("tone", [DRAWN[0], DRAWN[-1]])
@pytest.mark.parametrize("skin", [(235, 195, 175), SKIN, (150, 106, 88)])
def test_skin_moves_and_the_rest_stays(tone: str, skin: tuple[int, int, int]) -> None:
    subject, truth = drawn_face(skin=skin)
    before, after = subject.pixels.astype(int), shifted(subject, tone=tone).astype(int)
    own = skin_median(regions(subject))
    assert nearest_monk(skin_median(regions(_like(subject, after)))) == tone
    assert np.abs(after - before)[truth["wall"]].mean() < 0.5
    if tone == nearest_monk(own):
        return
    darker = monk_target(tone, own)[0] < own[0]
    if not darker:
        assert np.abs(after - before)[truth["hair"]].mean() < 3, "hair stays"
    cheek, neck = np.s_[285:300, 190:210], np.s_[480:500, 240:272]
    moved = [float((after - before)[area].mean()) for area in (cheek, neck)]
    assert np.sign(moved[0]) == np.sign(moved[1]) == (-1 if darker else 1)
    assert moved[1] == pytest.approx(moved[0], abs=12), "the neck follows"


def test_eyes_stay_when_skin_gets_lighter_and_lips_move_less() -> None:
    subject, _ = drawn_face(skin=(150, 106, 88))
    parts = regions(subject)
    before, after = subject.pixels.astype(int), shifted(subject, tone="monk_06").astype(int)
    white = parts.eyes * (1 - parts.lips) > 0.9999
    assert white.sum() > 100 and np.array_equal(after[white], before[white])
    lips, cheek = parts.lips > 0.99, parts.cheeks * parts.skin > 0.99
    assert 0 < (after - before)[lips].mean() < 0.8 * (after - before)[cheek].mean()
    assert after[lips].mean(0)[0] - after[lips].mean(0)[1] > 0.6 * (LIPS[0] - LIPS[1]), "still red"


@pytest.mark.models
@pytest.mark.parametrize("config", [{"tone": "monk_05"}, {"angle": -25.0}])
def test_promises_hold_on_most_adults(people: Sitters, models: ModelStore, config: dict[str, object]) -> None:
    found = outcome(SkinToneShift(SkinToneShiftConfig(**config)), people, models)  # type: ignore[arg-type]
    assert settled(found.held, 15) and settled(found.same, 12)


def test_race_is_neither_promised_nor_kept() -> None:
    subject, _ = drawn_face()
    worker = SkinToneShift(SkinToneShiftConfig(tone="monk_08"))
    (made,) = worker.make(Request(subject), worker.draw(Request(subject), np.random.default_rng(0)))
    assert not {labels.RACE, labels.RACE4, labels.MONK, labels.ITA} & set(made.promise.keeps)
    assert {c.column for c in made.promise.changes} == {labels.MONK, labels.ITA}


def test_grey_pictures_are_refused() -> None:
    subject, _ = drawn_face()
    grey = np.repeat(subject.pixels.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    with pytest.raises(CannotGenerate, match="grey"):
        SkinToneShift().draw(Request(_like(subject, grey)), np.random.default_rng(0))


def test_pictures_in_the_dark_are_refused() -> None:
    subject, _ = drawn_face(skin=(52, 36, 28))
    assert SkinToneShift(SkinToneShiftConfig(tone="monk_07")).draw(Request(subject), np.random.default_rng(0)), (
        "dark skin in good light is not a dark picture"
    )
    dark = Subject(subject.pixels // 4, subject.mesh, subject.points, subject.box, subject.matrix)
    with pytest.raises(CannotGenerate, match="dim"):
        SkinToneShift().draw(Request(dark), np.random.default_rng(0))


def test_drawn_tones_are_near_and_never_the_face_s_own() -> None:
    subject, _ = drawn_face()
    own = monk_number(nearest_monk(skin_median(regions(subject))))
    drawn = {SkinToneShift().draw(Request(subject), np.random.default_rng(s))["tone"] for s in range(30)}
    assert drawn and all(-2 <= monk_number(t) - own <= 3 and monk_number(t) != own for t in drawn)


def test_cells_of_tone_are_aimed_at_from_faces_that_lack_nothing_else() -> None:
    worker, monk, race = SkinToneShift(), labels.MONK.name, labels.RACE.name
    cell = {monk: "monk_08", race: "Indian"}
    aimed = worker.aim({monk: "monk_06", race: "Indian"}, cell)
    assert aimed is not None and aimed["tone"] == "monk_08" and math.isnan(aimed["angle"])
    assert worker.aim({monk: "monk_06", race: "White"}, cell) is None, "no one is made to pass for another group"
    assert worker.aim({monk: "monk_08", race: "Indian"}, cell) is None, "nothing to do"
    assert worker.aim({monk: "monk_02", race: "Indian"}, cell) is None, "too far"
    assert worker.aim({monk: None, race: "Indian"}, cell) is None
    assert worker.aim({monk: "monk_06"}, {race: "Indian"}) is None


def test_unknown_tones_and_angles_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Monk"):
        SkinToneShift.preflight(SkinToneShiftConfig(tone="monk_11"))
    with pytest.raises(UsageError, match="not both"):
        SkinToneShift.preflight(SkinToneShiftConfig(tone="monk_05", angle=10))
    with pytest.raises(UsageError, match="angle"):
        SkinToneShift.preflight(SkinToneShiftConfig(angle=300))


def _like(subject: Subject, pixels: np.ndarray) -> Subject:
    return Subject(pixels.astype(np.uint8), subject.mesh, subject.points, subject.box, subject.matrix)
