"""Measures against answers worked out by hand, and their behaviour where nothing is defined."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from curate.evaluation.metrics import (
    action_units,
    captions,
    classification,
    clustering,
    detection,
    identity,
    landmarks,
    ordinal,
    probabilistic,
    regression,
)
from curate.evaluation.metrics.detection import SIZES, Picture, match, match_one
from schemas import UnknownNameError
from schemas.landmarks import layouts

PAIR: list[Callable[..., Any]] = [
    classification.accuracy, classification.balanced_accuracy, classification.worst_recall, classification.macro_f1,
    classification.weighted_f1, classification.cohen_kappa, classification.multilabel_f1, classification.binary_f1,
    classification.binary_precision, classification.binary_recall,
    regression.mae, regression.rmse, regression.bias, regression.pearson, regression.spearman, regression.ccc,
    regression.icc, regression.angle_mae,
    probabilistic.roc_auc, probabilistic.average_precision, probabilistic.log_loss, probabilistic.brier,
    probabilistic.ece, probabilistic.aurc,
    identity.eer, clustering.nmi, clustering.adjusted_rand,
    action_units.unit_f1, action_units.unit_auc, action_units.unit_icc, action_units.unit_pcc,
    captions.micro_precision, captions.macro_recall, captions.contradiction_rate,
]  # fmt: skip
EMPTY = np.empty(0)


@pytest.mark.parametrize("measure", PAIR, ids=lambda m: m.__name__)
def test_no_cases_give_nan(measure: Callable[..., Any]) -> None:
    assert np.isnan(measure(EMPTY, EMPTY))
    assert np.isnan(measure(EMPTY, EMPTY, weight=np.empty((3, 0)))).tolist() == [True] * 3


@pytest.mark.parametrize("measure", PAIR, ids=lambda m: m.__name__)
def test_cases_without_weight_are_no_cases(measure: Callable[..., Any]) -> None:
    x, y = np.array([1.0, 0.0, 1.0]), np.array([0.25, 0.5, 0.75])
    assert np.isnan(measure(x, y, weight=np.zeros(3)))
    assert np.shape(measure(x, y, weight=np.array([[0, 0, 0], [1, 0, 0]]))) == (2,)


@pytest.mark.parametrize(
    "measure",
    [regression.mae, regression.pearson, regression.spearman, regression.ccc, regression.icc, probabilistic.roc_auc,
     probabilistic.average_precision, probabilistic.ece, identity.eer],
    ids=lambda m: m.__name__,
)  # fmt: skip
def test_nan_stays_nan(measure: Callable[..., Any]) -> None:
    x, y = np.array([1.0, 0.0, 1.0]), np.array([0.25, np.nan, 0.75])
    scored = measure.__name__ == "ece"
    assert np.isnan(measure(y, x) if scored else measure(x, y))


def test_one_case_has_no_correlation() -> None:
    for measure in (regression.pearson, regression.spearman, regression.icc):
        assert np.isnan(measure([3.0], [4.0]))
    assert regression.ccc([3.0], [4.0]) == 0
    assert np.isnan(regression.ccc([3.0], [3.0]))


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e9 + 0.1])
def test_constants_have_no_correlation(constant: float) -> None:
    """Neither over all cases nor in a resample that happens to draw one value only."""
    x, y = np.full(7, constant), np.arange(7.0)
    assert np.isnan(regression.pearson(x, y))
    assert regression.ccc(x, y) == 0
    assert regression.icc(x, y, form="3,1") == pytest.approx(0)
    mixed = np.r_[x, constant + 1]
    assert np.isnan(regression.pearson(mixed, np.arange(8.0), weight=[[1] * 7 + [0], [2] * 7 + [0]])).all()


def test_intraclass_correlation_by_hand() -> None:
    """Guess one too high throughout: mean squares 2 between cases, 1.5 between raters, 0 left."""
    truth, guess = [1, 2, 3], [2, 3, 4]
    assert regression.icc(truth, guess, form="3,1") == pytest.approx(1)
    assert regression.icc(truth, guess, form="2,1") == pytest.approx(2 / 3)
    assert regression.ccc(truth, guess) == pytest.approx(4 / 7)


def test_angles_go_the_short_way() -> None:
    assert regression.angle_mae([179, 10, 0], [-179, 20, 180]) == pytest.approx((2 + 10 + 180) / 3)
    assert regression.angle_error([350], [10]).tolist() == [20]
    assert regression.direction_error([0, 0, 90, 30], [0, 90, 0, 20], [90, 0, -90, 30], [0, 0, 0, 20]) == pytest.approx(
        [90, 90, 180, 0]
    )


def test_within() -> None:
    assert regression.within([20, 30, 40, 50], [25, 36, 40, np.nan], 5) == 0.5
    labels = ["0-2", "3-9", "10-19", "20-29"]
    assert classification.within_one_bin(["0-2", "3-9", "0-2"], ["3-9", "20-29", None], labels) == pytest.approx(1 / 3)


def test_a_guess_outside_the_labels_is_a_miss() -> None:
    truth, guess = ["a", "a", "b", "b"], ["a", None, "b", "contempt"]
    found = classification.class_figures(truth, guess, ["a", "b"])
    assert found.recall.tolist() == [0.5, 0.5]
    assert found.precision.tolist() == [1, 1]
    assert classification.confusion(truth, guess, ["a", "b"]).tolist() == [[1, 0], [0, 1]]
    assert classification.macro_f1(truth, guess, ["a", "b"]) == pytest.approx(2 / 3)
    assert classification.balanced_accuracy(truth, guess) == 0.5
    assert classification.worst_recall([0, 0, 1], [0, 0, 0], [0, 1, 2]) == 0


def test_monk_tones_by_place() -> None:
    truth, guess = ["monk_01", "monk_05", "monk_10", None], ["monk_01", "monk_07", "monk_09", "monk_02"]
    assert ordinal.places(truth, "monk-10")[:3].tolist() == [0, 4, 9]
    assert ordinal.distance(truth, guess, "monk-10") == 1
    assert ordinal.near(truth[:3], guess[:3], "monk-10") == pytest.approx(2 / 3)
    assert ordinal.quadratic_kappa(truth[:3], truth[:3], "monk-10") == 1
    with pytest.raises(UnknownNameError):
        ordinal.places(truth, "monk-11")


def test_calibration_by_hand() -> None:
    """Two bins: 0.2 stated and half right, 0.9 stated and all right."""
    stated, right = [0.2, 0.2, 0.9, 0.9], [True, False, True, True]
    assert probabilistic.ece(stated, right, bins=2) == pytest.approx(0.5 * 0.3 + 0.5 * 0.1)
    assert probabilistic.ece(stated, right, bins=2, by="mass") == pytest.approx(0.2)
    curve = probabilistic.reliability(stated, right, bins=4)
    assert curve.count.tolist() == [2, 0, 0, 2]
    assert curve.found[[0, 3]].tolist() == [0.5, 1]
    assert np.isnan(curve.stated[1])
    assert probabilistic.reliability([0.0, 1.0], [False, True], bins=10).count.tolist() == [1, *[0] * 8, 1]


def test_equal_mass_bins_hold_equal_shares() -> None:
    p = np.random.default_rng(0).random(1000) ** 3
    assert probabilistic.reliability(p, p > 0.5, bins=10, by="mass").count.tolist() == [100] * 10
    tied = probabilistic.reliability(np.full(8, 0.3), [True] * 4 + [False] * 4, bins=4, by="mass")
    assert tied.count.sum() == tied.count.max() == 8


def test_confidence() -> None:
    sure, right = probabilistic.confidence([2, 0], [[0.1, 0.2, 0.7], [0.3, 0.6, 0.1]])
    assert (sure.tolist(), right.tolist()) == ([0.7, 0.6], [True, False])
    sure, right = probabilistic.confidence([True, True], [0.8, 0.4])
    assert (sure.tolist(), right.tolist()) == ([0.8, 0.6], [True, False])


def test_sets_and_abstention() -> None:
    sets = [[1, 1, 0], [0, 1, 0], [1, 1, 1]]
    assert probabilistic.set_coverage([0, 0, 2], sets) == pytest.approx(2 / 3)
    assert probabilistic.set_size(sets) == 2
    kept = probabilistic.abstention([True, True, False, False], [True, False, True, True])
    assert (kept.coverage, kept.accuracy) == (0.5, 0.5)
    assert np.isnan(probabilistic.abstention([False], [True]).accuracy)


def test_risk_over_coverage() -> None:
    """Risks 0, 0, 1/3, 1/4 at the four coverages; with all alike the risk is 1/4 throughout."""
    right = [True, True, False, True]
    assert probabilistic.aurc([0.9, 0.8, 0.7, 0.6], right) == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)
    assert probabilistic.aurc([0.5] * 4, right) == pytest.approx(1 / 4)
    assert probabilistic.risk_coverage([0.9, 0.8, 0.7, 0.6], right).x.tolist() == [0.25, 0.5, 0.75, 1]


def test_matching_is_greedy_by_score() -> None:
    truth = [[0, 0, 10, 10], [20, 0, 10, 10]]
    boxes = [[1, 0, 10, 10], [0, 0, 10, 10], [20, 0, 10, 10], [50, 50, 5, 5]]
    assert match_one(truth, boxes, [0.9, 0.8, 0.7, 0.6]).tolist() == [0, -1, 1, -1]
    assert match_one(truth, boxes, [0.8, 0.9, 0.7, 0.6]).tolist() == [-1, 0, 1, -1]
    assert match_one([], boxes, [1, 1, 1, 1]).tolist() == [-1] * 4
    assert match_one(truth, [], []).tolist() == []


def test_a_box_to_ignore_is_taken_last_and_costs_nothing() -> None:
    truth = [[0, 0, 10, 10], [2, 0, 10, 10]]
    boxes, scores = [[2, 0, 10, 10], [2, 0, 10, 10], [70, 0, 10, 10]], [0.9, 0.8, 0.7]
    assert match_one(truth, boxes, scores, ignore=[False, True]).tolist() == [0, 1, -1]
    found = match([Picture(truth, boxes, scores, [False, True])])
    assert (found.scores.tolist(), found.hits.tolist(), found.truths.tolist()) == ([0.9, 0.7], [True, False], [1])
    assert found.pairs == (((0, 0),),)


def pictures() -> list[Picture]:
    """Five detections over two images, by score: hit, false, hit, false, false; four true boxes."""
    near, far = [0, 0, 40, 40], [100, 0, 40, 40]
    return [
        Picture([near, far], [near, [200, 0, 9, 9], far], [0.9, 0.8, 0.7]),
        Picture([near, far], [[200, 0, 9, 9], [300, 0, 9, 9]], [0.6, 0.5]),
        Picture([], [], []),
    ]


def test_average_precision_by_hand() -> None:
    """Recall 1/4 at precision 1, then 2/4 at 2/3."""
    found = match(pictures())
    assert detection.average_precision(found) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert detection.recall(found) == 0.5
    assert detection.precision(found) == pytest.approx(2 / 5)
    assert detection.precision(found, threshold=0.75) == 0.5
    assert detection.recall(found, threshold=0.75) == 0.25
    assert detection.false_alarms(found) == 1
    assert detection.false_alarms(found, threshold=0.65) == pytest.approx(1 / 3)
    assert detection.mean_overlap(found) == 1
    assert detection.curve(found).recall.tolist() == [0.25, 0.25, 0.5, 0.5, 0.5]
    assert detection.mean_average_precision(pictures()) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)


def test_weights_count_images() -> None:
    first, second, third = pictures()
    found = match([first, second, third])
    for weight, repeated in (([2, 1, 0], [first, first, second]), ([0, 0, 3], [third] * 3)):
        again = match(repeated)
        for measure in (detection.average_precision, detection.recall, detection.precision, detection.false_alarms):
            expected = measure(again)
            assert measure(found, weight=weight) == pytest.approx(expected, nan_ok=True)
            assert measure(found, weight=[weight, weight]) == pytest.approx([expected] * 2, nan_ok=True)


def test_sizes() -> None:
    found = {name: match(pictures(), size=size) for name, size in SIZES.items()}
    assert {name: m.truths.sum() for name, m in found.items()} == {"all": 4, "small": 0, "medium": 4, "large": 0}
    assert found["medium"].hits.tolist() == [True, True], "false alarms of 9 pixels belong to the small"
    assert found["small"].hits.tolist() == [False] * 3
    assert np.isnan(detection.average_precision(found["small"]))


def test_nothing_detected() -> None:
    assert detection.average_precision(match([Picture([[0, 0, 9, 9]], [], [])])) == 0
    nothing = match([])
    assert np.isnan(
        [detection.average_precision(nothing), detection.recall(nothing), detection.false_alarms(nothing)]
    ).all()


@pytest.mark.parametrize(
    ("name", "corners"),
    [
        ("points-5", None),
        ("points-29", (8, 9)),
        ("points-68", (36, 45)),
        ("points-98", (60, 72)),
        ("points-478", (33, 263)),
    ],
)
def test_outer_eye_corners(name: str, corners: tuple[int, int] | None) -> None:
    """COFW's 8 and 9, 300-W's 36 and 45, WFLW's 60 and 72, MediaPipe's 33 and 263."""
    found = landmarks.outer_corners(name)
    assert found == (None if corners is None else ((corners[0],), (corners[1],)))
    assert landmarks.default_normaliser(name) == ("outer_corners" if corners else "pupils")


def test_pupils() -> None:
    assert landmarks.pupils("points-5") == ((0,), (1,))
    assert landmarks.pupils("points-68") == (tuple(range(36, 42)), tuple(range(42, 48)))
    assert landmarks.pupils("points-98") == ((96,), (97,))
    assert landmarks.pupils("points-478") == ((468,), (473,))
    assert landmarks.pupils("points-29") == ((16,), (17,))
    assert set(layouts()) == {"points-5", "points-29", "points-68", "points-98", "points-478"}


def test_points_off_by_a_tenth_of_the_eyes() -> None:
    """Eyes 50 apart, every point 5 off: 0.1 whatever the direction."""
    truth = np.random.default_rng(0).uniform(0, 100, (2, 68, 2))
    truth[:, 36], truth[:, 45] = [20, 30], [70, 30]
    points = truth + np.array([[[3, 4]], [[-5, 0]]])
    size = landmarks.face_size(truth, "points-68")
    assert size.tolist() == [50, 50]
    assert landmarks.nme(points, truth, size) == pytest.approx([0.1, 0.1])
    regions = landmarks.region_errors(points, truth, size, "points-68")
    assert set(regions) >= {"jaw", "left_eye", "inner_lip"}
    assert np.stack(list(regions.values())) == pytest.approx(np.full((len(regions), 2), 0.1))


def test_sizes_of_faces() -> None:
    truth = np.array([[[0, 0], [30, 40], [10, 20], [0, 40], [30, 0]]], float)
    assert landmarks.face_size(truth, "points-5", "pupils").tolist() == [50]
    assert landmarks.face_size(truth, "points-5", "box_diagonal").tolist() == [50]
    assert landmarks.face_size(truth, "points-5", "box_size") == pytest.approx([math.sqrt(1200)])
    assert landmarks.face_size(truth, "points-5", "box_diagonal", [[9, 9, 6, 8]]).tolist() == [10]
    assert np.isnan(landmarks.face_size(truth, "points-5", "outer_corners")).all()
    assert np.isnan(landmarks.face_size(np.zeros((1, 68, 2)), "points-68")).all()
    assert landmarks.face_size(np.empty((0, 68, 2)), "points-68").shape == (0,)


def test_hidden_points_do_not_count() -> None:
    truth, points = np.zeros((2, 5, 2)), np.zeros((2, 5, 2))
    points[:, 2] = [6, 8]
    visible = np.ones((2, 5), bool)
    visible[1, 2] = False
    assert landmarks.nme(points, truth, [10, 10], visible=visible).tolist() == [0.2, 0]
    assert np.isnan(landmarks.nme(points, truth, [10, 10], visible=np.zeros((2, 5), bool))).all()


def test_a_face_without_points_fails_or_is_left_out() -> None:
    truth, points = np.zeros((2, 5, 2)), np.zeros((2, 5, 2))
    points[1] = np.nan
    left_out = landmarks.nme(points, truth, [1, 1])
    failed = landmarks.nme(points, truth, [1, 1], missing="failure")
    assert (landmarks.failure_rate(left_out), landmarks.failure_rate(failed)) == (0, 0.5)
    assert (landmarks.ced_auc(left_out), landmarks.ced_auc(failed)) == (1, 0.5)
    assert landmarks.mean_nme(failed) == landmarks.mean_nme(left_out) == 0
    assert landmarks.ced(failed, [0.0, 0.1]).tolist() == [0.5, 0.5]


def test_cumulative_errors() -> None:
    errors = [0.02, 0.05, 0.09, 0.2, np.nan]
    assert landmarks.failure_rate(errors, 0.08) == 0.5
    assert landmarks.failure_rate(errors, 0.10) == 0.25
    assert landmarks.ced_auc(errors, 0.10) == pytest.approx((0.8 + 0.5 + 0.1 + 0) / 4)
    assert landmarks.mean_nme(errors) == pytest.approx(0.09)
    assert landmarks.mean_nme(errors, weight=[[1, 0, 0, 1, 1], [0, 0, 0, 0, 1]]) == pytest.approx(
        [0.11, np.nan], nan_ok=True
    )
    grid = np.linspace(0, 0.1, 20_001)
    assert landmarks.ced_auc(errors, 0.10) == pytest.approx(
        np.trapezoid(landmarks.ced(errors, grid), grid) / 0.1, abs=1e-4
    )
    assert np.isnan([landmarks.failure_rate([]), landmarks.ced_auc([np.nan]), landmarks.mean_nme([])]).all()


def test_verification_by_hand() -> None:
    same = [True, True, True, True, False, False, False, False]
    scores = [0.9, 0.8, 0.7, 0.3, 0.75, 0.4, 0.2, 0.1]
    assert identity.eer(same, scores) == pytest.approx(0.25)
    assert identity.tar_at_far(same, scores, 0.25) == 0.75
    assert identity.threshold_at_far(same, scores, 0.25) == 0.7
    assert np.isnan(identity.tar_at_far(same, scores, 0.1)), "four pairs cannot show one in ten"
    assert identity.far_at(same, scores, 0.4) == 0.5
    assert identity.tar_at(same, scores, 0.4) == 0.75
    assert identity.threshold_at_far([True, False, False], [0.1, 0.9, 0.9], 0.5) == math.inf
    assert np.isnan(identity.eer([True, True], [0.1, 0.9]))
    assert identity.eer([True, False], [0.9, 0.1]) == 0
    assert identity.eer([True, False], [0.1, 0.9]) == 1
    assert identity.eer([True, False], [0.5, 0.5]) == 0.5


def test_clusters_by_hand() -> None:
    """Bagga and Baldwin's second example: 5, 2 and 5 people in clusters of 5 and 7 gives BCubed precision 0.76."""
    truth, guess = [1] * 5 + [2] * 2 + [3] * 5, [1] * 5 + [2] * 7
    found = clustering.bcubed(truth, guess)
    assert found.precision == pytest.approx((5 * 1 + 2 * 2 / 7 + 5 * 5 / 7) / 12)
    assert found.recall == 1
    pairwise = clustering.pairwise(truth, guess)
    assert pairwise.precision == pytest.approx(21 / 31)
    assert pairwise.recall == 1


def test_a_null_is_a_cluster_of_its_own() -> None:
    truth = ["ann", "ann", "bob", "bob"]
    guess = np.array([0, 0, None, None], object)
    assert clustering.pairwise(truth, guess).recall == 0.5
    assert clustering.pairwise(truth, [0.0, 0.0, np.nan, np.nan]).recall == 0.5
    assert clustering.v_measure(truth, guess).homogeneity == pytest.approx(1)
    assert np.isnan(clustering.pairwise(truth, [0, 1, 2, 3]).precision)
    assert clustering.adjusted_rand([1, 2, 3], [3, 2, 1]) == 1


def test_units_that_are_not_supported_stay_out() -> None:
    truth = {"AU1": [0, 1, 1, 0], "AU2": [0, 1, np.nan, 1], "AU4": None, "AU12": [np.nan] * 4, "AU6": [0, 0, 0, 0]}
    guess = {"AU1": [0.1, 0.9, 0.2, 0.3], "AU2": [0.1, 0.9, 0.9, 0.2], "AU4": [0.5] * 4, "AU12": [0.5] * 4,
             "AU6": [0.1] * 4, "AU25": [1.0] * 4}  # fmt: skip
    found = action_units.per_unit(action_units.unit_f1, truth, guess)
    assert found["AU1"] == pytest.approx(2 / 3)
    assert found["AU2"] == pytest.approx(2 / 3)
    assert [found[u] for u in ("AU4", "AU12", "AU25")] == [None, None, None]
    assert np.isnan(found["AU6"]), "coded, but never present nor said: not N/A, yet no F1"  # type: ignore[arg-type]
    assert action_units.mean_supported(found) == pytest.approx(2 / 3)
    assert action_units.mean_supported({"AU4": None}) is None


def test_mean_over_units_is_the_mean_of_units() -> None:
    rng = np.random.default_rng(3)
    truth, guess = rng.integers(0, 2, (40, 4)).astype(float), rng.random((40, 4))
    truth[:, 2], guess[:7, 1] = np.nan, np.nan
    weight = rng.integers(0, 3, (2, 40))
    measure = action_units.mean_over_units(action_units.unit_auc)
    for w in (np.ones(40), *weight):
        units = {str(i): truth[:, i] for i in range(4)}, {str(i): guess[:, i] for i in range(4)}
        expected = action_units.mean_supported(action_units.per_unit(action_units.unit_auc, *units, weight=w))
        assert measure(truth, guess, weight=w) == pytest.approx(expected)
    assert measure(truth, guess, weight=weight).shape == (2,)
    assert np.isnan(measure(truth[:, 2:3], guess[:, 2:3]))


def test_facts_of_captions() -> None:
    truth = [{"smile=yes", "age=20-29", "au=AU1"}, {"smile=no"}, set()]
    said = [{"smile=no", "age=20-29", "au=AU2", "hat=yes"}, set(), {"hat=no"}]
    found = captions.count_facts(truth, said, several=["au"])
    assert found.hits.tolist() == [1, 0, 0]
    assert found.contradictions.tolist() == [1, 0, 0]
    assert captions.count_facts(truth, said).contradictions.tolist() == [2, 0, 0]
    assert captions.micro_precision(found.hits, found.stated) == pytest.approx(1 / 5)
    assert captions.macro_precision(found.hits, found.stated) == pytest.approx((1 / 4 + 0) / 2)
    assert captions.micro_recall(found.hits, found.true) == pytest.approx(1 / 4)
    assert captions.macro_recall(found.hits, found.true) == pytest.approx((1 / 3 + 0) / 2)
    assert captions.contradiction_rate(found.contradictions, found.stated) == pytest.approx(1 / 5)
    assert captions.count_facts([], []).hits.shape == (0,)
