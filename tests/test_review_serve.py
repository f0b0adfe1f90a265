"""The small server beside Label Studio: a bell that must be ours, predictions on request, refusals."""

from __future__ import annotations

import base64
import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import pytest

from curate.api import Options, run
from curate.review import ledger
from curate.review.predict import Predictor
from curate.review.push import PushOptions, push
from curate.review.serve import SECRET, USER, Bell, ServeOptions, Service
from curate.review.server import ID, Server
from curate.review.server import TOKEN as TOKEN_VARIABLE
from curate.review.shown import Gallery
from curate.review.spec import Spec
from curate.store import Dataset
from schemas.columns import labels
from tests.export_samples import hard_cases

if TYPE_CHECKING:
    from services.label_studio import Server as RealServer

    from annotators.weights import ModelStore

pytest_plugins = ("services.label_studio",)
ASKED = (labels.POINTS_68.name, labels.GENDER.name)
PROJECT = 7


class FakeServer:
    """Stands for Label Studio: keeps what it is told."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.hooks: list[tuple[str, dict[str, str]]] = []
        self.backends: list[tuple[str, str, str]] = []

    def forget(self, project: int, url: str) -> None:
        self.hooks = [h for h in self.hooks if not h[0].startswith(url)]
        self.backends = [b for b in self.backends if b[0] != url]

    def webhook(self, project: int, url: str, headers: dict[str, str]) -> None:
        self.hooks.append((url, headers))

    def backend(self, project: int, url: str, user: str, password: str) -> None:
        self.backends.append((url, user, password))

    def picture(self, path: str, most: int) -> bytes | None:
        return None

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    made = hard_cases(tmp_path, pictures=12)
    layers = tuple(i.name for i in made.layers())
    ledger.Ledger("r", "http://127.0.0.1:1", Spec.of(ASKED), "note", project=PROJECT, layers=layers).save(made)
    return made


@pytest.fixture
def service(ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("curate.review.serve.Server", FakeServer)
    monkeypatch.setattr("curate.review.serve.pull", lambda *_: None)
    with Service(ds, ServeOptions("r", port=0)) as made:
        yield made


def fake(service: Service) -> FakeServer:
    assert isinstance(service._server, FakeServer)
    return service._server


def test_a_bell_waits_for_enough_or_long_enough() -> None:
    now = [0.0]
    bell = Bell(3, 60, lambda: now[0])
    assert bell.due() == 0 and bell.due(last=True) == 0
    bell.ring()
    bell.ring()
    assert bell.due() == 0
    bell.ring()
    assert bell.due() == 3 and bell.due() == 0
    bell.ring()
    now[0] = 61
    assert bell.due() == 1
    bell.ring()
    assert bell.due(last=True) == 1


def test_only_the_own_project_with_the_secret_rings(service: Service) -> None:
    ((url, headers),) = fake(service).hooks
    body = {"action": "ANNOTATION_CREATED", "project": {"id": PROJECT}, "annotation": {"result": "<script>"}}
    assert httpx.post(url, json=body).status_code == 401
    assert httpx.post(url, json=body, headers={SECRET: "guess"}).status_code == 401
    assert httpx.post(url, json={"project": {"id": 99}}, headers=headers).status_code == 200
    assert service._bell.due(last=True) == 0
    assert httpx.post(url, json=body, headers=headers).status_code == 200
    assert service._bell.due(last=True) == 1


def test_predictions_are_the_datasets_and_need_the_password(service: Service, ds: Dataset) -> None:
    ((url, user, password),) = fake(service).backends
    assert user == USER and httpx.get(f"{url}/health").json()["status"] == "UP"
    gallery = Gallery(ds, Spec.of(ASKED), service.book.layers)
    (picture,) = gallery.pictures([ds.faces().column("image_id")[0].as_py()])
    tasks = [{"data": {ID: picture.image_id}}, {"data": {"image": "https://elsewhere/x.jpg"}}, "hostile"]
    assert httpx.post(f"{url}/predict", json={"tasks": tasks}).status_code == 401
    assert httpx.post(f"{url}/predict", json={"tasks": tasks}, auth=(user, "guess")).status_code == 401
    told = httpx.post(f"{url}/predict", json={"tasks": tasks}, auth=(user, password)).json()["results"]
    assert [bool(t["result"]) for t in told] == [True, False, False]
    assert {r["id"].partition(":")[0] for r in told[0]["result"]} == {f.face_id for f in picture.faces}
    assert httpx.post(f"{url}/setup", json={"project": "7.1"}, auth=(user, password)).json()["model_version"]


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [("/predict", b"no json", 400), ("/predict", b"[1]", 400), ("/predict", b'{"tasks": 5}', 400),
     ("/predict", b'{"tasks": ' + b"[" * 10**5 + b"]" * 10**5 + b"}", 400), ("/../x", b"{}", 404)],
)  # fmt: skip
def test_what_is_no_request_is_refused(service: Service, path: str, content: bytes, status: int) -> None:
    ((url, user, password),) = fake(service).backends
    assert httpx.post(f"{url}{path}", content=content, auth=(user, password)).status_code == status


def test_leaving_takes_the_addresses_back(ds: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.review.serve.Server", FakeServer)
    with Service(ds, ServeOptions("r", port=0)) as service:
        there = fake(service)
        assert there.hooks and there.backends
    assert not there.hooks and not there.backends


def adult_of(shared_data: Path) -> Path:
    with (shared_data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        told = ((row["file"], json.loads(row["label_json"])) for row in csv.DictReader(file)
                if row["task"] == "age_gender_race")  # fmt: skip
        return next(shared_data / "photos" / name for name, facts in told if not facts["minor"])


@pytest.mark.slow
@pytest.mark.data
def test_a_picture_that_is_new_is_labelled(models: ModelStore, ds: Dataset, shared_data: Path) -> None:
    adult = adult_of(shared_data)
    made = run([adult], ds.path.parent / "faces", Options(workers=1))
    book = ledger.Ledger("r", "http://127.0.0.1:1", Spec.of(ASKED), "", 7, layers=tuple(i.name for i in made.layers()))
    there: Any = FakeServer("http://127.0.0.1:1")
    data = base64.b64encode(adult.read_bytes()).decode()
    answer = Predictor(made, book, there).answer({"data": {"image": f"data:image/jpeg;base64,{data}"}})
    assert any(r["type"] == "rectanglelabels" for r in answer["result"])
    noise = base64.b64encode(cv2.imencode(".png", 255 - 0 * cv2.imread(str(adult)))[1].tobytes()).decode()
    assert Predictor(made, book, there).answer({"data": {"image": f"data:image/png;base64,{noise}"}})["result"] == []


@pytest.mark.slow
def test_work_comes_home_as_it_is_done(
    label_studio: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, label_studio.token)
    ds = hard_cases(tmp_path, pictures=12)
    ways = {"kind": "embedded"}
    done = push(ds, PushOptions("live", label_studio.url, Spec.of(ASKED), media=ways, minors=True))
    home: list[Any] = []
    with Server(label_studio.url) as there, Service(ds, ServeOptions("live", port=0, batch=2), home.append) as service:
        for task in list(there.tasks(done.project))[:2]:
            headers = there._client._client_wrapper.get_headers()
            address = f"{there.url}/api/tasks/{task.number}/annotations/"
            assert there._http.post(address, headers=headers, json={"result": [], "lead_time": 1}).status_code == 201
        end = time.monotonic() + 60
        while not home and time.monotonic() < end:
            service.collect()
            time.sleep(0.2)
        assert json.dumps(there._client.ml.list(project=done.project), default=str).count("facecurate") >= 1
    (pulled,) = home
    assert pulled.annotations == {"lead@example.com": 2}
    assert next(i.annotator for i in ds.layers()) == "label-studio"
    with Server(label_studio.url) as there:
        assert not list(there._client.webhooks.list(project=done.project))
