"""Checks of an installation: each says what it found and, where something is wrong, the way out."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas import FacecurateError

CORE = ("numpy", "pyarrow", "pandas", "opencv-python-headless", "onnxruntime", "ai-edge-litert", "pillow", "duckdb")
OPTIONAL = {"fiftyone": "fiftyone"}
NEED_FREE = 2e9


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at.
        state: `ok`, `warn` (works, but) or `fail`.
        detail: What was found, and the way out if it is wrong.
    """

    name: str
    state: str
    detail: str


def checks() -> Iterator[Check]:
    """All checks, as they finish."""
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for library in CORE:
        yield _library(library)
    for library, extra in OPTIONAL.items():
        yield _optional(library, extra)
    yield _one_opencv()
    yield from _models()
    yield from _detects()
    yield _disk()
    yield _cores()


def _library(name: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "fail", f"not installed. Install it with: pip install {name}")


def _optional(name: str, extra: str) -> Check:
    found = _library(name)
    if found.state == "ok":
        return found
    return Check(name, "warn", f"not installed; needed for `facecurate view`: pip install 'facecurate[{extra}]'")


def _one_opencv() -> Check:
    builds = [d.metadata["Name"] for d in importlib.metadata.distributions() if "opencv" in (d.metadata["Name"] or "")]
    if len(builds) > 1:
        way = "Uninstall all of them and install opencv-python-headless again"
        return Check(
            "opencv builds", "fail", f"{', '.join(sorted(builds))} share one folder and break each other. {way}"
        )
    return Check("opencv builds", "ok", "one")


def _models() -> Iterator[Check]:
    from annotators.weights import ModelStore

    for result in ModelStore().verify(None):
        state = "ok" if result.ok else "fail"
        yield Check(f"model {result.name}", state, result.detail)


def _detects() -> Iterator[Check]:
    """The whole chain from models to a table, on a picture without a face."""
    import numpy as np

    from annotators.registry import detector
    from annotators.weights import ModelStore
    from curate.engine.plan import DEFAULT_DETECTOR

    try:
        finder = detector(DEFAULT_DETECTOR)()
        finder.setup(ModelStore())
        found = finder.detect(np.zeros((240, 320, 3), np.uint8))
    except FacecurateError as error:
        yield Check("detection", "fail", str(error))
        return
    state = "ok" if len(found) == 0 else "fail"
    yield Check("detection", state, f"{finder.name} loads and finds {len(found)} faces in a black picture")


def _disk() -> Check:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    state = "ok" if free > NEED_FREE else "warn"
    return Check("disk", state, f"{free / 1e9:.1f} GB free for temporary files")


def _cores() -> Check:
    from curate.engine.local import usable_cores

    return Check("cores", "ok", f"{usable_cores()} usable; one worker each by default")
