"""Files with one embedding each, as training scripts load them; nothing is pickled unless that is asked for."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from curate.export.sample import Sample
from curate.export.splits import named
from curate.export.training import need
from schemas import MissingExtraError, UnknownNameError, UsageError
from schemas.columns import labels

FOLDER = "embeddings"
SUFFIXES = {"npy": ".npy", "safetensors": ".safetensors", "torch": ".bin"}
OWN = labels.EMBEDDING.shape[0]
KEY = "embedding"
"""Name of the tensor in a safetensors file."""
ANNOTATE = "Run: facecurate annotate DATASET -a identity"
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class EmbeddingConfig(Config):
    """How embeddings are written.

    Attributes:
        files: `npy`, `safetensors`, or `torch`, which `torch.save` pickles and the original scripts load.
        width: Numbers in a file; zeros follow the embedding's own, which changes no length and no cosine, so that
            scripts that expect 512 numbers read it. 0 writes the embedding as it is.
    """

    files: str = "npy"
    width: int = 0


def check_config(config: EmbeddingConfig) -> None:
    """Make sure that the files can be written.

    Raises:
        UnknownNameError: for another kind of file.
        UsageError: for a width that does not hold the embedding.
        MissingExtraError: if the library is absent.
    """
    if config.width and config.width < OWN:
        raise UsageError(f"width={config.width}", f"the embedding has {OWN} numbers", "Leave it out, or give 512")
    if config.files not in SUFFIXES:
        raise UnknownNameError("kind of embedding file", config.files, SUFFIXES)
    to_bytes(np.zeros(1, np.float32), config.files)


def embedding_file(
    sample: Sample, config: EmbeddingConfig, folder: str = FOLDER, as_row: bool = False
) -> dict[str, bytes]:
    """Path below the export and bytes of the face's embedding; empty where it has none.

    Args:
        sample: With one face.
        config: How it is written.
        folder: Of the files.
        as_row: Shape (1, width) instead of (width,).

    Raises:
        UsageError: if the dataset has no embeddings.
    """
    value = need(sample.faces[0], labels.EMBEDDING, ANNOTATE)
    if value is None:
        return {}
    name = f"{folder}/{named(sample.split)}/{sample.key[:2]}/{sample.key}{SUFFIXES[config.files]}"
    vector = np.zeros(max(config.width, OWN), np.float32)
    vector[:OWN] = np.asarray(value, np.float32)
    return {name: to_bytes(vector[None] if as_row else vector, config.files)}


def own(vector: Floats) -> Floats:
    """The embedding of a file that may be wider, shape (128,)."""
    return vector.ravel()[:OWN]


def to_bytes(vector: Floats, files: str) -> bytes:
    """A vector as the bytes of a file.

    Raises:
        MissingExtraError: if the library is absent.
    """
    buffer = io.BytesIO()
    if files == "npy":
        np.save(buffer, vector, allow_pickle=False)
        return buffer.getvalue()
    if files == "safetensors":
        return bytes(_safetensors().save({KEY: vector}))
    _torch().save(vector, buffer)
    return buffer.getvalue()


def from_bytes(data: bytes, files: str) -> Floats:
    """The reverse of `to_bytes`; a file of `torch.save` may hold an array and nothing that runs."""
    if files == "npy":
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), np.float32)
    if files == "safetensors":
        return np.asarray(_safetensors().load(data)[KEY], np.float32)
    torch = _torch()
    from numpy._core.multiarray import _reconstruct

    safe = [_reconstruct, np.ndarray, np.dtype, type(np.dtype(np.float32))]
    with torch.serialization.safe_globals(safe):
        return np.asarray(torch.load(io.BytesIO(data), weights_only=True), np.float32)


def kind_of(file: str) -> str:
    """Kind of an embedding's file by its suffix."""
    return next(kind for kind, suffix in SUFFIXES.items() if file.endswith(suffix))


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError("safetensors", "adapters") from None
    return safetensors.numpy


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "adapters") from None
    return torch
