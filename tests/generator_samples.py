"""Portraits of adults for the tests of generators, and what verifiers say of pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotators.crops import Pixels
from annotators.weights import ModelStore
from benchmarks.labelling import decode, label, made
from curate.generators.subject import SIDE, Subject, portrait
from schemas.columns import labels

READ = ("mesh", "identity")
YOUNG = ("0-2", "3-9", "10-19")


def encoded(pixels: Pixels) -> bytes:
    """PNG bytes of RGB pixels."""
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1])


def measured(pictures: Sequence[Pixels], models: ModelStore, names: Sequence[str] = READ) -> list[dict[str, Any]]:
    """Columns of the largest face of each picture; a row without a box where no face is found."""
    return label([(encoded(p), {}) for p in pictures], made(*names), models)


def astronaut() -> Pixels:
    """scikit-image's portrait of Eileen Collins (NASA, public domain), shape (512, 512, 3)."""
    from skimage.data import astronaut as picture

    return np.asarray(picture(), np.uint8)


def subjects(
    pictures: Sequence[Pixels], models: ModelStore, names: Sequence[str] = READ, side: int = SIDE
) -> list[Subject]:
    """Portraits of the pictures' largest faces that have a mesh."""
    rows = measured(pictures, models, names)
    known = [(p, r) for p, r in zip(pictures, rows, strict=True) if r.get(labels.MESH.name) is not None]
    return [portrait(p, {**r, "face_id": f"{i}.0", "image_id": str(i)}, side) for i, (p, r) in enumerate(known)]


def adult_pictures(shared: Path, count: int, skip: int = 0) -> list[Pixels]:
    """Pictures of single adults (20 and older as crowd workers see them) in the shared collection."""
    import csv

    found = []
    with (shared / "photos" / "labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            told = json.loads(row["label_json"])
            if (
                row["task"] == "age_gender_race"
                and not told["minor"]
                and told["age_group"] not in ("0-2", "3-9", "10-19")
            ):
                found.append(shared / "photos" / row["file"])
    return [decode(path.read_bytes()) for path in found[skip : skip + count]]
