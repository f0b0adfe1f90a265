"""A CLIP network of open_clip (MIT), loaded from files of this machine, with one forward pass per face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotators.adapters.clip_checkpoint import EXTRA, FOLDER_PREFIX, ClipFiles, ClipSource, described
from annotators.adapters.torch_runtime import device_of, offline, one_thread, silent, torch_of
from annotators.base import Face
from annotators.crops import BoxCrop, Pixels
from annotators.runtime import Floats
from schemas import MissingExtraError, ModelError

if TYPE_CHECKING:
    from annotators.weights import ModelStore

TEXTS_AT_ONCE = 32
SIGLIP = "siglip"
"""open_clip fetches a tokenizer for every architecture with this in its name."""


class ClipNetwork:
    """Image and text tower. Get it with `models.shared(Loader(config.source))`.

    Args:
        source: The settings that choose the model.
        models: Finds the files.

    Attributes:
        size: Side of the square picture that the image tower takes, in pixels.
        scale: Factor from cosine to logit that the model was trained with.

    Raises:
        MissingExtraError: if open_clip or PyTorch is not installed.
        ModelError: if a file is missing, of a refused format, or does not fit the architecture.
    """

    def __init__(self, source: ClipSource, models: ModelStore) -> None:
        files = source.files()
        weights = models.path(files.weights)
        self._torch = torch_of(EXTRA)
        try:
            import open_clip
        except ImportError:
            raise MissingExtraError("open_clip_torch", EXTRA) from None
        self._device = device_of(self._torch, source.device)
        with offline(), silent():
            text = _own_text(open_clip, files)
            self._model = _load(open_clip, files, weights, self._device, source.precision)
            self._tokens = _tokenizer(open_clip, files.model, text)
        self._dtype = open_clip.get_input_dtype(source.precision) or self._torch.float32
        preprocess = open_clip.get_model_preprocess_cfg(self._model)
        self.size = _side(preprocess["size"], weights)
        self._mean, self._std = (
            self._torch.tensor(preprocess[key], dtype=self._torch.float32).view(3, 1, 1) for key in ("mean", "std")
        )
        self.scale = float(self._model.logit_scale.detach().float().exp())

    def image(self, crop: Pixels) -> Floats:
        """Embedding of unit length of an RGB picture, shape (size, size, 3)."""
        torch = self._torch
        with one_thread(torch):
            pixels = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))).float() / 255
            tensor = ((pixels - self._mean) / self._std)[None].to(self._device, self._dtype)
            embedding: Floats = _unit_rows(self._model.encode_image(tensor).float().cpu().numpy())[0]
        return embedding

    def texts(self, prompts: Sequence[str]) -> Floats:
        """Embeddings of unit length of prompts, shape (n, width)."""
        parts = [prompts[i : i + TEXTS_AT_ONCE] for i in range(0, len(prompts), TEXTS_AT_ONCE)]
        with one_thread(self._torch):
            rows = [self._model.encode_text(self._tokens(list(p)).to(self._device)) for p in parts]
            return _unit_rows(self._torch.cat(rows).float().cpu().numpy())


@dataclass(frozen=True)
class Loader:
    """Makes the network of a source; equal ones share it through `ModelStore.shared`."""

    source: ClipSource

    def __call__(self, models: ModelStore) -> ClipNetwork:
        return ClipNetwork(self.source, models)


@dataclass(frozen=True)
class View:
    """What a network makes of a face; equal views share one pass through `face.once`."""

    network: ClipNetwork
    margin: float

    def __call__(self, face: Face) -> Floats:
        """The face's embedding, unit length, shape (width,)."""
        return self.network.image(face.crop(BoxCrop(self.network.size, self.margin)).pixels)


def _unit_rows(rows: Any) -> Floats:
    lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(1, keepdims=True))
    return np.asarray(rows / lengths, np.float32)


def _load(open_clip: Any, files: ClipFiles, weights: Path, device: str, precision: str) -> Any:
    for path in files.described:
        if not files.model.startswith(FOLDER_PREFIX):
            open_clip.add_model_config(Path(path))
    try:
        model = open_clip.create_model(files.model, load_weights=False, precision=precision, device=device)
        open_clip.load_checkpoint(model, str(weights), strict=True, weights_only=True, device="cpu")
    except Exception as error:
        lines = str(error).strip().splitlines()
        reason = " ".join(line.strip() for line in lines[:2])[:300]
        raise ModelError(f"{weights} cannot be loaded as {files.model}", reason) from error
    return model.eval()


def _tokenizer(open_clip: Any, model: str, text: Mapping[str, Any]) -> Any:
    # A folder's own settings could let its tokenizer run code that lies beside it; what is said here goes before them.
    safe = {"trust_remote_code": False} if text.get("hf_tokenizer_name") else {}
    try:
        return open_clip.get_tokenizer(model, **safe)
    except ImportError:
        raise MissingExtraError("transformers", "vlm") from None
    except Exception as error:
        raise ModelError(f"the tokenizer of {model} cannot be loaded", str(error)) from error


def _own_text(open_clip: Any, files: ClipFiles) -> Mapping[str, Any]:
    """What the architecture says of its text tower; `ModelError` if a part of it would come from elsewhere."""
    folder = files.model.startswith(FOLDER_PREFIX)
    config = described(Path(files.described[0])) if files.described else open_clip.get_model_config(files.model)
    if config is None:
        raise ModelError(
            f"open_clip knows no architecture '{files.model}'",
            fix="`python -c 'import open_clip; print(open_clip.list_models())'` lists them; model_configs adds others",
        )
    text: Mapping[str, Any] = config["text_cfg"]
    named = text.get("hf_tokenizer_name") or SIGLIP in files.model.lower()
    asks = "hf_model_name" in text or (not folder and named)
    if asks:
        raise ModelError(
            f"{files.model} takes its text tower or tokenizer from a model hub, and nothing is fetched here",
            fix=f"Give a folder that holds them too: checkpoint={FOLDER_PREFIX}FOLDER",
        )
    return text


def _side(size: Any, weights: Path) -> int:
    sides = {int(size)} if isinstance(size, int) else {int(x) for x in size}
    if len(sides) > 1:
        raise ModelError(f"{weights} takes pictures of {size}", "only square ones are cut here")
    return sides.pop()
