"""The consensus of reviewers: published data, robust means, a layer that speaks first, better than a majority."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.fuse.dawid_skene import Priors
from curate.review.agreement import AgreementOptions, agreement
from curate.review.agreement.beside import Beside
from curate.review.agreement.consensus import opinion, robust_mean
from curate.review.agreement.items import items_of
from curate.review.agreement.words import read_words
from curate.review.controls import ABSTAINED
from curate.review.spec import Spec
from schemas import taxonomy
from schemas.columns import faces, labels
from tests.agreement_samples import coded, review, word

Floats = np.ndarray[Any, Any]
EMOTIONS = taxonomy(labels.PERCEIVED_EMOTION.taxonomy).labels
RATERS = ("ada@example.com", "ben@example.com", "chi@example.com")

DAWID_SKENE = (
    "1111111 3334343 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212",
    "1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111",
    "1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111",
    "2322222 1211111 2222222",
)
"""Table 1 of Dawid and Skene 1979: 45 patients; the first anaesthetist's three ratings, then the other four's."""


def dawid_skene() -> Floats:
    return np.array([[int(c) - 1 for c in row] for line in DAWID_SKENE for row in line.split()])


def em(said: Floats, who: Sequence[int], size: int, strength: float = 0.0, each: float = 0.0) -> tuple[Floats, ...]:
    """Dawid and Skene's EM, written from the paper: shares of the classes, errors of each observer, beliefs.

    Args:
        said: (patients, ratings) classes.
        who: Observer of each rating.
        size: Number of classes.
        strength: Faces per class that a belief in being right nine times of ten is worth; 0 is the paper.
        each: Faces that every class begins with; 0 is the paper.
    """
    believed = np.where(np.eye(size, dtype=bool), 0.9, 0.1 / (size - 1))
    belief = np.stack([(said == k).mean(1) for k in range(size)], axis=1)
    if strength:
        logs = sum(np.log(believed[:, said[:, r]].T) for r in range(said.shape[1]))
        belief = np.exp(logs) / np.exp(logs).sum(1, keepdims=True)
    for _ in range(400):
        share = (belief.sum(0) + each) / (len(said) + each * size)
        error = np.repeat(strength * believed[None], max(who) + 1, axis=0)
        for r, observer in enumerate(who):
            error[observer] += belief.T @ np.eye(size)[said[:, r]]
        error /= np.maximum(error.sum(2, keepdims=True), 1e-300)
        logs = np.log(np.maximum(share, 1e-300))[None]
        logs = logs + sum(np.log(np.maximum(error[o][:, said[:, r]].T, 1e-300)) for r, o in enumerate(who))
        belief = np.exp(logs - logs.max(1, keepdims=True))
        belief /= belief.sum(1, keepdims=True)
    return share, error, belief


def test_dawid_and_skene_1979_as_printed() -> None:
    """The table above is the paper's: without priors, and with the first one's three as one, so are the figures."""
    share, error, _ = em(dawid_skene(), [0, 0, 0, 1, 2, 3, 4], 4)
    assert share == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=5e-3)
    first = np.array([[89, 11, 0, 0], [7, 88, 5, 0], [0, 34, 66, 0], [0, 0, 56, 44]]) / 100
    assert error[0] == pytest.approx(first, abs=6e-3)


def test_consensus_of_dawid_and_skene_1979(tmp_path: Path) -> None:
    """The layer's classes are those of the same model written anew, priors and all, and near the paper's."""
    said = dawid_skene()
    raters = [f"rater-{i}" for i in range(7)]
    ds = review(tmp_path / "ds", {labels.PERCEIVED_EMOTION: coded(said, EMOTIONS)}, raters)
    words = read_words(ds)
    item = next(i for i in items_of(words, Beside(words))[0] if i.column is labels.PERCEIVED_EMOTION)
    order = [words.faces.index(f"i{i}.0") for i in range(45)]
    common = opinion(item, words.raters)
    share, error, belief = em(said, range(7), len(EMOTIONS), Priors().strength, each=1.0)
    assert common.facts["shares"] == pytest.approx(share.tolist(), abs=1e-4)
    accuracy = [float((share * np.diag(e)).sum()) for e in error]
    assert list(common.facts["accuracy"].values()) == pytest.approx(accuracy, abs=1e-4)
    assert common.values[order].astype(int).tolist() == belief.argmax(1).tolist()
    found = agreement(ds, AgreementOptions(rounds=40, consensus=True))
    layer = {
        r[faces.FACE_ID.name]: r[labels.PERCEIVED_EMOTION.name] for r in ds.layer_table(found.consensus).to_pylist()
    }
    printed = em(said, [0, 0, 0, 1, 2, 3, 4], 4)[2].argmax(1)
    apart = [abs(EMOTIONS.index(layer[f"i{i}.0"]) - printed[i]) for i in range(45)]
    assert sum(a > 0 for a in apart) <= 5 and max(apart) == 1  # the prior pulls the rare classes 3 and 4 together


def test_consensus_is_a_layer_that_speaks_first(tmp_path: Path) -> None:
    rows = [["happiness", "happiness", "sadness"]] * 8 + [["fear", None, None], [ABSTAINED, ABSTAINED, "fear"]]
    ages = [[20.0, 22.0, 60.0]] * 10
    corner, one = faces.BOX_X.name, dict(zip((c.name for c in faces.BOX), (4.0, 0.0, 100.0, 100.0), strict=True))
    more = {(0, 0): one, (0, 1): {**one, corner: 6.0}, (0, 2): {**one, corner: 90.0}}
    gone = {(1, r): {labels.REVIEW_REJECTED.name: True} for r in (0, 1)}
    ds = review(
        tmp_path / "ds", {labels.PERCEIVED_EMOTION: rows, labels.AGE: ages}, RATERS, rows={**more, **gone}
    )  # fmt: skip
    before = {i.name for i in ds.layers()}
    found = agreement(ds, AgreementOptions(rounds=60, consensus=True))
    assert found.consensus == "consensus-round-1-1"
    info = ds.layer(found.consensus)
    assert (info.kind, info.annotator, info.author) == ("human", "consensus", "")
    table = ds.faces([labels.PERCEIVED_EMOTION, labels.AGE, labels.REVIEW_REJECTED, faces.BOX_X], provenance=True)
    first = table.slice(0, 1).to_pylist()[0]
    assert (first[labels.PERCEIVED_EMOTION.name], first[labels.AGE.name]) == ("happiness", 22.0)
    assert {first[f"{c.name}__layer"] for c in (labels.PERCEIVED_EMOTION, labels.AGE)} == {found.consensus}
    assert 4.0 <= first[corner] < 20.0  # the box that lies far from the others counts less
    said = {r[faces.FACE_ID.name]: r for r in ds.layer_table(found.consensus).to_pylist()}
    assert said["i1.0"][labels.REVIEW_REJECTED.name] is True and said["i1.0"][labels.PERCEIVED_EMOTION.name] is None
    assert said["i8.0"][labels.PERCEIVED_EMOTION.name] is None  # one word speaks for itself
    assert said["i9.0"][labels.EMOTION_ABSTAINED.name] is True and said["i9.0"][labels.PERCEIVED_EMOTION.name] is None
    again = agreement(ds, AgreementOptions(rounds=60, consensus=True))
    assert again.consensus == found.consensus and {i.name for i in ds.layers()} == {*before, found.consensus}
    assert again.section(labels.AGE.name).counts == found.section(labels.AGE.name).counts  # nobody's own word
    word(ds, "dan", {"i0.0": {labels.AGE.name: 25.0}}, Spec((labels.AGE,)), "2026-02-02", number=9)
    assert agreement(ds, AgreementOptions(rounds=60, consensus=True)).consensus == "consensus-round-1-2"


def test_a_face_that_most_reject_has_no_other_answer(tmp_path: Path) -> None:
    """Three of five delete the first face, two of four that saw it the second, one of five the third."""
    rows: list[list[Any]] = [["happiness"] * 5, ["happiness"] * 4 + [None], ["happiness"] * 5]
    gone = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 4)]
    ds = review(
        tmp_path / "ds", {labels.PERCEIVED_EMOTION: rows}, [f"r{i}" for i in range(5)],
        rows={at: {labels.REVIEW_REJECTED.name: True} for at in gone},
    )  # fmt: skip
    found = agreement(ds, AgreementOptions(rounds=40, consensus=True))
    told = ds.layer_table(found.consensus, [labels.REVIEW_REJECTED, labels.PERCEIVED_EMOTION]).to_pylist()
    assert [tuple(r.values()) for r in told] == [(True, None), (None, "happiness"), (False, "happiness")]


def test_robust_mean_of_points() -> None:
    near, n = np.array([[0.0, 0, 10, 10, 5, 5], [0.2, 0, 10, 10.2, 5, 5], [0, 0.2, 10.2, 10, 5, 5]]), np.nan
    far = np.array([[100.0, 100, 10, 10, n, n]])
    (found,) = robust_mean(np.concatenate([near, far])[None])
    assert np.abs(found[:2]).max() < 1.0 and found[2:] == pytest.approx([10.05, 10.05, 5, 5], abs=0.06)
    (lone,) = robust_mean(np.array([[[1.0, 2, n, n, 3, 3], [1, 2, n, n, n, n]]]))
    assert lone[:2].tolist() == [1, 2] and np.isnan(lone[2:]).all()  # half of the reviewers are not most of them
    assert robust_mean(np.array([[[0.0, 0, 10, 10], [2, 2, 10, 10]]])).tolist() == [[1, 1, 10, 10]]
    assert np.isnan(robust_mean(np.full((2, 3, 4), n))).all()


def test_consensus_is_better_than_a_majority(tmp_path: Path) -> None:
    """Three careless reviewers who share a mistake outvote two careful ones, but not in the consensus.

    600 faces of four labels: careful ones are right in .9, the others in .55 and else mostly say the next label.
    """
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 4, 600)
    said = np.empty((600, 5), int)
    for r in range(5):
        right = rng.random(600) < (0.9 if r < 2 else 0.55)
        wrong = (truth + np.where(rng.random(600) < 0.7, 1, rng.integers(1, 4, 600))) % 4
        said[:, r] = np.where(right, truth, wrong)
    ds = review(tmp_path / "ds", {labels.PERCEIVED_EMOTION: coded(said, EMOTIONS)}, [f"r{i}" for i in range(5)])
    words = read_words(ds)
    item = next(i for i in items_of(words, Beside(words))[0] if i.column is labels.PERCEIVED_EMOTION)
    common = opinion(item, words.raters)
    order = [words.faces.index(f"i{i}.0") for i in range(600)]
    votes = np.stack([(said == k).sum(1) for k in range(4)], axis=1).argmax(1)
    mine, majority = (common.values[order] == truth).mean(), (votes == truth).mean()
    assert mine > majority + 0.05 and mine > (said[:, 0] == truth).mean()
    told = list(common.facts["accuracy"].values())
    assert told == pytest.approx([0.9, 0.9, 0.55, 0.55, 0.55], abs=0.08)
