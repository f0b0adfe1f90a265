"""From annotations as a server gives them, through the pull, to agreement: who saw what decides what counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.review.agreement import Agreement, AgreementOptions, agreement
from curate.review.ledger import Ledger
from curate.review.pull import take
from curate.review.server import Task
from curate.review.shown import ABOUT, Gallery
from curate.review.spec import Spec
from curate.review.task import Seen, results
from curate.store import Dataset
from schemas.columns import faces, images, labels
from tests.evaluation_samples import add
from tests.store_samples import table

KEY, SIZE, N = "00000", (640, 480), 24
SPEC = Spec((labels.PERCEIVED_EMOTION, faces.POINTS_5))
WHO = {1: "ada@example.com", 2: "ben@example.com"}
GOLD = tuple(f"i{i}" for i in range(0, N, 6))


def whole(path: Path) -> tuple[Dataset, Ledger]:
    """Pictures with two faces each that a model calls happy, and a review with a blind arm and gold pictures."""
    ds = Dataset.create(path, name="pulled")
    ids = [f"i{i}" for i in range(N)]
    about: dict[Any, list[Any]] = {c: [None] * N for c in ABOUT}
    ds.write("images", KEY, table({
        **about, images.IMAGE_ID: ids, images.URI: [f"/photos/{i}.jpg" for i in ids], images.NAME: ids,
        images.WIDTH: [SIZE[0]] * N, images.HEIGHT: [SIZE[1]] * N, images.STATUS: ["ok"] * N, images.REASON: [""] * N,
    }))  # fmt: skip
    both = [(i, j) for i in ids for j in range(2)]
    ds.write("faces", KEY, table({
        faces.FACE_ID: [f"{i}.{j}" for i, j in both], faces.IMAGE_ID: [i for i, _ in both],
        faces.BOX_X: [50.0 + 250 * j for _, j in both], faces.BOX_Y: [100.0] * len(both),
        faces.BOX_W: [120.0] * len(both), faces.BOX_H: [150.0] * len(both),
        faces.POINTS_5: [[80.0 + 250 * j + k for k in range(10)] for _, j in both],
        faces.SCORE: [0.9] * len(both), faces.ORIGIN: ["model"] * len(both),
    }))  # fmt: skip
    add(ds, "model.v1", {labels.PERCEIVED_EMOTION: ["happiness"] * len(both)})
    add(ds, "expert", {labels.PERCEIVED_EMOTION: [f"{'happiness' if j else 'sadness'}" for _, j in both]})
    book = Ledger(
        "round-1", "http://localhost", SPEC, "note", project=7, layers=("model.v1",), blind=0.5, overlap=2,
        gold=dict.fromkeys(GOLD, "expert"),
    ).save(ds)  # fmt: skip
    return ds, book


def annotation(number: int, task: int, who: int, result: Sequence[Any], seconds: float = 20.0) -> dict[str, Any]:
    at = f"2026-03-01T00:{number // 60:02d}:{number % 60:02d}Z"
    return {"id": number, "task": task, "project": 7, "completed_by": who, "updated_at": at, "lead_time": seconds,
            "was_cancelled": False, "result": list(result)}  # fmt: skip


def drawn(face: Seen, said: str, shift: float, name: str) -> list[dict[str, Any]]:
    """A face that a reviewer drew by themselves, at its place but for `shift` pixels, with an answer and points."""
    x, y, w, h = face.box
    points = np.asarray(face.values[faces.POINTS_5.name]) + np.array([shift, 0.0])
    values = {labels.PERCEIVED_EMOTION.name: said, faces.POINTS_5.name: points}
    return list(results(SPEC, Seen(name, (x + shift, y, w, h), values), *SIZE))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    """Alone, ada and ben see sadness in the left faces, ben 12 px to the right; with the model's answer, they keep it.

    Ben draws a face on the first two blind pictures that nobody knew, and ada draws it too on the first.
    """
    ds, book = whole(tmp_path_factory.mktemp("pulled") / "ds")
    blind = [f"i{i}" for i in range(N) if book.is_blind(f"i{i}") or f"i{i}" in GOLD]
    shown = {p.image_id: p.faces for p in Gallery(ds, SPEC, book.layers).pictures([f"i{i}" for i in range(N)])}
    new = Seen("z", (520.0, 20.0, 60.0, 60.0), {})
    tasks, number = [], 0
    for place, image in enumerate(shown):
        made = []
        for who in WHO:
            number += 1
            if image in blind:
                answers = [
                    drawn(f, "sadness" if f.face_id.endswith(".0") else "happiness", 12.0 * (who == 2), f"r{who}{n}")
                    for n, f in enumerate(shown[image])
                ]
                if image in blind[:2] and (who == 2 or image == blind[0]):
                    answers.append(list(results(SPEC, Seen(f"new{who}", new.box, {}), *SIZE)))
            else:
                answers = [list(results(SPEC, f, *SIZE)) for f in shown[image]]
            seconds = 40.0 if image in blind else 10.0
            made.append(annotation(number, place + 1, who, [r for a in answers for r in a], seconds))
        tasks.append(Task(place + 1, image, "pulled", {}, tuple(made)))
    with ds.lock():
        pulled = take(ds, book, tasks, WHO)
    assert not pulled.refused and not pulled.strange and pulled.counts["drawn"] == 2
    return agreement(ds, AgreementOptions(rounds=60, consensus=True))


def test_who_agrees_and_why(found: Agreement) -> None:
    """They agree in all; but with the model's answers in sight, by keeping them."""
    section = found.section(labels.PERCEIVED_EMOTION.name)
    assert section.figures["observed"].value == 1.0 and section.figures["observed"].n == 2 * N
    assert section.arms is not None
    assert (section.arms.assisted.value, section.arms.blind.value) == (1.0, 0.5)
    assert (section.arms.more.value, section.arms.more.low, section.arms.more.high) == (0.5, 0.5, 0.5)
    by = {s.by: {g.name: g for g in s.groups} for s in section.splits}
    blind = sum(Ledger("round-1", "", SPEC, "", blind=0.5).is_blind(f"i{i}") or f"i{i}" in GOLD for i in range(N))
    assert by["what was shown"]["the picture alone"].n == 2 * blind
    assert (section.arms.blind.n, section.arms.assisted.n) == (
        4 * sum(Ledger("round-1", "", SPEC, "", blind=0.5).is_blind(f"i{i}") and f"i{i}" not in GOLD for i in range(N)),
        4 * (N - blind),
    )


def test_boxes_and_points_of_those_who_drew(found: Agreement) -> None:
    """Alone, boxes of 120 px lie 12 px apart: they overlap by 108/132; with the model's boxes they are the same."""
    section = found.section("face_box")
    by = {g.name: g.figures["iou"].value for s in section.splits for g in s.groups if s.by == "what was shown"}
    assert by["the model's answers"] == 1.0
    known = by["the picture alone"]
    n = next(g.n for s in section.splits for g in s.groups if g.name == "the picture alone")
    assert known == pytest.approx((108 / 132 * (n - 1) + 1) / n, rel=1e-5)  # one new face, drawn alike by both
    points = found.section(faces.POINTS_5.name)
    by = {g.name: g.figures["nme"].value for s in points.splits for g in s.groups if s.by == "what was shown"}
    assert by["the model's answers"] == 0.0 and by["the picture alone"] == pytest.approx(
        12 / (120 * 150) ** 0.5, rel=1e-4
    )


def test_faces_that_reviewers_found_and_time(found: Agreement) -> None:
    ada, ben = found.reviewers
    assert (ada.faces, ben.faces) == (2 * N + 1, 2 * N + 2)
    assert ada.missed.value == pytest.approx(1 / (2 * N + 2)) and ben.missed.value == 0
    assert ben.extra.value == pytest.approx(1 / (2 * N + 2)) and ada.extra.value == 0
    assert {k: e.value for k, e in ada.seconds_by_arm.items()} == {"the model's answers": 10, "the picture alone": 40}
    assert ada.same_gold.value == 1.0 and ada.gold_missed.value == 0.0
    assert [c.image_id for c in found.queue if "1 say yes, 1 no" in c.why[0]] == [found.queue[0].image_id]
    assert all("points 5: 8.9 %" in " ".join(c.why) for c in found.queue)  # 12 px of a box of 120 x 150


def test_the_consensus_holds_faces_that_reviewers_drew(found: Agreement) -> None:
    ds = Dataset.open(found.path)
    told = {r[faces.FACE_ID.name]: r for r in ds.layer_table(found.consensus).to_pylist()}
    new = [r for face, r in told.items() if face.endswith(".2") and r[labels.STATUS.name] == "ok"]
    assert len(new) == 1  # of the other, one says yes and one says no
    assert (new[0][faces.BOX_X.name], new[0][labels.REVIEW_REJECTED.name]) == (520.0, False)
    blind = next(r for r in told.values() if r[faces.BOX_X.name] is not None and r[faces.FACE_ID.name].endswith(".0"))
    assert blind[faces.BOX_X.name] == pytest.approx(56.0) and blind[labels.PERCEIVED_EMOTION.name] == "sadness"
