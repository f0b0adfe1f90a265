"""Torch checkpoints without their classes: a file's tensors, and the layers that this project's code makes of them.

Only tensors are read (safetensors, or torch's own loader in the mode that refuses code), and a network is a plain
function over them, so no foreign class is ever built. What the function does not use is an error: the file is then of
another architecture.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from annotators.adapters.torch_runtime import one_thread, torch_of
from annotators.catalogue import default_entries
from annotators.extras import require_libraries
from annotators.runtime import Floats, OnnxModel
from annotators.weights import is_path
from schemas import MissingExtraError, ModelError

EXTRA = "adapters"
ONNX_SUFFIX, SAFETENSORS_SUFFIX = ".onnx", ".safetensors"
WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Names under which training code stores the tensors beside other things."""
PREFIX = "module."
"""What torch's DataParallel puts before each name."""
COUNTER = ".num_batches_tracked"
EPSILON = 1e-5


class Tensors:
    """The tensors of a checkpoint by name, as layers of a network that is only run, never trained.

    Args:
        values: Tensors by name.
        label: What to call the file in errors.
    """

    def __init__(self, values: Mapping[str, Any], label: str) -> None:
        self._values = {k: v for k, v in values.items() if not k.endswith(COUNTER)}
        self._label = label
        self._used: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise ModelError(f"{self._label} does not fit this network", f"it has no '{name}'")
        self._used.add(name)
        return self._values[name]

    def unused(self, spare: Sequence[str] = ()) -> list[str]:
        """Names that no layer has asked for, save those that begin with one of `spare`."""
        return sorted(k for k in self._values.keys() - self._used if not k.startswith(tuple(spare)))

    def count(self, name: str) -> int:
        """How many modules stand in a list of modules: `name.0`, `name.1`, ..."""
        numbers = {k[len(name) + 1 :].split(".")[0] for k in self._values if k.startswith(f"{name}.")}
        return sum(n.isdigit() for n in numbers)

    def conv(self, name: str, x: Any, stride: int = 1) -> Any:
        """A convolution that keeps the size but for its stride (odd kernel, padded by half of it)."""
        functional = torch_of(EXTRA).nn.functional
        weight = self[f"{name}.weight"]
        return functional.conv2d(x, weight, self._bias(name), stride, weight.shape[-1] // 2)

    def norm(self, name: str, x: Any) -> Any:
        """Batch normalisation with the stored mean and variance."""
        functional = torch_of(EXTRA).nn.functional
        mean, variance = self[f"{name}.running_mean"], self[f"{name}.running_var"]
        return functional.batch_norm(x, mean, variance, self[f"{name}.weight"], self[f"{name}.bias"], eps=EPSILON)

    def linear(self, name: str, x: Any) -> Any:
        """A linear layer over the last axis."""
        return torch_of(EXTRA).nn.functional.linear(x, self[f"{name}.weight"], self._bias(name))

    def _bias(self, name: str) -> Any:
        bias = f"{name}.bias"
        if bias not in self:
            return None
        return self[bias]


Network = Callable[[Tensors, Any], Sequence[Any]]
"""A network as a function: tensors and a batch of pictures, shape (n, 3, height, width), to its outputs."""


class TorchModel:
    """A checkpoint run by a function, on one thread.

    Args:
        path: A `.safetensors` file, or one of torch that holds nothing but tensors and plain containers.
        network: The function.
        size: Side of the pictures it takes, for a first run that proves that file and function fit.
        spare: Beginnings of names that the function need not use, such as heads for training.

    Raises:
        MissingExtraError: if torch is not installed.
        ModelError: if the file cannot be read, holds code, or is of another architecture.
    """

    def __init__(self, path: Path, network: Network, size: int, spare: Sequence[str] = ()) -> None:
        self._tensors = Tensors(read_tensors(path), path.name)
        self._network = network
        try:
            self(np.zeros((1, 3, size, size), np.float32))
        except (RuntimeError, IndexError) as error:
            raise ModelError(f"{path.name} does not fit this network", str(error)) from error
        if left := self._tensors.unused(spare):
            shown = ", ".join(left[:3])
            raise ModelError(f"{path.name} does not fit this network", f"{len(left)} tensors are left over: {shown}")

    def __call__(self, pictures: Floats) -> list[Floats]:
        """Outputs for a batch of pictures, shape (n, 3, height, width)."""
        torch = torch_of(EXTRA)
        with one_thread(torch):
            outputs = self._network(self._tensors, _own(torch.from_numpy(np.asarray(pictures, np.float32))))
        return [np.asarray(o.numpy(), np.float32) for o in outputs]


def require_loader(*models: str) -> None:
    """Make sure that the libraries are here which `load_network` needs for these models.

    Args:
        models: Names of the catalogue, or paths.

    Raises:
        MissingExtraError: naming the extra.
    """
    files = {entry.name: entry.file for entry in default_entries()}
    for name in models:
        suffix = Path(files.get(name, name)).suffix
        if suffix == SAFETENSORS_SUFFIX:
            require_libraries(EXTRA, "torch", "safetensors")
        elif suffix != ONNX_SUFFIX and (name in files or is_path(name)):
            require_libraries(EXTRA, "torch")


def load_network(path: Path, network: Network, size: int, spare: Sequence[str] = ()) -> OnnxModel | TorchModel:
    """The model of a file: an ONNX graph as it is, or a checkpoint run by `network`.

    Raises:
        MissingExtraError: if the file needs a library that is not installed.
        ModelError: if the file is none that can be run.
    """
    return OnnxModel(path) if path.suffix == ONNX_SUFFIX else TorchModel(path, network, size, spare)


def first_outputs(model: OnnxModel | TorchModel, size: int, name: str) -> list[Floats]:
    """What a model makes of a picture of zeros, shape (1, 3, size, size): a wrong file shows before the first face.

    Raises:
        ModelError: if the model does not take such a picture.
    """
    try:
        return model(np.zeros((1, 3, size, size), np.float32))
    except Exception as error:
        reason = f"it does not take one picture of {size} x {size} pixels ({error})"
        raise ModelError(f"{name} is another model", reason) from error


def read_tensors(path: Path) -> dict[str, Any]:
    """The tensors of a checkpoint by name, in float32; wrappers and the prefix of parallel training are taken off.

    Raises:
        MissingExtraError: if torch or safetensors is not installed.
        ModelError: if the file is no checkpoint, or holds code.
    """
    torch = torch_of(EXTRA)
    found = _safetensors(path) if path.suffix == SAFETENSORS_SUFFIX else _torch_file(torch, path)
    for name in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not any(isinstance(v, torch.Tensor) for v in found.values()):
        raise ModelError(f"{path.name} cannot be loaded", "it holds no tensors by name")
    tensors = {str(k): v for k, v in found.items() if isinstance(v, torch.Tensor)}
    return {k.removeprefix(PREFIX): _own(v.float() if v.is_floating_point() else v) for k, v in tensors.items()}


def _own(tensor: Any) -> Any:
    """The tensor in memory that torch lays out: where a mapped file begins could change the last bit of a result."""
    return tensor.contiguous().clone()


def _safetensors(path: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise MissingExtraError("safetensors", EXTRA) from None
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path.name} cannot be loaded", str(error)) from error


def _torch_file(torch: Any, path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise ModelError(
            f"{path.name} is refused",
            "it is no torch checkpoint, or it holds pickled objects, which could run code",
            "Save the weights alone, with torch.save(model.state_dict(), ...) or safetensors, where you trust the file",
        ) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be loaded", str(error)) from error
