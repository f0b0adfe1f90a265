"""Agreement of raters against published worked examples and three libraries."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curate.agreement import by_pair, ccc, cohen, fleiss, icc, krippendorff, observed, occc, places, with_interval
from curate.agreement.continuous import FORMS, Form
from curate.agreement.statistics import Metric
from curate.evaluation.metrics import regression
from schemas import SchemaError, UsageError

N = math.nan

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
"""Table 2 of Shrout and Fleiss 1979: six targets, four judges."""

KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T
"""Part C of Krippendorff 2011: twelve units, four observers."""

FLEISS = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip
"""The worked example of Wikipedia's article on Fleiss' kappa: ten subjects, fourteen raters; kappa 0.210."""

RATINGS = hnp.arrays(
    np.float64, st.tuples(st.integers(3, 12), st.integers(2, 5)), elements=st.integers(0, 4).map(float)
)


def spread(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Ratings (cases, raters) with these counts of labels."""
    return np.array([np.repeat(np.arange(len(row)), row) for row in counts], float)


@pytest.mark.parametrize(
    ("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorffs_worked_example(metric: Metric, alpha: float) -> None:
    assert krippendorff(KRIPPENDORFF, metric) == pytest.approx(alpha, abs=5e-4)


@pytest.mark.parametrize(
    ("form", "value"), [("1,1", 0.17), ("2,1", 0.29), ("3,1", 0.71), ("1,k", 0.44), ("2,k", 0.62), ("3,k", 0.91)]
)
def test_shrout_and_fleiss_table_4(form: Form, value: float) -> None:
    found = icc(SHROUT_FLEISS, form)
    assert found.value == pytest.approx(value, abs=5e-3)
    assert found.low < found.value < found.high and (found.cases, found.raters) == (6, 4)


def test_fleiss_worked_example() -> None:
    assert fleiss(spread(FLEISS)) == pytest.approx(0.210, abs=5e-4)


def test_cohen_worked_example() -> None:
    """Fifty grant proposals, two readers: 20 yes by both, 15 no by both, 5 and 10 of them apart; kappa 0.4."""
    one = np.repeat([1.0, 1, 0, 0], [20, 5, 10, 15])
    other = np.repeat([1.0, 0, 1, 0], [20, 5, 10, 15])
    assert cohen(one, other) == pytest.approx(0.4)
    assert observed(np.stack([one, other], 1)) == pytest.approx(0.7)


@settings(deadline=None, max_examples=60)
@given(RATINGS, st.sampled_from(["nominal", "ordinal", "interval", "ratio"]), st.integers(0, 2**16))
def test_alpha_equals_the_library(table: np.ndarray[Any, Any], metric: Metric, seed: int) -> None:
    import krippendorff as library

    table = np.where(np.random.default_rng(seed).random(table.shape) < 0.2, N, table)
    rated = table[(~np.isnan(table)).sum(1) >= 2]
    assume(len(np.unique(rated[~np.isnan(rated)])) > 1)
    assert krippendorff(table, metric) == pytest.approx(library.alpha(table.T, level_of_measurement=metric), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(RATINGS)
def test_fleiss_equals_statsmodels(table: np.ndarray[Any, Any]) -> None:
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    assume(len(np.unique(table)) > 1)
    assert fleiss(table) == pytest.approx(fleiss_kappa(aggregate_raters(table)[0]), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(RATINGS, st.sampled_from([None, "linear", "quadratic"]))
def test_cohen_equals_sklearn(table: np.ndarray[Any, Any], scheme: Any) -> None:
    from sklearn.metrics import cohen_kappa_score

    one, other = table[:, 0], table[:, 1]
    assume(len(np.unique(table[:, :2])) > 1)
    expected = cohen_kappa_score(one, other, weights=scheme, labels=range(5))
    assert cohen(one, other, labels=5, scheme=scheme) == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pingouin
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**16), st.integers(4, 20), st.integers(2, 5))
def test_icc_equals_pingouin(seed: int, cases: int, raters: int) -> None:
    import pandas as pd
    import pingouin

    rng = np.random.default_rng(seed)
    table = rng.normal(size=(cases, 1)) + rng.normal(size=raters) + 0.7 * rng.normal(size=(cases, raters))
    long = pd.DataFrame(
        [(i, j, table[i, j]) for i in range(cases) for j in range(raters)], columns=["case", "rater", "value"]
    )
    told = pingouin.intraclass_corr(long, "case", "rater", "value").round(9)
    interval = next(c for c in told.columns if c.startswith("CI95"))
    assert len(told) == len(FORMS)
    for form, (_, row) in zip(FORMS, told.iterrows(), strict=True):
        mine = icc(table, form)
        assert mine.value == pytest.approx(row["ICC"], abs=1e-6), form
        assert (mine.low, mine.high) == pytest.approx(tuple(row[interval]), abs=6e-3), form


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**16))
def test_concordance_is_correlation_times_bias(seed: int) -> None:
    """Lin 1989: the concordance is Pearson's r times a factor for shift and scale."""
    from scipy.stats import pearsonr

    rng = np.random.default_rng(seed)
    x = rng.normal(size=30)
    y = 0.6 * x + rng.normal(0.4, 0.5, 30)
    scale, shift = x.std() / y.std(), (x.mean() - y.mean()) / math.sqrt(x.std() * y.std())
    factor = 2 / (scale + 1 / scale + shift**2)
    assert ccc(x, y) == pytest.approx(pearsonr(x, y).statistic * factor)
    both = np.stack([x, y], 1)
    assert occc(both) == pytest.approx(ccc(x, y))
    for form in ("2,1", "3,1"):
        assert icc(both, form).value == pytest.approx(float(regression.icc(x, y, form=form)))


@settings(deadline=None, max_examples=40)
@given(RATINGS)
def test_all_agree_or_order_of_raters(table: np.ndarray[Any, Any]) -> None:
    assume(len(np.unique(table)) > 1 and len(np.unique(table[:, 0])) > 1)
    same = np.repeat(table[:, :1], 3, axis=1)
    for statistic in (fleiss, krippendorff, observed, occc, partial(krippendorff, metric="interval")):
        assert statistic(same) == pytest.approx(1.0)
        assert statistic(table) == pytest.approx(statistic(table[:, ::-1]), abs=1e-9)
    assert icc(same, "3,1").value == pytest.approx(1.0) and icc(same, "2,k").low == pytest.approx(1.0)


def test_missing_ratings() -> None:
    table, order = places([["a", "b", None], ["b", "b", "b"], ["a", None, None], ["a", "a", "c"]])
    assert order == ["a", "b", "c"] and np.isnan(table).sum() == 3
    assert observed(table) == pytest.approx((0 + 6 + 2) / (2 + 6 + 6))
    assert fleiss(table) == pytest.approx(((0 + 1 + 1 / 3) / 3 - (9 + 16 + 1) / 64) / (1 - (9 + 16 + 1) / 64))
    assert cohen(table[:, 0], table[:, 2]) == cohen([1.0, 0.0], [1.0, 2.0], labels=3)
    assert [p.estimate.n for p in by_pair(cohen, table)] == [3, 2, 2]
    assert [p.raters for p in by_pair(cohen, table)] == [(0, 1), (0, 2), (1, 2)]
    assert with_interval(fleiss, table).n == 3


def test_nothing_to_compare() -> None:
    alone = np.array([[1.0, N], [N, 2.0]])
    for statistic in (fleiss, observed, krippendorff, occc, partial(krippendorff, metric="interval")):
        assert math.isnan(statistic(alone))
    assert math.isnan(krippendorff(alone, "ratio"))
    assert math.isnan(cohen(alone[:, 0], alone[:, 1])) and math.isnan(ccc(alone[:, 0], alone[:, 1]))
    assert math.isnan(icc(alone).value) and math.isnan(icc(np.ones((4, 2))).value) and math.isnan(occc(np.ones((3, 2))))
    assert math.isnan(fleiss(np.ones((4, 2)))) and krippendorff(np.ones((4, 2)), "interval") == 1.0


def test_intervals_hold_the_value_and_narrow_with_cases() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 400)
    table = np.where(rng.random((400, 3)) < 0.75, truth[:, None], rng.integers(0, 3, (400, 3))).astype(float)
    few, many = with_interval(krippendorff, table[:40], rounds=200), with_interval(krippendorff, table, rounds=200)
    assert few.low < few.value < few.high and many.high - many.low < few.high - few.low
    assert many == with_interval(krippendorff, table, rounds=200)
    assert (few.n, many.n) == (40, 400)


def test_mistakes_are_named() -> None:
    with pytest.raises(SchemaError, match="rating 'd'"):
        places([["d"]], order=["a", "b"])
    with pytest.raises(UsageError, match="metric=cubic"):
        krippendorff(KRIPPENDORFF, "cubic")
    with pytest.raises(UsageError, match="negative"):
        krippendorff(-KRIPPENDORFF, "ratio")
    with pytest.raises(UsageError, match="form=4,1"):
        icc(SHROUT_FLEISS, "4,1")
    for statistic in (fleiss, icc):
        with pytest.raises(SchemaError, match="cases, raters"):
            statistic([1.0, 2.0])


def test_cases_that_are_alike_but_for_an_offset_have_no_consistency() -> None:
    for form in ("3,1", "3,k"):
        assert math.isnan(icc(np.tile([1.0, 2.5], (6, 1)), form).value)
    assert icc(np.tile([1.0, 2.5], (6, 1)), "2,1").value == pytest.approx(0)
