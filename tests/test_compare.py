"""`compare`: a planted shift between two groups is found, p-values are scipy's, and people count once."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from curate.audit.compare import BETWEEN, SPREAD, WITHIN, Comparison, Comparisons, compare
from curate.audit.compare_tests import cliffs_delta, contingency, deviation_ratio, levels, odds_ratio, variability
from curate.cli.main import main
from curate.store import Dataset
from schemas import Column, UnknownNameError, UsageError
from schemas.columns import labels
from tests.evaluation_samples import dataset

PER_CHILD = 5
CHILDREN = 24
SHIFTED = "AU12"


def row(found: Comparisons, name: str, aspect: str) -> Comparison:
    return next(r for r in found.rows if (r.name, r.aspect) == (name, aspect))


def scores(column: Column, **values: float | None) -> dict[str, float | None]:
    return {f.name: values.get(f.name) for f in column.type}


def children(path: Path, shift: float = 1.2, alike: float = 0.3, **more: Any) -> tuple[Dataset, dict[str, np.ndarray]]:
    """Children with five faces each, half of them ASD; AU12 is lower and lopsided in them, AU4 is not."""
    rng = np.random.default_rng(5)
    n = CHILDREN * PER_CHILD
    child = np.repeat(np.arange(CHILDREN), PER_CHILD)
    asd = child % 2 == 0
    own = {au: rng.normal(0, alike, CHILDREN)[child] + rng.normal(0, 0.5, n) for au in ("AU4", "AU12")}
    values = {
        "AU4": np.clip(2 + own["AU4"], 0, 5).astype(np.float32),
        "AU12": np.clip(3 - shift * asd + own["AU12"], 0, 5).astype(np.float32),
        "left": np.clip(2 + rng.normal(0, 0.3, n), 0, 5).astype(np.float32),
        "right": np.clip(2 + 0.6 * asd + rng.normal(0, 0.3, n), 0, 5).astype(np.float32),
        "happy": rng.random(n) < np.where(asd, 0.3, 0.7),
    }
    layers: dict[str, Mapping[Column, list[Any]]] = {
        "au.v1": {
            labels.AU_INTENSITY: [scores(labels.AU_INTENSITY, AU4=float(a), AU12=float(b))
                                  for a, b in zip(values["AU4"], values["AU12"], strict=True)],
            labels.AU_LEFT: [scores(labels.AU_LEFT, AU12=float(a)) for a in values["left"]],
            labels.AU_RIGHT: [scores(labels.AU_RIGHT, AU12=float(a)) for a in values["right"]],
        },
        "emotion.v1": {
            labels.PERCEIVED_EMOTION: ["happiness" if h else "neutral" for h in values["happy"]],
            labels.VALENCE: [0.25] * n,
        },
    }  # fmt: skip
    groups = ["ASD" if a else "TD" for a in asd]
    listed = [json.dumps({"group": g, "child": f"c{c}"}) for g, c in zip(groups, child, strict=True)]
    values |= {"asd": asd, "child": child}
    return dataset(path, [1] * n, layers, **({"extra": listed} | more)), values


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, dict[str, np.ndarray]]:
    return children(tmp_path_factory.mktemp("study") / "ds")


def test_a_planted_shift_is_found_and_nothing_else(study: tuple[Dataset, dict[str, np.ndarray]]) -> None:
    found = compare(study[0], "extra.group", groups=["ASD", "TD"])
    assert found.groups == ("ASD", "TD")
    assert found.faces == (60, 60)
    different = {(r.name, r.aspect) for r in found.rows if r.test.p_adjusted < 0.01}
    assert different == {
        ("au_intensity.AU12", "level"), ("au_intensity_right.AU12", "level"), ("AU12 left - right", "asymmetry"),
        ("AU12 |left - right|", "asymmetry"), ("perceived_emotion = happiness", "presence"),
        ("au_intensity.AU12", "presence"),
    }  # fmt: skip
    assert row(found, "au_intensity.AU12", "level").effect.high < 0
    assert row(found, "au_intensity.AU4", "level").test.p_adjusted > 0.05
    q = [r.test.p_adjusted for r in found.rows]
    assert q == sorted(q)
    assert found.left_out[labels.VALENCE.name] == "the same everywhere"
    assert any("each face counts by itself" in note for note in found.notes)


def test_p_values_of_faces_are_scipys(study: tuple[Dataset, dict[str, np.ndarray]]) -> None:
    ds, values = study
    found = compare(ds, "extra.group", groups=["ASD", "TD"])
    asd = values["asd"]
    a, b = (values["AU12"][m].astype(float) for m in (asd, ~asd))
    level = row(found, "au_intensity.AU12", "level")
    assert level.test.p == pytest.approx(stats.mannwhitneyu(a, b).pvalue, abs=1e-9)
    assert level.test.statistic == stats.mannwhitneyu(a, b).statistic
    assert level.groups[0].value.value == pytest.approx(a.mean())
    assert level.groups[0].median == np.median(a)
    spread = row(found, "au_intensity.AU12", SPREAD)
    assert spread.test.p == pytest.approx(stats.levene(a, b, center="median").pvalue, abs=1e-9)
    apart = (values["left"] - values["right"]).astype(float)
    asymmetry = row(found, "AU12 left - right", "asymmetry")
    expected = stats.mannwhitneyu(
        *(np.float64(values["left"][m]) - np.float64(values["right"][m]) for m in (asd, ~asd))
    )
    assert asymmetry.test.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert asymmetry.groups[0].value.value == pytest.approx(apart[asd].mean(), abs=1e-6)
    emotion = row(found, "perceived_emotion = happiness", "presence")
    happy = values["happy"]
    table = [[(happy & m).sum(), (~happy & m).sum()] for m in (asd, ~asd)]
    assert emotion.test.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, abs=1e-9)
    p = [r.test.p for r in found.rows]
    np.testing.assert_allclose([r.test.p_adjusted for r in found.rows], stats.false_discovery_control(p), atol=1e-9)


def test_each_child_counts_once(study: tuple[Dataset, dict[str, np.ndarray]]) -> None:
    ds, values = study
    found = compare(ds, "extra.group", groups=["ASD", "TD"], subject="extra.child")
    assert found.subjects == (12, 12)
    by_child = values["AU12"].astype(float).reshape(CHILDREN, PER_CHILD)
    asd = values["asd"].reshape(CHILDREN, PER_CHILD)[:, 0]
    mean, within = by_child.mean(1), by_child.std(1, ddof=1)
    for aspect, expected in (
        ("level", stats.mannwhitneyu(mean[asd], mean[~asd])),
        (BETWEEN, stats.levene(mean[asd], mean[~asd])),
        (WITHIN, stats.mannwhitneyu(within[asd], within[~asd])),
    ):
        assert row(found, "au_intensity.AU12", aspect).test.p == pytest.approx(expected.pvalue, abs=1e-9), aspect
    share = values["happy"].reshape(CHILDREN, PER_CHILD).mean(1)
    happy = row(found, "perceived_emotion = happiness", "presence")
    assert happy.test.p == pytest.approx(stats.mannwhitneyu(share[asd], share[~asd]).pvalue, abs=1e-9)
    assert happy.groups[0].value.value == pytest.approx(share[asd].mean())
    assert "each subject counts once: by the mean or the share of its faces" in found.notes


def test_faces_of_few_people_show_nothing_that_the_people_do_not(tmp_path: Path) -> None:
    """Without any shift, children who differ from one another make faces differ, but not children."""
    ds, _ = children(tmp_path / "ds", shift=0.0, alike=1.0)
    faces = row(compare(ds, "extra.group"), "au_intensity.AU4", "level")
    people = row(compare(ds, "extra.group", subject="extra.child"), "au_intensity.AU4", "level")
    assert faces.test.p < people.test.p
    assert people.test.p > 0.05


def test_three_groups_are_compared_at_once_and_in_pairs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    race = ["White"] * 30 + ["Black"] * 25 + ["Indian"] * 20
    quality = np.concatenate([rng.normal(0.6, 0.1, 55), rng.normal(0.4, 0.1, 20)]).astype(np.float32)
    layers = {
        "d.v1": {labels.RACE: race, labels.QUALITY_SCORE: quality.tolist()},
        "e.v1": {labels.PERCEIVED_EMOTION: ["fear", "anger", "disgust"] * 25},
    }
    ds = dataset(tmp_path / "ds", [1] * 75, layers)
    found = compare(ds, "race")
    groups = [quality[:30].astype(float), quality[30:55].astype(float), quality[55:].astype(float)]
    level = row(found, labels.QUALITY_SCORE.name, "level")
    assert level.test.name == "kruskal"
    assert level.test.p == pytest.approx(stats.kruskal(*groups).pvalue, abs=1e-9)
    assert [(p.first, p.second) for p in level.pairs] == [("White", "Black"), ("White", "Indian"), ("Black", "Indian")]
    expected = [stats.mannwhitneyu(groups[a], groups[b]).pvalue for a, b in ((0, 1), (0, 2), (1, 2))]
    assert [p.test.p for p in level.pairs] == pytest.approx(expected, abs=1e-9)
    assert level.pairs[1].test.p_adjusted < 0.01 < level.pairs[0].test.p_adjusted
    over = [p.test for r in found.rows for p in r.pairs]
    np.testing.assert_allclose(
        [t.p_adjusted for t in over], stats.false_discovery_control([t.p for t in over]), atol=1e-9
    )
    whole = row(found, labels.PERCEIVED_EMOTION.name, "labels")
    table = [[sum(race[i] == g and i % 3 == k for i in range(75)) for k in range(3)] for g in found.groups]
    assert whole.test.p == pytest.approx(stats.chi2_contingency(table).pvalue, abs=1e-9)
    assert whole.measure == "Cramer's V"


def test_small_groups_are_left_out_with_the_reason(tmp_path: Path) -> None:
    values = [0.1, 0.2, None, None, 0.5, 0.6, 0.7, 0.8]
    listed = [json.dumps({"g": g}) for g in "aaaabbbb"]
    ds = dataset(tmp_path / "ds", [1] * 8, {"q.v1": {labels.QUALITY_SCORE: values}}, extra=listed)
    found = compare(ds, "extra.g")
    assert found.rows == ()
    assert found.left_out[labels.QUALITY_SCORE.name] == "fewer than 3 faces with a value in a"


def test_named_columns_may_come_from_the_list(tmp_path: Path) -> None:
    listed = [json.dumps({"g": "a" if i < 10 else "b", "score": i, "site": "xyz"[i % 3]}) for i in range(20)]
    ds = dataset(tmp_path / "ds", [1] * 20, {"q.v1": {labels.QUALITY_SCORE: [0.5] * 20}}, extra=listed)
    found = compare(ds, "extra.g", columns=["extra.score", "extra.site"])
    score = row(found, "extra.score", "level")
    assert score.effect.value == -1
    assert score.test.p == pytest.approx(stats.mannwhitneyu(range(10), range(10, 20)).pvalue, abs=1e-9)
    assert row(found, "extra.site", "labels").groups[0].value.n == 10


def test_a_column_is_not_compared_with_itself(tmp_path: Path) -> None:
    layers = {"d.v1": {labels.GENDER: ["Female", "Male"] * 10, labels.QUALITY_SCORE: [i / 20 for i in range(20)]}}
    ds = dataset(tmp_path / "ds", [1] * 20, layers)
    assert {r.name for r in compare(ds, "gender").rows} == {labels.QUALITY_SCORE.name}


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"by": "extra.grup"}, UnknownNameError, "Did you mean 'extra.group'"),
        ({"by": "extra.group", "groups": ["ASD", "XX"]}, UnknownNameError, "unknown group of extra.group 'XX'"),
        ({"by": "extra.group", "groups": ["TD"]}, UsageError, "At least two groups"),
        ({"by": "extra.group", "subject": "extra.kid"}, UnknownNameError, "extra.kid"),
        ({"by": "extra.group", "subject": labels.PERCEIVED_EMOTION.name}, UsageError, "must belong to one group"),
        ({"by": "extra.group", "columns": ["points_5"]}, UsageError, "its values are points"),
        ({"by": "extra.group", "layers": ["nobody.v1"]}, UnknownNameError, "nobody.v1"),
    ],
)
def test_wrong_calls_end_in_one_line(
    study: tuple[Dataset, dict[str, np.ndarray]], options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        compare(study[0], **options)


def test_the_command_shows_and_writes_what_was_found(
    study: tuple[Dataset, dict[str, np.ndarray]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {kind: tmp_path / f"found.{kind}" for kind in ("json", "csv")}
    with pytest.raises(SystemExit) as left:
        main(["compare", str(study[0].path), "--by", "extra.group", "--groups", "ASD,TD", "--subject", "extra.child",
              "--json", str(files["json"]), "--csv", str(files["csv"])])  # fmt: skip
    assert not left.value.code
    out = capsys.readouterr().out
    assert out.startswith("extra.group: ASD 12, TD 12 extra.child (subjects)")
    assert "comparisons differ at q < 0.05" in out
    written = json.loads(files["json"].read_text())
    assert written["unit"] == "subjects"
    rows = list(csv.DictReader(files["csv"].read_text("utf-8").splitlines()))
    assert len(rows) == len(written["comparisons"])
    assert rows[0]["name"] == written["comparisons"][0]["name"]
    assert float(rows[0]["p"]) == written["comparisons"][0]["test"]["p"]
    assert float(rows[0]["value ASD"]) == written["comparisons"][0]["groups"][0]["value"]


def test_deltas_are_shares_of_pairs() -> None:
    first, second = np.array([1.0, 2, 2, 5]), np.array([2.0, 3, 0])
    larger = sum(a > b for a in first for b in second)
    smaller = sum(a < b for a in first for b in second)
    assert cliffs_delta(first, second).value == pytest.approx((larger - smaller) / 12)
    u = stats.mannwhitneyu(first, second).statistic
    assert cliffs_delta(first, second).value == pytest.approx(2 * u / 12 - 1)
    assert cliffs_delta(np.arange(5.0), np.arange(10.0, 15)).value == -1
    assert cliffs_delta(np.array([1.0]), np.array([0.0, 2])).method == "few"


def test_the_variance_of_a_delta_is_cliffs() -> None:
    """Against the definition of 1993, by all pairs."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 14).astype(float), rng.integers(1, 8, 9).astype(float)
    d = np.sign(a[:, None] - b[None])
    delta, m, n = d.mean(), 14, 9
    rows, columns = d.mean(1), d.mean(0)
    top = n * n * ((rows - delta) ** 2).sum() + m * m * ((columns - delta) ** 2).sum() - ((d - delta) ** 2).sum()
    variance = top / (m * n * (m - 1) * (n - 1))
    z = 1.959963984540054
    root = z * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + z * z * variance)
    below = 1 - delta**2 + z * z * variance
    found = cliffs_delta(a, b)
    assert found.low == pytest.approx((delta - delta**3 - root) / below)
    assert found.high == pytest.approx((delta - delta**3 + root) / below)


def test_intervals_of_effects_hold_the_truth_as_often_as_they_say() -> None:
    """1,000 simulations each: 95 % within four standard errors."""
    rng = np.random.default_rng(3)
    delta, odds = 2 * stats.norm.cdf(0.8 / math.sqrt(2)) - 1, (0.6 / 0.4) / (0.3 / 0.7)
    held = np.zeros(3)
    for _ in range(1000):
        hits, others = rng.binomial(80, 0.6), rng.binomial(60, 0.3)
        found = (
            (cliffs_delta(rng.normal(0.8, 1, 30), rng.normal(0, 1, 40)), delta),
            (odds_ratio(np.array([[hits, 80 - hits], [others, 60 - others]])), odds),
            (deviation_ratio(2 * rng.normal(0, 1, 60), rng.normal(0, 1, 80)), 2),
        )
        held += [e.low <= truth <= e.high for e, truth in found]
    assert ((held > 920) & (held < 977)).all(), held


def test_odds_are_woolfs() -> None:
    found = odds_ratio(np.array([[20, 80], [10, 90]]))
    assert found.value == pytest.approx(2.25)
    assert found.low == pytest.approx(2.25 * math.exp(-1.959964 * math.sqrt(1 / 20 + 1 / 80 + 1 / 10 + 1 / 90)))
    assert odds_ratio(np.array([[0, 5], [5, 5]])).value == pytest.approx(0.5 * 5.5 / (5.5 * 5.5))


def test_small_expected_counts_are_tested_exactly() -> None:
    table = np.array([[1, 9], [6, 4]])
    found = contingency(table)
    assert found.test.name == "fisher"
    assert found.test.p == pytest.approx(stats.fisher_exact(table).pvalue, abs=1e-9)
    wide = contingency(np.array([[1, 3, 2], [4, 1, 0], [2, 2, 1]]))
    assert wide.test.name == "permutation"
    assert contingency(np.array([[0, 9], [0, 4]])).test.name == ""


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.integers(-5, 5), min_size=3, max_size=25), min_size=2, max_size=4),
    st.sampled_from([1.0, 0.125]),
)
def test_any_numbers_have_scipys_p_values(groups: list[list[int]], scale: float) -> None:
    numbers = [np.array(g) * scale for g in groups]
    same = np.ptp(np.concatenate(numbers)) == 0
    found = levels(numbers)
    if len(numbers) == 2:
        assert found.test.p == pytest.approx(stats.mannwhitneyu(*numbers).pvalue, abs=1e-9)
        assert -1 <= found.effect.low <= found.effect.value <= found.effect.high <= 1
    elif not same:
        assert found.test.p == pytest.approx(stats.kruskal(*numbers).pvalue, abs=1e-9)
    spread = variability(numbers)
    if math.isfinite(spread.test.p):
        assert spread.test.p == pytest.approx(stats.levene(*numbers).pvalue, abs=1e-9)


def test_short_names_mean_perceived_labels_and_groups_come_from_one_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {labels.GENDER: ["Female", "Male"] * 10, labels.RACE: ["White"] * 12 + ["Black"] * 8}
    ds = dataset(tmp_path / "ds", [1] * 20, {"demographics.v1": said})
    assert compare(ds, "gender", columns=["race"]) == compare(ds, labels.GENDER.name, columns=[labels.RACE.name])
    with pytest.raises(UsageError, match="groups come from one column"):
        compare(ds, "race*gender")
    only = dataset(tmp_path / "only", [1] * 20, {"demographics.v1": {labels.GENDER: said[labels.GENDER]}})
    with pytest.raises(SystemExit) as left:
        main(["compare", str(only.path), "--by", "gender"])
    assert not left.value.code
    assert "Nothing could be compared" in capsys.readouterr().out
