"""Fusing labels and probabilities, against simulated sources with known errors and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fusion_samples import HUMAN, A, B, C, confusion, fit, majority, pooled, simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curate.fuse.agreement import cohen_kappa, joint, krippendorff_alpha
from curate.fuse.dawid_skene import DawidSkene, OrdinalDawidSkene
from curate.fuse.distributions import Distributions, fit_exponents
from curate.fuse.labels import Labels, decided
from curate.fuse.method import POOLED, Codes, Floats, Said, Source
from schemas.columns import labels


def test_dawid_skene_beats_the_majority_and_every_source_and_finds_their_confusions() -> None:
    rng = np.random.default_rng(5)
    truth = rng.choice(4, 6000, p=[0.4, 0.3, 0.2, 0.1])
    sly = np.array([[0.6, 0.4, 0, 0], [0.05, 0.9, 0.05, 0], [0, 0.1, 0.8, 0.1], [0.3, 0.3, 0.3, 0.1]])
    true = [confusion(0.85, 4), confusion(0.7, 4), sly]
    said = simulate(truth, true, rng)
    model = DawidSkene(4, (A, B, C))
    fit(model, said, pooled(len(said)))
    right = float((model.posterior(said, pooled(len(said))).argmax(1) == truth).mean())
    single = max(float((said[:, s] == truth).mean()) for s in range(3))
    assert right > single + 0.03
    assert right > float((majority(said, 4) == truth).mean()) + 0.01
    assert np.abs(model.confusion[0] - np.stack(true)).max() < 0.1
    seen = np.array([(said[:, s] == truth).mean() for s in range(3)])
    assert np.abs(model.accuracy()[0] - seen).max() < 0.02


def test_reliability_by_group_helps_where_a_source_is_bad_for_one_group() -> None:
    rng = np.random.default_rng(6)
    truth, groups = rng.integers(0, 2, 6000), rng.integers(0, 2, 6000)
    good, bad = confusion(0.97, 2), confusion(0.4, 2)
    fair = simulate(truth, [confusion(0.8, 2), confusion(0.8, 2)], rng)
    biased = np.where(groups == 0, simulate(truth, [good], rng)[:, 0], simulate(truth, [bad], rng)[:, 0])
    said = np.column_stack([fair, biased])
    plain, by_group = DawidSkene(2, (A, B, C)), DawidSkene(2, (A, B, C), groups=2)
    fit(plain, said, pooled(len(said)))
    fit(by_group, said, groups)
    before = plain.posterior(said, pooled(len(said))).argmax(1) == truth
    after = by_group.posterior(said, groups).argmax(1) == truth
    for group in (0, 1):
        assert after[groups == group].mean() > before[groups == group].mean() + 0.015
    assert by_group.accuracy()[1, 2] == pytest.approx(0.97, abs=0.03)
    assert by_group.accuracy()[2, 2] == pytest.approx(0.4, abs=0.05)


def test_a_small_group_leans_on_all_faces() -> None:
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 2, 2000)
    said = simulate(truth, [confusion(0.9, 2)] * 3, rng)
    groups = np.where(np.arange(2000) < 3, 0, POOLED)
    model = DawidSkene(2, (A, B, C), groups=1)
    fit(model, said, groups)
    assert np.abs(model.confusion[1] - model.confusion[0]).max() < 0.1


def test_known_truth_finds_out_a_lying_majority() -> None:
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 3, 1500)
    wrong = (truth + 1) % 3
    said = np.column_stack(
        [np.where(rng.random(1500) < 0.8, wrong, truth), np.where(rng.random(1500) < 0.8, wrong, truth), truth]
    )
    model = DawidSkene(3, (A, B, C))
    fit(model, said, pooled(1500), np.where(np.arange(1500) < 300, truth, -1))
    assert (model.posterior(said, pooled(1500)).argmax(1) == truth).mean() > 0.99


def test_ordinal_dawid_skene_finds_bias_and_spread() -> None:
    rng = np.random.default_rng(9)
    truth = rng.integers(1, 8, 4000)
    said = np.stack(
        [
            np.clip(np.rint(truth + b + s * rng.standard_normal(4000)), 0, 8)
            for b, s in ((0, 0.6), (0.8, 0.8), (-0.8, 1.5))
        ],
        1,
    ).astype(np.int64)
    model = OrdinalDawidSkene(9, (A, B, C))
    fit(model, said, pooled(4000))
    assert model.bias[0] - model.bias[0, 0] == pytest.approx([0.0, 0.8, -0.8], abs=0.2)
    assert np.average(model.bias[0], weights=1 / model.spread[0] ** 2) == pytest.approx(0, abs=1e-6)
    assert model.spread[0][2] > model.spread[0][1] > model.spread[0][0]
    fused = decided(model.posterior(said, pooled(4000)), median=True)
    error = np.abs(fused - truth).mean()
    assert error < np.abs(said - truth[:, None]).mean(0).min() - 0.02
    assert error < np.abs(np.median(said, axis=1) - truth).mean() - 0.02


@pytest.mark.parametrize("column", [labels.PERCEIVED_EMOTION, labels.AGE_GROUP, labels.LOOKS_AT_CAMERA])
def test_one_source_is_repeated_and_silence_stays_null(column: labels.Column) -> None:  # type: ignore[name-defined]
    method = Labels(column, (A,))
    said = Said(np.array([[1], [0], [-1], [1]]), pooled(4))
    method.observe(said)
    method.settle()
    fused = method.fuse(said)
    names = [None if c < 0 else c for c in (1, 0, -1, 1)]
    found = fused.columns[column].to_pylist()
    order = list(method.confusions.names)
    assert [None if v is None else order.index(str(v).lower() if isinstance(v, bool) else v) for v in found] == names
    assert np.isnan(fused.agreement).all()
    assert fused.weights[:, 0].tolist() == [1, 1, 0, 1]
    assert method.facts()["sources"]["a"]["accuracy"] is None


def test_sources_that_never_overlap_are_all_repeated() -> None:
    said = np.array([[0, -1], [3, -1], [-1, 6], [-1, 2]] * 5)
    method = Labels(labels.PERCEIVED_EMOTION, (A, B))
    method.observe(Said(said, pooled(20)))
    method.settle()
    fused = method.fuse(Said(said, pooled(20)))
    emotions = labels.EMOTION_PROB.type
    assert fused.columns[labels.PERCEIVED_EMOTION].to_pylist()[:4] == [emotions[i].name for i in (0, 3, 6, 2)]
    assert method.facts()["krippendorff_alpha"] is None


def test_all_null_is_no_crash() -> None:
    said = Said(np.full((3, 2), -1), pooled(3))
    method = Labels(labels.PERCEIVED_EMOTION, (A, B))
    method.observe(said)
    method.settle()
    fused = method.fuse(said)
    assert fused.columns[labels.PERCEIVED_EMOTION].null_count == 3
    assert fused.columns[labels.EMOTION_PROB].null_count == 3
    assert not fused.weights.any()
    assert np.isnan(fused.uncertainty).all()


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(-1, 6)))
def test_fused_labels_are_among_those_said_and_beliefs_are_probabilities(said: Codes) -> None:
    method = Labels(labels.PERCEIVED_EMOTION, tuple(Source(str(s)) for s in range(said.shape[1])))
    method.observe(Said(said, pooled(len(said))))
    method.settle()
    fused = method.fuse(Said(said, pooled(len(said))))
    names = [f.name for f in labels.EMOTION_PROB.type]
    rows = zip(
        fused.columns[labels.PERCEIVED_EMOTION].to_pylist(),
        said,
        fused.columns[labels.EMOTION_PROB].to_pylist(),
        strict=True,
    )
    for label, row, belief in rows:
        if (row < 0).all():
            assert label is None
            assert belief is None
        else:
            assert names.index(label) in row
            assert sum(belief.values()) == pytest.approx(1, abs=1e-5)
            assert belief[label] == max(belief.values())
    total = fused.weights.sum(1)
    assert np.allclose(total[(said >= 0).any(1)], 1)


def test_cohens_kappa_of_a_table_worked_by_hand() -> None:
    table = np.array([[20.0, 5.0], [10.0, 15.0]])  # observed .7, by chance .5
    assert cohen_kappa(table) == pytest.approx(0.4)
    assert cohen_kappa(table, ordinal=True) == pytest.approx(0.4)  # two labels: the same
    assert math.isnan(cohen_kappa(np.zeros((2, 2))))


def test_kappas_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(10)
    one, other = rng.integers(0, 5, 400), rng.integers(0, 5, 400)
    other[:250] = one[:250]
    said = np.column_stack([one, other])
    table = joint(said, np.ones(400), 0, 1, 5)
    assert cohen_kappa(table) == pytest.approx(metrics.cohen_kappa_score(one, other), abs=1e-12)
    expected = metrics.cohen_kappa_score(one, other, weights="quadratic")
    assert cohen_kappa(table, ordinal=True) == pytest.approx(expected, abs=1e-12)


def test_krippendorffs_alpha_of_his_own_example() -> None:
    """Krippendorff 2011, example C: four observers, twelve units, missing values."""
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
    said = np.array(rows).T - 1
    assert krippendorff_alpha(said, np.ones(12), 5) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(said, np.ones(12), 5, ordinal=True) == pytest.approx(0.815, abs=5e-4)


def distribution(
    method: Distributions, values: Floats, codes: Codes, truth: Codes | None = None
) -> list[dict[str, float] | None]:
    said = Said(values, pooled(len(values)), truth, codes=codes)
    method.observe(said)
    method.settle()
    found: list[dict[str, float] | None] = method.fuse(said).columns[labels.GENDER_PROB].to_pylist()
    return found


def test_two_equal_sources_are_pooled_by_the_geometric_mean() -> None:
    method = Distributions(labels.GENDER_PROB, (A, B), label=labels.GENDER)
    one, other = [0.9, 0.1], [0.6, 0.4]
    (found,) = distribution(method, np.array([[one, other]]), np.array([[0, 0]]))
    product = np.sqrt(np.multiply(one, other))
    assert method.weights == pytest.approx([0.5, 0.5], abs=1e-6)
    assert found is not None
    assert list(found.values()) == pytest.approx(list(product / product.sum()), abs=1e-5)


def test_truth_finds_temperature_and_weights() -> None:
    rng = np.random.default_rng(11)
    truth = rng.integers(0, 2, 6000)
    logit = np.where(truth == 1, 1.0, -1.0) * 1.5 + rng.standard_normal(6000) * np.sqrt(3.0)  # log odds as they are
    honest = 1 / (1 + np.exp(-logit))
    bold, noise = 1 / (1 + np.exp(-3 * logit)), 1 / (1 + np.exp(-rng.standard_normal(6000) * 2))
    logs = np.log(np.stack([np.stack([1 - p, p], 1) for p in (honest, bold, noise)], 1))
    assert fit_exponents(logs[:, [0]], truth, np.ones(1))[0] == pytest.approx(1.0, abs=0.1)
    assert fit_exponents(logs[:, [1]], truth, np.ones(1))[0] == pytest.approx(1 / 3, abs=0.04)
    joint_weights = fit_exponents(logs[:, [0, 2]], truth, np.full(2, 0.5))
    assert joint_weights[0] == pytest.approx(1.0, abs=0.1)
    assert joint_weights[1] < 0.05


def test_a_person_without_probabilities_outweighs_an_unsure_model_and_abstention_stays() -> None:
    method = Distributions(labels.GENDER_PROB, (A, HUMAN), label=labels.GENDER)
    values = np.array([[[0.45, 0.55], [np.nan, np.nan]]] * 30 + [[[0.5, 0.5], [np.nan, np.nan]]])
    codes = np.array([[1, 0]] * 30 + [[0, -1]])
    said = Said(values, pooled(31), codes=codes, abstained=np.arange(31) == 30)
    method.observe(said)
    method.settle()
    fused = method.fuse(said)
    assert fused.columns[labels.GENDER].to_pylist() == ["Female"] * 30 + [None]
    assert fused.columns[labels.GENDER_PROB].null_count == 0
    assert fused.weights[0, 1] > 0.5
