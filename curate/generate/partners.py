"""The second face of a picture: another person's, in nearly the same pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.generate.candidates import Candidates
from curate.generators.promise import SAME_PERSON
from curate.identity.gather import unfold
from curate.store import Dataset
from curate.store.checks import as_array
from schemas import UsageError
from schemas.columns import faces, labels

POOL = 20_000
"""Most faces among which partners are looked for; the first of the candidates."""
NEAR = 8
"""A partner is drawn among so many of the nearest in pose."""
FARTHEST = 25.0
"""Most degrees between the poses of two partners, over yaw, pitch and roll together."""
TIES = (labels.IDENTITY_ID, labels.DUPLICATE_GROUP, faces.IMAGE_ID)
"""Columns whose equal values show two faces of one person or of one photo."""
POSE = (labels.YAW, labels.PITCH, labels.ROLL)


@dataclass(frozen=True)
class Partners:
    """Faces that may be the second one.

    Attributes:
        ids: Face ids.
        vectors: Embeddings of unit length, shape (n, 128); zeros where there is none.
        poses: Yaw, pitch and roll in degrees, shape (n, 3); NaN where unknown.
        ties: For each of `TIES` the values, None where the column is not here.
    """

    ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    poses: NDArray[np.float64]
    ties: tuple[tuple[object, ...], ...]

    def choose(self, row: dict[str, object], rng: np.random.Generator) -> str | None:
        """Face id of a partner for a face, None where there is none.

        Args:
            row: The subject's values, its embedding among them.
            rng: Draws among the nearest.
        """
        own = row.get(labels.EMBEDDING.name)
        if own is None or not len(self.ids):
            return None
        free = np.asarray(self.vectors @ np.asarray(own, np.float32) < SAME_PERSON) & self.vectors.any(1)
        free &= np.array(self.ids) != row[faces.FACE_ID.name]
        for column, values in zip(TIES, self.ties, strict=True):
            mine = row.get(column.name)
            if mine is not None:
                free &= np.array([v != mine for v in values], bool)
        pose = np.array([_number(row.get(c.name)) for c in POSE])
        apart = np.sqrt(((self.poses - pose) ** 2).sum(1))
        free &= apart <= FARTHEST
        near = np.flatnonzero(free)[np.argsort(apart[free], kind="stable")[:NEAR]]
        return self.ids[int(rng.choice(near))] if len(near) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def partners(ds: Dataset, found: Candidates) -> Partners:
    """Read what is needed of the faces that may be partners.

    Args:
        ds: The dataset.
        found: Faces that may be used, under the same rules as subjects.

    Raises:
        UsageError: if there are no embeddings or no poses, without which nobody knows who is another person.
    """
    known = ds.columns()
    for column, name in ((labels.EMBEDDING, "identity"), (labels.YAW, "head_pose")):
        if column.name not in known:
            fix = f"Run: facecurate annotate {ds.path} -a {name}"
            raise UsageError(f"{ds.path} has no {column.name}", "a partner must be another person, in a like pose", fix)
    wanted = found.ids[:POOL]
    columns = [faces.FACE_ID.name, labels.EMBEDDING.name, *(c.name for c in (*POSE, *TIES) if c.name in known)]
    pieces = [
        t.filter(pc.is_in(t.column(faces.FACE_ID.name), value_set=pa.array(wanted, pa.string())))
        for t in ds.iter_faces(columns)
    ]
    table = pa.concat_tables(pieces, promote_options="permissive") if pieces else ds.faces(columns, "false")
    vectors, _ = unfold(as_array(table.column(labels.EMBEDDING.name))) if table.num_rows else (np.zeros((0, 128)), None)
    return Partners(
        tuple(table.column(faces.FACE_ID.name).to_pylist()),
        np.asarray(vectors, np.float32),
        np.column_stack([_column(table, c.name) for c in POSE]),
        tuple(_values(table, c.name) for c in TIES),
    )


def _column(table: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return np.asarray(table.column(name).to_numpy(), np.float64)


def _values(table: pa.Table, name: str) -> tuple[object, ...]:
    values = table.column(name).to_pylist() if name in table.column_names else [None] * table.num_rows
    return tuple(values)
