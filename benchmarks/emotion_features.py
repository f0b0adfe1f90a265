"""Features of labelled and unlabelled faces for the expression head, measured once and kept in a cache.

Labelled faces come from two noisy sets, press photos and FER2013; both are mostly grey. Unlabelled ones come from
FairFace's `train` part, in colour and in grey, so that the head can be taught to say the same of both.

FER2013's faces of disgust are mostly turned, stretched and harshly lit copies of 358 originals. Copies stay on
their original's side of every split, and all other faces are disturbed alike, or else the disturbance would be
learnt as disgust.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from annotators.base import FaceBatch
from annotators.blendshapes import Blendshapes
from annotators.crops import Pixels
from annotators.expression_features import SIZE, features, mirrored_shape, places
from annotators.fer import Fer
from annotators.landmarks import FaceMesh
from annotators.registry import detector
from annotators.sface import SFace
from annotators.weights import ModelStore
from benchmarks.action_unit_data import bucket
from benchmarks.emotion_disturbances import disturbed, jittered, repainted
from benchmarks.labelling import decode, face_table, fairface, largest
from schemas.coding import coding
from schemas.columns import labels
from schemas.taxonomy import taxonomy

SETS = {"press photos": ("part-000.parquet", r"_\d+\.\w+$"), "FER2013": ("fer2013-part.parquet", r"\.jpg.*$")}
"""File of each set, and the part of a picture's file name that does not name the person or the original."""
CLASSES = taxonomy("emotion-7").labels
COPY = re.compile(r"\.jpg\d+\.jpg$")
UNLABELLED = 4500
Found = tuple[Any, Any, float]


@dataclass(frozen=True)
class Picture:
    """A labelled picture.

    Attributes:
        key: File name.
        set: A key of `SETS`.
        group: Person or original: what must not stand on both sides of a split.
        truth: Index in `emotion-7`.
        copy: A disturbed copy of an original, as FER2013 has them of disgust.
        image: Encoded.
    """

    key: str
    set: str
    group: str
    truth: int
    copy: bool
    image: bytes


@dataclass(frozen=True)
class Faces:
    """Measured faces, one a row.

    Attributes:
        key: File name.
        values: (n, SIZE) float16; see `annotators.expression_features`.
        box: (n, 4) px.
        points: (n, 5, 2) px.
        note: Perceived race of FairFace faces, else empty.
    """

    key: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    box: np.ndarray[Any, Any]
    points: np.ndarray[Any, Any]
    note: np.ndarray[Any, Any]


def pictures(data: Path, count: int | None = None) -> Iterator[Picture]:
    """All labelled pictures of both sets, copies included; or about so many of each set, evenly spread."""
    words = coding("fer")
    for name, (file, suffix) in SETS.items():
        rows = pq.read_table(data / "expressions" / file).to_pylist()
        for row in rows[:: 1 if count is None else max(1, len(rows) // count)]:
            label = row["emotion"] if row["emotion"] in CLASSES else words.read(row["emotion"])
            copy = bool(COPY.search(row["file"]))
            group = re.sub(suffix, "", row["file"])
            yield Picture(row["file"], name, group, CLASSES.index(label), copy, row["image"])


class Meter:
    """Measures the largest face of a picture as the annotator does."""

    def __init__(self, models: ModelStore) -> None:
        self._finder, self._mesh, self._shapes = detector("yunet")(), FaceMesh(), Blendshapes()
        self._finder.setup(models)
        for part in (self._mesh, self._shapes):
            part.setup(models)
        self._fer, self._sface = models.shared(Fer), models.shared(SFace)

    def find(self, image: Pixels) -> Found | None:
        """Box, points and score of the largest face."""
        return largest(self._finder.detect(image))

    def __call__(self, image: Pixels, found: Found, mesh: bool = True) -> np.ndarray[Any, Any]:
        """Features of a face, shape (SIZE,); those of the mesh are NaN unless asked for."""
        batch = FaceBatch(face_table({"0": found}), {"0": image})
        points, shapes = None, None
        if mesh:
            for annotator in (self._mesh, self._shapes):
                record = annotator.annotate(batch)
                batch.add({c.name: record.column(c.name) for c in annotator.provides})
            points, shapes = batch.value(0, labels.MESH), batch.value(0, labels.BLENDSHAPES)
        face = next(iter(batch))
        return features(face.once(self._fer), points, shapes, face.once(self._sface))


def plain(some: Iterable[Picture], meter: Meter) -> Faces:
    """Labelled faces as they are."""
    rows = []
    for picture in some:
        image = decode(picture.image)
        if found := meter.find(image):
            rows.append((picture.key, meter(image, found), found, ""))
    return _faces(rows)


def mild(some: Iterable[Picture], meter: Meter, base: Faces, variant: int) -> Faces:
    """Labelled faces with box and points jittered, repainted, and mirrored in odd variants.

    The mesh's features are those of the plain picture.
    """
    place = {key: row for row, key in enumerate(base.key.tolist())}
    rows = []
    for picture in some:
        if (row := place.get(picture.key)) is None:
            continue
        rng = np.random.default_rng(bucket(f"{picture.key}/{variant}", 2**32))
        image, flip = decode(picture.image), variant % 2 == 1
        found = jittered((base.box[row], base.points[row], 1.0), rng, image.shape[1] if flip else None)
        image = repainted(image, rng)
        values = meter(np.ascontiguousarray(image[:, ::-1]) if flip else image, found, mesh=False)
        known = mirrored_shape(base.values[row]) if flip else base.values[row]
        for block in ("shapes", "head", "angles"):
            values[places(block)] = known[places(block)]
        rows.append((picture.key, values, found, ""))
    return _faces(rows)


def strong(some: Iterable[Picture], meter: Meter, variant: int) -> Faces:
    """Labelled faces turned, stretched and harshly lit, found and measured anew."""
    rows = []
    for picture in some:
        rng = np.random.default_rng(bucket(f"{picture.key}/{variant}", 2**32))
        image = disturbed(decode(picture.image), rng)
        if found := meter.find(image):
            rows.append((picture.key, meter(image, found), found, ""))
    return _faces(rows)


def unlabelled(data: Path, meter: Meter, split: str = "train", count: int = UNLABELLED) -> tuple[Faces, Faces]:
    """FairFace faces in colour and, row for row, in grey; a sample by hash."""
    colour, grey = [], []
    every = [(f"{split}:{i}", *pair) for i, pair in enumerate(fairface(data, split))]
    for key, encoded, row in sorted(every, key=lambda one: bucket(one[0], 2**32))[:count]:
        image = decode(encoded)
        found = meter.find(image)
        if found is None:
            continue
        dull = np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
        for rows, picture in ((colour, image), (grey, dull)):
            rows.append((key, meter(picture, found), found, row["race"]))
    return _faces(colour), _faces(grey)


def cached(folder: Path, name: str, make: Callable[[], Faces]) -> Faces:
    """Faces from the cache, or measured now and kept there."""
    file = folder / f"emotion-{name}.npz"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(file, **vars(make()))
    with np.load(file) as stored:
        return Faces(**{name: stored[name] for name in Faces.__dataclass_fields__})


def _faces(rows: list[tuple[str, np.ndarray[Any, Any], Found, str]]) -> Faces:
    return Faces(
        np.array([r[0] for r in rows]),
        np.array([r[1] for r in rows], np.float16).reshape(-1, SIZE),
        np.array([np.asarray(r[2][0], np.float32) for r in rows]),
        np.array([np.asarray(r[2][1], np.float32).reshape(5, 2) for r in rows]),
        np.array([r[3] for r in rows]),
    )
