"""Descriptions by a model at an endpoint: it sees the face, hears why, and never sees possible minors elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from annotators.adapters.vlm import VlmConfig
from curate.cli.main import main
from curate.store import Dataset
from curate.text_quality.layer import describe_dataset
from curate.text_quality.model import endpoint_writer
from curate.text_quality.regenerate import Wanted
from curate.text_quality.writers import TemplateWriter
from schemas.columns import faces, labels
from tests.caption_samples import ages, scores
from tests.chat_server import Reply, chat_server
from tests.evaluation_samples import KEY, add
from tests.store_samples import image_table, table

ADULT, CHILD = ages(a30_39=1.0), ages(a3_9=1.0)
GOOD = "<think>The cheeks are raised (AU6) and the lip corners pulled up (AU12).</think><answer>Happiness</answer>"
SAID = labels.REASONED.name


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    """Three pictures, black, dark and grey, with a happy face each: an adult's, a child's, one of unknown age."""
    found = Dataset.create(tmp_path / "ds", name="sample")
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((120, 120, 3), 40 * i, np.uint8))
    ids = [f"i{i}" for i in range(3)]
    found.write("images", KEY, image_table(ids, uri=[str(p) for p in paths], name=[p.name for p in paths]))
    boxes: dict[Any, list[Any]] = {c: [30.0] * 3 for c in faces.BOX}
    more = {faces.POINTS_5: [[40.0] * 10] * 3, faces.SCORE: [0.9] * 3, faces.ORIGIN: ["model"] * 3}
    found.write("faces", KEY, table({faces.FACE_ID: [f"{i}.0" for i in ids], faces.IMAGE_ID: ids, **boxes, **more}))
    values = {
        labels.AGE_PROB: [ADULT, CHILD, None], labels.PERCEIVED_EMOTION: ["happiness"] * 3,
        labels.AU_SCORE: [scores(labels.AU_SCORE, AU6=0.9, AU12=0.9)] * 3,
    }  # fmt: skip
    add(found, "labels.v1", values)
    return found


def test_the_model_sees_each_face_and_hears_why(ds: Dataset) -> None:
    with chat_server([Reply(GOOD.replace("AU6", "AU7")), Reply(GOOD)]) as chat:
        writer, withheld = endpoint_writer(ds, VlmConfig(base_url=chat.url, model="m"))
        layer, done = describe_dataset(ds, writer, withheld=withheld)
    assert not withheld and len(done) == 3 and len(chat.requests) == 4, "on this machine everybody is described"
    assert done[0].rejections == ["try 1: it cites AU7, which the labels do not have; it does not cite AU6"]
    first, again = chat.requests[:2]
    url = first["messages"][0]["content"][1]["image_url"]["url"]
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (384, 384, 3) and shown.max() <= 2, "the first picture is black"
    assert "it cites AU7" in again["messages"][-1]["content"]
    assert ds.faces([labels.REASONED, labels.REASONED_WRITER]).to_pylist()[0] == {SAID: GOOD, "reasoned_writer": "m"}
    assert layer.config["writer"] == "m"


def test_nobody_who_may_be_a_minor_is_sent_elsewhere(ds: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    config = VlmConfig(base_url="http://example.org/v1", model="m", send_pictures=True)
    _, withheld = endpoint_writer(ds, config)
    assert withheld == {"i1.0", "i2.0"}
    describe_dataset(ds, TemplateWriter(), withheld=withheld)
    rows = ds.faces([labels.REASONED, "error.reasoned"]).to_pylist()
    assert rows[0][SAID] and [r[SAID] for r in rows[1:]] == [None, None]
    assert "may be a minor" in rows[1]["error.reasoned"]
    with pytest.raises(SystemExit) as left:
        main(["describe", str(ds.path), "--endpoint", "http://example.org/v1", "--model", "m"])
    assert left.value.code == 2 and "not this machine" in capsys.readouterr().err


def test_an_endpoint_that_is_down_costs_a_try_each(ds: Dataset) -> None:
    with chat_server([Reply(status=403, body="no")]) as chat:
        writer, _ = endpoint_writer(ds, VlmConfig(base_url=chat.url, model="m", attempts=1))
        _, done = describe_dataset(ds, writer, tries=2)
    assert all(d.text is None and len(d.rejections) == 2 for d in done) and len(chat.requests) == 1
    assert "403" in done[0].rejections[0]


def test_command_and_endpoint_exclude_each_other(ds: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["describe", str(ds.path), "--endpoint", "http://127.0.0.1:1/v1", "--command", "true"])
    assert left.value.code == 2 and "both are given" in capsys.readouterr().err
    assert Wanted("x", (), "neutral").answer == "Neutral"
