"""Agreement of reviewers, end to end from their layers: published worked examples and reference libraries."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.review.agreement import Agreement, AgreementOptions, agreement
from curate.review.controls import ABSTAINED
from curate.review.spec import Spec
from curate.store import Dataset
from schemas import Column, taxonomy
from schemas.columns import faces, labels
from tests.agreement_samples import coded, face_ids, review, word
from tests.test_agreement import KRIPPENDORFF, SHROUT_FLEISS, spread

QUICK = AgreementOptions(rounds=60)
EMOTIONS = taxonomy(labels.PERCEIVED_EMOTION.taxonomy).labels
AGES = taxonomy(labels.AGE_GROUP.taxonomy).labels
RATERS = ("ada", "ben", "chi", "dan", "eve", "fay")

FLEISS_1971 = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
    [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
    [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
    [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
    [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
]  # fmt: skip
"""Table 1 of Fleiss 1971: thirty patients, six psychiatrists each, five diagnoses; kappa .430."""


def of(ds: Dataset, column: Column, **options: Any) -> Any:
    return agreement(ds, AgreementOptions(**{"rounds": 60, **options})).section(column.name)


def test_fleiss_1971(tmp_path: Path) -> None:
    import krippendorff
    from statsmodels.stats.inter_rater import fleiss_kappa

    codes = spread(np.array(FLEISS_1971))
    found = of(
        review(tmp_path / "ds", {labels.PERCEIVED_EMOTION: coded(codes, EMOTIONS)}, RATERS), labels.PERCEIVED_EMOTION
    )
    assert found.figures["fleiss"].value == pytest.approx(0.430, abs=5e-4)
    assert found.figures["fleiss"].value == pytest.approx(fleiss_kappa(np.array(FLEISS_1971)), abs=1e-9)
    expected = krippendorff.alpha(codes.T, level_of_measurement="nominal")
    assert found.figures["alpha_nominal"].value == pytest.approx(expected, abs=1e-9)
    assert found.figures["observed"].value == pytest.approx(0.5556, abs=5e-4)  # mean of P_i in the paper
    fleiss = found.figures["fleiss"]
    assert fleiss.low < fleiss.value < fleiss.high and fleiss.n == 30
    by_label = {x.label: x for x in found.by_label}
    kappas = [by_label[label].figures["kappa"].value for label in EMOTIONS[:5]]
    assert kappas == pytest.approx([0.245, 0.245, 0.520, 0.471, 0.566], abs=5e-4)  # the paper's five diagnoses
    columns = list(zip(*FLEISS_1971, strict=True))
    again = [sum(n * (n - 1) for n in column) / sum(5 * n for n in column) for column in columns]
    assert [by_label[label].figures["specific"].value for label in EMOTIONS[:5]] == pytest.approx(again)
    assert [by_label[label].faces for label in EMOTIONS[:5]] == [
        sum(n > 0 for n in c) for c in zip(*FLEISS_1971, strict=True)
    ]
    assert len(found.pairs) == 15 and all(p.figures["cohen"].n == 30 for p in found.pairs)


def test_krippendorff_2011(tmp_path: Path) -> None:
    """Nominal, ordinal and interval of one published table, each in a column whose scale asks for it."""
    codes, raters = KRIPPENDORFF, RATERS[:4]
    ds = review(
        tmp_path / "ds",
        {
            labels.PERCEIVED_EMOTION: coded(codes, EMOTIONS), labels.AGE_GROUP: coded(codes, AGES),
            labels.AGE: coded(codes, [float(i) for i in range(9)]),
        }, raters,
    )  # fmt: skip
    found = agreement(ds, QUICK)
    for column, key, alpha in (
        (labels.PERCEIVED_EMOTION, "alpha_nominal", 0.743), (labels.AGE_GROUP, "alpha_ordinal", 0.815),
        (labels.AGE, "alpha_interval", 0.849),
    ):  # fmt: skip
        section = found.section(column.name)
        assert section.figures[key].value == pytest.approx(alpha, abs=5e-4)
        assert section.headline is not None and section.headline[0].key == key
        assert section.figures[key].n == 11  # the twelfth unit was rated once


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pingouin
def test_shrout_and_fleiss_1979(tmp_path: Path) -> None:
    import pandas as pd
    import pingouin

    table = SHROUT_FLEISS
    found = of(review(tmp_path / "ds", {labels.AGE: table.tolist()}, RATERS[:4]), labels.AGE)
    for key, value in (("icc21", 0.29), ("icc31", 0.71), ("icc3k", 0.91)):
        assert found.figures[key].value == pytest.approx(value, abs=5e-3)
    long = [(i, j, table[i, j]) for i in range(6) for j in range(4)]
    told = pingouin.intraclass_corr(pd.DataFrame(long, columns=["case", "rater", "value"]), "case", "rater", "value")
    mine = [found.figures[k].value for k in ("icc21", "icc31", "icc3k")]
    assert mine == pytest.approx([told["ICC"].iloc[i] for i in (1, 2, 5)], abs=1e-6)
    apart = [abs(row[i] - row[j]) for row in table for i in range(4) for j in range(i)]
    assert found.figures["apart"].value == pytest.approx(np.mean(apart))
    for pair in found.pairs:
        a, b = (RATERS.index(r) for r in pair.raters)
        x, y = table[:, a], table[:, b]
        lin = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert pair.figures["ccc"].value == pytest.approx(lin)
        assert pair.figures["offset"].value == pytest.approx(y.mean() - x.mean())
    offsets = {x.rater: x.more.value for x in found.leanings}
    others = table[:, 1:].mean(1)
    assert offsets["ada"] == pytest.approx((table[:, 0] - others).mean())


def test_kappas_of_pairs_equal_sklearn(tmp_path: Path) -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(4)
    truth = rng.integers(0, 6, 60)
    codes = np.where(rng.random((60, 3)) < 0.6, truth[:, None], rng.integers(0, 6, (60, 3))).astype(float)
    codes[rng.random((60, 3)) < 0.2] = np.nan
    found = of(review(tmp_path / "ds", {labels.AGE_GROUP: coded(codes, AGES)}, RATERS[:3]), labels.AGE_GROUP)
    assert len(found.pairs) == 3
    for pair in found.pairs:
        both = codes[:, [RATERS.index(r) for r in pair.raters]]
        both = both[~np.isnan(both).any(1)]
        places = {"labels": range(len(AGES))}
        plain = cohen_kappa_score(both[:, 0], both[:, 1], **places)
        weighted = cohen_kappa_score(both[:, 0], both[:, 1], weights="quadratic", **places)
        assert pair.figures["cohen"].value == pytest.approx(plain, abs=1e-9)
        assert pair.figures["cohen_weighted"].value == pytest.approx(weighted, abs=1e-9)
        assert pair.figures["cohen"].n == len(both)
    table = np.array(found.confusion["ada"])
    known = ~np.isnan(codes[:, 0])
    assert table.sum() == sum((known & ~np.isnan(codes[:, j])).sum() for j in (1, 2))
    first = int(codes[known, 0][0])
    assert table[:, first].sum() == sum(((codes[:, 0] == first) & ~np.isnan(codes[:, j])).sum() for j in (1, 2))


def test_faces_of_a_picture_are_drawn_together(tmp_path: Path) -> None:
    """Fifty pictures with four faces of one answer each are worth fifty faces, not two hundred."""
    rng = np.random.default_rng(5)
    picture = rng.random(50) < 0.7
    same = np.repeat(picture, 4)
    rows = [["happiness", "happiness" if s else "sadness"] for s in same]
    clustered = of(
        review(tmp_path / "a", {labels.PERCEIVED_EMOTION: rows}, RATERS[:2], counts=[4] * 50), labels.PERCEIVED_EMOTION,
        rounds=400,
    )  # fmt: skip
    single = of(
        review(tmp_path / "b", {labels.PERCEIVED_EMOTION: rows}, RATERS[:2]), labels.PERCEIVED_EMOTION, rounds=400
    )
    wide, narrow = (f.figures["observed"].high - f.figures["observed"].low for f in (clustered, single))
    assert clustered.figures["observed"].value == single.figures["observed"].value == pytest.approx(picture.mean())
    assert wide == pytest.approx(2 * narrow, rel=0.25)  # root of four


def test_boxes_and_points_between_reviewers(tmp_path: Path) -> None:
    """Boxes shifted by a tenth overlap by 90/110; points shifted by 2 px of 40 px between the outer corners: 5 %."""
    n = 12
    base = np.random.default_rng(6).uniform(10, 90, (n, *labels.POINTS_68.shape))
    base[:, 36], base[:, 45] = [30.0, 40.0], [70.0, 40.0]
    points = [[p.ravel().tolist(), (p + np.array([2.0, 0.0])).ravel().tolist()] for p in base]
    moved = dict(zip((c.name for c in faces.BOX), (10.0, 0.0, 100.0, 100.0), strict=True))
    ds = review(
        tmp_path / "ds", {labels.POINTS_68: points}, RATERS[:2], counts=[1] * n,
        rows={(i, 1): {**moved, faces.BOX_X.name: 10.0} for i in range(n)},
    )  # fmt: skip
    found = agreement(ds, QUICK)
    boxes, landmarks = found.section("face_box"), found.section(labels.POINTS_68.name)
    assert boxes.figures["iou"].value == pytest.approx(90 / 110)
    assert boxes.figures["good"].value == 1.0
    assert landmarks.figures["nme"].value == pytest.approx(2 / 40, rel=1e-5)
    assert landmarks.figures["far"].value == 0.0 and landmarks.figures["far"].high > 0  # Wilson: twelve are few
    assert boxes.pairs[0].figures["iou"].n == n


def test_points_without_eye_corners_are_measured_by_the_box(tmp_path: Path) -> None:
    five = [10.0, 10, 60, 10, 30, 40, 15, 70, 55, 70]
    points = [[five, [v + 3 for v in five]] for _ in range(6)]
    found = of(review(tmp_path / "ds", {faces.POINTS_5: points}, RATERS[:2]), faces.POINTS_5)
    assert found.figures["nme"].value == pytest.approx(3 * math.sqrt(2) / 100, rel=1e-5)  # boxes of 100 x 100


def test_missed_and_extra_faces(tmp_path: Path) -> None:
    """Ben deletes every fourth face; a face that ada drew and ben did not is one that he missed."""
    n = 20
    rows = [["happiness", "happiness"] for _ in range(n)]
    gone = {(i, 1): {labels.REVIEW_REJECTED.name: True} for i in range(0, n, 4)}
    ds = review(tmp_path / "ds", {labels.PERCEIVED_EMOTION: rows}, RATERS[:2], rows=gone, counts=[2] * 10)
    found = agreement(ds, QUICK)
    ada, ben = found.reviewers
    assert (ben.missed.value, ada.missed.value) == (0.25, 0.0)
    assert (ada.extra.value, ben.extra.value) == (0.25, 0.0)
    assert (ada.faces, ben.faces) == (20, 15)
    assert found.section(labels.PERCEIVED_EMOTION.name).counts["faces answered twice or more"] == 15
    assert sum("is it one? 1 say yes, 1 no" in w for c in found.queue for w in c.why) == 5


def test_abstentions_and_leanings(tmp_path: Path) -> None:
    """Chi says happiness on all forty faces, the others on half of them; ada abstains on ten others."""
    half = ["happiness", "neutral"] * 20
    rows = [[ABSTAINED if i >= 30 else v, v, "happiness"] for i, v in enumerate(half)]
    found = of(review(tmp_path / "ds", {labels.PERCEIVED_EMOTION: rows}, RATERS[:3]), labels.PERCEIVED_EMOTION)
    assert found.abstained["ada"].value == 0.25 and found.abstained["ben"].value == 0
    assert found.abstained["all reviewers"].value == pytest.approx(10 / 120)
    told = {(x.rater, x.label): x for x in found.leanings}
    happy = told["chi", "happiness"]
    assert (happy.own, happy.others, happy.more.value) == (1.0, 0.5, 0.5) and happy.more.low > 0.3
    assert told["ben", "neutral"].more.value == pytest.approx(0.5 - np.mean([0.25] * 15 * 2 + [0.0] * 10), abs=1e-9)


def test_the_last_word_of_a_reviewer_stands(tmp_path: Path) -> None:
    ds = review(tmp_path / "ds", {labels.GENDER: [["Male", "Male"]] * 6}, RATERS[:2])
    spec = Spec((labels.GENDER,))
    later = {f: {labels.GENDER.name: "Female", labels.REVIEW_REJECTED.name: False} for f in face_ids(ds)[:3]}
    word(ds, "ben", later, spec, "2026-02-01T00:00:00+00:00", number=2)
    earlier = {f: {labels.GENDER.name: "Female", labels.REVIEW_REJECTED.name: False} for f in face_ids(ds)}
    word(ds, "ada", earlier, spec, "2025-01-01T00:00:00+00:00", number=2)
    assert of(ds, labels.GENDER).figures["observed"].value == 0.5
    other = {f: {labels.AGE.name: 30.0} for f in face_ids(ds)}
    word(ds, "ada", other, Spec((labels.AGE,)), "2026-03-01T00:00:00+00:00", review_name="ages", number=3)
    both = agreement(ds, QUICK)
    assert both.reviews == ("ages", "round-1")
    assert both.section(labels.GENDER.name).counts["answers"] == 12  # the later review did not ask for it
    assert agreement(ds, AgreementOptions(("ages",), rounds=60)).section(labels.AGE.name).counts["answers"] == 6


def test_a_later_word_on_a_picture_replaces_all_its_faces(tmp_path: Path) -> None:
    """Alone, ben draws both faces of a picture at first; when he saves it again, only one."""
    ds = review(tmp_path / "ds", {labels.GENDER: [["Male", "Male"]] * 12}, RATERS[:2], counts=[2] * 6)
    again = {"i0.0": {labels.GENDER.name: "Male", labels.REVIEW_REJECTED.name: False}}
    word(ds, "ben", again, Spec((labels.GENDER,)), "2026-02-01T00:00:00+00:00", number=2)
    found = agreement(ds, QUICK)
    ada, ben = found.reviewers
    assert (ada.faces, ben.faces) == (12, 11) and ben.missed.value == pytest.approx(1 / 12)
    assert found.section(labels.GENDER.name).counts["answers"] == 23


def test_every_tag_is_an_item_of_its_own_and_a_list_without_a_tick_says_none(tmp_path: Path) -> None:
    column, tags = labels.REVIEW_FLAGS, ("blurred", "covered", "may_be_a_minor")
    rows = [[["blurred"], ["blurred", "covered"]], [["blurred"], None], [["may_be_a_minor"], ["covered"]], [None, None]]
    ds = review(tmp_path / "ds", {column: rows, labels.GENDER: [["Male", "Male"]] * 4}, RATERS[:2])
    found: Agreement = agreement(ds, AgreementOptions(rounds=60, consensus=True))
    blurred, covered, minor = (found.section(f"{column.name}.{t}") for t in tags)
    assert [x.figures["observed"].value for x in (blurred, covered, minor)] == [0.75, 0.5, 0.75]
    assert blurred.figures["observed"].n == 4 and blurred.labels == ("no", "yes")
    told = ds.layer_table(found.consensus, [column]).column(0).to_pylist()
    assert told[0] is not None and "blurred" in told[0]
    assert "may_be_a_minor" in told[2] and told[3] == []  # one voice is enough for a minor


def test_all_alike_is_no_agreement_beyond_chance(tmp_path: Path) -> None:
    found = of(review(tmp_path / "ds", {labels.GENDER: [["Male", "Male"]] * 8}, RATERS[:2]), labels.GENDER)
    assert set(found.figures) == {"observed"} and found.figures["observed"].value == 1.0
    assert found.figures["observed"].low < 0.8 and found.notes[0].startswith("Every answer is Male")
