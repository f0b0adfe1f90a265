"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from annotators.weights import ModelStore

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shared photo collection beside the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("FACECURATE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "photos" / "labels.csv").is_file():
        pytest.skip(f"the shared photo collection is not here: {folder}")
    return folder


@pytest.fixture(scope="session")
def models() -> ModelStore:
    """The default model files: from `FACECURATE_MODELS` or the cache, else fetched; skips where none can be had."""
    from annotators.weights import ModelStore
    from schemas import ModelError

    store = ModelStore()
    try:
        store.pull()
    except ModelError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have the model files: {error}")
        pytest.skip(f"the default model files are not here and cannot be had: {error}")
    return store


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Make the toy plug-in visible, also to worker processes; returns the file that switches failures on."""
    from annotators import registry

    switch = tmp_path / "break"
    monkeypatch.setenv("TOY_BREAK", str(switch))
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "toys"))
    registry._found.cache_clear()
    yield switch
    registry._found.cache_clear()
