"""A vision-language model from a folder: the real loading code and transformers' own architecture, made in the test."""

from __future__ import annotations

import builtins
import json
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.adapters.vlm import CaptionVlm, VlmConfig
from annotators.adapters.vlm_dialogue import Turn
from annotators.adapters.vlm_local import LocalModel, model_files
from annotators.adapters.vlm_questions import questionnaire
from annotators.weights import ModelStore
from schemas import MissingExtraError, ModelError
from schemas.columns import labels
from tests import tiny_vlm
from tests.caption_samples import ADULT, answer, batch_of

pytest.importorskip("transformers")

GOOD = answer(gender="Female", expression="sadness")
PICTURE = np.random.default_rng(3).integers(0, 256, (60, 60, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """Model, processor and folder."""
    folder = tmp_path_factory.mktemp("vlm") / "tiny-llava"
    return (*tiny_vlm.make(folder, [questionnaire().prompt(), GOOD]), folder)


def test_the_answer_equals_the_librarys_own(tiny: tuple[Any, Any, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    def refused(*_: object) -> None:
        pytest.fail("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)
    model, processor, folder = tiny
    turns = [Turn("user", "Describe."), Turn("assistant", "{}"), Turn("user", "Again.")]
    messages: list[dict[str, Any]] = [{"role": t.role, "content": [{"type": "text", "text": t.text}]} for t in turns]
    messages[0]["content"].insert(0, {"type": "image", "image": Image.fromarray(PICTURE)})
    mine = LocalModel(folder, "cpu", "fp32", 20)
    assert mine.name == "tiny-llava"
    text = mine.answer(turns, PICTURE)
    assert text == tiny_vlm.generated(model, processor, messages, 20)
    assert len(text) > 10
    assert text == mine.answer(turns, PICTURE)
    inputs = mine.inputs(turns, PICTURE)
    expected = processor.image_processor(Image.fromarray(PICTURE), return_tensors="pt")["pixel_values"]
    np.testing.assert_allclose(inputs["pixel_values"].numpy(), expected.numpy(), atol=1e-6)


def run(folder: Path, **settings: Any) -> dict[str, Any]:
    runner = CaptionVlm(VlmConfig(folder=str(folder), size=64, **settings))
    runner.setup(ModelStore(entries=()))
    row: dict[str, Any] = runner.annotate(batch_of([ADULT])).to_pylist()[0]
    return row


def test_babble_is_a_failed_row(tiny: tuple[Any, Any, Path]) -> None:
    row = run(tiny[2], max_tokens=12, max_retries=1)
    assert row[labels.STATUS.name] == "failed"
    assert "2 answers not accepted, the last because" in row[labels.ERROR.name]


def test_a_model_that_was_taught_the_answer_captions_the_face(tmp_path: Path) -> None:
    folder = tmp_path / "taught"
    model, processor = tiny_vlm.make(folder, [questionnaire().prompt(), GOOD])
    runner = CaptionVlm(VlmConfig(folder=str(folder), size=64))
    runner.setup(ModelStore(entries=()))
    picture = batch_of([ADULT]).crop(0, runner._crop).pixels
    backend = runner._backend
    assert isinstance(backend, LocalModel)
    inputs = backend.inputs([Turn("user", questionnaire().prompt())], picture)
    assert tiny_vlm.teach(folder, model, inputs, GOOD, processor) < 0.05
    row = run(folder)
    assert row[labels.STATUS.name] == "ok", row[labels.ERROR.name]
    assert row[labels.CAPTION.name] == json.loads(GOOD)["caption"]
    assert "perceived_emotion=sadness" in row[labels.CAPTION_FACTS.name]
    assert row[labels.CAPTION_MODEL.name] == "taught"
    assert row == run(folder)


def test_every_file_of_the_model_is_part_of_the_layer(tiny: tuple[Any, Any, Path]) -> None:
    names = [Path(p).name for p in CaptionVlm.weights_of(VlmConfig(folder=str(tiny[2])))]
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(names)
    assert names == sorted(names)


def test_folders_that_are_no_model_or_hold_code_are_refused(tiny: tuple[Any, Any, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no .*config\.json"):
        model_files(tmp_path)
    (tmp_path / "config.json").write_text("{}", "utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match="weights that can hold code are not read"):
        model_files(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="cannot be loaded as an image-text-to-text model"):
        LocalModel(tmp_path, "cpu", "fp32", 8)
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModel": "code.Model"}}', "utf-8")
    with pytest.raises(ModelError, match="code of the model's own"):
        model_files(tmp_path)
    (tmp_path / "config.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="no JSON file"):
        model_files(tmp_path)


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "untuned"
    tiny_vlm.make(folder, ["text"])
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="has no chat template"):
        LocalModel(folder, "cpu", "fp32", 8)


def test_a_missing_library_names_the_extra(tiny: tuple[Any, Any, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "transformers":
            raise ImportError(name)
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in [n for n in sys.modules if n.partition(".")[0] == "transformers"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r"facecurate\[vlm\]"):
        LocalModel(tiny[2], "cpu", "fp32", 8)
