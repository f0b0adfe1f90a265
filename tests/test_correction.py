"""Counts corrected for the labels' confusion: known answers, planted biases, coverage, and every odd input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.audit_correction import Design, simulate
from curate.audit.correction import Confusion, Crossed, Stratified, corrected, likeliest
from curate.audit.correction_curve import critical
from schemas import UsageError

SIMULATIONS = 200


def many(rows: list[list[float]], n: int = 1_000_000) -> np.ndarray:
    """A validation so large that its confusion is known."""
    return np.array(rows) * n


def test_labels_that_never_err_are_left_as_they_are() -> None:
    found = corrected([30, 50, 20], many(np.eye(3).tolist()), labels=["a", "b", "c"])
    assert [g.name for g in found.groups] == ["a", "b", "c"]
    for group, n in zip(found.groups, (30, 50, 20), strict=True):
        assert group.count.value == pytest.approx(n, abs=0.01)
        assert group.count.low >= n - 1.01
        assert group.count.high <= n + 1.01
        assert group.share.value == pytest.approx(n / 100, abs=1e-4)
        assert group.raw == n / 100
    assert found.condition == pytest.approx(1.0, abs=1e-4)
    assert found.notes == ()


def test_a_known_confusion_is_inverted() -> None:
    # of 400 and 600 faces, .9 and .8 are called right: 400 * .9 + 600 * .2 = 480 are called a
    found = corrected([480, 520], many([[0.9, 0.1], [0.2, 0.8]]), labels=["a", "b"])
    a = found.groups[0]
    assert a.count.value == pytest.approx(400, abs=0.1)
    # the spread of the answers, given 400 and 600: sqrt(400 * .09 + 600 * .16) / (.9 - .2) = 16.41
    assert (a.count.high - a.count.low) / 2 == pytest.approx(1.96 * 16.41, abs=1.0)


def test_the_intervals_of_a_population_are_wider_by_its_drawing() -> None:
    confusion = many([[0.9, 0.1], [0.2, 0.8]])
    one = corrected([480, 520], confusion).groups[0].count
    all_of_them = corrected([480, 520], confusion, target="population").groups[0].count
    drawn = 1000 * 0.4 * 0.6
    half = (all_of_them.high - all_of_them.low) / 2
    assert half == pytest.approx(1.96 * math.sqrt(16.41**2 + drawn), abs=1.0)
    assert half > (one.high - one.low) / 2


def test_a_planted_bias_of_ten_points_is_found_within_one() -> None:
    rng = np.random.default_rng(3)
    confusion = np.full((7, 7), 0.01)
    np.fill_diagonal(confusion, 0.94)
    confusion[0, 0], confusion[0, 6] = 0.64, 0.31  # a third of the first group is taken for the last
    truth = rng.multinomial(50_000, [0.35, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05])
    seen = np.stack([rng.multinomial(3_000, row) for row in confusion])
    said = sum(rng.multinomial(n, row) for n, row in zip(truth, confusion, strict=True))
    found = corrected(said, seen)
    raw = np.abs([g.raw - n / 50_000 for g, n in zip(found.groups, truth, strict=True)])
    right = np.abs([g.share.value - n / 50_000 for g, n in zip(found.groups, truth, strict=True)])
    assert raw.max() > 0.1
    assert right.max() < 0.01
    assert found.moved > 0.1
    assert sum(g.count.low <= n <= g.count.high for g, n in zip(found.groups, truth, strict=True)) >= 6


@pytest.mark.parametrize(
    "design",
    [
        Design((2,), 3_000, 500),
        Design((2,), 3_000, 500, rare=5),
        Design((4,), 3_000, 500, rare=5),
        Design((4,), 3_000, 500, few=5),
        Design((4,), 300, 200, target="population"),
        Design((3, 2), 3_000, 1_000, rare=5),
    ],
    ids=lambda d: f"{d.groups}: {d.what}",
)
def test_intervals_hold_the_truth_as_often_as_they_say(design: Design) -> None:
    """The benchmark in small: 200 simulations tell 95 % from less than 91 or more than 99 %."""
    held = 0
    for seed in range(SIMULATIONS):
        found, truth = simulate(design, seed)
        held += found.groups[0].count.low <= truth[0] <= found.groups[0].count.high
    assert 0.91 <= held / SIMULATIONS <= 0.99


def test_critical_values_are_those_of_feldman_and_cousins() -> None:
    far = critical(np.array([50.0]), 100.0)
    at_a_bound = critical(np.array([0.0, 100.0]), 100.0)
    assert far == pytest.approx([1.959964**2], abs=1e-5)
    assert at_a_bound == pytest.approx([1.644854**2] * 2, abs=1e-5)


@pytest.mark.parametrize(
    ("measured", "low", "high"), [(-3.0, 0.0, 0.42), (-1.0, 0.0, 1.10), (0.0, 0.0, 1.96), (2.0, 0.35, 3.96)]
)
def test_a_normal_mean_near_its_bound_has_the_published_interval(measured: float, low: float, high: float) -> None:
    """Table X of Feldman and Cousins (1998), 95 %: the interval of a mean of at least 0, deviation 1."""
    means = np.arange(0, 7, 0.001)
    best = max(measured, 0.0)
    kept = means[(means - measured) ** 2 - (best - measured) ** 2 <= critical(means, 1000.0)]
    assert kept[0] == pytest.approx(low, abs=0.01)
    assert kept[-1] == pytest.approx(high, abs=0.01)


def test_a_group_that_nobody_validated_is_told_and_wide() -> None:
    found = corrected([50, 50], [[0, 0], [3, 30]], labels=["a", "b"])
    assert found.groups[0].count.low == 0
    assert found.groups[0].count.high == 100
    assert "no face of a was validated: its answers are hardly known" in found.notes


def test_a_confusion_that_tells_nothing_apart_is_told_and_wide() -> None:
    found = corrected([60, 40, 100], [[50, 50, 0], [49, 51, 0], [0, 0, 100]], labels=["a", "b", "c"])
    assert "the confusion cannot tell a from b: their intervals are wide" in found.notes
    a, b, c = (g.count for g in found.groups)
    assert a.low == b.low == 0
    assert min(a.high, b.high) >= 99
    assert c.high - c.low < 20
    assert max(a.high, b.high) < 160  # together they are what is not c
    assert any(note.startswith("a and b together are 49.8% (46.") for note in found.notes)
    assert found.condition > 50


def test_abstentions_are_answers() -> None:
    # a is withheld on half of its faces, b never: 100 of a and 100 of b
    rows = many([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
    found = corrected([50, 100, 50], Confusion.of(rows, ["a", "b"], ["a", "b", "abstained"]))
    assert [g.count.value for g in found.groups] == pytest.approx([100, 100], abs=0.1)
    assert [g.raw for g in found.groups] == pytest.approx([1 / 3, 2 / 3])


def test_columns_crossed_err_independently() -> None:
    race = Confusion.of(many([[0.9, 0.1], [0.2, 0.8]]), ["x", "y"])
    gender = Confusion.of(many([[0.95, 0.05], [0.1, 0.9]]), ["f", "m"])
    cells = Crossed.of(race, gender)
    assert cells.labels == ("x · f", "x · m", "y · f", "y · m")
    np.testing.assert_allclose(cells.mean(), np.kron(race.mean(), gender.mean()))
    truth = np.array([300, 100, 200, 400])
    found = corrected(truth @ cells.mean(), cells)
    assert [g.count.value for g in found.groups] == pytest.approx(truth.tolist(), abs=0.5)
    whole = corrected(truth @ cells.mean(), cells, groups={"x": ["x · f", "x · m"], "y": ["y · f", "y · m"]})
    assert [g.count.value for g in whole.groups] == pytest.approx([400, 600], abs=0.5)
    alone = corrected(np.array([400, 600]) @ race.mean(), race).groups[0].count
    assert whole.groups[0].count.low == pytest.approx(alone.low, abs=3)


def test_a_column_may_err_differently_in_each_group_of_another() -> None:
    race = Confusion.of(many([[1, 0], [0, 1]]), ["x", "y"])
    good, bad = (Confusion.of(many([[1 - e, e], [e, 1 - e]]), ["f", "m"]) for e in (0.0, 0.4))
    cells = Crossed.of(race, {"x": good, "y": bad})
    found = corrected(np.array([300, 100, 200, 400]) @ cells.mean(), cells)
    assert [g.count.value for g in found.groups] == pytest.approx([300, 100, 200, 400], abs=0.5)
    widths = [g.count.high - g.count.low for g in found.groups]
    assert min(widths[2:]) > 10 * max(widths[:2])
    # race is told worse of men: both columns err by the other's truth
    both = Crossed.of({"f": race, "m": Confusion.of(many([[0.7, 0.3], [0.3, 0.7]]), ["x", "y"])}, {"x": good, "y": bad})
    np.testing.assert_allclose(both.mean()[2], [0, 0, 0.6, 0.4], atol=1e-5)
    np.testing.assert_allclose(both.mean()[3], [0.3 * 0.4, 0.3 * 0.6, 0.7 * 0.4, 0.7 * 0.6], atol=1e-5)
    with pytest.raises(UsageError, match="none is given for y"):
        Crossed.of(race, {"x": good})


def test_strata_add_up() -> None:
    one, two = (Confusion.of(many([[1 - e, e], [e, 1 - e]]), ["f", "m"]) for e in (0.1, 0.3))
    both = Stratified(("web", "studio"), (one, two))
    assert both.labels == ("web · f", "web · m", "studio · f", "studio · m")
    truth = np.array([100, 300, 500, 100])
    held = {"f": ["web · f", "studio · f"], "m": ["web · m", "studio · m"]}
    found = corrected(truth @ both.mean(), both, groups=held)
    assert [g.count.value for g in found.groups] == pytest.approx([600, 400], abs=0.5)
    pooled = corrected(np.array([600, 400]) @ one.mean(), one).groups[0].count
    assert found.groups[0].count.high - found.groups[0].count.low > pooled.high - pooled.low


def test_the_likeliest_composition_is_never_negative() -> None:
    # fewer are called a than b alone would be: a has none
    shares = likeliest(np.array([5.0, 95.0]), np.array([[0.9, 0.1], [0.1, 0.9]]))
    assert shares == pytest.approx([0.0, 1.0], abs=1e-6)


def test_no_faces_have_no_shares() -> None:
    found = corrected([0, 0], [[10, 1], [1, 10]])
    assert all(math.isnan(g.share.value) for g in found.groups)
    assert found.notes == ("no face was answered",)
    assert found.as_dict()["groups"][0]["share"]["value"] is None


@pytest.mark.parametrize(
    ("said", "confusion"),
    [
        ([1, 2, 3], [[1, 0], [0, 1]]),
        ([1, -2], [[1, 0], [0, 1]]),
        ([1, 2], [[1, -1], [0, 1]]),
        ([1, 2], [[1, 0], [0, float("nan")]]),
        ([1, 2], [[1], [1]]),
        ([1, 2], [1, 2]),
    ],
)
def test_what_does_not_fit_is_refused(said: list[float], confusion: list[object]) -> None:
    with pytest.raises(UsageError):
        corrected(said, confusion)


def test_an_unknown_label_of_a_group_is_named() -> None:
    with pytest.raises(UsageError, match="knows no label z"):
        corrected([1, 2], [[5, 1], [1, 5]], labels=["x", "y"], groups={"all": ["x", "z"]})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_counts_give_shares_that_are_shares(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 5))
    width = size + data.draw(st.integers(0, 1))
    cell = st.integers(0, 40) | st.just(0)
    seen = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=size, max_size=size))
    said = data.draw(st.lists(st.integers(0, 500) | st.just(0), min_size=width, max_size=width))
    found = corrected(said, seen, rounds=200)
    assert found == corrected(said, seen, rounds=200)
    if not sum(said):
        return
    assert sum(g.count.value for g in found.groups) == pytest.approx(sum(said))
    for group in found.groups:
        assert 0 <= group.count.low <= group.count.value <= group.count.high <= sum(said) * (1 + 1e-9)
        assert 0 <= group.share.low <= group.share.high <= 1 + 1e-9
