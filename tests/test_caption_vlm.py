"""Captions by a model at an endpoint: asked, checked against the labels, retried, failed and withheld."""

from __future__ import annotations

import base64
import io
import pickle
import socket
import threading
from typing import Any

import pyarrow as pa
import pytest

from annotators.adapters.vlm import CaptionVlm, VlmConfig
from annotators.adapters.vlm_endpoint import Endpoint, is_loopback
from annotators.adapters.vlm_questions import questionnaire
from annotators.base import FaceBatch
from annotators.weights import ModelStore
from schemas import UsageError, check, labels_of
from schemas.columns import labels
from tests.caption_samples import ADULT, UNKNOWN, ages, answer, batch_of
from tests.chat_server import Chat, Reply, chat_server

pytest.importorskip("httpx")
pytest.importorskip("jsonschema")

GOOD = answer(gender="Female", expression="sadness", mouth="closed", glasses="absent")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotators.adapters.vlm_endpoint.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("annotators.adapters.vlm_endpoint.LONGEST_PAUSE", 0.05)


def run(chat: Chat, batch: FaceBatch, **settings: Any) -> list[dict[str, Any]]:
    runner = CaptionVlm(VlmConfig(base_url=chat.url, model="tiny-vlm", **{"timeout": 5.0, "attempts": 3, **settings}))
    runner.setup(ModelStore(entries=()))
    result = runner.annotate(batch)
    assert result.schema.equals(runner.schema())
    for column in runner.provides:
        check(column, result.column(column.name), labels_of)
    rows: list[dict[str, Any]] = result.to_pylist()
    for row in rows:
        if row[labels.STATUS.name] != "ok":
            assert row[labels.ERROR.name]
            assert all(row[c.name] is None for c in runner.provides)
    return rows


def one(replies: list[Reply], person: Any = None, **settings: Any) -> tuple[dict[str, Any], Chat]:
    with chat_server(replies) as chat:
        return run(chat, batch_of([person or ADULT]), **settings)[0], chat


def test_a_good_answer_is_taken() -> None:
    row, chat = one([Reply(GOOD)])
    assert row[labels.STATUS.name] == "ok"
    assert row[labels.CAPTION.name] == "A woman in her thirties looks at the camera with closed lips."
    assert row[labels.CAPTION_FACTS.name] == sorted(
        [
            "celeba_attributes_score.Eyeglasses=absent",
            "looks_at_camera=true",
            "mouth_state=closed",
            "perceived_age=adult",
            "perceived_emotion=sadness",
            "perceived_gender=Female",
        ]
    )
    assert row[labels.CAPTION_UNVERIFIED.name] == ["celeba_attributes_score.Eyeglasses=absent"]
    assert row[labels.CAPTION_MODEL.name] == "tiny-vlm"
    assert row[labels.CAPTION_REJECTIONS.name] == []
    assert chat.paths == ["/v1/chat/completions"]
    assert len(chat.requests) == 1


def test_the_request_holds_the_crop_without_metadata_and_the_schema() -> None:
    from PIL import Image

    _, chat = one([Reply(GOOD)], size=200)
    request = chat.requests[0]
    assert request["temperature"] == 0
    assert request["model"] == "tiny-vlm"
    text, picture = request["messages"][0]["content"]
    assert '"expression": facial expression: anger, disgust' in text["text"]
    url = picture["image_url"]["url"]
    assert url.startswith("data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as sent:
        assert sent.size == (200, 200)
        assert not sent.getexif()
        assert "exif" not in sent.info
    form = request["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["properties"]["gender"] == {"type": ["string", "null"], "enum": ["Female", "Male", None]}
    assert form["schema"]["required"] == ["caption", *questionnaire().facts]
    assert form["schema"]["additionalProperties"] is False


@pytest.mark.parametrize("key", ["sesame\x00-17", "sesame 17", "sesame\n17", "sesämé"])
def test_what_no_header_can_carry_is_told_before_the_first_face_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"MY_KEY": key})
    config = VlmConfig(base_url="http://localhost:9/v1", model="m", key_variable="MY_KEY")
    with pytest.raises(UsageError, match="the key in MY_KEY is none") as caught:
        CaptionVlm.preflight(config)
    assert "ses" not in str(caught.value)


def test_a_line_break_after_the_key_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sesame-17\n")
    row, chat = one([Reply(GOOD)], key_variable="MY_KEY")
    assert row[labels.STATUS.name] == "ok", row[labels.ERROR.name]
    assert chat.headers[0]["Authorization"] == "Bearer sesame-17"


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sesame-17")
    row, chat = one([Reply(status=401, body="bad key sesame-17")], key_variable="MY_KEY")
    assert chat.headers[0]["Authorization"] == "Bearer sesame-17"
    assert "sesame-17" not in row[labels.ERROR.name]
    assert "***" in row[labels.ERROR.name]
    monkeypatch.delenv("MY_KEY")
    _, chat = one([Reply(GOOD)], key_variable="MY_KEY")
    assert "Authorization" not in chat.headers[0]


@pytest.mark.parametrize(("structured", "form"), [("json_object", {"type": "json_object"}), ("none", None)])
def test_servers_that_know_no_schema(structured: str, form: object) -> None:
    _, chat = one([Reply(f"Sure!\n```json\n{GOOD}\n```")], structured=structured)
    assert chat.requests[0].get("response_format") == form


def test_a_contradiction_is_given_back_and_corrected() -> None:
    wrong = answer("A smiling man with glasses.", gender="Male", smile="active", glasses="present")
    row, chat = one([Reply(wrong), Reply(GOOD)])
    assert row[labels.STATUS.name] == "ok"
    (rejection,) = row[labels.CAPTION_REJECTIONS.name]
    assert "perceived_gender=Male is denied: perceived_gender says Female with confidence" in rejection
    assert "au_score.AU12=active is denied: AU12 (lip corner puller) scores 0.02" in rejection
    first, said, correction = chat.requests[1]["messages"]
    assert first["content"][1]["type"] == "image_url"
    assert said == {"role": "assistant", "content": wrong}
    assert rejection in correction["content"]


def test_a_model_that_insists_leaves_the_face_without_a_caption() -> None:
    row, chat = one([Reply(answer("She smiles."))], max_retries=2)
    assert row[labels.STATUS.name] == "not_applicable"
    assert row[labels.ERROR.name].startswith("3 answers not accepted, the last because au_score.AU12=active is denied")
    assert len(chat.requests) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("I cannot help with that.", "no JSON object in 'I cannot help with that.'"),
        ('{"caption": "A woman', "broken JSON"),
        ('{"caption": "A woman."}', "is a required property"),
        ('{"mouth": null}', "the JSON has no caption"),
        ("[1, 2]", "no JSON object"),
        (answer(mouth="agape"), "mouth: 'agape' is not one of"),
        (answer(caption=" "), "the caption must have 1 to 600 characters"),
        (answer(shoe_size="44"), "Additional properties"),
    ],
)
def test_an_answer_that_cannot_be_read_is_asked_again_and_fails_at_last(text: str, why: str) -> None:
    row, _ = one([Reply(text), Reply(GOOD)])
    assert row[labels.STATUS.name] == "ok"
    assert why in row[labels.CAPTION_REJECTIONS.name][0]
    row, _ = one([Reply(text)], max_retries=1)
    assert row[labels.STATUS.name] == "failed"
    assert why in row[labels.ERROR.name]


def test_a_model_may_think_aloud_before_it_answers() -> None:
    row, _ = one([Reply(f'<think>The form is {{"caption": ...}} {{}}, so:</think>\n{GOOD}')])
    assert row[labels.STATUS.name] == "ok"
    assert row[labels.CAPTION_REJECTIONS.name] == []


def test_a_busy_endpoint_is_asked_again() -> None:
    row, chat = one([Reply(status=429, headers={"Retry-After": "0.02"}), Reply(status=500), Reply(GOOD)])
    assert row[labels.STATUS.name] == "ok"
    assert row[labels.CAPTION_REJECTIONS.name] == []
    assert len(chat.requests) == 3


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=503, body="loading"), "answered 503: loading"),
        (Reply(status=400, body="unknown field"), "answered 400: unknown field (if it does not know response_format"),
        (Reply(status=302, headers={"Location": "http://192.0.2.1/"}), "answered 302"),
        (Reply(body="<html>"), "no chat completion"),
        (Reply(body='{"choices": []}'), "no chat completion"),
        (Reply(body='{"choices": [{"message": {"refusal": "no faces"}}]}'), "the model refused: no faces"),
        (Reply(body='{"choices": [{"message": {"content": null}}]}'), "the model answered nothing"),
    ],
)
def test_an_endpoint_that_fails_makes_a_failed_row_with_one_line(reply: Reply, why: str) -> None:
    row, _ = one([reply])
    assert row[labels.STATUS.name] == "failed"
    assert why in row[labels.ERROR.name]
    assert "\n" not in row[labels.ERROR.name]


def test_a_slow_endpoint_times_out() -> None:
    row, chat = one([Reply(GOOD, delay=0.6)], timeout=0.15, attempts=2)
    assert row[labels.STATUS.name] == "failed"
    assert "cannot be reached (timed out)" in row[labels.ERROR.name]
    assert len(chat.requests) == 2


def test_a_dead_endpoint_is_not_asked_for_every_face() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rows = run(Chat(f"http://127.0.0.1:{port}/v1"), batch_of([ADULT] * 40), concurrency=1, attempts=2)
    assert {row[labels.STATUS.name] for row in rows} == {"failed"}
    assert len({row[labels.ERROR.name] for row in rows}) == 1
    assert "cannot be reached" in rows[0][labels.ERROR.name]


def test_a_refused_key_is_not_tried_for_every_face() -> None:
    with chat_server([Reply(status=403, body="no")]) as chat:
        rows = run(chat, batch_of([ADULT] * 20), concurrency=1)
    assert {row[labels.STATUS.name] for row in rows} == {"failed"}
    assert len(chat.requests) == 1


def test_faces_are_asked_side_by_side_and_rows_keep_their_order() -> None:
    meeting = threading.Barrier(3, timeout=10)

    class Meeting(Endpoint):
        def answer(self, turns: Any, picture: Any) -> str:
            meeting.wait()
            return answer(f"A woman number {int(picture[0, 0].sum())}.")

    batch = batch_of([ADULT] * 3)
    config = VlmConfig(base_url="http://127.0.0.1:9/v1", model="m", concurrency=3)
    runner = CaptionVlm(config)
    runner.setup(ModelStore(entries=()))
    runner._backend.__class__ = Meeting
    captions = runner.annotate(batch).column(labels.CAPTION.name).to_pylist()
    expected = [int(batch.crop(i, runner._crop).pixels[0, 0].sum()) for i in range(3)]
    assert captions == [f"A woman number {n}." for n in expected]


def test_doubtful_faces_are_not_asked_about() -> None:
    with chat_server([Reply(GOOD)]) as chat:
        rows = run(chat, batch_of([{**ADULT, labels.FACE_DOUBTFUL: True}, ADULT]))
    assert [row[labels.STATUS.name] for row in rows] == ["not_applicable", "ok"]
    assert len(chat.requests) == 1


CHILD = {**ADULT, labels.AGE_PROB: ages(a3_9=0.2, a20_29=0.8)}


def remote(monkeypatch: pytest.MonkeyPatch, chat: Chat) -> None:
    """Let the server of the test count as one elsewhere."""
    monkeypatch.setattr("annotators.adapters.vlm.is_loopback", lambda _: False)


NOTICE = "sends crops of faces to api.example.org, and labels that an answer contradicts; none of possible minors"


def test_pictures_leave_the_machine_only_if_that_is_allowed() -> None:
    with pytest.raises(UsageError, match=r"to api\.example\.org, which is not this machine.*send_pictures=true"):
        VlmConfig(base_url="https://api.example.org/v1", model="m")
    config = VlmConfig(base_url="https://api.example.org/v1", model="m", send_pictures=True)
    assert CaptionVlm.notices(config) == (NOTICE,)
    plain = VlmConfig(base_url="http://10.0.0.7/v1", model="m", send_pictures=True)
    assert "10.0.0.7, unencrypted" in CaptionVlm.notices(plain)[0]
    assert CaptionVlm.notices(VlmConfig(base_url="http://localhost:1/v1", model="m")) == ()


@pytest.mark.parametrize(
    ("variables", "through"),
    [
        ({"https_proxy": "http://me:secret@proxy.example.net:3128"}, "through the proxy proxy.example.net"),
        ({"all_proxy": "proxy.example.net:3128"}, "through the proxy proxy.example.net"),
        ({"http_proxy": "http://proxy.example.net"}, ""),
        ({"https_proxy": "http://proxy.example.net", "no_proxy": "example.org"}, ""),
    ],
)
def test_a_proxy_that_will_see_the_pictures_is_named(
    variables: dict[str, str], through: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (notice,) = CaptionVlm.notices(VlmConfig(base_url="https://api.example.org/v1", model="m", send_pictures=True))
    assert ("proxy" in notice) == bool(through)
    assert through in notice
    assert "secret" not in notice


def test_minors_are_never_sent_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with chat_server([Reply(GOOD)]) as chat:
        remote(monkeypatch, chat)
        people = [ADULT, CHILD, {**ADULT, labels.AGE_PROB: None}]
        rows = run(chat, batch_of(people), send_pictures=True)
        assert [row[labels.STATUS.name] for row in rows] == ["ok", "not_applicable", "not_applicable"]
        assert "may be a minor's" in rows[1][labels.ERROR.name]
        assert len(chat.requests) == 1
        beside = [(20.0, 20.0, 60.0, 70.0), (90.0, 20.0, 50.0, 60.0), (330.0, 20.0, 50.0, 60.0)]
        rows = run(chat, batch_of([ADULT, CHILD, ADULT], beside, "together"), send_pictures=True)
        assert [row[labels.STATUS.name] for row in rows] == ["not_applicable", "not_applicable", "ok"]
        assert "another face in the crop" in rows[0][labels.ERROR.name]


def test_a_child_beside_a_face_that_is_tried_again_alone_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with chat_server([Reply(GOOD)]) as chat:
        remote(monkeypatch, chat)
        beside = [(20.0, 20.0, 60.0, 70.0), (90.0, 20.0, 50.0, 60.0)]
        both = batch_of([ADULT, CHILD], beside, "together")
        alone = FaceBatch(both.table.slice(0, 1), both.images, both.table)
        (row,) = run(chat, alone, send_pictures=True)
        assert row[labels.STATUS.name] == "not_applicable"
        assert "another face in the crop" in row[labels.ERROR.name]
        assert chat.requests == []


def test_on_this_machine_minors_are_captioned() -> None:
    row, _ = one([Reply(answer("A child."))], {**UNKNOWN, labels.AGE_PROB: ages(a3_9=1.0)})
    assert row[labels.STATUS.name] == "ok"
    assert row[labels.CAPTION_FACTS.name] == ["perceived_age=child"]
    assert row[labels.CAPTION_UNVERIFIED.name] == []


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.8.0.1/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://10.0.0.1/v1", False),
        ("https://localhost.example.org/v1", False),
    ],
)
def test_loopback(url: str, here: bool) -> None:
    assert is_loopback(url) is here


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"folder": "a", "base_url": "http://localhost/v1", "model": "m"}, "both are given"),
        ({"base_url": "http://localhost/v1"}, "needs the model's name"),
        ({"base_url": "ftp://localhost", "model": "m"}, "Give an address such as"),
        ({"base_url": "http://me:pw@localhost/v1", "model": "m"}, "environment variable"),
        ({"base_url": "http://localhost/v1#x", "model": "m"}, "environment variable"),
        ({"structured": "xml"}, "structured=xml"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"timeout": 0.0}, "timeout=0"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        VlmConfig(**settings)


def test_a_model_must_be_chosen() -> None:
    with pytest.raises(UsageError, match="caption_vlm needs a model"):
        CaptionVlm.weights_of(VlmConfig())
    config = VlmConfig(base_url="http://localhost/v1", model="m")
    assert CaptionVlm.weights_of(config) == ()
    assert pickle.loads(pickle.dumps(config)) == config


def test_no_faces_no_requests() -> None:
    with chat_server([Reply(GOOD)]) as chat:
        empty = batch_of([ADULT])
        assert run(chat, FaceBatch(empty.table.slice(0, 0), {})) == []
        assert chat.requests == []
    assert pa.types.is_string(labels.CAPTION.type)
