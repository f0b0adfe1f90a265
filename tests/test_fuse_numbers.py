"""Fusing numbers, points, boxes and lists, against simulated sources and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from fusion_samples import HUMAN, A, B, C, confusion, pooled, simulate

from curate.fuse.families import families, votes
from curate.fuse.geometry import Points, weighted_median
from curate.fuse.labels import Labels
from curate.fuse.method import Floats, Said, Source
from curate.fuse.numbers import Numbers, is_circular, random_effects
from curate.fuse.pairs import Differences, wrapped
from curate.fuse.tags import Tags
from schemas.columns import faces, labels


def test_random_effects_of_a_case_worked_by_hand() -> None:
    """Values 10 and 14 with variances 1 and 2: Q = 16/3, C = 2/3, between = (16/3 - 1) / (2/3) = 6.5."""
    mean, error, weights = random_effects(np.array([[[10.0], [14.0]]]), np.array([[[1.0], [2.0]]]))
    one, two = 1 / 7.5, 1 / 8.5
    assert weights[0, :, 0] == pytest.approx([one, two])
    assert mean[0, 0] == pytest.approx((10 * one + 14 * two) / (one + two))
    assert error[0, 0] == pytest.approx(math.sqrt(1 / (one + two)))


def test_numbers_that_agree_are_the_inverse_variance_mean() -> None:
    mean, error, _ = random_effects(np.array([[[10.0], [10.5]]]), np.array([[[1.0], [4.0]]]))
    assert mean[0, 0] == pytest.approx((10 + 10.5 / 4) / 1.25)
    assert error[0, 0] == pytest.approx(math.sqrt(0.8))


def ages(rng: np.random.Generator, n: int = 4000) -> tuple[Floats, Floats]:
    truth = rng.uniform(5, 80, n)
    errors = [(4.0, 3.0), (-5.0, 8.0), (1.0, 5.0)]
    return truth, np.stack([truth + b + s * rng.standard_normal(n) for b, s in errors], 1)[:, :, None]


def test_errors_and_biases_of_three_sources_are_found_without_truth() -> None:
    _, values = ages(np.random.default_rng(12))
    sums = Differences((A, B, C), 1)
    sums.add(values, pooled(len(values)), None)
    bias, variance = sums.estimate()
    assert np.sqrt(variance[0, :, 0]) == pytest.approx([3, 8, 5], abs=0.5)
    assert bias[0, 0, 0] - bias[0, 1, 0] == pytest.approx(9, abs=0.5)
    assert bias[0, 2, 0] - bias[0, 1, 0] == pytest.approx(6, abs=0.5)


def test_truth_fixes_the_biases_and_fused_ages_beat_every_source() -> None:
    truth, values = ages(np.random.default_rng(13))
    method = Numbers(labels.AGE, (A, B, C))
    known = np.where(np.arange(4000) < 500, truth, np.nan)[:, None]
    method.observe(Said(values, pooled(4000), known))
    method.settle()
    assert method.bias[0, :, 0] == pytest.approx([4, -5, 1], abs=0.6)
    fused = method.fuse(Said(values, pooled(4000)))
    found = fused.columns[labels.AGE].to_numpy(zero_copy_only=False)
    error = np.abs(found - truth).mean()
    alone = min(np.abs(values[:, s, 0] - method.bias[0, s, 0] - truth).mean() for s in range(3))
    assert error < alone - 0.1
    assert error < np.abs(values.mean((1, 2)) - truth).mean() - 0.3
    spread = np.sqrt(np.mean((found - truth) ** 2))
    assert np.median(fused.uncertainty) == pytest.approx(spread, rel=0.15)


def test_a_person_fixes_the_constant_of_the_biases() -> None:
    truth, values = ages(np.random.default_rng(14))
    person = truth + 2 * np.random.default_rng(15).standard_normal(len(truth))
    sums = Differences((A, B, HUMAN), 1)
    sums.add(np.concatenate([values[:, :2], person[:, None, None]], 1), pooled(len(truth)), None)
    bias, _ = sums.estimate()
    assert bias[0, :, 0] == pytest.approx([4, -5, 0], abs=0.5)


def test_a_source_may_be_biased_for_one_group_only() -> None:
    rng = np.random.default_rng(16)
    truth, groups = rng.uniform(20, 60, 3000), rng.integers(0, 2, 3000)
    noise = rng.standard_normal((3000, 3)) * 3
    values = (truth[:, None] + noise + np.outer(groups == 1, [0.0, 0.0, 12.0]))[:, :, None]
    method = Numbers(labels.AGE, (A, B, C), groups=("x", "y"))
    known = np.where(np.arange(3000) < 400, truth, np.nan)[:, None]
    method.observe(Said(values, groups, known))
    method.settle()
    in_groups = method.bias[1:, 2, 0] - method.bias[1:, :2, 0].mean(1)
    assert in_groups == pytest.approx([0, 12], abs=0.8)
    plain = Numbers(labels.AGE, (A, B, C))
    plain.observe(Said(values, pooled(3000), known))
    plain.settle()
    errors = [
        np.abs(m.fuse(Said(values, g)).columns[labels.AGE].to_numpy(zero_copy_only=False) - truth)
        for m, g in ((method, groups), (plain, pooled(3000)))
    ]
    assert errors[0].mean() < errors[1].mean() - 0.15


def test_angles_are_fused_across_the_back() -> None:
    assert is_circular(labels.YAW)
    assert not is_circular(labels.PITCH)
    values = np.array([[[179.0], [-179.0]], [[-170.0], [-178.0]], [[10.0], [20.0]]])
    method = Numbers(labels.YAW, (A, B))
    method.observe(Said(values, pooled(3)))
    method.settle()
    method.bias[:] = 0
    method.variance[:] = 1
    found = method.fuse(Said(values, pooled(3))).columns[labels.YAW].to_pylist()
    assert wrapped(np.array(found) - [180, -174, 15]) == pytest.approx([0, 0, 0], abs=1e-4)


def test_a_source_that_is_unsure_of_a_face_counts_less_there() -> None:
    values = np.full((40, 2, 1), 30.0)
    values[:, 1] = 40.0
    sd = np.full((40, 2), 5.0)
    sd[0, 1] = 20.0
    method = Numbers(labels.AGE, (A, B))
    said = Said(values, pooled(40), sd=sd)
    method.observe(said)
    method.settle()
    method.bias[:] = 0
    method.variance[:] = 25
    fused = method.fuse(said)
    assert fused.weights[0, 1] < 0.4
    assert fused.weights[1, 1] >= 0.5


def test_scores_are_fused_field_by_field_and_units_that_nobody_sees_stay_null() -> None:
    fields = labels.AU_SCORE.type
    values = np.full((5, 2, fields.num_fields), np.nan)
    values[:, 0, 0], values[:, 1, 0], values[:, 0, 1] = 0.2, 0.4, 0.7
    method = Numbers(labels.AU_SCORE, (A, B))
    method.observe(Said(values, pooled(5)))
    method.settle()
    row = method.fuse(Said(values, pooled(5))).columns[labels.AU_SCORE].to_pylist()[0]
    assert row[fields[0].name] == pytest.approx(0.3)
    assert row[fields[1].name] == pytest.approx(0.7)
    assert row[fields[2].name] is None


def test_the_weighted_median() -> None:
    points = np.array([[[[1.0]], [[2.0]], [[10.0]]]])
    assert weighted_median(points, np.ones((1, 3, 1)))[0, 0, 0] == 2
    assert weighted_median(points, np.array([[[1.0], [0.0], [1.0]]]))[0, 0, 0] == 5.5
    assert weighted_median(points, np.array([[[1.0], [1.0], [5.0]]]))[0, 0, 0] == 10


def points(rng: np.random.Generator, n: int = 500) -> tuple[Floats, Floats, Floats]:
    """Five true points, and three sources whose errors are 1, 2 and 4 % of the face."""
    size = rng.uniform(40, 200, n)
    truth = rng.uniform(0, 1, (n, 10)) * size[:, None]
    noise = rng.standard_normal((n, 3, 10)) * np.array([0.01, 0.02, 0.04])[None, :, None]
    return truth, truth[:, None] + noise * size[:, None, None], size


def test_points_are_weighed_by_each_sources_error_and_beat_the_best_source() -> None:
    truth, values, size = points(np.random.default_rng(17))
    method = Points(faces.POINTS_5, (A, B, C))
    said = Said(values, pooled(len(size)), size=size)
    method.observe(said)
    method.settle()
    assert np.sqrt(method.variance[0].mean(1)) == pytest.approx([0.01, 0.02, 0.04], rel=0.25)
    fused = method.fuse(said)
    found = np.array(fused.columns[faces.POINTS_5].to_pylist())
    missed = np.abs((found - truth) / size[:, None]).mean()
    assert missed < np.abs((values[:, 0] - truth) / size[:, None]).mean()
    assert fused.weights.mean(0)[0] > fused.weights.mean(0)[1] > fused.weights.mean(0)[2]


def test_a_source_that_looks_at_another_face_is_rejected() -> None:
    truth, values, size = points(np.random.default_rng(18))
    values[7, 0] += 0.8 * size[7]
    method = Points(faces.POINTS_5, (A, B, C))
    said = Said(values, pooled(len(size)), size=size)
    method.observe(said)
    method.settle()
    fused = method.fuse(said)
    assert fused.weights[7, 0] == 0
    assert fused.agreement[7] == pytest.approx(1)
    found = np.array(fused.columns[faces.POINTS_5].to_pylist())
    assert np.abs(found[7] - truth[7]).max() < 0.1 * size[7]
    assert fused.distances is not None
    assert fused.distances[7, 0] > 0.7 * size[7]


def test_boxes_are_fused_by_their_corners() -> None:
    method = Points(labels.MESH, (A, B), box=faces.BOX)
    said = Said(np.array([[[10.0, 20, 50, 80], [12.0, 22, 54, 84]]] * 3), pooled(3), size=np.full(3, 50.0))
    method.observe(said)
    method.settle()
    method.bias[:] = 0
    columns = method.fuse(said).columns
    assert [columns[c].to_pylist()[0] for c in faces.BOX] == pytest.approx([11, 21, 41, 61])


def test_one_source_of_points_is_repeated_and_silence_is_null() -> None:
    values = np.full((2, 1, 10), np.nan)
    values[0] = np.arange(10)
    method = Points(faces.POINTS_5, (A,))
    said = Said(values, pooled(2), size=np.full(2, 20.0))
    method.observe(said)
    method.settle()
    fused = method.fuse(said)
    assert fused.columns[faces.POINTS_5].to_pylist() == [pytest.approx(list(range(10))), None]
    assert np.isnan(fused.uncertainty).all()


def test_tags_stay_by_majority_and_a_person_counts_twice() -> None:
    method = Tags(labels.REVIEW_TAGS, (A, B, C))
    said = Said([[["x", "y"], None], [["x"], None], [["z"], []]], pooled(2))
    method.observe(said)
    assert method.fuse(said).columns[labels.REVIEW_TAGS].to_pylist() == [["x"], []]
    with_person = Tags(labels.REVIEW_TAGS, (A, HUMAN))
    two = Said([[["x"]], [["y"]]], pooled(1))
    assert with_person.fuse(two).columns[labels.REVIEW_TAGS].to_pylist() == [["y"]]


def test_lists_of_flags_are_voted_place_by_place() -> None:
    method = Tags(labels.VISIBLE_68, (A, B, C))
    one, other = [True] * 68, [False] * 68
    found = method.fuse(Said([[one], [one], [other]], pooled(1))).columns[labels.VISIBLE_68]
    assert found.type == pa.list_(pa.bool_(), 68)
    assert found.to_pylist() == [one]


def test_a_copy_of_a_source_gets_no_second_vote() -> None:
    rng = np.random.default_rng(19)
    truth = rng.integers(0, 7, 3000)
    said = simulate(truth, [confusion(0.6, 7), confusion(0.7, 7), confusion(0.7, 7)], rng)
    copied = np.column_stack([said[:, :1], said[:, :1], said])
    found = []
    for codes in (said, copied):
        method = Labels(labels.PERCEIVED_EMOTION, tuple(Source(str(s)) for s in range(codes.shape[1])))
        method.observe(Said(codes, pooled(3000)))
        method.settle()
        names = [f.name for f in labels.EMOTION_PROB.type]
        fused = method.fuse(Said(codes, pooled(3000))).columns[labels.PERCEIVED_EMOTION].to_pylist()
        found.append(np.mean([names.index(f) == t for f, t in zip(fused, truth, strict=True)]))
    assert method.confusions.model.votes == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1, 1])
    assert found[1] == pytest.approx(found[0], abs=0.02)
    assert found[1] > 0.75


def test_layers_of_one_maker_are_not_thought_precise_because_they_agree() -> None:
    """The third source is the best; the first two share their mistakes."""
    rng = np.random.default_rng(20)
    truth, shared = rng.uniform(20, 60, 3000), 8 * rng.standard_normal(3000)
    values = np.stack(
        [truth + shared + rng.standard_normal(3000), truth + shared, truth + 3 * rng.standard_normal(3000)], 1
    )
    family = (
        Source("a", family="m"),
        Source("b", family="m"),
        Source("c", family="other"),
        Source("d", family="third"),
    )
    values = np.concatenate([values, (truth + 5 * rng.standard_normal(3000))[:, None]], 1)[:, :, None]
    method = Numbers(labels.AGE, family)
    method.observe(Said(values, pooled(3000)))
    method.settle()
    assert np.sqrt(method.variance[0, :, 0]) == pytest.approx([8, 8, 3, 5], abs=1.0)
    fused = method.fuse(Said(values, pooled(3000)))
    assert fused.weights.mean(0).argmax() == 2
    error = np.abs(fused.columns[labels.AGE].to_numpy(zero_copy_only=False) - truth).mean()
    assert error < np.abs(values[:, 2, 0] - truth).mean()


def test_one_family_alone_has_a_vote_each() -> None:
    assert families((Source("a", family="m"), Source("b", family="m"))) == [0, 1]
    number = families((Source("a", family="m"), Source("b", family="m"), Source("c", family="o")))
    assert number == [0, 0, 2]
    assert votes(number).tolist() == [0.5, 0.5, 1.0]
    assert votes(families((A, B, C), [(0, 2)])).tolist() == [0.5, 1.0, 0.5]
