"""Scaling, conformal sets and abstention against known answers and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotators.calibration import (
    Scaling,
    SetRule,
    abstention_threshold,
    calibration_error,
    conformal_quantile,
    conformity,
    fit_scaling,
    group_quantiles,
    log_loss,
    prediction_sets,
    softmax,
)

Drawn = tuple[NDArray[np.float64], NDArray[np.int64]]


def drawn(seed: int, n: int, bias: NDArray[np.float64], spread: float = 2.0) -> Drawn:
    """Logits, and classes drawn with exactly their probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n, len(bias)))
    cumulative = softmax(logits + bias).cumsum(1)
    return logits, np.asarray((cumulative > rng.random((n, 1))).argmax(1))


def test_the_temperature_that_was_put_in_is_found() -> None:
    logits, truth = drawn(0, 40_000, np.zeros(5))
    assert fit_scaling(logits * 2.5, truth).temperature == pytest.approx(2.5, rel=0.03)
    assert fit_scaling(logits / 2, truth).temperature == pytest.approx(0.5, rel=0.03)
    assert fit_scaling(logits, truth).bias == ()


def test_temperature_and_bias_that_were_put_in_are_found() -> None:
    bias = np.array([0.5, -0.2, 0.1, -0.9, 0.5])
    logits, truth = drawn(1, 40_000, bias)
    found = fit_scaling(logits * 2.5, truth, bias=True)
    assert found.temperature == pytest.approx(2.5, rel=0.03)
    assert np.array(found.bias) == pytest.approx(bias - bias.mean(), abs=0.05)


def test_scaling_is_at_the_minimum_of_the_loss() -> None:
    logits, truth = drawn(2, 2_000, np.zeros(4))
    best = fit_scaling(logits * 3, truth)
    least = log_loss(best(logits * 3), truth)
    for factor in (0.97, 1.03):
        assert log_loss(Scaling(best.temperature * factor)(logits * 3), truth) > least


def test_scaling_survives_scores_that_tell_nothing_or_all() -> None:
    truth = np.array([0, 1, 0, 1])
    nothing = fit_scaling(np.zeros((4, 2)), truth)
    assert np.asarray(nothing([[0.0, 0.0]])) == pytest.approx(0.5)
    everything = fit_scaling(np.eye(2)[truth], truth)
    assert everything.temperature >= 1e-3
    assert np.isfinite(everything(np.eye(2))).all()


def test_softmax_bears_large_logits() -> None:
    assert softmax([[1000.0, 1000.0, -1000.0]])[0] == pytest.approx([0.5, 0.5, 0])


def test_quantile_is_the_ranked_score_of_the_finite_sample_rule() -> None:
    scores = np.arange(1, 20) / 100  # n = 19: ceil(20 * .9) = 18th smallest
    assert conformal_quantile(scores, 0.9) == pytest.approx(0.18)
    assert conformal_quantile(np.arange(1.0, 10.0), 0.9) == 9
    assert math.isinf(conformal_quantile(np.arange(8.0), 0.9)), "eight cases cannot promise 90 %"


@pytest.mark.parametrize("rule", ["lac", "aps", "raps"])
def test_sets_cover_what_they_promise(rule: SetRule) -> None:
    logits, truth = drawn(3, 40_000, np.zeros(7), spread=1.5)
    scores = conformity(softmax(logits), rule)
    half = len(truth) // 2
    limit = conformal_quantile(scores[np.arange(half), truth[:half]])
    sets = prediction_sets(scores[half:], limit)
    covered = sets[np.arange(half), truth[half:]].mean()
    assert covered == pytest.approx(0.9, abs=0.01)
    if rule != "lac":
        assert sets.any(1).all(), "the most probable class is always in"


def test_lac_sets_are_the_smallest() -> None:
    logits, truth = drawn(4, 20_000, np.zeros(7), spread=1.5)
    sizes = {}
    rules: tuple[SetRule, ...] = ("lac", "aps")
    for rule in rules:
        scores = conformity(softmax(logits), rule)
        limit = conformal_quantile(scores[np.arange(len(truth)), truth])
        sizes[rule] = prediction_sets(scores, limit).sum(1).mean()
    assert sizes["lac"] < sizes["aps"]


def test_scores_of_a_known_case() -> None:
    p = [[0.5, 0.2, 0.3]]
    assert conformity(p, "lac")[0] == pytest.approx([0.5, 0.8, 0.7])
    assert conformity(p, "aps")[0] == pytest.approx([0, 0.8, 0.5])
    assert conformity(p, "raps", penalty=0.1, free=1)[0] == pytest.approx([0, 1.0, 0.6])


def test_a_threshold_per_group_covers_each_group() -> None:
    """One model, two groups of which it knows one badly: a common threshold fails the one, its own do not."""
    easy, sure = drawn(5, 20_000, np.zeros(4), spread=4.0)
    hard, unsure = drawn(6, 20_000, np.zeros(4), spread=0.7)
    logits, truth = np.concatenate([easy, hard * 5]), np.concatenate([sure, unsure])
    group = np.repeat(["easy", "hard"], 20_000)
    scores = conformity(softmax(logits))
    true = scores[np.arange(len(truth)), truth]
    calibrating = np.arange(len(truth)) % 2 == 0
    common = conformal_quantile(true[calibrating])
    own = group_quantiles(true[calibrating], group[calibrating])
    for name in ("easy", "hard"):
        rows = ~calibrating & (group == name)
        assert (true[rows] <= own[name]).mean() == pytest.approx(0.9, abs=0.012)
    assert (true[~calibrating & (group == "hard")] <= common).mean() < 0.85


def test_thresholds_by_case_and_by_class() -> None:
    scores = np.array([[0.1, 0.6], [0.4, 0.9]])
    assert prediction_sets(scores, 0.5).tolist() == [[True, False], [True, False]]
    assert prediction_sets(scores, [[0.7], [0.3]]).tolist() == [[True, True], [False, False]]
    assert prediction_sets(scores, [0.2, 0.9]).tolist() == [[True, True], [False, True]]


def test_calibration_error_of_known_cases() -> None:
    assert calibration_error([0.7] * 10, [True] * 7 + [False] * 3) == pytest.approx(0)
    assert calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert calibration_error([1.0, 0.0], [True, False]) == 0
    logits, truth = drawn(7, 40_000, np.zeros(3))
    p = softmax(logits)
    assert calibration_error(p.max(1), p.argmax(1) == truth) < 0.01
    over = softmax(logits * 3)
    assert calibration_error(over.max(1), over.argmax(1) == truth) > 0.05


def test_abstention_answers_as_many_as_reach_the_accuracy() -> None:
    confidence = np.linspace(1, 0.5, 10)
    right = np.array([1, 1, 1, 1, 1, 1, 0, 1, 0, 0], bool)
    assert abstention_threshold(confidence, right, 1.0) == pytest.approx(confidence[5])
    assert abstention_threshold(confidence, right, 0.87) == pytest.approx(confidence[7])
    assert abstention_threshold(confidence, ~right, 1.0, least_answered=0.8) == pytest.approx(confidence[7])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_a_quantile_is_never_below_the_share_of_calibration_scores(scores: list[float], coverage: float) -> None:
    limit = conformal_quantile(scores, coverage)
    assert np.mean(np.array(scores) <= limit) >= min(coverage, 1.0) or math.isinf(limit)
