"""Small groups: partial pooling, and the smallest difference that so many faces could have shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from curate.audit.power import mean_gap, rate_gap, rate_power
from curate.audit.shrinkage import shrunken_rates

BATTERS = [18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7]
"""Hits of 18 baseball players in their first 45 at bats of 1970 (B. Efron and C. Morris 1975)."""
SEASON = [0.346, 0.298, 0.276, 0.222, 0.273, 0.270, 0.263, 0.210, 0.269, 0.230, 0.264, 0.256, 0.303, 0.264, 0.226,
          0.285, 0.316, 0.200]  # fmt: skip
"""Their averages in the rest of the season."""


def test_batters_are_better_predicted_by_shrinking() -> None:
    found = shrunken_rates(BATTERS, [45] * 18)
    raw = np.array(BATTERS) / 45
    shrunk = np.array([e.value for e in found.groups])
    assert found.centre == pytest.approx(0.265, abs=0.005)
    assert ((shrunk - SEASON) ** 2).sum() < 0.4 * ((raw - SEASON) ** 2).sum()
    inside = [e.low <= truth <= e.high for e, truth in zip(found.groups, SEASON, strict=True)]
    assert sum(inside) >= 17


def test_shares_equal_the_integral_over_centre_and_spread() -> None:
    hits, n = [1, 8], [10, 10]

    def density(share: float, centre: float) -> float:
        size = 10 * share / (1 - share)
        a, b = size * centre, size * (1 - centre)
        fit = sum(special.betaln(a + x, b + m - x) - special.betaln(a, b) for x, m in zip(hits, n, strict=True))
        return math.exp(fit) / share**2

    def weighted(share: float, centre: float) -> float:
        size = 10 * share / (1 - share)
        return density(share, centre) * (size * centre + hits[0]) / (size + n[0])

    # the outermost shares of shrinkage are left out, as on the grid
    total, top = (integrate.dblquad(f, 0.0, 1.0, 1 / 396, 1 - 1 / 396, epsrel=1e-4)[0] for f in (density, weighted))
    assert shrunken_rates(hits, n).groups[0].value == pytest.approx(top / total, abs=0.01)


def test_a_large_group_keeps_its_share_and_an_empty_one_has_none_of_its_own() -> None:
    found = shrunken_rates([1, 0, 3, 0, 2000], [5, 5, 10, 0, 10_000])
    assert found.groups[4].value == pytest.approx(0.2, abs=0.001)
    assert found.kept[4] > 0.98
    assert found.groups[3].n == 0
    assert found.groups[3].value == pytest.approx(found.centre, abs=0.05)
    assert 0.0 < found.groups[1].value < 0.2
    assert found.groups[1].low > 0
    assert found.kept[0] < found.kept[2] < found.kept[4]


def test_equal_groups_shrink_to_one_share() -> None:
    found = shrunken_rates([20] * 30, [100] * 30)
    assert [e.value for e in found.groups] == pytest.approx([0.2] * 30, abs=0.005)
    assert found.groups[0].high - found.groups[0].low < 0.6 * 2 * 1.96 * 0.04


def test_nothing_is_shrunk_to_nothing() -> None:
    found = shrunken_rates([0, 0], [0, 0])
    assert all(math.isnan(e.value) for e in found.groups)
    assert shrunken_rates([0], [4]).groups[0].low >= 0


def test_intervals_of_shrunken_rates_hold_groups_drawn_alike() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(40):
        truth = rng.beta(6, 14, 12)
        n = rng.integers(2, 40, 12)
        found = shrunken_rates(rng.binomial(n, truth), n)
        held += [e.low <= p <= e.high for e, p in zip(found.groups, truth, strict=True)]
    assert 0.93 < np.mean(held) < 0.99


def test_smallest_gap_of_means_is_cohens() -> None:
    # Cohen's table: d = .50 with 64 in each group has a power of .80
    assert mean_gap(1.0, 64, 64) == pytest.approx(0.499, abs=0.001)
    assert mean_gap(10.0, 64, 64) == pytest.approx(4.99, abs=0.01)
    # 2 and 1 faces: t with one degree of freedom
    d = mean_gap(1.0, 2, 1) / math.sqrt(1.5)
    cut = stats.t.ppf(0.975, 1)
    assert stats.nct.sf(cut, 1, d) == pytest.approx(0.8, abs=1e-6)  # the wrong side is nil so far out


def test_smallest_gap_of_means_is_found_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    gap = mean_gap(2.0, 12, 30)
    a, b = rng.normal(0, 2, (4000, 12)), rng.normal(gap, 2, (4000, 30))
    assert (stats.ttest_ind(a, b, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.025)


def test_smallest_gap_of_rates_is_the_closed_form() -> None:
    # equal groups: n = (z_a sqrt(2 p q) + z_b sqrt(p1 q1 + p2 q2))^2 / d^2
    d = rate_gap(0.5, 100, 100)
    p, q = 0.5 - d, 0.5 + d
    mean = (0.5 + q) / 2
    n = (1.959964 * math.sqrt(2 * mean * (1 - mean)) + 0.841621 * math.sqrt(0.25 + q * (1 - q))) ** 2 / d**2
    assert n == pytest.approx(100, rel=1e-4)
    assert p + q == 1


def test_smallest_gap_of_rates_is_found_as_often_as_promised() -> None:
    rng = np.random.default_rng(2)
    n, other, share = 150, 400, 0.3
    gap = rate_gap(share, n, other)
    second = share + gap if rate_power(share, share + gap, n, other) >= 0.799 else share - gap
    a, b = rng.binomial(n, share, 4000), rng.binomial(other, second, 4000)
    pooled = (a + b) / (n + other)
    z = (a / n - b / other) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / other))
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.8, abs=0.025)


def test_too_few_faces_show_nothing() -> None:
    assert math.isnan(rate_gap(0.5, 0, 10))
    assert math.isnan(rate_gap(0.5, 1, 1))
    assert math.isnan(rate_gap(math.nan, 10, 10))
    assert math.isnan(mean_gap(1.0, 1, 1))
    assert math.isnan(mean_gap(1.0, 0, 50))
    assert math.isnan(mean_gap(math.nan, 10, 10))
    assert mean_gap(1.0, 1, 500) > 2.5
    assert 0.4 < rate_gap(0.0, 5, 1000) < 0.5
    assert rate_gap(0.0, 1000, 5) < 1
