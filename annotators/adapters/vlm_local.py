"""A vision-language model of transformers (Apache-2.0), loaded from a folder of this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotators.adapters.torch_runtime import PRECISIONS, device_of, offline, one_thread, silent, torch_of
from annotators.adapters.vlm_dialogue import Turn, VlmError
from annotators.crops import Pixels
from schemas import MissingExtraError, ModelError

EXTRA = "vlm"
READ = (".json", ".jinja", ".safetensors", ".txt", ".model")
"""Files of a folder that make the model what it is."""


def model_files(folder: Path) -> tuple[str, ...]:
    """The files that a model is made of.

    Raises:
        ModelError: if the folder is none of transformers, or holds no safetensors, or asks for code of its own.
    """
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"there is no {config}", "the folder of a transformers model holds one")
    found = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in READ and not p.name.startswith("."))
    if not any(p.suffix == ".safetensors" for p in found):
        raise ModelError(f"{folder} holds no .safetensors", "weights that can hold code are not read")
    for path in found:
        if path.suffix == ".json" and "auto_map" in _keys(path):
            raise ModelError(f"{path} asks for program code of the model's own", "such code is never run")
    return tuple(f"{folder}/{p.name}" for p in found)


def _keys(path: Path) -> set[str]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is no JSON file", str(error)) from error
    return set(found) if isinstance(found, dict) else set()


class LocalModel:
    """The model of one process, greedy and so repeatable.

    Args:
        folder: Where it is.
        device: `cpu`, `cuda`, `mps` or `auto`.
        precision: `fp32`, `fp16` or `bf16`.
        max_tokens: Length of an answer, at most.

    Raises:
        MissingExtraError: if transformers or PyTorch is not installed.
        ModelError: if the folder cannot be loaded.
    """

    def __init__(self, folder: Path, device: str, precision: str, max_tokens: int) -> None:
        model_files(folder)
        self.name = folder.name
        self._torch = torch_of(EXTRA)
        self._device = device_of(self._torch, device)
        self._max_tokens = max_tokens
        with offline(), silent():
            self._processor, self._model = _load(folder, getattr(self._torch, PRECISIONS[precision]))
        self._model = self._model.to(self._device).eval()

    def answer(self, turns: Sequence[Turn], picture: Pixels) -> str:
        """See `Backend.answer`."""
        inputs = self.inputs(turns, picture)
        with one_thread(self._torch):
            made = self._model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=self._max_tokens)
        new = made[:, inputs["input_ids"].shape[1] :]
        text: str = self._processor.batch_decode(new, skip_special_tokens=True)[0]
        if not text.strip():
            raise VlmError("the model answered nothing")
        return text

    def inputs(self, turns: Sequence[Turn], picture: Pixels) -> Any:
        """What the model is given: its processor's tensors for the dialogue and the picture."""
        from PIL import Image

        messages: list[dict[str, Any]] = [
            {"role": t.role, "content": [{"type": "text", "text": t.text}]} for t in turns
        ]
        messages[0]["content"].insert(0, {"type": "image", "image": Image.fromarray(picture)})
        inputs = self._processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        return inputs.to(self._device, dtype=self._model.dtype)


def _load(folder: Path, dtype: Any) -> tuple[Any, Any]:
    try:
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from transformers.utils import logging
    except ImportError:
        raise MissingExtraError("transformers", EXTRA) from None
    bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = AutoProcessor.from_pretrained(str(folder), **safe)
        model = AutoModelForImageTextToText.from_pretrained(str(folder), use_safetensors=True, dtype=dtype, **safe)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{folder} cannot be loaded as an image-text-to-text model", reason) from error
    finally:
        if bar:
            logging.enable_progress_bar()
    if not getattr(processor, "chat_template", None):
        raise ModelError(f"{folder} has no chat template", fix="Take a model that was tuned for dialogue")
    return processor, model
