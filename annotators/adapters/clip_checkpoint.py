"""Where a CLIP model's files are: a catalogue name, a file of the user's own, or a folder in open_clip's format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotators.adapters.torch_runtime import DEVICES, PRECISIONS
from annotators.base import Config
from annotators.weights import is_path
from schemas import ModelError, UsageError

EXTRA = "clip"
FOLDER_PREFIX = "local-dir:"
FOLDER_CONFIG = "open_clip_config.json"
SAFE = ".safetensors"
PREFERRED = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
"""Names that open_clip looks for in a folder, the first ones first."""

ARCHITECTURES = {
    "clip_vit_b_32": "ViT-B-32",
    "clip_vit_b_32_openai": "ViT-B-32-quickgelu",
    "clip_vit_l_14_openai": "ViT-L-14-quickgelu",
}
"""Architecture of each checkpoint of the catalogue; OpenAI's weights need the activation they were trained with."""


@dataclass(frozen=True)
class ClipConfig(Config):
    """Which CLIP model looks at the face, and how much of it.

    Attributes:
        model: Architecture as open_clip names it; empty for checkpoints of the catalogue and folders, which tell it.
        checkpoint: Name in the catalogue, path of a safetensors file, or `local-dir:` and a folder of open_clip's.
        model_configs: Folder with JSON files of further architectures.
        margin: Share of the longer side of the box that is added on every side.
        device: `cpu`, `cuda`, `mps`, or `auto` for the best here; values may differ in their last bits between devices.
        precision: `fp32`, `fp16` or `bf16`.
    """

    model: str = ""
    checkpoint: str = "clip_vit_b_32"
    model_configs: str = ""
    margin: float = 0.25
    device: str = "cpu"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, value, known in (("device", self.device, DEVICES), ("precision", self.precision, PRECISIONS)):
            if value not in known:
                raise UsageError(f"{name}={value}", fix=f"Known: {', '.join(known)}")
        if not 0 <= self.margin <= 2:
            raise UsageError(f"margin={self.margin}", fix="It is a share of the box, from 0 to 2")

    @property
    def source(self) -> ClipSource:
        """The model alone: annotators that agree in it share one network."""
        return ClipSource(self.model, self.checkpoint, self.model_configs, self.device, self.precision)


@dataclass(frozen=True)
class ClipFiles:
    """What a network is built from.

    Attributes:
        weights: Name of the catalogue, or path of the safetensors file.
        model: What open_clip calls the architecture: a name, or `local-dir:` and the folder.
        described: JSON files that tell the architecture, if it is not one of open_clip's own.
    """

    weights: str
    model: str
    described: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Everything the values depend on, for the layer's record."""
        return (self.weights, *self.described)


@dataclass(frozen=True)
class ClipSource:
    """The settings of `ClipConfig` that choose the model."""

    model: str
    checkpoint: str
    model_configs: str
    device: str
    precision: str

    def files(self) -> ClipFiles:
        """The model's files.

        Raises:
            UsageError: if the settings do not fit each other.
            ModelError: if a file of the user's own is missing or of a refused format.
        """
        folder = next((x for x in (self.model, self.checkpoint) if x.startswith(FOLDER_PREFIX)), "")
        if folder:
            return _in_folder(Path(folder.removeprefix(FOLDER_PREFIX)).expanduser())
        if not (is_path(self.checkpoint) or self.checkpoint.endswith((SAFE, *_REFUSED))):
            return ClipFiles(self.checkpoint, self._catalogue_model())
        path = Path(self.checkpoint).expanduser()
        refuse_pickles(path)
        if not self.model:
            raise UsageError(
                f"the architecture of {path} is not known",
                fix="Name it, such as model=ViT-B-32, as open_clip spells it",
            )
        return ClipFiles(f"{path.parent}/{path.name}", self.model, self._described())

    def _catalogue_model(self) -> str:
        needed = ARCHITECTURES.get(self.checkpoint, "")
        if self.model and needed and self.model != needed:
            raise UsageError(f"model={self.model} does not fit checkpoint {self.checkpoint}", fix=f"It is a {needed}")
        if not needed:
            raise UsageError(
                f"checkpoint={self.checkpoint} is neither in the catalogue nor a path",
                fix=f"Known: {', '.join(ARCHITECTURES)}; a path ends in {SAFE}; a folder starts with {FOLDER_PREFIX}",
            )
        return needed

    def _described(self) -> tuple[str, ...]:
        if not self.model_configs:
            return ()
        path = Path(self.model_configs).expanduser() / f"{self.model}.json"
        if not path.is_file():
            raise ModelError(f"there is no {path}", f"model={self.model} is to be described there")
        return (f"{path.parent}/{path.name}",)


_REFUSED = (".pt", ".pth", ".bin", ".ckpt", ".npz")


def refuse_pickles(path: Path) -> None:
    """Raise `ModelError` for files that could run code when they are read, or that are not there."""
    if path.suffix != SAFE:
        raise ModelError(
            f"{path} is not read",
            "only safetensors files are: the other formats can hold code that runs when they are loaded",
            "docs/adapters.md tells how to convert one",
        )
    if not path.is_file():
        raise ModelError(f"there is no model file {path}", fix="Give the path of a safetensors file")


def _in_folder(folder: Path) -> ClipFiles:
    if not (folder / FOLDER_CONFIG).is_file():
        raise ModelError(f"there is no {folder / FOLDER_CONFIG}", "a local-dir: folder holds it beside its weights")
    found = sorted(path.name for path in folder.glob(f"*{SAFE}"))
    chosen = next((name for name in PREFERRED if name in found), found[0] if len(found) == 1 else "")
    if not chosen:
        raise ModelError(f"{folder} holds no weights to load", f"one of {', '.join(PREFERRED)} is expected")
    tokens = [f"{folder}/{name}" for name in ("tokenizer.json",) if (folder / name).is_file()]
    return ClipFiles(f"{folder}/{chosen}", f"{FOLDER_PREFIX}{folder}", (f"{folder}/{FOLDER_CONFIG}", *tokens))


def described(path: Path) -> Mapping[str, Any]:
    """The architecture that a JSON file tells.

    Raises:
        ModelError: if it is none.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is no JSON file", str(error)) from error
    found = found.get("model_cfg", found) if isinstance(found, dict) else {}
    if missing := [key for key in ("embed_dim", "vision_cfg", "text_cfg") if key not in found]:
        raise ModelError(f"{path} describes no CLIP model", f"it lacks {', '.join(missing)}")
    return dict(found)
