"""How the demographic head is fitted: parts of the data, losses' targets, the written file, what is fitted after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from annotators.calibration import softmax  # noqa: E402
from annotators.demographics import AGE, ANSWERS, GENDER, NETWORK_ORDER, RACE, RACE4, Rule, four_groups  # noqa: E402
from annotators.runtime import OnnxModel  # noqa: E402
from annotators.weights import ModelStore  # noqa: E402
from benchmarks.demographic_features import Coding, Variant, varied_matrix, varied_pixels  # noqa: E402
from benchmarks.demographic_network import POOLED, side_network, used, written  # noqa: E402
from benchmarks.demographic_rules import Balance, rules, split_logits, true_classes  # noqa: E402
from benchmarks.demographic_training import (  # noqa: E402
    CALIBRATE,
    CHOOSE,
    FIT,
    Recipe,
    Truth,
    logits_of,
    parts_of,
    soft_ages,
    train,
)


def some_truth(n: int, seed: int = 0) -> Truth:
    rng = np.random.default_rng(seed)
    return Truth(rng.integers(0, 9, n), rng.integers(0, 2, n), rng.integers(0, 7, n))


def test_parts_are_equal_shares_of_every_cell() -> None:
    truth = some_truth(18_000)
    parts = parts_of(truth)
    for part, share in ((FIT, 0.73), (CHOOSE, 0.15), (CALIBRATE, 0.12)):
        assert (parts == part).mean() == pytest.approx(share, abs=0.002)
        for race in range(7):
            assert (parts[truth.race == race] == part).mean() == pytest.approx(share, abs=0.01)
    assert np.array_equal(parts, parts_of(truth)), "the same faces every time"


def test_soft_ages() -> None:
    soft = soft_ages(np.array([0, 4]), 0.7)
    assert soft.sum(1) == pytest.approx([1, 1])
    assert soft[1].argmax() == 4
    assert soft[1, 3] / soft[1, 4] == pytest.approx(np.exp(-0.5 / 0.49))


def test_balance_lifts_what_is_rare() -> None:
    truth = Truth(np.array([0]), np.array([0]), np.repeat(np.arange(7), [7, 6, 5, 4, 3, 2, 1]))
    lift = np.array(Balance(race=1.0).bias(RACE, truth))
    assert lift.sum() == pytest.approx(0)
    assert lift[6] - lift[0] == pytest.approx(np.log(7))
    ages = np.array(Balance(oldest=0.9).bias(AGE, truth))
    assert ages[-1] - ages[0] == pytest.approx(0.9)
    assert Balance().bias(GENDER, truth) == ()


def test_rules_cover_every_race_and_abstain_as_asked() -> None:
    """Answers that are drawn with a model's own probabilities, from logits that are twice too sure."""
    rng = np.random.default_rng(1)
    n = 20_000
    logits = rng.normal(0, 1.6, (n, 18))
    drawn = {
        name: (softmax(part).cumsum(1) > rng.random((n, 1))).argmax(1) for name, part in split_logits(logits).items()
    }
    truth = Truth(drawn["age"], drawn["gender"], drawn["race"])
    half = n // 2
    first, second = (Truth(*(getattr(truth, k)[rows] for k in ("age", "gender", "race"))) for rows in
                     (slice(0, half), slice(half, n)))  # fmt: skip
    tables = rules(logits[:half] * 2, first, {a.name: () for a in NETWORK_ORDER})
    for name in ("gender", "age", "race"):
        assert tables[name]["temperature"] == pytest.approx(2, rel=0.1)
        assert tables[name]["calibration_error"] < 0.03
    parts = split_logits(logits[half:] * 2)
    chances = {a.name: Rule.of(tables[a.name]).scaling(parts[a.name]) for a in NETWORK_ORDER}
    for race in range(7):
        rows = second.race == race
        limit = tables["race"]["quantiles"][RACE.classes[race]]
        assert (1 - chances["race"][rows, race] <= limit).mean() == pytest.approx(0.9, abs=0.03)
    answered = chances["gender"].max(1) >= tables["gender"]["threshold"]
    assert answered.mean() == pytest.approx(0.8, abs=0.03), "the accuracy is out of reach, so four fifths answer"
    assert set(tables) == {a.name for a in ANSWERS}


def test_faces_without_a_place_among_four_groups_are_left_out() -> None:
    truth = Truth(np.zeros(7, int), np.zeros(7, int), np.arange(7))
    true, placed = true_classes(RACE4, truth)
    assert [RACE4.classes[k] if ok else None for k, ok in zip(true, placed, strict=True)] == [
        "White", "Black", None, "Asian", "Asian", "Indian", None
    ]  # fmt: skip
    assert four_groups(np.full(7, 1 / 7))[1] == pytest.approx(2 / 7)


def test_variants_stay_close_to_the_face() -> None:
    rng = np.random.default_rng(0)
    plain = np.array([[0.5, 0, 3.0], [0, 0.5, 4.0]])
    centre = (56 - plain[:, 2]) / 0.5
    moved = [varied_matrix(plain, rng)[:, :2] @ centre + varied_matrix(plain, rng)[:, 2] for _ in range(50)]
    assert np.abs(np.array(moved) - 56).mean() < 6
    crop = np.full((112, 112, 3), 128, np.uint8)
    made = [varied_pixels(crop, rng) for _ in range(20)]
    assert all(m.shape == crop.shape and m.dtype == np.uint8 for m in made)
    assert len({m.tobytes() for m in made}) > 15


@pytest.mark.models
def test_a_small_fit_learns_and_its_file_answers_as_the_network(models: ModelStore, tmp_path: Path) -> None:
    """128 made-up faces whose gender stands in one statistic; the written file keeps weights in 8 bits."""
    rng = np.random.default_rng(2)
    n = 128
    truth = some_truth(n)
    pooled = rng.normal(0, 1, (n, POOLED)).astype(np.float32)
    pooled[:, :200] += 3 * truth.gender[:, None]
    coding = Coding(np.full((512, 1, 1), -1, np.float32), np.full((512, 1, 1), 2 / 255, np.float32))
    variant = Variant(pooled, rng.integers(0, 256, (n, 512, 14, 14)).astype(np.uint8))
    recipe = Recipe(epochs=1, side_epochs=20)
    sface = models.path("sface")
    rows = np.arange(n)
    twice = np.tile(rows, 2)
    fitted = [train(sface, [variant], coding, truth, twice, Recipe(epochs=1, side_epochs=1)) for _ in range(2)]
    first, again = (logits_of(t, variant, coding, rows[:8]) for t in fitted)
    assert np.array_equal(first, again), "the same seed gives the same head"
    trained = train(sface, [variant], coding, truth, twice, recipe)
    logits = logits_of(trained, variant, coding, rows)
    assert (split_logits(logits)["gender"].argmax(1) == truth.gender).mean() > 0.9
    (tmp_path / "head.onnx").write_bytes(written(trained.network, trained.side, trained.mean, trained.deviation))
    head = OnnxModel(tmp_path / "head.onnx")
    trunk = variant.trunk[:8].astype(np.float32) * coding.step + coding.low
    answers = np.stack([head(trunk[i : i + 1], pooled[i : i + 1])[0][0] for i in range(8)])
    assert np.abs(answers - logits[:8]).max() < 0.1


def test_inputs_of_the_two_networks() -> None:
    pooled = np.arange(2 * POOLED, dtype=np.float32).reshape(2, -1)
    read = used(pooled)
    assert read.shape == (2, 256 + 512 + 1024 + 128)
    assert read[0, -1] == POOLED - 1
    assert side_network().eval()(torch.zeros(1, POOLED)).shape == (1, 18)
