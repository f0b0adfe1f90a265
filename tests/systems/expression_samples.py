"""Datasets with drawn emotions, and readers of their exports, for the systems' tests of expression data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from curate.store import Dataset, LayerInfo
from schemas import Status, labels, taxonomy
from schemas.coding import coding
from schemas.columns import faces
from tests.store_samples import table
from tests.systems.layout_samples import facecurate

EMOTION, EMOTION8 = labels.PERCEIVED_EMOTION.name, labels.EMOTION8.name
EIGHT = taxonomy("emotion-8").labels
SEED, BEGINNING = 4, 16
"""Letters of a picture's id with which the names of its files begin."""


def exported(ds: Dataset, form: str, folder: Path, *more: object) -> Path:
    """An export by the command line, which reads it back and compares it."""
    assert facecurate("export", ds.path, form, folder, "-q", *more) == 0
    told = json.loads((folder / "facecurate-export.json").read_text("utf-8"))
    assert told["comparison"]["equal"]
    return folder


def settings(**values: object) -> list[str]:
    """Arguments of the command line for a format's or measure's own settings."""
    return [text for name, value in values.items() for text in ("--set", f"{name}={value}")]


def measured(name: str, *more: object, to: Path) -> dict[str, Any]:
    """What a measure writes."""
    assert facecurate("measure", name, *more, "-o", to, "-q") == 0
    found: dict[str, Any] = json.loads(to.read_text("utf-8"))
    return found


def judged(ds: Dataset, folder: Path) -> Dataset:
    """A copy with a drawn human layer: eight emotions, equally often, and the seven that go with them."""
    copy = Dataset.open(shutil.copytree(ds.path, folder))
    columns = (labels.EMOTION8, labels.PERCEIVED_EMOTION)
    copy.add_layer(LayerInfo("drawn.v1", "human", "drawn", "1", columns=tuple(c.name for c in columns)))
    rng = np.random.default_rng(SEED)
    for key in copy.keys("faces"):
        ids = copy.read("faces", key, [faces.FACE_ID]).column(0).to_pylist()
        drawn = [str(v) for v in rng.permutation([EIGHT[i % len(EIGHT)] for i in range(len(ids))])]
        seven = [None if v == "contempt" else v for v in drawn]
        head = {faces.FACE_ID: ids, labels.STATUS: [Status.OK.value] * len(ids), labels.ERROR: [None] * len(ids)}
        copy.write("labels/drawn.v1", key, table({**head, labels.EMOTION8: drawn, labels.PERCEIVED_EMOTION: seven}))
    return copy


def labels_by_picture(ds: Dataset, name: str, layers: list[str] | None = None) -> dict[str, str | None]:
    """Beginning of a face's picture -> its label; for pictures of one face."""
    rows = ds.faces([faces.IMAGE_ID, name], layers=layers).to_pylist()
    return {row[faces.IMAGE_ID.name][:BEGINNING]: row[name] for row in rows}


def folders_read(folder: Path, order: str) -> dict[str, str | None]:
    """Beginning of the picture's id -> label of the order's taxonomy by the folder alone, None below `unlabelled`."""
    told, found = coding(order), dict[str, str | None]()
    for path in folder.glob("*/*/*.jpg"):
        number = path.parent.name.partition("_")[0]
        apart = path.parent.parent.name == "unlabelled"
        found[path.stem.partition("_")[0]] = None if apart else told.decode(int(number))
    return found
