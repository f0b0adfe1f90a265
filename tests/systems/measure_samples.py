"""What the systems' tests of measures share: the command as JSON, settings, tables, a dataset to be changed."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.systems.layout_samples import facecurate

if TYPE_CHECKING:
    from curate.store import Dataset


def measured(name: str, *inputs: object, folder: Path, more: tuple[object, ...] = ()) -> dict[str, Any]:
    """What the command writes as JSON."""
    file = folder / f"{name}.json"
    assert facecurate("measure", name, *inputs, "-o", file, "-q", *more) == 0
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def setting(**values: object) -> tuple[object, ...]:
    """`--set NAME=VALUE` for each."""
    return tuple(part for name, value in values.items() for part in ("--set", f"{name}={value}"))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def own_copy(adults: Dataset, folder: Path) -> Path:
    """The adults, to be changed."""
    shutil.copytree(adults.path, folder / "faces")
    return folder / "faces"
