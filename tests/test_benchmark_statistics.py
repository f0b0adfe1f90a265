"""Figures of the benchmarks against values worked out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.identity import false_matches
from benchmarks.statistics import Estimate, auc, bootstrap, concordance, groups, macro_f1, mean, proportion, table


def test_wilson_interval() -> None:
    """8 of 10, as in Brown, Cai and DasGupta's calculators: 0.490 to 0.943."""
    estimate = proportion([True] * 8 + [False] * 2)
    assert (estimate.value, estimate.n) == (0.8, 10)
    assert (estimate.low, estimate.high) == pytest.approx((0.490, 0.943), abs=0.001)
    assert np.isnan(proportion([]).value)


def test_bootstrap_agrees_with_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    drawn, normal = bootstrap(lambda v: float(v.mean()), values), mean(values)
    assert drawn.value == pytest.approx(normal.value)
    assert (drawn.low, drawn.high) == pytest.approx((normal.low, normal.high), abs=0.03)
    assert bootstrap(lambda v: float(v.mean()), values) == drawn


def test_auc_f1_and_concordance_by_hand() -> None:
    assert auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value == 0.75
    assert macro_f1(["a", "a", "b"], ["a", "b", "b"]).value == pytest.approx(2 / 3)
    x = np.array([1.0, 2.0, 3.0])
    assert concordance(x, x) == 1
    assert concordance(x, x + 1) == pytest.approx(4 / 7)
    assert concordance(x, x[::-1]) == -1


def test_false_matches_counts_pairs_once() -> None:
    """Two of three faces alike: one pair of three."""
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    (rate,) = false_matches(vectors, (0.9,))
    assert rate.value == pytest.approx(1 / 3)
    assert rate.n == 3


def test_groups_and_table() -> None:
    assert [(name, list(mask)) for name, mask in groups(["b", "a"], ["b", "x", "a"])] == [
        ("b", [True, False]),
        ("a", [False, True]),
    ]
    text = table(("n", "rate"), [(3, Estimate(0.5, 0.25, 0.75, 3)), (1, Estimate(-0.5, -1, 0, 1))])
    assert text.splitlines()[2:] == ["| 3 | 0.500 (0.250-0.750) |", "| 1 | -0.500 (-1.000 to 0.000) |"]
