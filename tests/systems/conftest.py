"""Datasets that several systems' tests share; each is labelled once per session."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from annotators.weights import ModelStore
    from curate.store import Dataset

ADULTS = 40


@pytest.fixture(scope="session")
def adult_photos(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 FairFace crops of adults, races in turn, as `NNN.jpg`."""
    folder = tmp_path_factory.mktemp("adults") / "photos"
    folder.mkdir()
    by_race: dict[str, list[Path]] = {}
    with (shared_data / "photos" / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            told = json.loads(row["label_json"]) if row["task"] == "age_gender_race" else {}
            if told and not told["minor"] and told["age_group"] in ("20-29", "30-39", "40-49", "50-59"):
                by_race.setdefault(told["race_perceived"], []).append(shared_data / "photos" / row["file"])
    ordered = [files[i] for i in range(max(map(len, by_race.values()))) for files in by_race.values() if i < len(files)]
    for number, source in enumerate(ordered[:ADULTS]):
        shutil.copy(source, folder / f"{number:03d}.jpg")
    return folder


@pytest.fixture(scope="session")
def adults(adult_photos: Path, models: ModelStore) -> Dataset:
    """The 40 adults with all default labels; read only: copy it before changing it."""
    from curate import api

    return api.run(adult_photos, adult_photos.parent / "faces", api.Options(workers=2))
