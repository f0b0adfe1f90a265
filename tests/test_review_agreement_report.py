"""The agreement report: anchoring, gold, consensus, the queue, its page, few data said in words, mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

from curate.cli.main import app
from curate.measures.run import read_table
from curate.review.agreement import Agreement, AgreementOptions, agreement
from curate.review.controls import ABSTAINED
from curate.review.ledger import Ledger
from curate.review.spec import Spec
from curate.store import Dataset, LayerInfo
from curate.store.human import write_word
from schemas import DatasetError, UnknownNameError, UsageError, taxonomy
from schemas.columns import images, labels
from tests.agreement_samples import busy, face_ids, review
from tests.browser import chromium, opened
from tests.evaluation_samples import KEY

Floats = np.ndarray[Any, Any]
QUICK = AgreementOptions(rounds=60)
EMOTIONS = taxonomy(labels.PERCEIVED_EMOTION.taxonomy).labels
RATERS = ("ada@example.com", "ben@example.com", "chi@example.com")


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
    by = {s.by: {g.name: g for g in s.groups} for s in arms.splits}
    assert set(by) == {labels.RACE.name, "the model's answer"}
    assert sum(g.n for g in by[labels.RACE.name].values()) == 480
    happy, neutral = (by["the model's answer"][x].figures["same"] for x in ("happiness", "neutral"))
    assert happy.value == pytest.approx(0.8, abs=0.1) and happy.low > 0.6 and neutral.value == 0.0


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


def test_the_same_words_give_the_same_figures(tmp_path: Path) -> None:
    ds = busy(tmp_path / "ds", 30)
    one, other = (agreement(ds, QUICK).save(tmp_path / name) for name in ("a", "b"))
    assert [f.read_bytes() for f in one[:2]] == [f.read_bytes() for f in other[:2]]


def test_json_is_plain_and_says_how_it_was_made(found: Agreement, tmp_path: Path) -> None:
    data = json.loads(found.save(tmp_path)[0].read_text())
    assert (data["format"], data["level"], data["options"]["rounds"]) == ("facecurate-review-agreement", 0.95, 60)
    item = next(i for i in data["items"] if i["item"] == labels.AGE_GROUP.name)
    assert item["kind"] == "choice" and item["sensitive"] is True
    assert item["anchoring"]["difference"]["low"] <= item["anchoring"]["difference"]["high"]
    by = {s["by"]: s for s in item["groups"]}
    assert set(by) == {labels.RACE.name, labels.GENDER.name, "what was shown"}
    assert [g["small"] for g in by[labels.RACE.name]["groups"]] == [False, False, True]  # fewer than 30
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


def test_nothing_but_skips_and_numbers_without_a_width(tmp_path: Path) -> None:
    skipped = {(i, r): {labels.REVIEW_SKIPPED.name: True} for i in range(6) for r in range(2)}
    ds = review(tmp_path / "a", {labels.GENDER: [["Male", "Male"]] * 6}, RATERS[:2], rows=skipped)
    with pytest.raises(UsageError, match="12 visits, all skipped"):
        agreement(ds, QUICK)
    same = review(tmp_path / "b", {labels.AGE: [[30.0, 30.0]] * 6, labels.INTER_OCULAR: [[5.0, 5.0]] * 6}, RATERS[:2])
    assert agreement(same, QUICK).queue == ()


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
    torn = LayerInfo(
        "torn", "human", "label-studio", columns=(), author="eve", config={"review": "torn", "questions": 5}
    )
    ds.add_layer(torn)
    with pytest.raises(DatasetError, match="questions of layer 'torn'"):
        agreement(ds, AgreementOptions(("torn",)))
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
