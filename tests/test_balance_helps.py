"""The parts of the proof that balance helps, on made-up people: draws, plans, weighted batches, figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.balance_helps import (
    ARMS,
    BOTH,
    COLLECTED,
    EVEN,
    GENERATED,
    MORE,
    SKEWED,
    WEIGHTED,
    arms,
    few_women,
    figures,
    report,
    shown,
)
from benchmarks.balance_helps_faces import GENDERS, MANY, RACES, People, draw, skewed_counts, strangers
from benchmarks.balance_helps_training import BATCH, _batches, gender_answers
from benchmarks.demographic_features import Faces
from benchmarks.demographic_network import EMBEDDING, POOLED

CELLS = len(RACES) * len(GENDERS)


def made_up(count: int, seed: int = 0, width: int = 4) -> People:
    """People whose gender shows in their features; of four, two are of the group that the draws are full of."""
    rng = np.random.default_rng(seed)
    race = np.where(np.arange(count) % 4 < 2, MANY, np.arange(count) // 4 % len(RACES))
    gender = np.arange(count) % 2
    features = rng.standard_normal((count, width), dtype=np.float32)
    features[:, :200] += gender[:, None]
    nobody = Faces([], np.zeros((count, 2, 3)), {}, np.arange(count), Path())
    return People(features, race.astype(np.int64), gender, np.full(count, 4), nobody)


def test_draws_have_the_planned_skew_and_no_face_twice() -> None:
    pool, counts = made_up(5000), skewed_counts(1000)
    assert counts.sum() == pytest.approx(1000, abs=10)
    rows = draw(pool, counts, np.random.default_rng(0))
    assert len(set(rows.tolist())) == len(rows)
    assert np.bincount(pool.cell[rows], minlength=CELLS).tolist() == counts.tolist()
    more = draw(pool, np.full(CELLS, 3), np.random.default_rng(1), rows)
    assert not set(more.tolist()) & set(rows.tolist())
    with pytest.raises(ValueError, match="1000 faces are wanted"):
        draw(pool, np.full(CELLS, 1000), np.random.default_rng(0))


def test_batches_hold_each_face_as_often_as_its_weight_says() -> None:
    weight = np.array([1.0, 2.0, 0.0, 5.0])
    rows = _batches(weight, 10, np.random.default_rng(0))
    assert rows.shape == (10, BATCH)
    assert np.bincount(rows.ravel(), minlength=4) == pytest.approx(weight / 8 * 10 * BATCH, abs=1)
    assert not np.array_equal(rows, np.sort(rows.ravel()).reshape(rows.shape))


def test_every_arm_is_what_its_plan_says(tmp_path: Path) -> None:
    pool = made_up(14_000)
    found = {name: (arm, facts) for name, arm, facts in arms(pool, 0, None, tmp_path)}
    assert set(found) == set(ARMS) - {GENERATED}
    size, least = int(skewed_counts(2800).sum()), 105
    assert len(found[SKEWED][0].gender) == size
    weights = found[WEIGHTED][0].weight
    assert len(weights) == size
    assert weights.max() / weights.min() <= 50 * 1.001
    # 21 women of each of the six are the fewest
    assert len(found[EVEN][0].gender) == pytest.approx(21 * CELLS, abs=CELLS * 2)
    added = 6 * (least - 21)
    assert found[COLLECTED][1]["added"] == added
    assert len(found[BOTH][0].gender) == size + added
    assert found[MORE][1]["added"] == pytest.approx(added, abs=CELLS)


def test_heads_learn_what_they_are_given() -> None:
    pool, test = made_up(600, width=POOLED), made_up(280, seed=1, width=POOLED)
    one = np.ones(600)
    right = gender_answers(pool.features, pool.gender, one, test.features, 0, steps=25) == test.gender
    again = gender_answers(pool.features, pool.gender, one, test.features, 0, steps=25) == test.gender
    assert right.mean() > 0.95
    assert np.array_equal(right, again)
    always_men = test.gender == GENDERS.index("Male")
    hits = {SKEWED: np.stack([always_men]), WEIGHTED: np.stack([right])}
    said = report(hits, {arm: [{"faces": 600}] for arm in hits}, test, rounds=50)
    assert said["test_faces"] == 280
    assert said["arms"][SKEWED]["figures"]["worst group"] == [0, 0, 0]
    assert said["arms"][WEIGHTED]["figures"]["women of the six, gain"][1] > 0.8
    assert shown(said).count("\n") == 3


def test_figures_are_those_of_known_answers() -> None:
    test = made_up(14 * 40)
    assert few_women(test).sum() == 6 * 20
    bad = np.ones((3, len(test)), bool)
    first = np.flatnonzero(test.cell == 2 * (MANY + 1))[:5]
    bad[:, first] = False
    found = figures({SKEWED: bad, WEIGHTED: np.ones_like(bad)}, test, rounds=200)
    assert found[SKEWED]["worst group"].value == pytest.approx(0.75)
    assert 0.4 < found[SKEWED]["worst group"].low < 0.75 < found[SKEWED]["worst group"].high <= 0.95
    assert found[WEIGHTED]["worst group, gain"].value == pytest.approx(0.25)
    assert found[WEIGHTED]["worst group, gain"].low > 0
    assert found[SKEWED]["White"].value == 1
    assert found[SKEWED]["mean of groups"].value == pytest.approx(1 - 0.25 / CELLS)


def test_strangers_look_like_nobody_in_the_pool() -> None:
    pool, test = made_up(60, width=POOLED), made_up(40, seed=1, width=POOLED)
    test.features[7, -EMBEDDING:] = 3 * pool.features[3, -EMBEDDING:]  # of any length
    found = strangers(test, pool)
    assert len(found) == 39
    assert not np.isin(found.found.rows, 7).any()
