"""Running model files: one thread each, one face at a time, so that batches and workers cannot change a value."""

from __future__ import annotations

import os
import sys
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.onnx_graph import prepare
from schemas import ModelError

Floats = NDArray[np.float32]

ERRORS_ONLY = 3


class OnnxModel:
    """An ONNX network in ONNX Runtime on one thread.

    Args:
        path: The file.
        extra_outputs: Names of inner tensors to give as further outputs.
        any_size: Let inputs have other sizes than the file declares.

    Raises:
        ModelError: if the file is no model that the library can run.
    """

    def __init__(self, path: Path, extra_outputs: Sequence[str] = (), any_size: bool = False) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = ERRORS_ONLY
        try:
            model = prepare(path.read_bytes(), extra_outputs, any_size)
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(f"{path.name} cannot be loaded", str(error)) from error
        self.inputs = tuple(i.name for i in self._session.get_inputs())
        self.outputs = tuple(o.name for o in self._session.get_outputs())

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each input; 1 where the network takes any length."""
        return tuple(tuple(d if isinstance(d, int) else 1 for d in i.shape) for i in self._session.get_inputs())

    def __call__(self, *arrays: NDArray[np.floating[Any]]) -> list[Floats]:
        """Run the network: inputs in its order, outputs in the order of `outputs`."""
        return [np.asarray(a) for a in self._session.run(None, dict(zip(self.inputs, arrays, strict=True)))]


class TfliteModel:
    """A TFLite network in LiteRT on one thread.

    Args:
        model: A file, or the bytes of one.
        name: What to call it in errors.
        extra_outputs: Names of inner tensors to give as further outputs.

    Raises:
        ModelError: if the file is no model that the library can run.
    """

    def __init__(self, model: Path | bytes, name: str = "", extra_outputs: Sequence[str] = ()) -> None:
        from ai_edge_litert.interpreter import Interpreter

        content = model if isinstance(model, bytes) else model.read_bytes()
        keep = bool(extra_outputs)
        try:
            with _native_notices_muted(), warnings.catch_warnings():
                # The library warns that keeping inner tensors costs memory: for a small network it does not matter.
                warnings.simplefilter("ignore", UserWarning)
                self._interpreter: Any = Interpreter(
                    model_content=content, num_threads=1, experimental_preserve_all_tensors=keep
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            label = name or (model.name if isinstance(model, Path) else "a model")
            raise ModelError(f"{label} cannot be loaded", str(error)) from error
        self._inputs = [d["index"] for d in self._interpreter.get_input_details()]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]
        if keep:
            inner = {d["name"]: d["index"] for d in self._interpreter.get_tensor_details()}
            self._outputs += [inner[tensor] for tensor in extra_outputs]

    def __call__(self, *arrays: NDArray[np.floating[Any]]) -> list[Floats]:
        """Run the network: inputs and outputs in its order; the outputs are copies."""
        for index, array in zip(self._inputs, arrays, strict=True):
            self._interpreter.set_tensor(index, np.ascontiguousarray(array, np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


@contextmanager
def _native_notices_muted() -> Iterator[None]:
    """LiteRT greets on the process's error stream from C++ and has no switch for it; errors come as exceptions."""
    sys.stderr.flush()
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def zip_member(path: Path, member: str) -> bytes:
    """The bytes of one file in a zip (MediaPipe's `.task` bundles are zips).

    Raises:
        ModelError: if the file is no zip or lacks the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path.name} holds no {member}", str(error)) from error
