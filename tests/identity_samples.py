"""Datasets of faces with made-up embeddings, ages and groups, for the tests of identities and splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from store_samples import add, image_table, table

from curate.store import Dataset
from schemas.columns import faces, labels
from schemas.columns.labels.demographics import AGE_PROB
from schemas.taxonomy import taxonomy

BINS = taxonomy("age-fairface-9").labels
ADULT, CHILD = "30-39", "3-9"


def people(
    count: int, photos: int, seed: int = 0, spread: float = 0.6, width: int = 128
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors of `count` people with `photos` each, and who each is; people are far from each other."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(count), photos)
    vectors = unit(rng.standard_normal((count, width)))[who]
    return unit(vectors + spread * unit(rng.standard_normal(vectors.shape))), who


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def dataset(
    path: Path,
    vectors: NDArray[np.float32],
    images: Sequence[str] | None = None,
    ages: Sequence[str | None] | None = None,
    shards: int = 2,
    genders: Sequence[str] | None = None,
    **columns: list[Any],
) -> Dataset:
    """A dataset with one layer of embeddings and one of ages, the faces cut into shards in order.

    Args:
        path: Its folder.
        vectors: Embeddings, shape (n, 128).
        images: Picture of each face; by default each has its own. Faces of one picture stand together.
        ages: Age bin of each face, None for unknown; no layer of ages without them.
        shards: Number of shards.
        genders: Perceived gender of each face.
        columns: Columns of the images table by name, a value per face (that of a picture's first face counts).
    """
    ds = Dataset.create(path)
    images = list(images or [f"i{n:04d}" for n in range(len(vectors))])
    starts = [n for n in range(len(images)) if not n or images[n] != images[n - 1]]
    cuts = [starts[len(starts) * s // shards] for s in range(shards)] + [len(images)]
    for shard in range(shards):
        rows = range(cuts[shard], cuts[shard + 1])
        key = f"{shard:05d}"
        first = [n for n in rows if n in starts]
        extra = {name: [values[n] for n in first] for name, values in columns.items()}
        ds.write("images", key, image_table([images[n] for n in first], **extra))
        ds.write("faces", key, _faces(images, rows))
        add(ds, "identity.v1", "model", "2025-01-01", {labels.EMBEDDING: [vectors[n] for n in rows]}, key)
        if ages is not None:
            probs = [_distribution(ages[n]) for n in rows]
            add(ds, "age.v1", "model", "2025-01-01", {AGE_PROB: probs}, key)
        if genders is not None:
            add(ds, "gender.v1", "model", "2025-01-01", {labels.GENDER: [genders[n] for n in rows]}, key)
    return ds


def _faces(images: Sequence[str], rows: range) -> Any:
    number = {n: n - images.index(images[n]) for n in rows}
    count = len(rows)
    return table(
        {
            faces.FACE_ID: [f"{images[n]}.{number[n]}" for n in rows],
            faces.IMAGE_ID: [images[n] for n in rows],
            **{c: [10.0 + 100 * number[n] for n in rows] for c in faces.BOX},
            faces.POINTS_5: [[float(j) for j in range(10)]] * count,
            faces.SCORE: [0.5] * count,
            faces.ORIGIN: ["model"] * count,
        }
    )


def _distribution(group: str | None) -> dict[str, float] | None:
    return None if group is None else {b: 1.0 if b == group else 0.0 for b in BINS}


def adults(count: int) -> list[str | None]:
    return [ADULT] * count
