"""Tokens, hosts and hostile answers: nothing is sent where it was not told to, nothing is written that must not be."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from curate.review import annotation, ledger
from curate.review.agreement.words import read_words
from curate.review.pull import take
from curate.review.server import KEYRING, TOKEN, ReviewError, Server, Task, checked, token_for
from curate.review.spec import BOX, Spec
from curate.store import Dataset
from schemas import UsageError
from schemas.columns import faces, images, labels
from tests.export_samples import hard_cases

SECRET = "abcdef0123456789abcdef0123456789abcdef01"
PROJECT, TASK = 7, 1


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that notes the heads of what reaches it."""
    yield from _listening(lambda handler: handler.send_response(200))


@pytest.fixture
def turning(elsewhere: tuple[str, list[dict[str, str]]]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that sends everybody elsewhere."""

    def turn(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", elsewhere[0])

    yield from _listening(turn)


def _listening(answer: Any) -> Iterator[tuple[str, list[dict[str, str]]]]:
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            answer(self)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the name is the library's

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_redirects_are_not_followed(turning: Any, elsewhere: Any) -> None:
    with Server(turning[0], SECRET) as server, pytest.raises(ReviewError) as error:
        server.user()
    assert turning[1] and not elsewhere[1] and SECRET not in str(error.value)


def test_a_token_comes_from_the_environment_else_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    known = {(KEYRING, "https://labels.example.org"): "from the keyring"}
    monkeypatch.setattr(keyring, "get_password", lambda service, name: known.get((service, name)))
    monkeypatch.setenv(TOKEN, " from the environment ")
    assert token_for("https://labels.example.org") == "from the environment"
    monkeypatch.delenv(TOKEN)
    assert token_for("https://labels.example.org") == "from the keyring"
    with pytest.raises(UsageError, match=TOKEN):
        token_for("https://other.example.org")


@pytest.mark.parametrize(
    ("url", "why"),
    [("labels.example.org", "not the address"), ("ftp://labels.example.org", "not the address"),
     ("https://user:secret@labels.example.org", "holds a password"), ("http://labels.example.org", "not encrypted")],
)  # fmt: skip
def test_addresses_that_would_leak_are_refused(url: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACECURATE_PLAIN_HTTP", raising=False)
    with pytest.raises(UsageError, match=why) as error:
        checked(url)
    assert "secret" not in str(error.value)


def test_errors_do_not_hold_the_token() -> None:
    with Server("http://127.0.0.1:9", SECRET) as server, pytest.raises(ReviewError) as error:
        server.user()
    assert "does not answer" in str(error.value) and SECRET not in repr(error.value) and SECRET not in repr(server)


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    return hard_cases(tmp_path, pictures=12)


def book_of(ds: Dataset) -> ledger.Ledger:
    layers = tuple(i.name for i in ds.layers())
    spec = Spec.of([labels.GENDER.name, labels.CAPTION.name])
    return ledger.Ledger("r", "https://labels.example.org", spec, "note", PROJECT, layers=layers).save(ds)


def given(**changes: Any) -> dict[str, Any]:
    made = {"id": 5, "completed_by": 3, "updated_at": "2026-01-01T00:00:00Z", "lead_time": 2.0, "result": [],
            "task": TASK, "project": PROJECT, "was_cancelled": False}  # fmt: skip
    return made | changes


@pytest.mark.parametrize(
    "change",
    [{"project": 99}, {"task": 2}, {"id": "5"}, {"id": True}, {"id": -1}, {"completed_by": None},
     {"updated_at": "soon"}, {"updated_at": 5, "created_at": None}],
)  # fmt: skip
def test_annotations_that_are_not_this_reviews_are_left_alone(ds: Dataset, change: dict[str, Any]) -> None:
    image_id = ds.faces([faces.IMAGE_ID]).column(0)[0].as_py()
    task = Task(TASK, image_id, "", {}, (given(**change),))
    done = take(ds, book_of(ds), [task], {3: "ann@example.com"})
    assert not done.layers and sum(done.strange.values()) == 1
    assert isinstance(annotation.read(given(), TASK, PROJECT), annotation.Annotation)


def test_hostile_texts_are_kept_as_texts_and_pictures_of_others_are_left_alone(ds: Dataset) -> None:
    row = ds.faces([faces.FACE_ID, faces.IMAGE_ID]).to_pylist()[0]
    box = {"x": 1.0, "y": 1.0, "width": 9.0, "height": 9.0, "rectanglelabels": ["face"]}
    script = "<script>alert(document.cookie)</script>"
    result = [
        {"id": row[faces.FACE_ID.name], "from_name": BOX, "value": box},
        {"id": row[faces.FACE_ID.name], "from_name": labels.CAPTION.name, "value": {"text": [script]}},
        {"id": row[faces.FACE_ID.name], "from_name": labels.GENDER.name, "value": {"choices": [script]}},
        {"id": "x", "from_name": "comment", "value": {"text": [script]}},
    ]
    tasks = [
        Task(TASK, row[faces.IMAGE_ID.name], "", {}, (given(result=result, lead_time=float("inf")),)),
        Task(2, "f" * 32, "", {}, (given(id=6, task=2),)),
        Task(3, "", "", {"image": "https://elsewhere"}, (given(id=7, task=3),)),
    ]
    done = take(ds, book_of(ds), tasks, {3: "../../ann <b>@example.com"})
    (layer,) = done.layers
    assert layer.name == "human-r-ann-b-1" and sum(done.strange.values()) == 2
    told = {r[faces.FACE_ID.name]: r for r in ds.layer_table(layer.name).to_pylist()}[row[faces.FACE_ID.name]]
    assert told[labels.CAPTION.name] == told[labels.REVIEW_COMMENTS.name] == script
    assert told[labels.REVIEW_SECONDS.name] is None and told.get(labels.GENDER.name) is None
    assert [r.what for _, r in done.refused] == [labels.GENDER.name]
    files = [p.read_text("utf-8") for p in ds.path.rglob("*.json")]
    assert not any(SECRET in text for text in files)
    assert json.loads(ledger.path_of(ds, "r").read_text("utf-8"))["home"] == {"5": "2026-01-01T00:00:00.000000+00:00"}


def test_who_drew_nothing_has_seen_the_picture_all_the_same(ds: Dataset) -> None:
    book = dataclasses.replace(book_of(ds), blind=1.0).save(ds)
    rows = ds.faces([faces.FACE_ID, faces.IMAGE_ID, *faces.BOX]).to_pylist()
    image_id = rows[0][faces.IMAGE_ID.name]
    own = [r for r in rows if r[faces.IMAGE_ID.name] == image_id]
    (size,) = ds.images([images.WIDTH, images.HEIGHT], f"{images.IMAGE_ID.name} = '{image_id}'").to_pylist()
    sides = (size[images.WIDTH.name], size[images.HEIGHT.name]) * 2
    share = {
        k: 100 * own[0][c.name] / n for k, c, n in zip(("x", "y", "width", "height"), faces.BOX, sides, strict=True)
    }
    drawn = {"id": "mine", "from_name": BOX, "value": {**share, "rectanglelabels": ["face"]}}
    task = Task(TASK, image_id, "", {}, (given(result=[drawn]), given(id=6, completed_by=4)))
    done = take(ds, book, [task], {3: "ann@example.com", 4: "bob@example.com"})
    assert done.counts == {"matched": 1, "not drawn": 2 * len(own) - 1}
    words = read_words(ds)
    assert words.saw() == {image_id: {0, 1}}
    assert words.faces == (own[0][faces.FACE_ID.name],) and set(words.said[0]) == {0}
    assert ds.faces([labels.REVIEW_REJECTED], f"{labels.REVIEW_REJECTED.name}").num_rows == 0
