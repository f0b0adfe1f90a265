"""Measures against scikit-learn and scipy to 1e-9, on random cases with ties, missing classes and weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk

from curate.evaluation.metrics import classification as classes
from curate.evaluation.metrics import clustering, identity, probabilistic, regression
from curate.evaluation.metrics.counting import ranks

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)
CLOSE: Any = {"rel": 1e-9, "abs": 1e-9, "nan_ok": True}
CASES = settings(max_examples=40, deadline=None)


@pytest.fixture(autouse=True)
def _sklearn_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")
        warnings.filterwarnings("ignore", category=stats.ConstantInputWarning)
        yield


def case(seed: int) -> tuple[np.random.Generator, int, int, Array]:
    """A generator, a number of cases, of classes, and counts of the cases of which some are 0."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 60)), int(rng.integers(2, 7))
    weight = rng.integers(0, 4, n)
    weight[rng.integers(n)] = 2
    return rng, n, k, weight


def drawn_classes(rng: np.random.Generator, n: int, k: int) -> tuple[Array, Array]:
    """Truth and guess in which some classes are absent."""
    names = rng.permutation(k)[: rng.integers(1, k + 1)]
    truth = rng.choice(names, n)
    return truth, np.where(rng.random(n) < 0.5, truth, rng.integers(0, k, n))


def both(ours: Callable[..., Any], theirs: Callable[[Array], Any], weight: Array, *arrays: Any, **options: Any) -> None:
    """Ours equals theirs without weights, with them, and with both as rows of one call."""
    rows = np.stack([np.ones(len(weight)), weight])
    expected = [theirs(np.ones(len(weight), int)), theirs(weight)]
    assert ours(*arrays, **options) == pytest.approx(expected[0], **CLOSE)
    assert ours(*arrays, weight=weight, **options) == pytest.approx(expected[1], **CLOSE)
    assert ours(*arrays, weight=rows, **options) == pytest.approx(np.stack(expected), **CLOSE)


@CASES
@given(SEEDS)
def test_classes(seed: int) -> None:
    rng, n, k, weight = case(seed)
    y, p = drawn_classes(rng, n, k)
    labels = list(range(k))
    both(classes.accuracy, lambda w: sk.accuracy_score(y, p, sample_weight=w), weight, y, p)
    both(classes.confusion, lambda w: sk.confusion_matrix(y, p, labels=labels, sample_weight=w), weight, y, p, labels)
    both(classes.balanced_accuracy, lambda w: sk.balanced_accuracy_score(y, p, sample_weight=w), weight, y, p, labels)

    def macro(w: Array) -> float:
        present = sorted(set(y[w > 0]))
        return float(sk.f1_score(y, p, labels=present, average="macro", sample_weight=w, zero_division=0))

    def either(w: Array) -> float:
        found = sorted({*y[w > 0], *p[w > 0]})
        return float(sk.f1_score(y, p, labels=found, average="macro", sample_weight=w, zero_division=0))

    both(classes.macro_f1, macro, weight, y, p, labels)
    both(classes.macro_f1, either, weight, y, p, labels, over="either")

    def weighted(w: Array) -> float:
        return float(sk.f1_score(y, p, average="weighted", sample_weight=w, zero_division=0))

    both(classes.weighted_f1, weighted, weight, y, p)


@CASES
@given(SEEDS, st.sampled_from([None, "linear", "quadratic"]))
def test_kappa(seed: int, scheme: Any) -> None:
    rng, n, k, weight = case(seed)
    y, p = drawn_classes(rng, n, k)
    labels = list(range(k))

    def theirs(w: Array) -> float:
        return float(sk.cohen_kappa_score(y, p, labels=labels, weights=scheme, sample_weight=w))

    both(classes.cohen_kappa, theirs, weight, y, p, labels, scheme=scheme)


@CASES
@given(SEEDS)
def test_class_figures_of_some_labels(seed: int) -> None:
    rng, n, k, weight = case(seed)
    y, p = drawn_classes(rng, n, k)
    some = sorted(set(y))
    expected = sk.precision_recall_fscore_support(y, p, labels=some, sample_weight=weight, zero_division=np.nan)
    found = classes.class_figures(y, p, some, weight=weight)
    assert found.precision == pytest.approx(expected[0], **CLOSE)
    assert found.recall == pytest.approx(expected[1], **CLOSE)
    assert found.f1 == pytest.approx(expected[2], **CLOSE)
    assert found.support == pytest.approx(expected[3], **CLOSE)


@CASES
@given(SEEDS)
def test_several_labels_a_case(seed: int) -> None:
    rng, n, k, weight = case(seed)
    y, p = rng.random((n, k)) < 0.4, rng.random((n, k)) < 0.4

    def macro(w: Array) -> float:
        present = np.flatnonzero((y * w[:, None]).any(0))
        if not len(present):
            return float("nan")
        scores = [sk.f1_score(y[:, j], p[:, j], sample_weight=w, zero_division=0) for j in present]
        return float(np.mean(scores))

    def micro(w: Array) -> float:
        return float(sk.f1_score(y, p, average="micro", sample_weight=w, zero_division=np.nan))

    both(classes.multilabel_f1, macro, weight, y, p)
    both(classes.multilabel_f1, micro, weight, y, p, average="micro")
    a, b = y[:, 0], p[:, 0]
    for ours, theirs in (
        (classes.binary_f1, sk.f1_score),
        (classes.binary_precision, sk.precision_score),
        (classes.binary_recall, sk.recall_score),
    ):
        both(ours, lambda w, f=theirs: f(a, b, sample_weight=w, zero_division=np.nan), weight, a, b)  # type: ignore[misc]


@CASES
@given(SEEDS, st.booleans())
def test_ranking(seed: int, tied: bool) -> None:
    rng, n, _, weight = case(seed)
    y = rng.random(n) < 0.5
    s = rng.integers(0, 6, n) / 5 if tied else rng.normal(size=n)

    def auc(w: Array) -> float:
        kept = w > 0
        return float(sk.roc_auc_score(y, s, sample_weight=w)) if 0 < y[kept].sum() < kept.sum() else float("nan")

    def ap(w: Array) -> float:
        return float(sk.average_precision_score(y, s, sample_weight=w)) if (y * w).any() else float("nan")

    both(probabilistic.roc_auc, auc, weight, y, s)
    both(probabilistic.average_precision, ap, weight, y, s)
    if 0 < y.sum() < n:
        fpr, tpr, thresholds = sk.roc_curve(y, s, drop_intermediate=False)
        curve = probabilistic.roc_curve(y, s)
        assert curve.x == pytest.approx(fpr, **CLOSE)
        assert curve.y == pytest.approx(tpr, **CLOSE)
        assert np.array_equal(curve.thresholds, thresholds)
        precision, recall, cuts = sk.precision_recall_curve(y, s)
        pr = probabilistic.pr_curve(y, s)
        assert pr.y[::-1] == pytest.approx(precision[:-1], **CLOSE)
        assert pr.x[::-1] == pytest.approx(recall[:-1], **CLOSE)
        assert np.array_equal(pr.thresholds[::-1], cuts)


@CASES
@given(SEEDS)
def test_probabilities(seed: int) -> None:
    rng, n, k, weight = case(seed)
    p = rng.dirichlet(np.full(k, 0.3), n)
    p /= p.sum(1, keepdims=True)
    y = rng.integers(0, k, n)
    binary = rng.random(n) < p[:, 0]
    labels = list(range(k))
    both(probabilistic.log_loss, lambda w: sk.log_loss(y, p, labels=labels, sample_weight=w), weight, y, p)

    def summed(w: Array) -> float:
        return float(sk.brier_score_loss(y, p, labels=labels, sample_weight=w, scale_by_half=False))

    both(probabilistic.brier, summed, weight, y, p)
    q = p[:, 0]
    both(probabilistic.log_loss, lambda w: sk.log_loss(binary, q, labels=[0, 1], sample_weight=w), weight, binary, q)

    def squares(w: Array) -> float:
        return float(sk.brier_score_loss(binary, q, labels=[0, 1], pos_label=1, sample_weight=w))

    both(probabilistic.brier, squares, weight, binary, q)


@CASES
@given(SEEDS, st.booleans())
def test_numbers(seed: int, tied: bool) -> None:
    rng, n, _, weight = case(seed)
    x = rng.integers(0, 4, n).astype(float) if tied else rng.normal(30, 12, n)
    y = np.round(0.6 * x + rng.normal(0, 1 if tied else 8, n), 0 if tied else 12)
    both(regression.mae, lambda w: sk.mean_absolute_error(x, y, sample_weight=w), weight, x, y)
    both(regression.rmse, lambda w: sk.root_mean_squared_error(x, y, sample_weight=w), weight, x, y)
    both(regression.bias, lambda w: np.average(y - x, weights=w), weight, x, y)
    both(regression.pearson, lambda w: _correlation(stats.pearsonr, x, y, w), weight, x, y)
    both(regression.spearman, lambda w: _correlation(stats.spearmanr, x, y, w), weight, x, y)
    both(regression.ccc, lambda w: _ccc(np.repeat(x, w), np.repeat(y, w)), weight, x, y)
    both(regression.icc, lambda w: _icc(np.repeat(x, w), np.repeat(y, w), "3,1"), weight, x, y, form="3,1")
    both(regression.icc, lambda w: _icc(np.repeat(x, w), np.repeat(y, w), "2,1"), weight, x, y, form="2,1")
    assert ranks(x, np.ones(n)) == pytest.approx(stats.rankdata(x), **CLOSE)


def _correlation(theirs: Callable[[Array, Array], Any], x: Array, y: Array, w: Array) -> float:
    a, b = np.repeat(x, w), np.repeat(y, w)
    return float(theirs(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")


def _ccc(x: Array, y: Array) -> float:
    whole = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * np.cov(x, y, bias=True)[0, 1] / whole) if whole > 0 else float("nan")


def _icc(x: Array, y: Array, form: str) -> float:
    """From the sums of squares of the analysis of variance, as Shrout and Fleiss write them."""
    table = np.column_stack([x, y])
    n, k = table.shape
    grand = table.mean()
    rows = k * ((table.mean(1) - grand) ** 2).sum() / (n - 1)
    columns = n * ((table.mean(0) - grand) ** 2).sum() / (k - 1)
    rest = ((table - table.mean(1)[:, None] - table.mean(0)[None] + grand) ** 2).sum() / ((n - 1) * (k - 1))
    whole = rows + (k - 1) * rest + (k * (columns - rest) / n if form == "2,1" else 0)
    return float((rows - rest) / whole) if whole > 1e-12 else float("nan")


@CASES
@given(SEEDS)
def test_clusters(seed: int) -> None:
    rng, n, k, weight = case(seed)
    t, g = rng.integers(0, k, n), rng.integers(0, rng.integers(1, n + 1), n)
    assert clustering.adjusted_rand(t, g) == pytest.approx(sk.adjusted_rand_score(t, g), **CLOSE)
    table = sk.cluster.pair_confusion_matrix(t, g) / 2
    found = clustering.pairs(t, g)
    assert [found.neither, found.guess_only, found.truth_only, found.both] == pytest.approx(table.ravel(), **CLOSE)

    def measures(w: Array) -> Array:
        return np.array(sk.homogeneity_completeness_v_measure(np.repeat(t, w), np.repeat(g, w)))

    def ours(*labels: Array, weight: Array | None = None) -> Array:
        v = clustering.v_measure(*labels, weight=weight)
        return np.stack([v.homogeneity, v.completeness, v.v], axis=-1)

    both(ours, measures, weight, t, g)
    mutual = sk.normalized_mutual_info_score(t, g)
    assert clustering.nmi(t, g) == pytest.approx(mutual, **CLOSE)

    def by_face(w: Array) -> Array:
        a, b = np.repeat(t, w), np.repeat(g, w)
        same = ((a[:, None] == a) & (b[:, None] == b)).sum(1)
        precision, recall = (same / (b[:, None] == b).sum(1)).mean(), (same / (a[:, None] == a).sum(1)).mean()
        return np.array([precision, recall, 2 * precision * recall / (precision + recall)])

    def cubed(*labels: Array, weight: Array | None = None) -> Array:
        found = clustering.bcubed(*labels, weight=weight)
        return np.stack([found.precision, found.recall, found.f1], axis=-1)

    both(cubed, by_face, weight, t, g)


@CASES
@given(SEEDS)
def test_weighted_pairs_never_pair_a_face_with_itself(seed: int) -> None:
    rng, n, k, weight = case(seed)
    t, g = rng.integers(0, k, n), rng.integers(0, k, n)
    product = np.triu(np.outer(weight, weight), 1)
    same_t, same_g = t[:, None] == t, g[:, None] == g
    found = clustering.pairs(t, g, weight=weight)
    assert found.both == pytest.approx(product[same_t & same_g].sum())
    assert found.guess_only == pytest.approx(product[~same_t & same_g].sum())
    assert found.neither == pytest.approx(product[~same_t & ~same_g].sum())


@CASES
@given(SEEDS, st.booleans(), st.sampled_from([0.05, 0.1, 0.25, 1.0]))
def test_verification(seed: int, tied: bool, far: float) -> None:
    rng, n, _, weight = case(seed)
    same = rng.random(n) < 0.5
    s = rng.integers(0, 8, n) / 7 if tied else rng.normal(size=n)

    def accepted(w: Array) -> tuple[float, float]:
        """Best TAR and its threshold by trying every score."""
        a, b = np.repeat(same, w), np.repeat(s, w)
        if not a.any() or (~a).sum() * far < 1 - 1e-9:
            return float("nan"), float("nan")
        tries = [(b[a] >= t).mean() for t in np.r_[np.inf, np.unique(s)] if (b[~a] >= t).mean() <= far + 1e-12]
        allowed = [t for t in np.r_[np.inf, np.unique(s)] if (b[~a] >= t).mean() <= far + 1e-12]
        return float(max(tries)), float(min(allowed))

    both(identity.tar_at_far, lambda w: accepted(w)[0], weight, same, s, far=far)
    if same.any() and not np.isnan(accepted(np.ones(n, int))[0]):
        assert identity.threshold_at_far(same, s, far) == accepted(np.ones(n, int))[1]

    def error(w: Array) -> float:
        kept = w > 0
        if not 0 < same[kept].sum() < kept.sum():
            return float("nan")
        fpr, tpr, _ = sk.roc_curve(same, s, sample_weight=w, drop_intermediate=False)
        ahead = fpr - (1 - tpr)
        i = next(i for i in range(len(ahead)) if ahead[i] >= 0)
        return float(fpr[i - 1] + (fpr[i] - fpr[i - 1]) * ahead[i - 1] / (ahead[i - 1] - ahead[i]))

    both(identity.eer, error, weight, same, s)
