"""A recipe's own copy of a dataset that is labelled already: its files are linked where the disk allows it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from curate.store import Dataset
from curate.store.info import INFO_FILE
from schemas import UsageError

NEVER_CHANGED = (".parquet", ".png", ".jpg", ".jpeg", ".webp")
"""Files that are only ever replaced, so that two datasets may share them; journals are written on."""


def given_dataset(photos: Sequence[str]) -> Path | None:
    """The dataset that a user named in place of photos; None where photos were named."""
    return Path(photos[0]) if len(photos) == 1 and (Path(photos[0]) / INFO_FILE).is_file() else None


def copy_dataset(source: Path, target: Path) -> Dataset:
    """Copy a dataset, all or nothing; one that was copied stays.

    Args:
        source: The dataset.
        target: Where the copy goes.

    Raises:
        UsageError: if faces were found in it more than once.
    """
    if not target.exists():
        held, staging = Dataset.open(source), target.with_name(f".{target.name}.unfinished")
        if held.info.revision:
            why = f"its faces are of revision {held.info.revision}"
            raise UsageError(f"a recipe cannot start from {source}", why, "Start from its photos")
        shutil.rmtree(staging, ignore_errors=True)
        with held.lock():
            shutil.copytree(source, staging, copy_function=_linked, ignore=shutil.ignore_patterns(".*"))
        staging.rename(target)
    return Dataset.open(target)


def _linked(source: str, target: str) -> str:
    if source.endswith(NEVER_CHANGED):
        with contextlib.suppress(OSError):  # another disk, or one without links
            os.link(source, target)
            return target
    shutil.copy2(source, target)
    return target
