"""Small datasets of real adults for the tests of generated pictures, and what annotators might say of one."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curate import api
from curate.generate.looking import Seen
from curate.store import Dataset
from tests.generator_samples import adult_pictures

ANNOTATORS = ("mesh", "quality", "identity", "demographics", "head_pose", "gender", "shape")
"""Enough for the tests here; `gender` is the second opinion."""


def write_pictures(folder: Path, shared: Path, count: int) -> Path:
    """Pictures of adults as PNG, named in order."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(adult_pictures(shared, count)):
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


def child_picture(shared: Path) -> Path:
    """A picture of a child for the test that it is left out; it never leaves the collection."""
    with (shared / "photos" / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            told = json.loads(row["label_json"])
            if row["task"] == "age_gender_race" and told["age_group"] == "3-9":
                return shared / "photos" / row["file"]
    raise LookupError("the collection holds no picture of a child")


def labelled(target: Path, pictures: Path) -> Dataset:
    """A dataset of these pictures with the labels that the tests need."""
    from curate.ingest import ListOptions

    listing = ListOptions(licence="CC BY 4.0", consent="research")
    return api.run(pictures, target, api.Options(annotators=ANNOTATORS, workers=1, listing=listing))


def digests(folder: Path) -> dict[str, str]:
    """File below a folder -> digest of its content."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in (".png", ".jpg", ".webp"))
    return {str(p.relative_to(folder)): hashlib.blake2b(p.read_bytes(), digest_size=8).hexdigest() for p in files}


def seen(said: Mapping[str, Mapping[Any, Any]], count: int = 1) -> Seen:
    """What annotators say, by annotator and column."""
    return Seen((10, 10, 50, 50), (0.0,) * 10, count, {n: {c.name: v for c, v in a.items()} for n, a in said.items()})


def unit(*values: float) -> list[float]:
    """A vector of 128 numbers that begins with these, of unit length."""
    vector = np.zeros(128)
    vector[: len(values)] = values
    return [float(v) for v in vector / np.linalg.norm(vector)]
