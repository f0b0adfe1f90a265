"""Opinion scores, reliability, label noise, group rates and leakage against scipy, brute force and the standards."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from curate.agreement import krippendorff
from curate.measures.base import Result
from curate.measures.features import shape_of
from curate.measures.label_reliability import blocks_joined, class_weights, doubts
from curate.measures.opinion import following, opinion, outliers
from curate.measures.rating_form import rating_form
from curate.measures.run import run
from schemas import UsageError
from schemas.columns import labels
from tests.evaluation_samples import dataset, write_csv

N = float("nan")


def of_rows(tmp_path: Path, measure: str, rows: list[dict[str, Any]], out: bool = False, **settings: str) -> Result:
    path = write_csv(tmp_path / f"{measure}.csv", rows)
    return run(measure, [path], settings, tmp_path / "out" if out else None)


def rating_rows(ratings: np.ndarray[Any, Any], kind: str | None = None) -> list[dict[str, Any]]:
    """Long rows of a table of items by raters."""
    named = {} if kind is None else {"kind": kind}
    return [
        {"item": f"i{i:04d}", "rater": f"r{j:02d}", "score": ratings[i, j], **named}
        for i, j in np.ndindex(*ratings.shape)
        if not np.isnan(ratings[i, j])
    ]


def panel(seed: int, items: int = 20, raters: int = 15, astray: int = 7) -> np.ndarray[Any, Any]:
    """Ratings 1 to 5 around each item's quality; one rater says anything."""
    rng = np.random.default_rng(seed)
    quality = np.linspace(1.3, 4.7, items)
    ratings = np.clip(np.rint(quality[:, None] + rng.normal(0, 0.45, (items, raters))), 1, 5)
    ratings[:, astray] = rng.integers(1, 6, items)
    return ratings


def bt500(ratings: np.ndarray[Any, Any]) -> set[int]:
    """BT.500's screening as a plain loop over its text."""
    p, q = [0] * ratings.shape[1], [0] * ratings.shape[1]
    for row in ratings:
        mean, sd = row.mean(), row.std(ddof=1)
        kurtosis = stats.kurtosis(row, fisher=False)
        times = 2 if 2 <= kurtosis <= 4 else 20**0.5
        for i, score in enumerate(row):
            p[i] += score >= mean + times * sd
            q[i] += score <= mean - times * sd
    n = len(ratings)
    return {
        i for i in range(len(p)) if p[i] + q[i] and (p[i] + q[i]) / n > 0.05 and abs(p[i] - q[i]) / (p[i] + q[i]) < 0.3
    }


@pytest.mark.filterwarnings("ignore:Precision loss")  # of scipy, where all raters of an item agree
def test_screening_equals_the_standards_text() -> None:
    rejected = []
    for seed in range(60):
        ratings = panel(seed)
        ratings = ratings[np.ptp(ratings, axis=1) > 0]
        assert set(np.flatnonzero(outliers(ratings).rejected)) == bt500(ratings), seed
        rejected.append(7 in bt500(ratings))
    assert 10 < sum(rejected) < 50, "the standard's own test misses a random rater often"


def test_correlation_finds_a_random_rater_that_bt500_misses() -> None:
    found = [following(panel(seed)) for seed in range(100)]
    assert all(f[7] < 0.75 for f in found)
    assert np.mean([np.delete(f, 7) >= 0.75 for f in found]) > 0.99


def test_opinion_scores_by_hand() -> None:
    ratings = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, N]])
    found = opinion(ratings)
    z = [[-1, -(0.5**0.5)], [0, 0.5**0.5], [1, N]]
    expected = [np.nanmean([100 * (v + 3) / 6 for v in row]) for row in z]
    assert found.mos == pytest.approx(expected) and found.raw == pytest.approx([1.5, 3, 3])
    assert found.n.tolist() == [2, 2, 1] and np.isnan(found.half[2])
    spread = np.std([100 * (v + 3) / 6 for v in z[0]], ddof=1)
    assert found.half[0] == pytest.approx(1.96 * spread / 2**0.5)


def test_a_rater_without_opinion_and_extreme_scores() -> None:
    constant = opinion(np.array([[3.0, 1.0], [3.0, 5.0]]))
    assert constant.mos[0] < 50 < constant.mos[1]
    far = opinion(np.r_[np.ones(30), 5.0][:, None])
    assert far.clipped == 1 and far.mos[-1] == 100


@pytest.mark.filterwarnings("ignore:Precision loss")
def test_correlations_equal_scipy(tmp_path: Path) -> None:
    ratings = panel(3)
    metric = np.linspace(0, 1, 20) + np.random.default_rng(1).normal(0, 0.2, 20)
    own = write_csv(tmp_path / "r.csv", rating_rows(ratings))
    other = write_csv(tmp_path / "m.csv", [{"item": f"i{i:04d}", "score": m} for i, m in enumerate(metric)])
    found = run("mos", [own, other], {"screen": "both"})
    mos = {row["item"]: row["mos"] for row in found.tables["scores"]}
    assert all(0 <= row["low"] <= row["mos"] <= row["high"] <= 100 for row in found.tables["scores"])
    values = [mos[f"i{i:04d}"] for i in range(20)]
    expected = {"SRCC": stats.spearmanr, "PLCC": stats.pearsonr, "KRCC": stats.kendalltau}
    for row in found.tables["correlations"]:
        assert row["value"] == pytest.approx(expected[row["figure"]](values, metric).statistic)
        assert row["low"] < row["value"] < row["high"] and row["n"] == 20


def test_mistakes_in_ratings_are_named(tmp_path: Path) -> None:
    twice = [{"item": "a", "rater": "x", "score": 1}, {"item": "a", "rater": "x", "score": 2}]
    with pytest.raises(UsageError, match="x rated a twice"):
        of_rows(tmp_path, "mos", twice)
    with pytest.raises(UsageError, match="'good' in score, row 1"):
        of_rows(tmp_path, "mos", [{"item": "a", "rater": "x", "score": "good"}])
    with pytest.raises(UsageError, match="nothing in rater of row 1"):
        of_rows(tmp_path, "mos", [{"item": "a", "rater": "", "score": 1}])
    with pytest.raises(UsageError, match="screen=bt501"):
        of_rows(tmp_path, "mos", rating_rows(panel(0)), screen="bt501")
    with pytest.raises(UsageError, match="media=smell"):
        rating_form("smell")


@pytest.mark.parametrize("media", ["image", "video"])
def test_the_rating_form_is_one_that_label_studio_takes(media: str) -> None:
    from label_studio_sdk.label_interface import LabelInterface

    form = LabelInterface(rating_form(media))
    form.validate()
    assert [c.tag for c in form.controls] == ["Rating", "Rating", "BrushLabels", "TextArea"]


def test_reliability_of_ordinal_labels(tmp_path: Path) -> None:
    names = ("none", "some", "much")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 60)
    said = np.where(rng.random((60, 3)) < 0.7, truth[:, None], rng.integers(0, 3, (60, 3)))
    rows = [
        {"item": i, "rater": f"r{j}", "label": names[said[i, j]], "group": "ab"[i % 2]} for i, j in np.ndindex(60, 3)
    ]
    found = of_rows(tmp_path, "reliability", rows, order=",".join(names), rounds="200")
    figures = {row["statistic"]: row["value"] for row in found.tables["agreement"]}
    for metric in ("nominal", "ordinal"):
        assert figures[f"alpha, {metric}"] == pytest.approx(krippendorff(said.astype(float), metric))
    assert {row["group"] for row in found.tables["groups"]} == {"a", "b"}
    assert {row["statistic"] for row in found.tables["pairs"]} == {"kappa", "quadratic kappa"}
    for j, row in enumerate(found.tables["raters"]):
        others = np.delete(said, j, axis=1).mean(1)
        assert row["Spearman"] == pytest.approx(stats.spearmanr(said[:, j], others).statistic)
    weights = {row["label"]: row["weight"] for row in found.tables["labels"]}
    assert sum(weights.values()) / 3 == pytest.approx(1)


def test_reliability_of_numbers_has_intraclass_correlations(tmp_path: Path) -> None:
    from tests.test_agreement import SHROUT_FLEISS

    rows = [{"item": i, "rater": j, "label": SHROUT_FLEISS[i, j]} for i, j in np.ndindex(6, 4)]
    found = of_rows(tmp_path, "reliability", rows, rounds="100")
    figures = {row["statistic"]: row["value"] for row in found.tables["agreement"]}
    assert [round(figures[f"ICC({f})"], 2) for f in ("2,1", "3,1", "3,k")] == [0.29, 0.71, 0.91]
    assert "labels" not in found.tables and found.facts["scale"] == "interval"
    with pytest.raises(UsageError, match="one rater"):
        of_rows(tmp_path, "reliability", [{"item": i, "rater": "x", "label": "a"} for i in range(3)])


def separable(seed: int, share: float = 0.1) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], list[str], list[str]]:
    """Three hundred rows of three unequal classes, an embedding and a geometry, with a share of labels flipped."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 2], [180, 80, 40])
    embedding = rng.normal(size=(300, 16)) + 2.5 * np.eye(3, 16)[truth]
    geometry = rng.normal(size=(300, 6)) + 2.5 * np.eye(3, 6)[truth]
    flipped = truth.copy()
    chosen = rng.choice(300, round(300 * share), replace=False)
    flipped[chosen] = (truth[chosen] + rng.integers(1, 3, len(chosen))) % 3
    names = ["anger", "fear", "sadness"]
    return embedding, geometry, [names[t] for t in truth], [names[f] for f in flipped]


def test_flipped_labels_are_ranked_first() -> None:
    shares = []
    for seed in range(10):
        embedding, geometry, truth, said = separable(seed)
        classes = sorted(set(said))
        codes = np.array([classes.index(s) for s in said])
        found = doubts(blocks_joined([embedding, geometry]), codes)
        assert found.beliefs.sum(1) == pytest.approx(1) and 0 <= found.doubt.min() <= found.doubt.max() <= 1
        wrong = {i for i in range(300) if truth[i] != said[i]}
        shares.append(len(wrong & set(found.flagged(0.1).tolist())) / len(wrong))
    assert min(shares) >= 0.6 and np.mean(shares) > 0.75, shares


def test_without_structure_nothing_is_found_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 100)
    flipped = codes.copy()
    flipped[:30] = 1
    found = doubts(rng.normal(size=(300, 8)), flipped)
    assert len(set(found.flagged(0.1).tolist()) & set(range(30))) < 12


def test_weights_are_inverse_frequencies_with_mean_one() -> None:
    weights = class_weights(["a"] * 6 + ["b"] * 3 + ["c"])
    assert weights == pytest.approx({"a": 1 / 3, "b": 2 / 3, "c": 2})
    assert np.mean(list(weights.values())) == pytest.approx(1)


def test_a_dataset_s_labels_are_judged_and_stay(tmp_path: Path) -> None:
    embedding, _, truth, said = separable(1)
    names = {"anger": "anger", "fear": "fear", "sadness": "sadness"}
    vectors = np.pad(embedding / np.linalg.norm(embedding, axis=1, keepdims=True), ((0, 0), (0, 112)))
    layers: Mapping[str, Any] = {
        "emotion.v1": {labels.PERCEIVED_EMOTION: [names[s] for s in said]},
        "identity.v1": {labels.EMBEDDING: vectors.tolist()},
    }
    ds = dataset(tmp_path / "ds", [1] * 300, layers)
    settings = {"features": labels.EMBEDDING.name}
    found = run("dataset_label_noise", [tmp_path / "ds"], settings, tmp_path / "out")
    wrong = {f"i{i}.0" for i in range(300) if truth[i] != said[i]}
    assert len(wrong & {row["id"] for row in found.tables["flagged"]}) / len(wrong) >= 0.5
    assert ds.faces([labels.PERCEIVED_EMOTION.name]).column(0).to_pylist() == said, "the dataset is not changed"
    stored = pq.read_table(found.files[0])
    assert stored.column("label").to_pylist() == said and "corrected_label" in stored.column_names
    with pytest.raises(UsageError, match="holds no features"):
        run("dataset_label_noise", [tmp_path / "ds"], {"features": labels.GENDER.name})


def test_shapes_know_nothing_of_place_size_and_roll() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(68, 2))
    turned = [
        s * points @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) + t
        for s, a, t in [(1, 0, 0), (3, 0.4, 7), (0.2, -0.9, -2)]
    ]
    found = shape_of(np.stack(turned))
    assert found[1] == pytest.approx(found[0], abs=1e-9) and found[2] == pytest.approx(found[0], abs=1e-9)


def people_rows(seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for group, people, spread in (("a", 8, 0.9), ("b", 5, 1.6)):
        for p in range(people):
            centre = rng.normal(size=12)
            rows += [
                {"person": f"{group}{p}", "group": group, "embedding": (centre + spread * rng.normal(size=12)).tolist()}
                for _ in range(4)
            ]
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_group_rates_equal_brute_force(tmp_path: Path, seed: int) -> None:
    rows = people_rows(seed)
    found = of_rows(tmp_path, "group_rates", rows, threshold="0.3")
    for group in ("a", "b", "all groups"):
        wrong, count = {"FMR": 0, "FNMR": 0}, {"FMR": 0, "FNMR": 0}
        for x, y in itertools.combinations(rows, 2):
            if x["group"] != y["group"] or group not in (x["group"], "all groups"):
                continue
            u, v = np.array(x["embedding"]), np.array(y["embedding"])
            match = u @ v / np.linalg.norm(u) / np.linalg.norm(v) >= 0.3
            kind = "FNMR" if x["person"] == y["person"] else "FMR"
            count[kind] += 1
            wrong[kind] += match != (kind == "FNMR")
        row = next(r for r in found.tables["rates"] if r["group"] == group)
        for kind in ("FMR", "FNMR"):
            assert row[f"{kind} n"] == count[kind] and row[kind] == pytest.approx(wrong[kind] / count[kind])
            assert row[f"{kind} low"] <= row[kind] <= row[f"{kind} high"]


def test_a_threshold_for_a_false_match_rate(tmp_path: Path) -> None:
    found = of_rows(tmp_path, "group_rates", people_rows(0), fmr="0.05")
    total = next(r for r in found.tables["rates"] if r["group"] == "all groups")
    assert 0.04 < total["FMR"] <= 0.05
    rows = people_rows(0)
    rows[3]["embedding"] = [0.0] * 12
    with pytest.raises(UsageError, match="zeros in row 4"):
        of_rows(tmp_path, "group_rates", rows)
    rows[3]["embedding"] = [0.0] * 11
    with pytest.raises(UsageError, match="11 numbers in embedding of row 4, 12 in row 1"):
        of_rows(tmp_path, "group_rates", rows)
    rows[3]["embedding"] = "none of this"
    with pytest.raises(UsageError, match="no list of numbers in embedding of row 4"):
        of_rows(tmp_path, "group_rates", rows)


def test_leakage_of_folds_and_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 8))
    rows = [
        {"person": f"p{i // 3}", "fold": i // 3 % 3, "embedding": (centres[i // 3] + 0.3 * rng.normal(size=8)).tolist()}
        for i in range(60)
    ]
    clean = of_rows(tmp_path, "leakage", rows)
    assert clean.facts["exclusive"] and clean.facts["people in several folds"] == 0
    assert clean.facts["identity probe"] > 0.9 and clean.facts["identity probe by chance"] < 0.2
    assert clean.facts["identity probe p"] < 0.01 and clean.facts["identity probe n"] == 60
    rows[0]["fold"], rows[7]["fold"] = 1, 0
    leaky = of_rows(tmp_path, "leakage", rows)
    assert not leaky.facts["exclusive"] and leaky.facts["people in several folds"] == 2
    assert [r["person"] for r in leaky.tables["in several folds"]] == ["p0", "p2"]
    assert sum(r["shared"] for r in leaky.tables["folds"]) == 2
    json.dumps(leaky.as_dict())


def test_features_without_people_are_not_above_chance(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(12):
        rows = [{"person": f"p{i // 3}", "fold": 0, "embedding": rng.normal(size=8).tolist()} for i in range(60)]
        found.append(of_rows(tmp_path, "leakage", rows).facts["identity probe p"])
    assert np.mean(np.array(found) < 0.05) < 0.25 and np.median(found) > 0.3


def test_a_class_of_a_few_rows_is_neither_judged_nor_proposed(tmp_path: Path) -> None:
    embedding, geometry, truth, said = separable(2)
    rows = [
        {"id": i, "label": s, "embedding": e.tolist(), "geometry": g.tolist(), "truth": t}
        for i, (s, e, g, t) in enumerate(zip(said, embedding, geometry, truth, strict=True))
    ]
    for i in (0, 100, 299):
        rows[i]["label"] = rows[i]["truth"] = "contempt"
    found = of_rows(tmp_path, "label_noise", rows)
    assert found.facts["classes too rare"] == ["contempt"] and found.facts["rows"] == 297
    assert "contempt" not in {r["likely"] for r in found.tables["flagged"]}
    assert found.facts["share of wrong labels flagged"] >= 0.6 and found.facts["right labels changed"] <= 3
    with pytest.raises(UsageError, match="least >= 2"):
        of_rows(tmp_path, "label_noise", rows, least="1")
    with pytest.raises(UsageError, match="no class has 400 rows: the largest of 4 classes has"):
        of_rows(tmp_path, "label_noise", rows, least="400")
