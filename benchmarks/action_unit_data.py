"""Evidence for action units on the shared photo sets, with what their labels say.

No FACS-coded photos are at hand. Emotion labels stand in for codes: EMFACS says which units an emotion
goes with (Friesen and Ekman, 1983), so faces labelled surprise should show AU1, AU2, AU5 and AU26 more
often than faces labelled neutral. Labels are one person's or a crowd's guess, and not every surprised
face raises its brows, so figures here are lower bounds on what FACS codes would give for easy units and
say nothing about units that always come together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq

from annotators.au_models import raw_evidence
from annotators.au_texture import FrontalCrop
from annotators.base import FaceBatch
from annotators.blendshapes import Blendshapes
from annotators.landmarks import FaceMesh
from annotators.registry import detector
from annotators.weights import ModelStore
from benchmarks.labelling import decode, face_table, largest
from schemas.columns import labels

EMOTIONS = {"happy": "happiness", "sad": "sadness", "angry": "anger"}
FAIRFACE_STEP = 10
"""Every tenth FairFace crop of the parquet files makes the prior of the average face."""


@dataclass(frozen=True)
class Photo:
    """A photo with its label.

    Attributes:
        key: File name.
        group: Person or original picture: what must not stand on both sides of a split.
        label: Emotion, or perceived race for FairFace.
        image: RGB.
    """

    key: str
    group: str
    label: str
    image: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """Raw evidence of one set; rows are faces. See `au_models.raw_evidence`."""

    key: np.ndarray
    group: np.ndarray
    label: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    geometry: np.ndarray
    logs: np.ndarray
    texture: np.ndarray

    @property
    def held_out(self) -> np.ndarray:
        """Rows that no weight was fitted on: half of the groups, by hash."""
        return np.array([bucket(g, 2) == 1 for g in self.group])


def bucket(text: str, count: int) -> int:
    """A number below `count` that follows from the text alone."""
    return int(hashlib.blake2b(text.encode(), digest_size=4).hexdigest(), 16) % count


def load(name: str, data: Path, cache: Path) -> Evidence:
    """The evidence of a set: `press`, `fer2013` or `prior` (FairFace crops)."""
    file = cache / f"au-evidence-{name}.npz"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, **vars(_measure(PHOTOS[name](data))))
    with np.load(file) as stored:
        return Evidence(**{key: stored[key] for key in Evidence.__dataclass_fields__})


def press(data: Path) -> Iterator[Photo]:
    """Press photos; the group is the person named in the file name."""
    for row in pq.read_table(data / "expressions" / "part-000.parquet").to_pylist():
        yield Photo(row["file"], re.sub(r"_\d+\.\w+$", "", row["file"]), row["emotion"], decode(row["image"]))


def fer2013(data: Path) -> Iterator[Photo]:
    """FER2013 faces, 48 px.

    Most `disgust` files are turned, shifted and brightened copies (`...jpg3.jpg`) of some 300 originals:
    they stay on one side of the split, and every other picture is disturbed alike, or else the traces
    of the disturbance would be learnt as disgust.
    """
    for row in pq.read_table(data / "expressions" / "fer2013-part.parquet").to_pylist():
        original = re.match(r"[A-Za-z]+_\d+", row["file"])
        assert original is not None
        image = decode(row["image"])
        if not re.search(r"jpg\d+\.jpg$", row["file"]):
            image = _disturbed(image, row["file"])
        yield Photo(row["file"], original.group(), EMOTIONS.get(row["emotion"], row["emotion"]), image)


def prior(data: Path) -> Iterator[Photo]:
    """Every tenth of the 20,000 FairFace crops."""
    for part in sorted((data / "fairface").glob("part-*.parquet")):
        table = pq.read_table(part)
        for index, row in enumerate(table.take(list(range(0, table.num_rows, FAIRFACE_STEP))).to_pylist()):
            image = row["image"]["bytes"] if isinstance(row["image"], dict) else row["image"]
            yield Photo(f"{part.name}:{index}", f"{part.name}:{index}", row["race"], decode(image))


PHOTOS = {"press": press, "fer2013": fer2013, "prior": prior}


def _disturbed(image: np.ndarray, key: str) -> np.ndarray:
    rng = np.random.default_rng(bucket(key, 2**32))
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-15, 15), rng.uniform(0.85, 1.15))
    matrix[:, 2] += rng.uniform(-4, 4, 2)
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    lit = np.clip(moved * rng.uniform(0.6, 1.4), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(lit[:, ::-1]) if rng.random() < 0.5 else lit


def _measure(photos: Iterator[Photo]) -> Evidence:
    models = ModelStore()
    finder, mesh, shapes, crop = detector("yunet")(), FaceMesh(), Blendshapes(), FrontalCrop()
    for part in (finder, mesh, shapes):
        part.setup(models)
    rows: dict[str, list[object]] = {key: [] for key in Evidence.__dataclass_fields__}
    for photo in photos:
        face = largest(finder.detect(photo.image))
        if face is None:
            continue
        batch = FaceBatch(face_table({"0": face}), {"0": photo.image})
        for annotator in (mesh, shapes):
            labelled = annotator.annotate(batch)
            batch.add({c.name: labelled.column(c.name) for c in annotator.provides})
        points, coefficients = batch.value(0, labels.MESH), batch.value(0, labels.BLENDSHAPES)
        if points is None:
            continue
        geometry, logs, texture, yaw, pitch = raw_evidence(points, coefficients, batch.crop(0, crop).pixels)
        values = (photo.key, photo.group, photo.label, yaw, pitch, geometry, logs, texture)
        for key, value in zip(rows, values, strict=True):
            rows[key].append(value)
    return Evidence(**{key: np.array(values) for key, values in rows.items()})
