"""What clustering, duplicates and splits read from a dataset, as arrays over all its faces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.identity import children
from curate.identity.graph import Ints
from curate.identity.similar import Floats
from curate.store import Dataset
from curate.store.view import FaceView
from schemas import Column, UsageError
from schemas.columns import faces, images, labels

WIDTH = labels.EMBEDDING.shape[0]


@dataclass(frozen=True)
class Faces:
    """All faces of a dataset, in its order.

    Attributes:
        ids: Face ids.
        image: Number of the picture that each face lies in, by `pictures`.
        pictures: Image ids.
        vectors: Embeddings, shape (n, 128); zeros where there is none.
        present: Which faces have an embedding.
        age: `children.Age` of each face.
        columns: Other columns that were asked for, by name.
    """

    ids: pa.Array
    image: Ints
    pictures: pa.Array
    vectors: Floats
    present: NDArray[np.bool_]
    age: NDArray[np.int8]
    columns: dict[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def guarded(self) -> NDArray[np.bool_]:
        """Faces that are never merged or thinned out by machine: children's, and those of unknown age."""
        return np.asarray(self.age != children.Age.ADULT)


def gather(
    ds: Dataset,
    others: Sequence[str | Column] = (),
    *,
    embeddings: bool = True,
    layers: Sequence[str] | None = None,
    child_chance: float = children.CHILD_CHANCE,
    assume_adults: bool = False,
) -> Faces:
    """Read the faces part by part.

    Args:
        ds: The dataset.
        others: Further columns of the resolved view.
        embeddings: Read the embeddings, if any layer has them.
        layers: Only these layers speak; all by default.
        child_chance: See `children.ages`.
        assume_adults: The user's word that no face is a child's.

    Raises:
        UnknownNameError: for a column that is not here.
    """
    known = FaceView(ds, layers).columns()
    wanted = [labels.EMBEDDING.name] if embeddings and labels.EMBEDDING.name in known else []
    aged = [] if assume_adults else children.columns(known)
    extra = [c.name if isinstance(c, Column) else c for c in others]
    names = list(dict.fromkeys([faces.FACE_ID.name, faces.IMAGE_ID.name, *wanted, *aged, *extra]))
    kept: list[pa.Table] = []
    vectors, present, age = [], [], []
    for table in ds.iter_faces(names, layers=layers):
        vector, ok = unfold(table.column(wanted[0])) if wanted else missing(table.num_rows)
        vectors.append(vector)
        present.append(ok)
        age.append(_ages(table, child_chance, assume_adults))
        kept.append(table.select(list(dict.fromkeys([faces.FACE_ID.name, faces.IMAGE_ID.name, *extra]))))
    if not kept:
        raise UsageError(f"{ds.path} holds no faces", fix="Run 'facecurate run' first")
    joined = pa.concat_tables(kept, promote_options="permissive").combine_chunks()
    pictures = _flat(joined.column(images.IMAGE_ID.name).dictionary_encode())
    return Faces(
        ids=_flat(joined.column(faces.FACE_ID.name)),
        image=np.asarray(pictures.indices, np.int64),
        pictures=pictures.dictionary,
        vectors=np.concatenate(vectors),
        present=np.concatenate(present),
        age=np.concatenate(age),
        columns={name: _flat(joined.column(name)) for name in extra},
    )


def _ages(table: pa.Table, chance: float, assume_adults: bool) -> NDArray[np.int8]:
    if assume_adults:
        return np.full(table.num_rows, children.Age.ADULT, np.int8)
    return children.ages(table, chance)


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks)
    return array


def missing(rows: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Embeddings of faces that have none."""
    return np.zeros((rows, WIDTH), np.float32), np.zeros(rows, bool)


def unfold(column: pa.ChunkedArray | pa.Array) -> tuple[Floats, NDArray[np.bool_]]:
    """A column of vectors as (rows, width) float32 with zeros for null, and which rows are not null."""
    array = _flat(column)
    width = array.type.list_size
    flat = np.asarray(array.values.to_numpy(zero_copy_only=False), np.float32)
    rows = flat[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)
    valid = np.asarray(array.is_valid())
    return (rows if valid.all() else np.where(valid[:, None], rows, np.float32(0))), valid


def groups_of(people: Faces, name: str) -> pa.Array:
    """A column that `gather` was asked for, as groups of faces.

    Raises:
        UsageError: if its values are lists or structs.
    """
    values = people.columns[name]
    if pa.types.is_nested(values.type):
        raise UsageError(f"column '{name}' has no groups", f"its values are {values.type}", "Give a column of labels")
    return values


def codes(values: pa.Array, distinct: pa.Array | None = None) -> Ints:
    """A number for each value, by its place among the distinct ones; -1 for null."""
    found = pc.index_in(values, value_set=pc.unique(values.drop_null()) if distinct is None else distinct)
    return np.asarray(pc.fill_null(found, -1), np.int64)


def fingerprint(*parts: pa.Array | NDArray[np.generic]) -> str:
    """Digest of columns and arrays: equal content gives equal text, wherever it was read."""
    hasher = hashlib.blake2b(digest_size=12)
    for part in parts:
        if isinstance(part, np.ndarray):
            hasher.update(np.ascontiguousarray(part).data)
            continue
        for start in range(0, len(part), 1 << 14):
            hasher.update(json.dumps(part.slice(start, 1 << 14).to_pylist()).encode())
    return hasher.hexdigest()
