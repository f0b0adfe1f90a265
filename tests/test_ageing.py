"""Lines and detail of age, and faces some years older or younger."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from annotators.weights import ModelStore
from curate.generators.ageing import OLDER, YOUNGER, Ageing, AgeingConfig, bands, older, visible, younger
from curate.generators.base import CannotGenerate, Made, Request
from curate.generators.greying import greyed
from curate.generators.promise import Move
from curate.generators.regions import regions
from curate.generators.subject import Subject
from curate.generators.wrinkles import smooth, wrinkle_map
from schemas import UsageError
from schemas.columns import labels
from tests.drawn_faces import drawn_face, drawn_mesh
from tests.promise_checks import Sitters, outcome, settled, sitters

VERIFIERS = ("second_opinion", "mesh", "identity", "demographics")


@pytest.fixture(scope="module")
def people(shared_data: Path, models: ModelStore) -> Sitters:
    return sitters(shared_data, models, 24, VERIFIERS)


def aged(subject: Subject, years: float, **config: float) -> Made:
    worker = Ageing(AgeingConfig(years=years, **config))
    (made,) = worker.make(Request(subject), worker.draw(Request(subject), np.random.default_rng(1)))
    return made


def texture(pixels: np.ndarray, mask: np.ndarray, unit: float) -> float:
    """Energy of lightness finer than a twentieth of the distance of the eyes."""
    light = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 0]
    fine = light - cv2.GaussianBlur(light, (0, 0), 0.05 * unit)
    return float((fine**2 * mask).sum() / mask.sum())


def test_a_curve_goes_through_its_points() -> None:
    knots = np.array([[0.0, 0], [1, 2], [3, 1], [4, 4]])
    way = smooth(knots, 31)
    assert np.allclose(way[[0, 10, 20, 30]], knots)
    straight = smooth(np.array([[0.0, 0], [1, 1], [2, 2]]), 9)
    assert np.allclose(straight[:, 0], straight[:, 1]) and (np.diff(straight[:, 0]) > 0).all()


def test_lines_are_dark_with_light_beside_them_and_deepen_with_the_years() -> None:
    mesh = drawn_mesh()
    maps = [wrinkle_map(mesh, 512, years, np.random.default_rng(0)) for years in (5.0, 20.0, 40.0)]
    depth = [-float(m.min()) for m in maps]
    assert depth == sorted(depth) and depth[0] > 0.02 and depth[2] > 0.7
    assert 0.05 < maps[2].max() < depth[2]
    forehead = maps[2][140:195, 200:312]
    rows = forehead.mean(1)
    assert ((rows[1:-1] < rows[:-2]) & (rows[1:-1] < rows[2:]) & (rows[1:-1] < -0.02)).sum() >= 2, "several furrows"


def test_lines_turned_away_are_not_drawn() -> None:
    shade = np.abs(wrinkle_map(drawn_mesh(yaw=75), 512, 40.0, np.random.default_rng(0)))
    front = np.abs(wrinkle_map(drawn_mesh(), 512, 40.0, np.random.default_rng(0)))
    assert shade.sum() < 0.6 * front.sum()


def test_bands_and_the_rest_make_the_picture() -> None:
    values = np.random.default_rng(0).normal(50, 5, (120, 120)).astype(np.float32)
    whole = np.ones_like(values)
    parts = bands(values, whole, 60.0)
    rest = cv2.GaussianBlur(values, (0, 0), 0.12 * 60)
    assert np.abs(sum(parts) + rest - values)[20:-20, 20:-20].max() < 0.1


def test_what_lies_beside_the_skin_leaves_no_halo() -> None:
    values = np.full((120, 120), 60, np.float32)
    values[:, 60:] = 5
    skin = np.ones_like(values)
    skin[:, 60:] = 0
    assert max(np.abs(b[:, :58]).max() for b in bands(values, skin, 60.0)) < 1.0


def test_grey_hair_is_lighter_and_has_no_colour() -> None:
    lab = np.full((60, 60, 3), (18.0, 8.0, 12.0), np.float32)
    hair = np.zeros((60, 60), np.float32)
    hair[:30] = 1
    after = greyed(lab, hair, 1.0, np.random.default_rng(0), 40.0)
    assert np.array_equal(after[30:], lab[30:])
    assert after[:30, :, 0].mean() > 30 and np.abs(after[:30, :, 1:]).mean() < 3
    assert greyed(lab, hair, 0.0, np.random.default_rng(0), 40.0) is lab


def test_hair_greys_and_the_wall_stays() -> None:
    subject, truth = drawn_face()
    made = aged(subject, 40.0)
    before, after = subject.pixels.astype(int), made.pixels.astype(int)
    spread = [np.ptp(p[truth["hair"]].mean(0)) for p in (before, after)]
    assert spread[1] < 0.6 * spread[0] and after[truth["hair"]].mean() > before[truth["hair"]].mean() + 15
    assert np.abs(after - before)[truth["wall"]].mean() < 1.5
    assert made.changed is not None and np.array_equal(after[made.changed == 0], before[made.changed == 0])
    kept = aged(subject, 40.0, grey=0.0).pixels.astype(int)
    assert np.abs(kept - before)[truth["hair"]].mean() < 4


def test_a_grey_picture_stays_grey() -> None:
    subject, _ = drawn_face()
    grey = np.repeat(subject.pixels.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    plain = Subject(grey, subject.mesh, subject.points, subject.box, subject.matrix)
    for years in (40.0, -20.0):
        assert np.ptp(aged(plain, years).pixels.astype(int), axis=2).max() <= 3


@pytest.mark.models
def test_detail_grows_with_age_and_nothing_moves(people: Sitters) -> None:
    for subject in people.faces[:12]:
        parts = regions(subject)
        skin = visible(parts)
        old, young = aged(subject, 30.0).pixels, aged(subject, -20.0).pixels
        energy = [texture(p, skin, parts.unit) for p in (young, subject.pixels, old)]
        assert energy[0] < energy[1] < 0.8 * energy[2]
        for picture in (old, young):
            assert moved(subject, picture) < 1.0


def moved(subject: Subject, picture: np.ndarray) -> float:
    """Largest shift in px of eyes and mouth between two pictures, by phase correlation."""
    found = []
    size = round(0.8 * regions(subject).unit) // 2 * 2
    for x, y in np.asarray(subject.points)[[0, 1, 3, 4]]:
        left, top = (int(np.clip(round(v) - size // 2, 0, subject.side - size)) for v in (x, y))
        cuts = [cv2.cvtColor(p[top : top + size, left : left + size], cv2.COLOR_RGB2GRAY).astype(np.float64)
                for p in (np.asarray(subject.pixels), picture)]  # fmt: skip
        shift, _ = cv2.phaseCorrelate(cuts[0], cuts[1], cv2.createHanningWindow((size, size), cv2.CV_64F))
        found.append(float(np.hypot(*shift)))
    return max(found)


@pytest.mark.models
@pytest.mark.parametrize("years", [30.0, -20.0])
def test_promises_hold_on_most_adults(people: Sitters, models: ModelStore, years: float) -> None:
    found = outcome(Ageing(AgeingConfig(years=years)), people, models)
    assert settled(found.held, 15) and settled(found.same, 15)
    middle = float(np.median(found.difference(labels.AGE.name)))
    assert middle > 4 if years > 0 else middle < -1


def test_the_promise_grows_with_the_years() -> None:
    subject, _ = drawn_face()
    (up,), (down,) = aged(subject, 30.0).promise.changes, aged(subject, -20.0).promise.changes
    assert (up.move, up.by) == (Move.UP, pytest.approx(OLDER * 30))
    assert (down.move, down.by) == (Move.DOWN, pytest.approx(YOUNGER * 20))
    assert labels.AGE_GROUP not in aged(subject, 30.0).promise.keeps


def test_older_cells_are_aimed_at_and_no_one_becomes_a_minor() -> None:
    worker, age, race = Ageing(), labels.AGE_GROUP.name, labels.RACE.name
    aimed = worker.aim({age: "30-39", race: "Indian"}, {age: "40-49", race: "Indian"})
    assert aimed is not None and 20 < aimed["years"] <= 40
    Ageing.preflight(AgeingConfig(**aimed))
    assert worker.aim({age: "30-39", race: "Indian"}, {age: "40-49", race: "White"}) is None
    assert worker.aim({age: "20-29"}, {age: "60-69"}) is None, "too far"
    assert worker.aim({age: "40-49"}, {age: "30-39"}) is None, "only older"
    assert worker.aim({age: "30-39"}, {age: "30-39"}) is None
    for young in ("0-2", "3-9", "10-19"):
        assert worker.aim({age: "20-29"}, {age: young}) is None
        assert worker.aim({age: young}, {age: "20-29"}) is None
    assert worker.aim({age: None}, {age: "40-49"}) is None and worker.aim({age: "30-39"}, {race: "White"}) is None


def test_older_and_younger_are_drawn_and_wrong_years_refused() -> None:
    subject, _ = drawn_face()
    years = [Ageing().draw(Request(subject), np.random.default_rng(s))["years"] for s in range(40)]
    assert min(years) < -10 and max(years) > 30 and not any(-10 < y < 15 for y in years)
    for config in (AgeingConfig(years=60), AgeingConfig(years=-30), AgeingConfig(grey=2)):
        with pytest.raises(UsageError, match="ageing"):
            Ageing.preflight(config)
    with pytest.raises(CannotGenerate):
        aged(subject, 0.0)


def test_strength_is_in_proportion() -> None:
    subject, _ = drawn_face(noise=6.0)
    parts = regions(subject)
    skin = visible(parts)
    less, more = (np.abs(older(parts, skin, y, np.random.default_rng(0)) - parts.lab).mean() for y in (10.0, 40.0))
    assert more > 2 * less
    less, more = (np.abs(younger(parts, skin, y) - parts.lab).mean() for y in (5.0, 20.0))
    assert more == pytest.approx(4 * less, rel=0.05)
