"""The audit's statistics against scipy, scikit-learn and fairlearn, and against answers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import association
from sklearn.metrics import mutual_info_score

from curate.audit.clusters import Alike, design
from curate.audit.concentration import concentration
from curate.audit.errors import outcome_rates
from curate.audit.exact import clopper_pearson, goodman, mean_of, rates, shares
from curate.audit.relations import phi, two_by_two, woolf
from curate.audit.representation import Draws, distance, effective, evenness, lacking
from curate.audit.testing import (
    adjusted,
    cramers_v,
    dependence,
    goodness,
    kruskal,
    mutual_information,
    noncentrality,
    permuted,
    pointwise,
    ranked,
)

TABLE = np.array([[20, 30, 50], [40, 35, 25]])
NEAR = {"rel": 1e-9, "abs": 1e-12}

tables = st.integers(2, 5).flatmap(
    lambda rows: st.integers(2, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(1, 400), min_size=columns, max_size=columns), min_size=rows, max_size=rows
        )
    )
)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_tables_agree_with_scipy_and_scikit_learn(rows: list[list[int]]) -> None:
    table = np.array(rows)
    found = dependence(table, 99, [0])
    statistic, p, freedom, base = stats.chi2_contingency(table, correction=False)
    assert found.test.statistic == pytest.approx(statistic, **NEAR)
    assert found.test.freedom == freedom
    if found.sparse:
        assert (base < 5).mean() > 0.2 or (base < 1).any()
    else:
        assert found.test.p == pytest.approx(p, rel=1e-9, abs=1e-300)
    a, b = (np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape))
    assert found.mutual_information == pytest.approx(mutual_info_score(a, b), rel=1e-9, abs=1e-9)


def test_cramers_v_by_hand_and_without_its_correction_scipys() -> None:
    # chi2 = 15.3846..: expected counts are 30, 32.5, 37.5 in both rows
    chi2 = 2 * (10**2 / 30 + 2.5**2 / 32.5 + 12.5**2 / 37.5)
    n, rows, columns = 200, 2, 3
    square = chi2 / n - (rows - 1) * (columns - 1) / (n - 1)
    tall = rows - (rows - 1) ** 2 / (n - 1)
    found = cramers_v(TABLE)
    assert found.value == pytest.approx(math.sqrt(square / (tall - 1)), **NEAR)
    assert association(TABLE, method="cramer") == pytest.approx(math.sqrt(chi2 / n), **NEAR)
    assert found.low < found.value < found.high


def test_v_is_one_for_a_diagonal_and_nothing_for_independence() -> None:
    assert cramers_v(np.diag([50, 50, 50])).value == pytest.approx(1.0)
    even = cramers_v(np.full((3, 4), 20))
    assert (even.value, even.low) == (0.0, 0.0)


@pytest.mark.parametrize(("statistic", "freedom"), [(0.5, 3), (9.0, 1), (60.0, 12), (1900.0, 6)])
def test_noncentrality_inverts_scipys_distribution(statistic: float, freedom: int) -> None:
    low, high = noncentrality(statistic, freedom)
    assert stats.ncx2.cdf(statistic, freedom, high) == pytest.approx(0.025, abs=1e-6)
    if low > 0:
        assert stats.ncx2.cdf(statistic, freedom, low) == pytest.approx(0.975, abs=1e-6)
    else:
        assert stats.chi2.cdf(statistic, freedom) <= 0.975


@pytest.mark.parametrize(("statistic", "freedom"), [(2001.0, 6), (50_000.0, 60)])
def test_large_statistics_take_the_normal_approximation(statistic: float, freedom: int) -> None:
    low, high = noncentrality(statistic, freedom)
    assert stats.ncx2.cdf(statistic, freedom, low) == pytest.approx(0.975, abs=2e-3)
    assert stats.ncx2.cdf(statistic, freedom, high) == pytest.approx(0.025, abs=2e-3)


def test_intervals_of_v_hold_the_true_value() -> None:
    rng = np.random.default_rng(3)
    joint = np.array([[0.30, 0.20], [0.15, 0.35]])
    base = np.outer(joint.sum(1), joint.sum(0))
    true = math.sqrt(((joint - base) ** 2 / base).sum())
    drawn = rng.multinomial(300, joint.ravel(), size=1000).reshape(-1, 2, 2)
    inside = [found.low <= true <= found.high for found in map(cramers_v, drawn)]
    assert 0.93 <= np.mean(inside) <= 0.975


def test_pointwise_information_by_hand() -> None:
    pmi, npmi = pointwise([[30, 10], [0, 60]])
    assert pmi[0, 0] == pytest.approx(math.log(0.3 / (0.4 * 0.3)))
    assert npmi[0, 0] == pytest.approx(math.log(0.3 / (0.4 * 0.3)) / -math.log(0.3))
    assert math.isnan(pmi[1, 0])
    assert math.isnan(npmi[1, 0])
    table = np.array([[30, 10], [5, 60]])
    assert np.nansum(table / table.sum() * pointwise(table)[0]) == pytest.approx(mutual_information(table), **NEAR)


def test_permutations_agree_with_the_exact_test_where_tables_are_tiny() -> None:
    found = dependence([[7, 1], [2, 8]], 19_999, [1])
    assert found.test.name == "permutation"
    # of tables with these margins, those with 7, 8, 1 or 0 in the first cell are at least as far from the expected 4
    chance = stats.hypergeom(18, 9, 8).pmf
    assert found.test.p == pytest.approx(sum(chance(k) for k in (0, 1, 7, 8)), abs=0.003)


def test_a_permutation_p_is_never_zero() -> None:
    assert permuted(np.array([[40, 0], [0, 3]]), 43.0, 99, [0]) >= 0.01


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=40))
def test_adjustment_is_scipys(p: list[float]) -> None:
    known = [x for x in p if not math.isnan(x)]
    found = adjusted(p)
    assert [math.isnan(x) for x in found] == [math.isnan(x) for x in p]
    if known:
        assert found[~np.isnan(found)] == pytest.approx(stats.false_discovery_control(known), **NEAR)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-1, 3)), min_size=2, max_size=80))
def test_ranks_agree_with_scipy(pairs: list[tuple[int, int]]) -> None:
    values, codes = np.array([v for v, _ in pairs], np.float64), np.array([c for _, c in pairs])
    groups = [values[codes == g] for g in range(4) if (codes == g).any()]
    test, effect, medians = kruskal(ranked(values), codes, 4)
    for g in range(4):
        mine = values[codes == g]
        assert medians[g] == pytest.approx(np.median(mine)) if len(mine) else math.isnan(medians[g])
    if len(groups) < 2 or len(np.unique(np.concatenate(groups))) < 2:
        assert math.isnan(test.p)
        return
    reference = stats.kruskal(*groups)
    assert test.statistic == pytest.approx(reference.statistic, rel=1e-9, abs=1e-9)
    assert test.p == pytest.approx(reference.pvalue, rel=1e-9, abs=1e-12)
    n = sum(map(len, groups))
    assert effect.value == pytest.approx(min(test.statistic * (n + 1) / (n**2 - 1), 1.0), **NEAR)


def test_ranks_leave_out_missing_numbers_and_small_groups() -> None:
    values = np.array([1, 2, np.nan, 3, 4, 5, 9])
    codes = np.array([0, 0, 0, 1, 1, 1, 2])
    test, effect, medians = kruskal(ranked(values), codes, 3, np.array([False, False, True]))
    assert test.statistic == pytest.approx(stats.kruskal([1, 2], [3, 4, 5]).statistic, **NEAR)
    assert effect.n == 5
    assert medians.tolist() == [1.5, 4.0, 9.0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(0, 50))
def test_exact_intervals_are_scipys(a: int, b: int) -> None:
    if a + b == 0:
        return
    reference = stats.binomtest(a, a + b).proportion_ci(0.95, method="exact")
    low, high = clopper_pearson([a], [a + b])
    assert (low[0], high[0]) == pytest.approx((reference.low, reference.high), **NEAR)


def test_a_group_without_faces_has_no_share_but_does_not_stop_the_rest() -> None:
    empty, half = rates([0, 3], [0, 6])
    assert (empty.n, math.isnan(empty.value), math.isnan(empty.low)) == (0, True, True)
    assert half.value == 0.5
    assert [e.value for e in shares([0, 4])] == [0.0, 1.0]
    assert all(math.isnan(e.value) for e in shares([0, 0]))


def test_goodmans_intervals_are_wilsons_at_the_shared_level() -> None:
    low, high = goodman([30, 50, 20])
    reference = [
        stats.binomtest(k, 100).proportion_ci(1 - 0.05 / 3, method="wilson") for k in (30, 50, 20)
    ]  # fmt: skip
    assert low == pytest.approx([r.low for r in reference], **NEAR)
    assert high == pytest.approx([r.high for r in reference], **NEAR)


def test_means_have_students_interval() -> None:
    values = np.array([3.0, 4.5, 5.0, 7.25])
    found = mean_of(4.0, len(values), float((values - 4).sum()), float(((values - 4) ** 2).sum()))
    reference = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), reference.low, reference.high), **NEAR)
    assert mean_of(4.0, 1, 0.5, 0.25).value == 4.5
    assert math.isnan(mean_of(4.0, 0, 0, 0).value)


def test_evenness_and_distance_by_hand() -> None:
    assert evenness([10, 10, 10, 10]) == pytest.approx(1.0)
    assert evenness([7, 0]) == 0.0
    assert effective([10, 10, 0]) == pytest.approx(2.0)
    assert math.isnan(evenness([0, 0]))
    assert distance([75, 25], [0.5, 0.5]) == 0.25
    assert evenness([3, 9, 4]) == pytest.approx(stats.entropy([3, 9, 4]) / math.log(3), **NEAR)


def test_faces_that_are_lacking_by_hand() -> None:
    short, add = lacking([60, 30, 10], [0.5, 0.25, 0.25])
    assert short == [0, 0, 15]
    assert add == [0, 0, 20]  # 60 is half of 120, so each other group needs 30
    assert lacking([5, 5], [1.0, 0.0]) == ([5, 0], [None, None])  # nothing that is added makes a share 0
    assert lacking([0, 0], [0.5, 0.5]) == ([0, 0], [0, 0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0.05, 1)), min_size=2, max_size=8))
def test_what_is_to_add_meets_the_target(groups: list[tuple[int, float]]) -> None:
    counts = np.array([c for c, _ in groups])
    target = np.array([t for _, t in groups]) / sum(t for _, t in groups)
    _, add = lacking(counts, target)
    after = counts + np.array(add)
    assert after.sum() == 0 or np.abs(after - target * after.sum()).max() <= len(groups) + 1


def test_goodness_of_fit_is_scipys() -> None:
    found = goodness([30, 50, 20], [0.2, 0.5, 0.3])
    reference = stats.chisquare([30, 50, 20], [20, 50, 30])
    assert (found.statistic, found.p) == pytest.approx((reference.statistic, reference.pvalue), **NEAR)
    assert math.isnan(goodness([3, 1], [1.0, 0.0]).p)


def test_rates_and_their_differences_are_fairlearns() -> None:
    rng = np.random.default_rng(5)
    truth, group = rng.integers(0, 2, 900), rng.integers(0, 3, 900)
    said = np.where(rng.random(900) < 0.7 + 0.1 * (group == 1), truth, 1 - truth)
    said[group == 2] |= rng.random((group == 2).sum()) < 0.2
    tables = [
        np.array([[((truth == t) & (said == s) & (group == g)).sum() for s in (0, 1)] for t in (0, 1)])
        for g in range(3)
    ]  # fmt: skip
    found = outcome_rates("group", "smile", "yes", ("0", "1", "2"), tables, 30)
    measures = {"selection": selection_rate, "true_positive": true_positive_rate, "false_positive": false_positive_rate}
    frame = MetricFrame(metrics=measures, y_true=truth, y_pred=said, sensitive_features=group)
    for key in measures:
        mine = [e.value for e in getattr(found, key)]
        assert mine == pytest.approx(frame.by_group[key].tolist(), **NEAR)
        assert found.gaps[key].size.value == pytest.approx(frame.difference()[key], **NEAR)


def test_phi_is_the_correlation_and_its_test_scipys() -> None:
    table = np.array([[40, 12], [9, 30]])
    a, b = (np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape))
    correlation = float(phi(table))
    assert correlation == pytest.approx(np.corrcoef(a, b)[0, 1], **NEAR)
    assert two_by_two(table, correlation).p == pytest.approx(
        stats.chi2_contingency(table, correction=False)[1], rel=1e-9
    )
    few = np.array([[9, 1], [1, 3]])
    assert two_by_two(few, float(phi(few))).p == pytest.approx(stats.fisher_exact(few).pvalue, **NEAR)
    assert math.isnan(float(phi(np.array([[5, 0], [7, 0]]))))


def test_equal_odds_ratios_are_not_told_apart_and_opposite_ones_are() -> None:
    same = np.array([[[40, 10], [10, 40]], [[80, 20], [20, 80]]])
    assert woolf(same).p > 0.8
    assert woolf(np.stack([same[0], same[0][::-1]])).p < 1e-6


def test_concentration_by_hand() -> None:
    even, one = concentration([2, 2, 2, 2]), concentration([97, 1, 1, 1])
    assert (even.gini, even.effective, even.mean) == (0.0, 4.0, 2.0)
    assert one.gini == pytest.approx(2 * (1 + 2 + 3 + 4 * 97) / (4 * 100) - 5 / 4)
    assert one.effective == pytest.approx(100**2 / (97**2 + 3))
    assert (one.largest, one.top_people, one.top_share) == (97, 1, 0.97)
    assert concentration([0, 0]).people == 0


def test_faces_of_one_person_count_once_where_they_are_all_alike() -> None:
    groups = np.repeat([0, 0, 0, 1, 1, 2], 4).astype(np.int32)
    people = np.repeat(np.arange(6), 4).astype(np.int32)
    found = design(groups, 4, people)
    # 6 people instead of 24 faces, and 6 / 5 for their number being small; a group without faces takes Kish's 4
    assert found.effect == pytest.approx([4 * 6 / 5] * 3 + [4.0])
    assert design(groups, 4, np.arange(24, dtype=np.int32)).mean == 1.0
    wide = shares([12, 8, 4, 0], worth=24 / found.effect)[0]
    reference = stats.beta.ppf([0.025, 0.975], [2.5, 3.5], [3.5, 2.5])
    assert (wide.low, wide.high) == pytest.approx(tuple(reference), **NEAR)


def test_intervals_of_shares_hold_the_truth_where_people_have_many_photos() -> None:
    rng = np.random.default_rng(8)
    true = np.array([0.6, 0.3, 0.1])
    inside, naive = [], []
    for _ in range(400):
        photos = rng.geometric(0.3, 120)
        groups = np.repeat(rng.choice(3, 120, p=true), photos).astype(np.int32)
        people = np.repeat(np.arange(120), photos).astype(np.int32)
        counts = np.bincount(groups, minlength=3)
        effect = design(groups, 3, people).effect
        for kept, worth in ((inside, counts.sum() / effect), (naive, None)):
            kept += [e.low <= t <= e.high for e, t in zip(shares(counts, worth=worth), true, strict=True)]
    assert 0.93 <= np.mean(inside) <= 0.985
    assert np.mean(naive) < 0.8


@pytest.mark.parametrize("lean", [0.0, 0.2, 1.0])
def test_intervals_of_the_distance_hold_on_and_off_the_target(lean: float) -> None:
    rng = np.random.default_rng(4)
    even, uneven = np.full(7, 1 / 7), np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05])
    true = (1 - lean) * even + lean * uneven
    inside = []
    for round_ in range(300):
        found = Draws(rng.multinomial(400, true), 1.0, 300, round_).distance(even)
        inside.append(found.low <= float(distance(true, even)) <= found.high)
    assert np.mean(inside) >= 0.93


def test_intervals_of_evenness_hold_the_truth() -> None:
    rng = np.random.default_rng(6)
    true = np.array([0.4, 0.3, 0.2, 0.1])
    inside = []
    for round_ in range(300):
        counts = rng.multinomial(500, true)
        found = Draws(counts, 1.0, 300, round_).interval(evenness(counts), evenness)
        inside.append(found.low <= float(evenness(true)) <= found.high)
    assert 0.92 <= np.mean(inside) <= 0.98


def test_tests_keep_their_level_where_people_have_many_photos() -> None:
    """Race and a trait of the person that has nothing to do with it: seldom told, though each face repeats both."""
    rng = np.random.default_rng(9)
    found: dict[str, list[bool]] = {"table": [], "ranks": [], "naive table": [], "naive ranks": []}
    for round_ in range(250):
        photos = rng.geometric(0.3, 150)
        people = np.repeat(np.arange(150), photos).astype(np.int32)
        groups = np.repeat(rng.choice(3, 150, p=(0.5, 0.3, 0.2)), photos).astype(np.int32)
        traits = np.repeat(rng.choice(2, 150, p=(0.7, 0.3)), photos)
        numbers = np.repeat(rng.normal(size=150), photos)
        table = np.zeros((3, 2), np.int64)
        np.add.at(table, (groups, traits), 1)
        alike, order = Alike(people, round_), ranked(numbers)
        for name, blur in (("table", alike.table(groups, traits, 3, 2)), ("naive table", 1.0)):
            found[name].append(dependence(table, 99, [0], blur).test.p < 0.05)
        for name, blur in (("ranks", alike.ranks(order.places, groups, 3)), ("naive ranks", 1.0)):
            found[name].append(kruskal(order, groups, 3, alike=blur)[0].p < 0.05)
    told = {name: float(np.mean(hits)) for name, hits in found.items()}
    assert told["naive table"] > 0.25
    assert told["naive ranks"] > 0.25
    assert told["table"] <= 0.09
    assert told["ranks"] <= 0.09


def test_photos_of_one_person_that_have_nothing_in_common_cost_nothing() -> None:
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(4000), 5).astype(np.int32)
    groups, traits = (rng.integers(0, k, len(people)).astype(np.int32) for k in (3, 4))
    alike = Alike(people, 0)
    assert alike.table(groups, traits, 3, 4) == pytest.approx(1.0, abs=0.05)
    assert alike.ranks(ranked(rng.random(len(people))).places, groups, 3) == pytest.approx(1.0, abs=0.05)
