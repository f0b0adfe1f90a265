"""Against a real Label Studio: a thousand tasks out and home to the bit, kills, a server that stops, two reviewers."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.cli.main import main
from curate.review import ledger
from curate.review.doctor import check
from curate.review.pull import pull
from curate.review.push import PushOptions, push
from curate.review.reading import Reading
from curate.review.server import TOKEN as TOKEN_VARIABLE
from curate.review.server import ReviewError, Server
from curate.review.shown import Gallery, chosen
from curate.review.spec import BOX, Spec
from curate.store import Dataset
from schemas import UsageError
from schemas.columns import faces, labels
from tests.export_samples import hard_cases

if TYPE_CHECKING:
    from services.label_studio import Server as RealServer

pytest_plugins = ("services.label_studio",)
pytestmark = pytest.mark.slow
ASKED = ("landmarks_68", "points_5", "perceived_gender", "perceived_age", "perceived_emotion", "mask_worn", "caption",
         "au_intensity.AU12", "au_intensity.AU4")  # fmt: skip
MANY = 1000


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """About 1,400 drawn faces in 1,120 pictures."""
    return hard_cases(tmp_path_factory.mktemp("review"), pictures=1120)


@pytest.fixture
def few(tmp_path: Path) -> Dataset:
    return hard_cases(tmp_path / "few", pictures=40)


@pytest.fixture
def server(label_studio: RealServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(TOKEN_VARIABLE, label_studio.token)
    with Server(label_studio.url) as opened:
        yield opened


def options(server: RealServer, name: str, **changes: Any) -> PushOptions:
    ways = {"kind": "local", "root": str(server.media)}
    return PushOptions(name, server.url, **{"spec": Spec.of(ASKED), "media": ways, "minors": True, **changes})


def confirm(server: Server, project: int) -> None:
    """What a reviewer does who finds all predictions right."""
    headers = server._client._client_wrapper.get_headers()
    url = f"{server.url}/api/dm/actions?id=predictions_to_annotations&project={project}"
    answer = server._http.post(url, headers=headers, json={"selectedItems": {"all": True, "excluded": []}})
    assert answer.status_code == 200, answer.text


def annotate(server: Server, task: int, result: list[dict[str, Any]], **facts: Any) -> int:
    """An annotation of a task by the owner of the token; gives its number."""
    headers = server._client._client_wrapper.get_headers()
    url = f"{server.url}/api/tasks/{task}/annotations/"
    answer = server._http.post(url, headers=headers, json={"result": result, "lead_time": 12.5, **facts})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def sent(server: Server, project: int) -> dict[str, Any]:
    """Image id -> the task's number and its predictions' results."""
    found = server._client.tasks.list(project=project, fields="all", page_size=500)
    return {t.data["facecurate_id"]: (int(t.id), [p.dict()["result"] for p in t.predictions]) for t in found}


def killed_push(ds: Dataset, server: RealServer, name: str, kills: int) -> int:
    """Push by the command line, killing it again and again; gives how often it was killed."""
    root = str(server.media)
    call = [sys.executable, "-m", "curate", "review", "push", str(ds.path), "--name", name, "--url", server.url]
    call += ["--media", "local", "--media-root", root, "--minors", "--quiet"]
    call += [x for c in ASKED for x in ("-c", c)] + ["--where", "true"]
    rng, done = random.Random(0), 0
    for _ in range(kills):
        process = subprocess.Popen(call, env={**os.environ, TOKEN_VARIABLE: server.token})
        time.sleep(rng.uniform(1.5, 5.0))
        if process.poll() is None:
            done += 1
        process.kill()
        process.wait()
    subprocess.run(call, check=True, env={**os.environ, TOKEN_VARIABLE: server.token})
    return done


def test_a_thousand_tasks_come_home_to_the_bit(drawn: Dataset, label_studio: RealServer, server: Server) -> None:
    wanted = tuple(chosen(drawn, None, True)[:MANY])
    done = push(drawn, options(label_studio, "thousand", ids=wanted), server)
    assert (done.wanted, done.sent, done.there) == (MANY, MANY, 0) and done.faces > MANY
    assert push(drawn, PushOptions("thousand", ids=wanted, minors=True), server).sent == 0
    confirm(server, done.project)
    gallery = Gallery(drawn, Spec.of(ASKED), ledger.load(drawn, "thousand").layers)
    before = {p.image_id: p for p in gallery.pictures(wanted)}
    home = pull(drawn, "thousand", server)
    assert home.counts["confirmed"] == done.faces and not home.refused and not home.strange and not home.left
    layer = home.layers[0].name
    after = Gallery(drawn, Spec.of(ASKED), (layer,))
    for picture in after.pictures(wanted):
        for was, now in zip(before[picture.image_id].faces, picture.faces, strict=True):
            assert was.box == now.box
            assert set(was.values) - {"au_intensity"} == set(now.values) - {"au_intensity"}
            for name in set(was.values) - {"au_intensity"}:
                np.testing.assert_allclose(now.values[name], was.values[name], atol=0.01) if isinstance(
                    was.values[name], np.ndarray
                ) else None
                assert isinstance(was.values[name], np.ndarray) or now.values[name] == was.values[name]
    assert pull(drawn, "thousand", server).annotations == {}


def test_a_push_killed_again_and_again_sends_everything_once(
    drawn: Dataset, label_studio: RealServer, server: Server
) -> None:
    assert killed_push(drawn, label_studio, "killed", 10) >= 5
    tasks = list(server.tasks(ledger.load(drawn, "killed").project))
    wanted = chosen(drawn, None, True)
    assert len(wanted) >= MANY
    assert sorted(t.image_id for t in tasks) == sorted(wanted)


def test_a_server_that_stops_is_named_and_the_push_goes_on(
    few: Dataset, label_studio: RealServer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.review.push.CHUNK", 10)
    add, calls = Server.add, []

    def stopping(self: Server, project: int, tasks: Any) -> int:
        calls.append(len(tasks))
        if len(calls) == 3:
            label_studio.stop()
        return add(self, project, tasks)

    monkeypatch.setattr(Server, "add", stopping)
    try:
        with pytest.raises(ReviewError, match=f"{label_studio.url} does not answer") as error:
            push(few, options(label_studio, "stopped"), server)
        assert "same command again" in str(error.value) and label_studio.token not in str(error.value)
    finally:
        label_studio.start()
    monkeypatch.undo()
    monkeypatch.setenv(TOKEN_VARIABLE, label_studio.token)
    done = push(few, PushOptions("stopped", minors=True))
    assert done.there == 20 and done.there + done.sent == done.wanted


def test_corrections_of_two_reviewers_come_home_as_two_layers(
    few: Dataset, label_studio: RealServer, server: Server
) -> None:
    done = push(few, options(label_studio, "two", overlap=2), server)
    tasks = sent(server, done.project)
    gallery = Gallery(few, Spec.of(ASKED), ledger.load(few, "two").layers)
    picture = next(p for p in gallery.pictures(list(tasks)) if len(p.faces) > 1)
    number, (shown, *_) = tasks[picture.image_id]
    width, height = picture.size
    result = [dict(r, value=dict(r["value"])) for r in shown]
    first, second = picture.faces[:2]
    result = [r for r in result if second.face_id not in (r["id"], r.get("parentID"))]
    rectangle = next(r for r in result if r["from_name"] == BOX)
    rectangle["value"]["width"] -= 5.0
    extra = {"x": 1.0, "y": 2.0, "width": 30.0, "height": 40.0, "rotation": 0, "rectanglelabels": ["face"]}
    region = {"original_width": width, "original_height": height, "image_rotation": 0, "to_name": "image"}
    result.append({**region, "id": "newBox_1", "from_name": BOX, "type": "rectanglelabels", "value": extra})
    chosen_gender = {"id": "newBox_1", "from_name": labels.GENDER.name, "type": "choices", **region,
                     "value": {**extra, "choices": ["Female"]}}  # fmt: skip
    del chosen_gender["value"]["rectanglelabels"]
    result.append(chosen_gender)
    annotate(server, number, result)
    with Server(label_studio.url, label_studio.sign_up("ann@example.com")) as ann:
        moved = {**extra, "x": 2.0}
        annotate(ann, number, [*shown, {**region, "id": "hers", "from_name": BOX, "type": "rectanglelabels",
                                        "value": moved}])  # fmt: skip
    skipped = next(i for i in tasks if i != picture.image_id)
    annotate(server, tasks[skipped][0], [], was_cancelled=True)
    home = pull(few, "two", server)
    assert home.annotations == {"lead@example.com": 2, "ann@example.com": 1}
    assert home.counts["drawn"] == 1 and home.counts["matched"] == 1, "both drew the same new face"
    assert home.counts["deleted"] == 1 and home.counts["changed"] == 1
    assert home.counts["confirmed"] == 2 * len(picture.faces) - 2
    assert home.counts["skipped"] >= 1 and home.left >= 1
    hers, layer = home.layers
    assert (hers.author, layer.author) == ("ann@example.com", "lead@example.com")
    rows = {r[faces.FACE_ID.name]: r for r in few.layer_table(layer.name).to_pylist()}
    assert rows[second.face_id][labels.REVIEW_REJECTED.name] is True
    assert rows[first.face_id][faces.BOX[2].name] == pytest.approx(first.box[2] - 0.05 * width, abs=0.01)
    assert rows[first.face_id][labels.REVIEW_SECONDS.name] == 12.5
    assert rows[first.face_id][labels.REVIEW_CHANGED.name] == [BOX]
    added = few.faces([faces.FACE_ID, faces.ORIGIN, labels.GENDER], f"{faces.ORIGIN.name} = 'human'").to_pylist()
    assert [r[labels.GENDER.name] for r in added] == ["Female"]
    theirs = {r[faces.FACE_ID.name]: r for r in few.layer_table(hers.name).to_pylist()}
    assert theirs[added[0][faces.FACE_ID.name]][faces.BOX[0].name] == pytest.approx(0.02 * width, abs=0.01)
    assert theirs[second.face_id][labels.REVIEW_REJECTED.name] is False
    assert added[0][faces.FACE_ID.name].startswith(picture.image_id)
    again = pull(few, "two", server)
    assert again.layers == () and again.annotations == {}
    annotate(server, number, shown)
    newer = pull(few, "two", server)
    assert newer.layers[0].name == layer.name.removesuffix("1") + "2"
    kept = few.faces([faces.FACE_ID, labels.REVIEW_REJECTED], f"{faces.FACE_ID.name} = '{second.face_id}'").to_pylist()
    assert kept[0][labels.REVIEW_REJECTED.name] is False


def test_a_blind_reviewers_boxes_are_matched_to_the_faces(
    few: Dataset, label_studio: RealServer, server: Server
) -> None:
    done = push(few, options(label_studio, "blind", blind=1.0), server)
    assert done.blind == done.wanted and done.faces == 0
    gallery = Gallery(few, Spec.of(ASKED), ledger.load(few, "blind").layers)
    tasks = sent(server, done.project)
    picture = next(p for p in gallery.pictures(list(tasks)) if len(p.faces) == 1)
    assert tasks[picture.image_id][1] == []
    (face,) = picture.faces
    width, height = picture.size
    x, y, w, h = face.box
    value = {"x": 100 * (x + 1) / width, "y": 100 * y / height, "width": 100 * w / width, "height": 100 * h / height,
             "rotation": 0, "rectanglelabels": ["face"]}  # fmt: skip
    box = {"id": "own", "from_name": BOX, "to_name": "image", "type": "rectanglelabels", "value": value}
    annotate(server, tasks[picture.image_id][0], [box])
    home = pull(few, "blind", server)
    assert home.counts == {"matched": 1}
    rows = {r[faces.FACE_ID.name]: r for r in few.layer_table(home.layers[0].name).to_pylist()}
    row = rows[face.face_id]
    assert row[labels.REVIEW_BLIND.name] and row[faces.BOX[0].name] == pytest.approx(x + 1, abs=0.01)
    assert not Reading(Spec.of(ASKED), (), width, height).word([]).faces


def test_wrong_calls_get_one_line(
    few: Dataset, label_studio: RealServer, server: Server, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def complaint(*call: str) -> str:
        with pytest.raises(SystemExit):
            main(["review", *call])
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    data, url = str(few.path), label_studio.url
    assert "has no server yet" in complaint("push", data, "--name", "new", "--minors")
    assert "unknown review" in complaint("pull", data, "--name", "absent")
    assert "not encrypted" in complaint("push", data, "--url", "http://labels.example.org", "--minors")
    assert "holds a password" in complaint("push", data, "--url", "https://a:b@labels.example.org", "--minors")
    assert "is not a folder" in complaint("push", data, "--url", url, "--media-root", data + "/no", "--minors")
    assert "cannot name a review" in complaint("push", data, "--url", url, "--name", "../x", "--minors")
    monkeypatch.setenv(TOKEN_VARIABLE, "f" * 40)
    line = complaint("push", data, "--url", url, "--minors", "--quiet")
    assert "401" in line and TOKEN_VARIABLE in line and "f" * 40 not in line
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert "no token" in complaint("push", data, "--url", url, "--minors")
    with pytest.raises(UsageError, match="another spec"):
        push(few, options(label_studio, "review", spec=Spec.of(["perceived_gender"])), server)


@pytest.mark.parametrize("kind", ["local", "embedded"])
def test_the_doctor_opens_every_picture(few: Dataset, label_studio: RealServer, server: Server, kind: str) -> None:
    done = push(few, options(label_studio, kind, media={"kind": kind, "root": str(label_studio.media)}), server)
    found = check(few, kind, server)
    assert found.well and found.tasks == done.wanted
    assert (found.opened, found.embedded) == ((0, done.wanted) if kind == "embedded" else (done.wanted, 0))


def test_the_doctor_names_what_cannot_be_seen(few: Dataset, label_studio: RealServer, server: Server) -> None:
    done = push(few, options(label_studio, "gone"), server)
    gone, text = sorted((label_studio.media / "facecurate" / f"{few.path.name}-gone").iterdir())[:2]
    gone.unlink()
    text.write_text("not a picture")
    server.add(done.project, [{"data": {"image": "https://elsewhere.example.org/a.jpg"}}])
    found = check(few, "gone", server)
    assert not found.well and found.foreign == 1 and len(found.wrong) >= 2
    reasons = " ".join(why for _, _, why in found.wrong)
    assert "404" in reasons and "did not send" in reasons


def test_the_readmes_commands_run_as_they_stand(label_studio: RealServer, tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
    (block,) = re.findall(r"<!-- run with label studio -->\n```bash\n(.*?)```", page, re.DOTALL)
    hard_cases(tmp_path / "made", pictures=60).path.rename(tmp_path / "faces")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    told = {"LABEL_STUDIO_URL": label_studio.url, TOKEN_VARIABLE: label_studio.token, "PATH": path}
    for command in block.strip().splitlines():
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=tmp_path,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert len(list(pq.read_table(tmp_path / "queue.parquet").column("image_id"))) >= 10
