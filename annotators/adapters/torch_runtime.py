"""Running PyTorch models like all others: nothing fetched, one thread, and no library at import time."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from schemas import MissingExtraError, UsageError

DEVICES = ("cpu", "cuda", "mps", "auto")
PRECISIONS = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""Short name as open_clip has it -> PyTorch's name."""

_OPERATORS = "nms", "qnms"
"""Operators that torchvision declares in its compiled part and describes when it is imported."""

_lock = threading.Lock()
_fragment: Any = None


def torch_of(extra: str) -> Any:
    """PyTorch, with torchvision in a state in which it can be imported.

    Args:
        extra: The extra to name where PyTorch is missing.

    Raises:
        MissingExtraError: if PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", extra) from None
    with _lock:
        _mend_torchvision(torch)
    return torch


def _mend_torchvision(torch: Any) -> None:
    """Declare the operators that torchvision misses when its compiled part is built for another PyTorch.

    A torchvision from the package index is compiled for CUDA; beside a PyTorch for the CPU it fails when it is
    imported, though what is used of it here is plain Python. The two operators stay without code: who calls them gets
    an error.
    """
    global _fragment  # noqa: PLW0603 - the declarations live as long as this object
    if _fragment is not None or "torchvision" in sys.modules:
        return
    try:
        import torchvision
    except ImportError:
        return
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _fragment = torch.library.Library("torchvision", "FRAGMENT")
        for name in _OPERATORS:
            _fragment.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401


def device_of(torch: Any, wanted: str) -> str:
    """The device to run on: the wanted one, or for `auto` the best that is here.

    Raises:
        UsageError: if the wanted device is not here.
    """
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if here[name])
    if not here.get(wanted):
        raise UsageError(f"device '{wanted}' is not on this machine", fix="Use device=cpu or device=auto")
    return wanted


@contextmanager
def one_thread(torch: Any) -> Iterator[None]:
    """Compute on one thread, so that sums add up in one order on every machine, and without gradients."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def offline() -> Iterator[None]:
    """Keep libraries from asking a model hub: what is not on this machine is missing."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    constants = sys.modules.get("huggingface_hub.constants")
    asked = (before["HF_HUB_OFFLINE"] or "").upper() in ("1", "ON", "YES", "TRUE")
    known = getattr(constants, "HF_HUB_OFFLINE", asked)
    if constants is not None:
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        constants = sys.modules.get("huggingface_hub.constants")
        if constants is not None:
            constants.HF_HUB_OFFLINE = known  # type: ignore[attr-defined]


@contextmanager
def silent() -> Iterator[None]:
    """Keep a library's log lines off the screen, and its calls of the root logger from adding a handler to it."""
    root, handler = logging.getLogger(), logging.NullHandler()
    level = root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
        root.removeHandler(handler)
