"""Few-shot subsets and probes, redundancy, emotion metrics and the grid of valence and arousal, against sklearn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.measures.base import Result
from curate.measures.kinds.emotion_metrics import soft_labels
from curate.measures.kinds.va_grid import cell_of, prototypes
from curate.measures.linear_probe import fit
from curate.measures.run import run
from curate.measures.subsets import Nested, levelled
from schemas import UsageError
from schemas.columns import labels
from tests.evaluation_samples import dataset, write_csv


def of_rows(tmp_path: Path, measure: str, rows: list[dict[str, Any]], out: bool = False, **settings: str) -> Result:
    path = write_csv(tmp_path / f"{measure}.csv", rows)
    return run(measure, [path], settings, tmp_path / "out" if out else None)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=6), st.integers(0, 99))
def test_subsets_are_nested_and_balanced(sizes: list[int], seed: int) -> None:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    sizes = sizes[: int(codes.max(initial=-1)) + 1]
    if not len(codes):
        return
    drawn = Nested(codes, seed)
    before: set[int] = set()
    for part in (0.01, 0.05, 0.1, 0.3, 1.0):
        rows = set(drawn.share(part).tolist())
        assert before <= rows and len(rows) == max(round(part * len(codes)), 1)
        counts = np.bincount(codes[sorted(rows)], minlength=len(sizes))
        free = counts[counts < np.bincount(codes, minlength=len(sizes))]
        assert not len(free) or counts.max() - free.min() <= 1, "only a class that is used up has fewer"
        before = rows
    before = set()
    for k in (1, 2, 5, 16):
        rows = set(drawn.shots(k).tolist())
        assert before <= rows
        assert np.bincount(codes[sorted(rows)], minlength=len(sizes)).tolist() == [min(k, s) for s in drawn.available]
        before = rows


def test_water_fills_the_vessels() -> None:
    assert levelled([2, 10, 10], 8, [0, 1, 2]) == [2, 3, 3]
    assert levelled([2, 10, 10], 9, [2, 1, 0]) == [2, 3, 4]
    assert levelled([1, 1], 5, [0, 1]) == [1, 1]
    with pytest.raises(UsageError, match="0 shots"):
        Nested(np.array([0, 1])).shots(0)
    with pytest.raises(UsageError, match=r"share of 1\.5"):
        Nested(np.array([0, 1])).share(1.5)


@pytest.mark.parametrize("penalty", [1.0, 0.1])
def test_the_probe_equals_sklearn(penalty: float) -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [40, 30, 20])
    features = rng.normal(size=(90, 10)) * rng.uniform(0.5, 3, 10) + np.eye(3, 10)[codes]
    probe = fit(features, codes, 3, penalty)
    scaled = (features - features.mean(0)) / features.std(0)
    other = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=2000).fit(scaled, codes)
    mine = probe.scores(features)
    assert mine - mine.mean(1, keepdims=True) == pytest.approx(
        other.decision_function(scaled) - other.decision_function(scaled).mean(1, keepdims=True), abs=2e-3
    )
    assert (probe.answers(features) == other.predict(scaled)).all()


def test_few_shot_scores_rise_with_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = np.tile([0, 1, 2, 3], 200)
    features = rng.normal(size=(800, 8)) + 1.2 * np.eye(4, 8)[codes]
    rows = [
        {"id": f"f{i}", "label": "abcd"[c], "embedding": features[i].tolist(), "person": f"p{i // 4}"}
        for i, c in enumerate(codes)
    ]
    found = of_rows(tmp_path, "few_shot", rows, out=True, seeds="3", shots="1,5,50")
    means = {row["subset"]: row["mean"] for row in found.tables["by subset"]}
    assert means["1 shots"] < means["5 shots"] < means["50 shots"] and means["1 %"] < means["10 %"]
    assert all(row["seeds"] == 3 for row in found.tables["by subset"]) and len(found.tables["scores"]) == 18
    assert {row["n"] for row in found.tables["scores"]} == {240} and found.tables["scores"][0]["chance"] == 0.25
    drawn = pq.read_table(found.files[0]).to_pylist()
    of = {size: {r["id"] for r in drawn if r["subset"] == size and r["seed"] == 1} for size in ("1 %", "5 %", "10 %")}
    assert of["1 %"] < of["5 %"] < of["10 %"] and [len(v) for v in of.values()] == [6, 28, 56]
    tested = {f"f{i}" for i in range(800)} - {r["id"] for r in drawn}
    assert len(tested) >= 240


def test_splits_and_people_stay_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {
            "id": i,
            "label": "ab"[i % 2],
            "embedding": rng.normal(size=3).tolist(),
            "split": "test" if i < 20 else "train",
        }
        for i in range(60)
    ]
    found = of_rows(tmp_path, "few_shot", rows, out=True, shots="5", shares="0.5", seeds="1")
    assert found.facts["tested on"] == {"label": 20}
    assert all(int(r["id"]) >= 20 for r in pq.read_table(found.files[0]).to_pylist())
    with pytest.raises(UsageError, match="1 classes"):
        of_rows(tmp_path, "few_shot", [{**r, "label": "a"} for r in rows])
    with pytest.raises(UsageError, match="no rows to train on"):
        of_rows(tmp_path, "few_shot", [{**r, "split": "test"} for r in rows])


def test_few_shot_of_a_dataset_names_tasks_without_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = np.tile([0, 1], 40)
    vectors = rng.normal(size=(80, 128)) + 3 * np.eye(2, 128)[codes]
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).tolist()
    dataset(
        tmp_path / "ds", [1] * 80,
        {"a.v1": {labels.EMBEDDING: [*unit[:79], None]}, "b.v1": {labels.GENDER: ["Female", "Male"] * 40}},
        status={"a.v1": [*["ok"] * 79, "failed"]},
    )  # fmt: skip
    found = run("dataset_few_shot", [tmp_path / "ds"], {"seeds": "2", "shots": "5", "shares": "0.1"})
    assert {r["task"] for r in found.tables["by subset"]} == {labels.GENDER.name}
    assert labels.RACE.name in found.facts["tasks without labels"] and found.facts["faces left out"] == 1
    with pytest.raises(UsageError, match="has none of"):
        run("dataset_few_shot", [tmp_path / "ds"], {"tasks": labels.RACE.name})


def test_a_still_clip_is_redundant_and_a_montage_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still, montage = tmp_path / "still", tmp_path / "montage"
    still.mkdir(), montage.mkdir()
    scene = cv2.resize(rng.integers(0, 255, (9, 9, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
    for i in range(50):
        frame = np.clip(scene.astype(int) + rng.normal(0, 3, scene.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(still / f"{i:03d}.jpg"), frame)
        other = cv2.resize(rng.integers(0, 255, (9, 9, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(montage / f"{i:03d}.jpg"), other)
    found = run("redundancy", [still])
    assert found.facts["redundant"] >= 0.9 and found.tables["largest groups"][0]["pictures"] >= 45
    assert run("redundancy", [montage]).facts["redundant"] < 0.1
    with pytest.raises(UsageError, match="bits are 0 to 11"):
        run("redundancy", [still], {"bits": "20"})


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**16))
def test_emotion_figures_equal_sklearn(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    from sklearn.metrics import balanced_accuracy_score, f1_score

    rng = np.random.default_rng(seed)
    words = ("anger", "contempt", "fear", "joy")
    truth = rng.choice([w for w in words if w != "contempt"], 30)
    answer = np.where(rng.random(30) < 0.5, truth, rng.choice(words, 30))
    rows = [{"truth": t, "answer": a} for t, a in zip(truth, answer, strict=True)]
    path = tmp_path_factory.mktemp("e")
    found = of_rows(path, "emotion_metrics", rows, labels=",".join(words), rounds="50")
    figures = {row["figure"]: row["value"] for row in found.tables["figures"]}
    present = sorted(set(truth))
    expected = f1_score(truth, answer, labels=present, average="macro", zero_division=0)
    assert figures["present-only macro-F1"] == pytest.approx(expected)
    zeros = f1_score(truth, answer, labels=words, average="macro", zero_division=0)
    assert figures["macro-F1 with absent classes as 0"] == pytest.approx(zeros)
    recalls = [np.mean(answer[truth == w] == w) for w in present]
    assert figures["balanced accuracy"] == pytest.approx(np.mean(recalls))
    if set(answer) <= set(truth):
        assert figures["balanced accuracy"] == pytest.approx(balanced_accuracy_score(truth, answer))
    assert found.facts["absent from the truth"][0] == "contempt"


def test_emotion_figures_by_group_and_unknown_labels(tmp_path: Path) -> None:
    rows = [{"truth": "joy", "answer": "joy" if i % 3 else "fear", "group": "ab"[i % 2]} for i in range(30)]
    found = of_rows(tmp_path, "emotion_metrics", rows, rounds="50")
    assert {r["group"] for r in found.tables["figures"]} == {"all", "a", "b"}
    with pytest.raises(UsageError, match="has the label fear"):
        of_rows(tmp_path, "emotion_metrics", rows, labels="joy,anger")


@given(st.integers(1, 7), st.floats(-1, 1), st.floats(-1, 1))
def test_every_pair_of_values_has_a_cell(side: int, valence: float, arousal: float) -> None:
    cell = int(cell_of(np.array([valence]), np.array([arousal]), side)[0])
    width = 2 / side
    assert 0 <= cell < side * side
    for place, value in ((cell % side, valence), (cell // side, arousal)):
        assert -1 + place * width - 1e-6 <= value <= -1 + (place + 1) * width + 1e-6


def test_edges_of_the_grid_are_inside() -> None:
    edges = np.array([-1.0, -0.6, -0.2, 0.2, 0.6, 1.0])
    assert (cell_of(edges, np.full(6, -1.0)) % 5).tolist() == [0, 1, 2, 3, 4, 4]
    assert cell_of(np.array([1.0, np.nan]), np.array([1.0, 0.0])).tolist() == [24, -1]
    with pytest.raises(UsageError, match=r"value of 1\.5"):
        cell_of(np.array([1.5]), np.array([0.0]))


def test_prototypes_equal_a_groupby(tmp_path: Path) -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    valence, arousal = rng.uniform(-1, 1, 60), rng.uniform(-1, 1, 60)
    features = rng.normal(size=(60, 6))
    rows = [
        {"id": i, "valence": valence[i], "arousal": arousal[i], "embedding": features[i].tolist()} for i in range(60)
    ]
    found = of_rows(tmp_path, "va_grid", rows, out=True)
    stored = np.load(tmp_path / "out" / "prototypes.npy")
    cells = pq.read_table(tmp_path / "out" / "va_cells.parquet").column("cell").to_numpy()
    expected = pd.DataFrame(features).groupby(cells).mean()
    assert stored.shape == (25, 6) and len(found.files) == 2
    assert stored[expected.index] == pytest.approx(expected.to_numpy(), abs=1e-6)
    assert np.isnan(np.delete(stored, expected.index, axis=0)).all()
    assert sum(r["n"] for r in found.tables["cells"]) == 60
    assert np.isnan(prototypes(features, np.full(60, -1))).all()


def test_votes_become_shares_that_sum_to_one(tmp_path: Path) -> None:
    words = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
    rng = np.random.default_rng(0)
    votes = rng.multinomial(10, np.ones(10) / 10, 20)
    votes[3] = [0] * 8 + [6, 4]
    found = of_rows(tmp_path, "ferplus_votes", [dict(zip(words, v.tolist(), strict=True)) for v in votes], out=True)
    soft = pq.read_table(found.files[0])
    shares = np.array([soft.column(c).to_numpy(zero_copy_only=False) for c in words[:8]]).T
    assert np.delete(shares, 3, axis=0).sum(1) == pytest.approx(1) and np.isnan(shares[3]).all()
    assert shares[0] == pytest.approx(votes[0, :8] / votes[0, :8].sum())
    assert found.facts["without a vote for an emotion"] == 1
    assert np.isnan(soft_labels(np.zeros((1, 8)))).all()
    with pytest.raises(UsageError, match="no column surprise"):
        of_rows(tmp_path, "ferplus_votes", [{"neutral": 1, "happiness": 2}])
