"""Intervals: how often they hold, groups of any size, clusters, and the gap between groups."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from curate.evaluation.intervals import (
    Estimate,
    bootstrap,
    bootstrap_groups,
    gap,
    proportion,
    resampled,
    wilson,
)
from curate.evaluation.metrics import classification, probabilistic, regression
from curate.evaluation.quantiles import student, tail
from curate.evaluation.resampling import Units, distinct, multinomial

Array = NDArray[Any]
Sample = Callable[[np.random.Generator], tuple[Array, ...]]


def held(draw: Sample, metric: Callable[..., Any], truth: float, times: int = 250, **options: Any) -> float:
    """Share of simulated samples whose interval holds the true value."""
    rng = np.random.default_rng(11)
    found = [bootstrap(metric, *draw(rng), rounds=300, seed=i, **options) for i in range(times)]
    return float(np.mean([e.low - 1e-12 <= truth <= e.high + 1e-12 for e in found if not math.isnan(e.low)]))


def answers(n: int, share: float) -> Sample:
    return lambda rng: (np.ones(n, int), (rng.random(n) < share).astype(int))


def errors(n: int) -> Sample:
    return lambda rng: (np.zeros(n), rng.normal(size=n))


def correlated(n: int) -> Sample:
    def draw(rng: np.random.Generator) -> tuple[Array, ...]:
        x = rng.normal(size=n)
        return x, 0.7 * x + math.sqrt(0.51) * rng.normal(size=n)

    return draw


def scored(n: int) -> Sample:
    def draw(rng: np.random.Generator) -> tuple[Array, ...]:
        y = rng.random(n) < 0.5
        return y, rng.normal(size=n) + y

    return draw


AUC = stats.norm.cdf(1 / math.sqrt(2))


@pytest.mark.parametrize(
    ("draw", "metric", "truth", "options"),
    [
        (answers(50, 0.7), classification.accuracy, 0.7, {"proportion": True}),
        (errors(50), regression.bias, 0.0, {}),
        (errors(50), regression.mae, math.sqrt(2 / math.pi), {}),
        (correlated(50), regression.pearson, 0.7, {}),
        (scored(80), probabilistic.roc_auc, AUC, {"proportion": True}),
        (scored(80), probabilistic.roc_auc, AUC, {"proportion": True, "method": "bca"}),
        (errors(200), regression.rmse, 1.0, {}),
    ],
    ids=["accuracy", "bias", "mae", "pearson", "auc", "auc-bca", "rmse"],
)
def test_intervals_hold_as_often_as_they_say(
    draw: Sample, metric: Callable[..., Any], truth: float, options: dict[str, Any]
) -> None:
    """Nominal 95 %; 250 samples tell it to within 2.7 points."""
    assert 0.92 <= held(draw, metric, truth, **options) <= 0.985


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_intervals_of_tiny_groups_are_wide_rather_than_wrong(n: int) -> None:
    assert held(answers(n, 0.9), classification.accuracy, 0.9, proportion=True) >= 0.95
    if n >= 5:
        assert held(errors(n), regression.bias, 0.0) >= 0.88


@pytest.mark.parametrize("n", [1, 2, 4])
def test_too_few_for_an_interval(n: int) -> None:
    number = bootstrap(regression.mae, np.full(n, 20.0), np.full(n, 20.0) + np.arange(n))
    assert (number.value, number.n, number.method) == ((n - 1) / 2, n, "few")
    assert np.isnan([number.low, number.high]).all()
    share = bootstrap(classification.accuracy, np.zeros(n), np.arange(n), proportion=True)
    assert (share.value, share.low, share.high, share.method) == (1 / n, *wilson(1 / n, n), "wilson")
    assert bootstrap(regression.pearson, [1.0], [2.0]).method == "undefined"
    assert bootstrap(regression.pearson, [1.0, 2.0], [3.0, 5.0]).method == "few", "two points always lie on a line"


def test_faces_of_one_person_are_not_independent() -> None:
    """Twenty people with six faces each that share most of their error: only drawing people holds."""

    def draw(rng: np.random.Generator) -> tuple[Array, ...]:
        return np.zeros(120), np.repeat(rng.normal(size=20), 6) + 0.3 * rng.normal(size=120)

    people = np.repeat(np.arange(20), 6)
    assert 0.92 <= held(draw, regression.bias, 0.0, clusters=people) <= 0.985
    assert held(draw, regression.bias, 0.0) < 0.75


def test_pairs_of_faces_draw_both_people() -> None:
    """Scores of two-person pairs share what is particular to either person; drawing the first one only misses half."""
    people, pairs = 25, np.stack(np.triu_indices(25, 1), axis=1)

    def draw(rng: np.random.Generator) -> tuple[Array, ...]:
        own = rng.normal(size=people)
        return np.zeros(len(pairs)), own[pairs].sum(1) + 0.3 * rng.normal(size=len(pairs))

    assert 0.91 <= held(draw, regression.bias, 0.0, times=800, clusters=pairs) <= 0.97
    assert held(draw, regression.bias, 0.0, clusters=pairs[:, 0]) < 0.8
    (w,) = Units(3, [["ann", "bob"], ["ann", "ann"], ["bob", "cid"]]).draw(200, 0)
    assert set(w[:, 1]) == {0, 1, 2, 3}
    assert (w[:, 0] <= w[:, 1] * (3 - w[:, 1])).all()
    assert (w[w[:, 1] == 3][:, [0, 2]] == 0).all()


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 199, 200, 201, 5000])
def test_student_quantile(freedom: int) -> None:
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


def test_cut_shares() -> None:
    assert tail(10**6) == pytest.approx(0.025, rel=1e-4)
    assert tail(5) == pytest.approx(stats.norm.cdf(-math.sqrt(5 / 4) * stats.t.ppf(0.975, 4)))
    assert tail(1) == 0


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (1, 1), (8, 10), (37, 900)])
def test_wilson_equals_scipys(right: int, n: int) -> None:
    expected = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert proportion([True] * right + [False] * (n - right)) == Estimate(right / n, *wilson(right / n, n), n, "wilson")


def test_no_cases() -> None:
    for found in (bootstrap(regression.mae, [], []), proportion([]), bootstrap(classification.accuracy, [], [])):
        assert found.n == 0
        assert np.isnan([found.value, found.low, found.high]).all()


def test_one_cluster_is_one_case() -> None:
    found = bootstrap(regression.mae, np.zeros(9), np.arange(9.0), clusters=["ann"] * 9)
    assert (found.value, found.n, found.method) == (4, 9, "few")
    assert math.isnan(found.low)


def test_all_right_is_not_certain() -> None:
    found = bootstrap(classification.accuracy, np.ones(20), np.ones(20), proportion=True)
    assert (found.low, found.high, found.method) == (*wilson(1, 20), "wilson")
    people = bootstrap(classification.accuracy, np.ones(20), np.ones(20), proportion=True, clusters=np.arange(20) // 4)
    assert people.low == wilson(1, 5)[0], "twenty faces of five people are five trials"
    recall = bootstrap(
        classification.binary_recall, np.arange(20) < 3, np.arange(20) < 3, proportion=True, trials=3
    )  # fmt: skip
    assert recall.low == wilson(1, 3)[0]


def test_errors_that_are_all_alike() -> None:
    found = bootstrap(regression.mae, np.zeros(8), np.full(8, 2.0))
    assert (found.low, found.value, found.high, found.method) == (2, 2, 2, "constant")


def test_a_class_that_is_missing_from_resamples() -> None:
    """One true case of thirty: a third of the resamples have none; one of three hundred with 5 rounds may have few."""
    truth = np.arange(30) == 0
    found = bootstrap(probabilistic.roc_auc, truth, np.linspace(1, 0, 30) - 0.2 * truth, proportion=True)
    assert found.draws is not None
    assert 0.25 < np.isnan(found.draws).mean() < 0.45
    assert 0 <= found.low <= found.value <= found.high <= 1

    def rarely(x: Array, weight: Array) -> Array:
        return np.where(weight[..., 0] > 3, 0.5, np.where(np.ptp(weight, axis=-1) == 0, 0.5, np.nan))

    assert bootstrap(rarely, np.arange(30.0)).method == "undefined"


def test_same_seed_same_interval() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 300))
    first = bootstrap(regression.ccc, x, y, seed=4)
    assert bootstrap(regression.ccc, x, y, seed=4) == first
    assert bootstrap(regression.ccc, x, y, seed=5) != first


def test_plain_functions_are_resampled_alike() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 60))
    plain = bootstrap(resampled(lambda a, b: float(np.abs(a - b).mean())), x, y, seed=4)
    own = bootstrap(regression.mae, x, y, seed=4)
    assert plain.value == pytest.approx(own.value)
    assert (plain.low, plain.high) == pytest.approx((own.low, own.high))


def test_cases_that_repeat_are_drawn_as_counts() -> None:
    """The short cut over distinct cases gives the interval of drawing every case."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 2000)
    guess = np.where(rng.random(2000) < 0.7, truth, 0)
    found = distinct([truth, guess])
    assert found is not None
    rows, counts = found
    assert sorted(zip(truth[rows], guess[rows], counts, strict=True)) == [
        (a, b, ((truth == a) & (guess == b)).sum()) for a, b in sorted({*zip(truth, guess, strict=True)})
    ]
    assert sum(w.sum() for w in multinomial(counts, 50, 0)) == 50 * 2000
    short = bootstrap(classification.macro_f1, truth, guess, rounds=4000)
    long = bootstrap(classification.macro_f1, truth, guess, rounds=4000, clusters=np.arange(2000))
    assert short.value == long.value
    assert (short.low, short.high) == pytest.approx((long.low, long.high), abs=0.003)
    assert distinct([rng.normal(size=100)]) is None
    assert distinct([np.zeros((100, 2))]) is None


def test_strata_keep_their_sizes_and_clusters_stay_whole() -> None:
    strata, clusters = np.repeat([0, 1], [30, 10]), np.arange(40) // 2
    for w in Units(40, clusters, strata).draw(20, 0):
        assert (w[:, ::2] == w[:, 1::2]).all()
        assert (w[:, :30].sum(1) == 30).all()
        assert (w[:, 30:].sum(1) == 10).all()
    left_out = np.concatenate(list(Units(40, clusters).without(400)))
    assert left_out.shape == (20, 40)
    assert (left_out.sum(1) == 38).all()


def test_bca_follows_the_skew() -> None:
    """A mean of exponential times: the upper end lies farther off than the lower one, more than by percentiles."""
    x = np.random.default_rng(1).exponential(size=60)
    plain, bent = (bootstrap(regression.bias, np.zeros(60), x, method=m) for m in ("percentile", "bca"))
    expected = stats.bootstrap((x,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    assert (bent.low, bent.high) == pytest.approx((expected.low, expected.high), abs=0.04)
    assert bent.high - bent.value > bent.value - bent.low
    assert bent.low > plain.low
    assert bent.method == "bca"


def test_groups_with_and_without_clusters() -> None:
    groups = np.array(["a"] * 40 + ["b"] * 40 + ["c"] + [None], object)
    right = np.r_[np.arange(40) < 36, np.arange(40) < 20, True, True].astype(int)
    ones = np.ones(82, int)
    free = bootstrap_groups(classification.accuracy, ones, right, groups=groups, proportion=True)
    tied = bootstrap_groups(
        classification.accuracy, ones, right, groups=groups, proportion=True, order=["b", "a", "c", "d"],
        clusters=np.arange(82),
    )  # fmt: skip
    assert list(free) == ["a", "b", "c"]
    assert list(tied) == ["b", "a", "c", "d"]
    for found in (free, tied):
        assert [found[g].value for g in "abc"] == [0.9, 0.5, 1]
        assert [found[g].n for g in "abc"] == [40, 40, 1]
        assert found["c"].method == "wilson"
        assert found["b"].low == pytest.approx(wilson(0.5, 40)[0], abs=0.04)
    assert (tied["d"].n, math.isnan(tied["d"].value)) == (0, True)


def test_gap_names_best_and_worst() -> None:
    shares = {"a": (90, 100), "b": (80, 100), "c": (5, 5), "d": (0, 0)}
    found = gap({k: proportion([True] * r + [False] * (n - r)) for k, (r, n) in shares.items()})
    assert (found.best, found.worst, found.left_out) == ("a", "b", ("c", "d"))
    assert (found.size.value, found.size.n) == (pytest.approx(0.1), 200)
    assert 0 <= found.size.low < 0.1 < found.size.high < 0.22
    ages = {"old": Estimate(8, 7, 9, 50), "young": Estimate(4, 3.5, 4.5, 50)}
    error = gap(ages, higher_is_better=False)
    assert (error.best, error.worst, error.size.value) == ("young", "old", 4)
    half = math.hypot(1, 0.5)
    assert (error.size.low, error.size.high) == pytest.approx((4 - half * 1.14, 4 + half), abs=0.15)


def test_gap_of_fewer_than_two_groups() -> None:
    alone = gap({"a": proportion([True] * 20)})
    assert (alone.best, alone.worst) == ("a", "a")
    assert math.isnan(alone.size.value)
    nobody = gap({"a": bootstrap(regression.mae, [], [])})
    assert (nobody.best, nobody.size.n, nobody.left_out) == (None, 0, ("a",))


@pytest.mark.parametrize("shares", [[0.8] * 6, [0.9, 0.85, 0.8, 0.6], [0.9, 0.7]], ids=["equal", "spread", "two"])
def test_gap_holds_the_true_gap(shares: list[float]) -> None:
    """Also where all groups are equal and any gap is chance."""
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(len(shares)), 50)
    kept = []
    for i in range(120):
        right = (rng.random(len(groups)) < np.array(shares)[groups]).astype(int)
        truth = np.ones(len(groups), int)
        found = bootstrap_groups(
            classification.accuracy, truth, right, groups=groups, rounds=300, seed=i, proportion=True
        )  # fmt: skip
        size = gap(found).size
        kept.append(size.low - 1e-12 <= np.ptp(shares) <= size.high + 1e-12)
    assert np.mean(kept) >= 0.92


def test_shared_pictures_make_a_gap_more_certain() -> None:
    """Both groups stand in every picture and rise and fall with it: their difference is known far better."""
    rng = np.random.default_rng(0)
    picture = np.repeat(np.arange(60), 2)
    group = np.tile(["a", "b"], 60)
    error = np.repeat(rng.normal(size=60), 2) + np.tile([1.0, 1.5], 60) + 0.05 * rng.normal(size=120)
    options: dict[str, Any] = {"groups": group}
    together = gap(bootstrap_groups(regression.bias, np.zeros(120), error, clusters=picture, **options)).size
    apart = gap(bootstrap_groups(regression.bias, np.zeros(120), error, **options)).size
    assert together.high - together.low < 0.2 * (apart.high - apart.low)
    assert together.low < 0.5 < together.high


def test_estimates_as_text_and_json() -> None:
    found = Estimate(0.5, 0.25, 0.75, 3, "wilson")
    assert f"{found}" == "0.500 (0.250-0.750)"
    assert f"{Estimate(-0.5, -1, 0, 1):.1f}" == "-0.5 (-1.0 to 0.0)"
    assert f"{Estimate(0.5, math.nan, math.nan, 3, 'few')}" == "0.500"
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["high"] == 0.75
    assert bootstrap(regression.mae, [], []).as_dict()["value"] is None
