"""Running recipes as a user does, and the tables that go in and come out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.systems.layout_samples import facecurate
from tests.systems.person_samples import read

Rows = list[dict[str, str]]
ADULT = {"assume_adults": "true", "minors": "true"}
"""The user's word on the astronaut, who was 36."""


def table(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def recipe(name: str, *places: object, **settings: object) -> int:
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return facecurate("recipe", name, *places, *chosen, "-q")


def others(folder: Path, numbers: list[int]) -> list[np.ndarray]:
    """Faces of other people."""
    people = sorted(folder.glob("*.jpg"))
    return [cv2.resize(read(people[n]), (300, 300), interpolation=cv2.INTER_CUBIC) for n in numbers]
