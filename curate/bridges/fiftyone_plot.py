"""Embeddings as points in the plane, for the App's panel of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.bridges import fiftyone_fields as fields
from curate.store import Dataset
from schemas import REGISTRY, Column, Kind
from schemas.columns import faces

PREFIX = "embedding_"
FEWEST = 3
"""Faces below which a plot says nothing."""


def plot(ds: Dataset, dataset: Any) -> list[str]:
    """Register a plot for every column of embeddings; a lasso in it selects faces.

    Args:
        ds: The dataset.
        dataset: The FiftyOne dataset made from it.

    Returns:
        Keys of the plots: the columns' names with `_pca`.
    """
    from fiftyone import brain

    names = (f"{fields.DETECTIONS}.{name}" for name in ("id", faces.FACE_ID.name))
    ids, known = (dataset.values(name, unwind=True) for name in names)
    detections = {face: ident for ident, face in zip(ids, known, strict=True) if face}
    keys = []
    for column in _columns(ds):
        rows = [r for t in ds.iter_faces([faces.FACE_ID, column]) for r in fields.rows_of(t)]
        rows = [r for r in rows if r[column.name] is not None and r[faces.FACE_ID.name] in detections]
        if len(rows) < FEWEST:
            continue
        points = principal(np.stack([r[column.name] for r in rows]))
        placed = {detections[r[faces.FACE_ID.name]]: point for r, point in zip(rows, points, strict=True)}
        key = f"{column.name}_pca"
        if dataset.has_brain_run(key):
            dataset.delete_brain_run(key)
        brain.compute_visualization(dataset, patches_field=fields.FACES, points=placed, brain_key=key, progress=False)
        keys.append(key)
    return keys


def _columns(ds: Dataset) -> list[Column]:
    return [
        REGISTRY[n] for n in ds.columns() if n.startswith(PREFIX) and n in REGISTRY and REGISTRY[n].kind is Kind.VECTOR
    ]


def principal(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The two directions of largest spread.

    Args:
        values: Shape (n, d).

    Returns:
        Shape (n, 2), centred; each direction points where its largest component is positive.
    """
    centred = np.nan_to_num(values.astype(np.float64))
    centred -= centred.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, :-3:-1]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), [0, 1]])
    return np.asarray(centred @ chosen, np.float64)
