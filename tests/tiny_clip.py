"""A CLIP model of open_clip's own architecture, small enough to be made in a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from annotators.adapters.torch_runtime import torch_of

NAME = "tiny-clip-for-tests"
CONFIG = {
    "embed_dim": 48,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
STATISTICS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]}


def open_clip() -> Any:
    """The library, importable beside a PyTorch for the CPU."""
    torch_of("clip")
    import open_clip

    return open_clip


def make(folder: Path, seed: int = 0) -> tuple[Any, Path]:
    """Write architecture and random weights; returns the model and its checkpoint."""
    from safetensors.torch import save_file

    library, torch = open_clip(), torch_of("clip")
    (folder / f"{NAME}.json").write_text(json.dumps(CONFIG), "utf-8")
    library.add_model_config(folder)
    torch.manual_seed(seed)
    model = library.create_model(NAME, load_weights=False).eval()
    path = folder / "tiny.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return model, path


def make_folder(folder: Path, checkpoint: Path) -> Path:
    """The same model as a folder in open_clip's format, with its own picture statistics."""
    folder.mkdir()
    (folder / "open_clip_model.safetensors").write_bytes(checkpoint.read_bytes())
    config = {"model_cfg": CONFIG, "preprocess_cfg": STATISTICS}
    (folder / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    return folder
