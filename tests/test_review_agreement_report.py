"""The agreement report: anchoring, gold, consensus, the queue, its page, few data said in words, mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

from curate.cli.main import app
from curate.fuse.dawid_skene import Priors
from curate.measures.run import read_table
from curate.review.agreement import Agreement, AgreementOptions, agreement
from curate.review.agreement.beside import Beside
from curate.review.agreement.consensus import opinion, robust_mean
from curate.review.agreement.items import items_of
from curate.review.agreement.words import read_words
from curate.review.controls import ABSTAINED
from curate.review.ledger import Ledger
from curate.review.spec import Spec
from curate.store import Dataset, LayerInfo
from curate.store.human import write_word
from schemas import UnknownNameError, UsageError, taxonomy
from schemas.columns import faces, images, labels
from tests.agreement_samples import busy, coded, face_ids, review, word
from tests.browser import chromium, opened
from tests.evaluation_samples import KEY

Floats = np.ndarray[Any, Any]
QUICK = AgreementOptions(rounds=60)
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


def test_robust_mean_of_points() -> None:
    near, n = np.array([[0.0, 0, 10, 10, 5, 5], [0.2, 0, 10, 10.2, 5, 5], [0, 0.2, 10.2, 10, 5, 5]]), np.nan
    far = np.array([[100.0, 100, 10, 10, n, n]])
    (found,) = robust_mean(np.concatenate([near, far])[None])
    assert np.abs(found[:2]).max() < 1.0 and found[2:] == pytest.approx([10.05, 10.05, 5, 5], abs=0.06)
    (lone,) = robust_mean(np.array([[[1.0, 2, n, n, 3, 3], [1, 2, n, n, n, n]]]))
    assert lone[:2].tolist() == [1, 2] and np.isnan(lone[2:]).all()  # half of the reviewers are not most of them
    assert robust_mean(np.array([[[0.0, 0, 10, 10], [2, 2, 10, 10]]])).tolist() == [[1, 1, 10, 10]]
    assert np.isnan(robust_mean(np.full((2, 3, 4), n))).all()


def anchored(path: Path, pull: float, n: int = 240, **ledger: Any) -> Dataset:
    """Reviewers who say neutral by themselves and take over the model's happiness as often as `pull` when they see it.

    The model says happiness in half of the pictures, neutral in the others.
    """
    rng = np.random.default_rng(11)
    blind = [Ledger("round-1", "", Spec(), "", blind=0.5).is_blind(f"i{i}") for i in range(n)]
    shown = [("happiness", "neutral")[i % 2] for i in range(n)]
    rows = [
        [s if s == "happiness" and not b and rng.random() < pull else "neutral" for _ in RATERS[:2]]
        for s, b in zip(shown, blind, strict=True)
    ]
    more = {(i, r): {labels.REVIEW_BLIND.name: blind[i]} for i in range(n) for r in range(2)}
    races = [taxonomy(labels.RACE.taxonomy).labels[i % 3] for i in range(n)]
    return review(
        path, {labels.PERCEIVED_EMOTION: rows}, RATERS[:2], shown={labels.PERCEIVED_EMOTION: shown, labels.RACE: races},
        rows=more, ledger={"blind": 0.5, **ledger},
    )  # fmt: skip


def test_anchoring_is_found_where_it_is(tmp_path: Path) -> None:
    """With the model's answer in sight they agree with it in 50 % + .8 of the other half, alone in 50 %."""
    arms = agreement(anchored(tmp_path / "ds", 0.8), QUICK).section(labels.PERCEIVED_EMOTION.name).arms
    assert arms is not None
    assert arms.blind.value == pytest.approx(0.5, abs=0.1) and arms.assisted.value == pytest.approx(0.9, abs=0.1)
    assert arms.more.value == pytest.approx(arms.assisted.value - arms.blind.value)
    assert arms.more.low > 0.15 and arms.more.high < 0.65
    (split,) = arms.splits
    assert split.by == labels.RACE.name and sum(g.n for g in split.groups) == 480


def test_no_anchoring_where_there_is_none(tmp_path: Path) -> None:
    arms = agreement(anchored(tmp_path / "ds", 0.0), QUICK).section(labels.PERCEIVED_EMOTION.name).arms
    assert arms is not None and arms.more.low < 0 < arms.more.high


def test_gold_pictures_take_no_part_in_anchoring(tmp_path: Path) -> None:
    """Gold pictures are shown alone by choice: with all of the blind ones gold, nothing tells of anchoring."""
    blind = [Ledger("round-1", "", Spec(), "", blind=0.5).is_blind(f"i{i}") for i in range(240)]
    gold = {f"i{i}": "model.v1" for i in range(240) if blind[i]}
    section = agreement(anchored(tmp_path / "ds", 0.8, gold=gold), QUICK).section(labels.PERCEIVED_EMOTION.name)
    assert section.arms is None
    assert any("0 pictures with the picture alone" in note for note in section.notes)


def test_gold(tmp_path: Path) -> None:
    """Ada is right on 12 of 20, ben on all; the expert is not held against herself, and missed faces are counted."""
    right = ["happiness", "sadness"] * 15
    rows = [["fear" if i < 8 else right[i], right[i], right[i]] for i in range(30)]
    gone = {(i, 0): {labels.REVIEW_REJECTED.name: True} for i in (20, 21)}
    raters = ("ada", "ben", "dr who")
    ds = review(
        tmp_path / "ds", {labels.PERCEIVED_EMOTION: rows}, raters, rows=gone,
        shown={labels.RACE: ["White", "Black"] * 15}, ledger={"gold": {f"i{i}": "expert" for i in range(22)}},
    )  # fmt: skip
    known = {f"i{i}.0": {labels.PERCEIVED_EMOTION.name: right[i]} for i in range(22)}
    info = LayerInfo("expert", "human", "expert", columns=(labels.PERCEIVED_EMOTION.name,), author="dr who")
    write_word(ds, info, {KEY: known})
    found = agreement(ds, QUICK)
    section = found.section(labels.PERCEIVED_EMOTION.name)
    assert section.gold["ada"].value == 0.6 and section.gold["ada"].n == 20
    assert section.gold["ben"].value == 1.0 and section.gold["ben"].low < 0.9  # Wilson: all right proves little
    assert "dr who" not in section.gold and section.gold["all reviewers"].value == pytest.approx((12 + 22) / 42)
    ada, ben, _ = found.reviewers
    assert ada.gold_missed.value == pytest.approx(2 / 22) and ben.gold_missed.value == 0
    assert ada.same_gold.value == 0.6
    assert {g.name: g.figures["same"].value for s in section.gold_splits for g in s.groups}["White"] < 1
    assert {c.image_id for c in found.queue} <= {f"i{i}" for i in range(22, 30)}  # gold is settled


def test_the_queue_ranks_by_expected_cost_and_push_takes_it(tmp_path: Path) -> None:
    from curate.cli.review_commands import _queued

    rows = [["Male", "Female", "Female"], ["Male", "Male", "Male"], ["Male", "Female", ABSTAINED]] + [["Male"] * 3] * 9
    ages = [[20.0, 20.0, 20.0]] * 11 + [[10.0, 50.0, 90.0]]
    ds = review(tmp_path / "ds", {labels.GENDER: rows, labels.AGE: ages}, RATERS)
    found = agreement(ds, AgreementOptions(rounds=60, name="first"))
    assert [c.image_id for c in found.queue] == ["i11", "i2", "i0"]
    written = found.save(tmp_path / "out")
    assert [f.name for f in written] == ["first.json", "first.html", "first-queue.parquet", "first-queue.csv"]
    for file in written[2:]:
        assert _queued(file) == (("i11", "i2", "i0"), {})
    table = pq.read_table(written[2])
    assert table.column("why")[2].as_py().startswith("face 0: perceived gender: Male (ada@example.com), Female")
    costs = read_table(written[3]).column("cost").to_pylist()
    assert [float(c) for c in costs] == sorted((float(c) for c in costs), reverse=True)
    dear = agreement(ds, AgreementOptions(rounds=60, costs={labels.GENDER.name: 10, labels.AGE.name: 0}))
    assert [c.image_id for c in dear.queue] == ["i2", "i0"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    return agreement(busy(tmp_path_factory.mktemp("busy") / "ds"), AgreementOptions(rounds=60, min_group=30))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


def test_json_is_plain_and_says_how_it_was_made(found: Agreement, tmp_path: Path) -> None:
    data = json.loads(found.save(tmp_path)[0].read_text())
    assert (data["format"], data["level"], data["options"]["rounds"]) == ("facecurate-review-agreement", 0.95, 60)
    item = next(i for i in data["items"] if i["item"] == labels.AGE_GROUP.name)
    assert item["kind"] == "choice" and item["sensitive"] is True
    assert item["anchoring"]["difference"]["low"] <= item["anchoring"]["difference"]["high"]
    by = {s["by"]: s for s in item["groups"]}
    assert set(by) == {labels.RACE.name, labels.GENDER.name, "what was shown"}
    assert any(g["small"] for g in by[labels.RACE.name]["groups"])
    assert by["what was shown"]["gaps"] == {} and by[labels.RACE.name]["gaps"]["observed"]["gap"]["value"] > 0
    assert {"left_out", "queue", "comments", "reviewers", "notes"} <= data.keys()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_page_is_harmless_and_fits(
    found: Agreement, browser: Browser, tmp_path: Path, size: str, scheme: Any
) -> None:
    file = found.save(tmp_path)[1]
    text = file.read_text()
    assert (
        "<script" not in text and "&lt;script&gt;alert(1)" in text and "<img" not in text and "data:image" not in text
    )
    with opened(browser, file, size, scheme) as page:
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        anchors = page.evaluate("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
        assert len(anchors) == len(found.sections) + 5 and all(page.locator(a).count() == 1 for a in anchors)
        assert page.locator(".comment").count() == len(found.comments) > 0


def test_hostile_names_and_values_stay_text(tmp_path: Path) -> None:
    rows = [["happiness", "sadness"]] * 6
    evil = "<img src=x onerror=alert(1)>"
    more = {(i, 0): {labels.REVIEW_COMMENTS.name: f"{evil} {i}"} for i in range(6)}
    ds = review(tmp_path / "ds", {labels.PERCEIVED_EMOTION: rows}, (evil, '"><script>alert(2)</script>'), rows=more)
    text = agreement(ds, QUICK).save(tmp_path / "out")[1].read_text()
    assert "<img" not in text and "<script" not in text and "&lt;img src=x" in text


def test_one_reviewer_is_told_in_words(tmp_path: Path) -> None:
    ds = review(
        tmp_path / "ds", {labels.PERCEIVED_EMOTION: [["happiness"]] * 12, labels.CAPTION: [["a face"]] * 12}, ["ada"]
    )
    found = agreement(ds, QUICK)
    section = found.section(labels.PERCEIVED_EMOTION.name)
    assert section.headline is None and section.figures == {} and section.pairs == ()
    assert "Only one reviewer answered" in section.notes[0]
    assert "nobody to agree with" in found.notes[0] and "no gold pictures" in " ".join(found.notes)
    assert list(found.left_out) == [labels.CAPTION.name] and found.queue == ()
    text = found.save(tmp_path / "out")[1].read_text()
    assert "nothing to compare" in text and "nan" not in text.lower()


def test_no_overlap_is_told_in_words(tmp_path: Path) -> None:
    rows = [["happiness", None] if i % 2 else [None, "happiness"] for i in range(12)]
    found = agreement(review(tmp_path / "ds", {labels.PERCEIVED_EMOTION: rows}, RATERS[:2]), QUICK)
    assert "No face was answered by two reviewers" in found.section(labels.PERCEIVED_EMOTION.name).notes[0]
    assert "No picture was seen by two reviewers" in found.notes[0]
    assert agreement(found.path, AgreementOptions(rounds=60, consensus=True)).consensus == ""


def test_few_faces_have_no_interval(tmp_path: Path) -> None:
    found = agreement(
        review(tmp_path / "ds", {labels.AGE: [[20.0, 30.0], [40.0, 38.0], [60.0, 61.0]]}, RATERS[:2]), QUICK
    )
    figure = found.section(labels.AGE.name).figures["icc21"]
    assert figure.method == "few" and np.isnan(figure.low) and figure.n == 3
    assert "no interval" in found.save(tmp_path / "out")[1].read_text()


def test_assisted_agreement_alone_is_doubted(tmp_path: Path) -> None:
    seen = {(i, r): {labels.REVIEW_BLIND.name: False} for i in range(6) for r in range(2)}
    ds = review(tmp_path / "ds", {labels.GENDER: [["Male", "Male"]] * 6}, RATERS[:2], rows=seen)
    found = agreement(ds, QUICK)
    assert any("Nobody saw a picture without the model's answers" in n for n in found.notes)
    assert any("No ledger" in n for n in found.section(labels.GENDER.name).notes)


def test_time_and_skips(tmp_path: Path) -> None:
    more = {
        (i, r): {labels.REVIEW_SECONDS.name: float(10 * (i + 1)), labels.REVIEW_BLIND.name: i >= 5,
                 labels.REVIEW_SKIPPED.name: i == 9}
        for i in range(10) for r in range(2)
    }  # fmt: skip
    ds = review(tmp_path / "ds", {labels.GENDER: [["Male", "Male"]] * 10}, RATERS[:2], rows=more)
    ada = agreement(ds, QUICK).reviewers[0]
    assert (ada.pictures, ada.skipped, ada.blind, ada.seconds.value) == (9, 1, 4, 50.0)
    assert {k: e.value for k, e in ada.seconds_by_arm.items()} == {
        "the model's answers": 30.0,
        "the picture alone": 75.0,
    }


def test_mistakes_are_named(tmp_path: Path) -> None:
    ds = review(tmp_path / "ds", {labels.GENDER: [["Male", "Male"]] * 3}, RATERS[:2])
    with pytest.raises(UnknownNameError, match="review 'nope'"):
        agreement(ds, AgreementOptions(("nope",)))
    with pytest.raises(UnknownNameError, match="group by"):
        agreement(ds, AgreementOptions(by=("nope",)))
    with pytest.raises(UnknownNameError, match="item to weigh"):
        agreement(ds, AgreementOptions(costs={"nope": 1}))
    with pytest.raises(UsageError, match="0 or more"):
        agreement(ds, AgreementOptions(costs={labels.GENDER.name: -1}))
    with pytest.raises(UsageError, match="has no review"):
        agreement(Dataset.create(tmp_path / "empty"))
    Ledger("idle", "http://localhost", Spec((labels.GENDER,)), "note").save(ds)
    with pytest.raises(UsageError, match="no word of idle"):
        agreement(ds, AgreementOptions(("idle",)))


def test_command(tmp_path: Path) -> None:
    ds = busy(tmp_path / "ds", 40)
    where = ["-o", str(tmp_path / "out"), "--rounds", "40"]
    done = CliRunner().invoke(
        app, ["review", "agreement", str(ds.path), "--name", "round-1", "--by", "perceived_race*perceived_gender",
              "--cost", "perceived_gender=3", "--consensus", *where],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "3 reviewers, 40 pictures" in done.output and "wrote labels/consensus-round-1-1" in done.output
    data = json.loads((tmp_path / "out" / "round-1.json").read_text())
    assert data["options"]["costs"] == {"perceived_gender": 3.0}
    assert data["items"][1]["groups"][0]["by"] == "perceived_race*perceived_gender"
    assert data["queue"][0][images.IMAGE_ID.name] in {f"i{i}" for i in range(40)}
    assert face_ids(ds)[0] == "i0.0"
    bad = CliRunner().invoke(app, ["review", "agreement", str(ds.path), "--cost", "perceived_gender=dear"])
    assert bad.exit_code != 0
