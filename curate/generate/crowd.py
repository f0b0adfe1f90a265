"""The photographed faces of a dataset, to ask whom a generated face looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from curate.generators.promise import SAME_PERSON
from curate.identity.gather import unfold
from curate.identity.thresholds import choose
from curate.store import Dataset
from curate.store.checks import as_array
from schemas.columns import faces, images, labels

TIES = (faces.IMAGE_ID, labels.IDENTITY_ID, labels.DUPLICATE_GROUP)
"""Columns whose equal values show two faces of one person or of one photo."""


@dataclass(frozen=True)
class Crowd:
    """Embeddings of photographed faces.

    Attributes:
        ids: Face ids.
        vectors: Unit length, shape (n, 128).
        ties: Column -> its values.
    """

    ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    ties: dict[str, NDArray[np.object_]]

    @property
    def limit(self) -> float:
        """Cosine from which a face passes for someone here: it rises with the number of faces it is held against."""
        return max(SAME_PERSON, choose(len(self.ids)))

    def nearest(self, vector: ArrayLike, apart_from: str = "") -> tuple[float, str] | None:
        """The highest cosine and whose it is.

        Args:
            vector: An embedding of unit length.
            apart_from: A face that does not count, nor do others of its person or photo.
        """
        free = np.ones(len(self.ids), bool)
        if apart_from:
            free &= ~self.same(apart_from)
        if not free.any():
            return None
        cosine = np.where(free, self.vectors @ np.asarray(vector, np.float32), -1.0)
        best = int(cosine.argmax())
        return float(min(cosine[best], 1.0)), self.ids[best]

    def most_alike_of(self, vector: ArrayLike, face: str) -> float | None:
        """The highest cosine with a face or another one of its person."""
        own = self.same(face)
        if not own.any():
            return None
        return float(min((self.vectors[own] @ np.asarray(vector, np.float32)).max(), 1.0))

    def same(self, face: str) -> NDArray[np.bool_]:
        """Faces that are known to be of one person or photo with a face, itself among them."""
        own = np.array([i == face for i in self.ids], bool)
        found = own.copy()
        for values in self.ties.values():
            for value in {v for v in values[own] if v is not None}:
                found |= values == value
        return found


def crowd(ds: Dataset) -> Crowd:
    """The photographed faces of a dataset that have an embedding."""
    known = ds.columns()
    ties = [c.name for c in TIES if c.name in known]
    if labels.EMBEDDING.name not in known:
        return Crowd((), np.zeros((0, 128), np.float32), {name: np.array([], object) for name in ties})
    tables, vectors = [], []
    for table in ds.iter_faces([faces.FACE_ID.name, labels.EMBEDDING.name, images.IS_SYNTHETIC.name, *ties]):
        photographed = pc.invert(pc.fill_null(table.column(images.IS_SYNTHETIC.name), False))
        kept = table.filter(pc.and_(photographed, table.column(labels.EMBEDDING.name).is_valid()))
        if kept.num_rows:
            vectors.append(unfold(as_array(kept.column(labels.EMBEDDING.name)))[0])
            tables.append(kept.drop_columns([labels.EMBEDDING.name]))
    if not tables:
        return Crowd((), np.zeros((0, 128), np.float32), {name: np.array([], object) for name in ties})
    whole = pa.concat_tables(tables, promote_options="permissive")
    return Crowd(
        tuple(whole.column(faces.FACE_ID.name).to_pylist()),
        np.concatenate(vectors),
        {name: np.array(whole.column(name).to_pylist(), object) for name in ties},
    )
