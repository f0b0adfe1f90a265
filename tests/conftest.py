"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The shared photo collection beside the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("FACECURATE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "photos" / "labels.csv").is_file():
        pytest.skip(f"the shared photo collection is not here: {folder}")
    return folder
