"""Columns of a dataset by which faces are compared: vectors, scores, and points freed of place, size and roll."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.consistency.values import Values
from curate.store import Dataset
from curate.store.view import FaceView
from schemas import Column, Kind, UsageError, column
from schemas.columns import faces

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Features of the same rows.

    Attributes:
        blocks: One per column, each (n, its dimensions).
    """

    blocks: list[Floats]

    def rows(self, chosen: Sequence[int]) -> Features:
        """Of some of the rows."""
        return Features([b[list(chosen)] for b in self.blocks])


@dataclass(frozen=True)
class Read:
    """Faces that have all features.

    Attributes:
        ids: Their `face_id`.
        features: Of each.
        labels: Column -> value of each, None where it has none.
        left_out: Faces that lack a feature.
    """

    ids: list[str]
    features: Features
    labels: dict[str, list[Any]]
    left_out: int


def of_dataset(dataset: Dataset, features: Sequence[str], beside: Sequence[str]) -> Read:
    """Read the features of all faces, and other columns beside them.

    Raises:
        UnknownNameError: for a column that is none.
        UsageError: for a column of features that holds none, or if no face has them all.
    """
    chosen = [_checked(column(name)) for name in features]
    if not chosen:
        raise UsageError("no features are named")
    for name in beside:
        column(name)
    table = FaceView(dataset).table([faces.FACE_ID.name, *features, *beside])
    values = Values(table)
    blocks = [_block(values, c) for c in chosen]
    known = np.flatnonzero(np.isfinite(np.concatenate(blocks, axis=1)).all(1))
    if not len(known):
        raise UsageError(
            f"{dataset.path} has no face with {', '.join(features)}", fix="Run the annotators that give them"
        )
    ids = values.label(faces.FACE_ID)[known].tolist()
    told = {name: [table.column(name)[int(i)].as_py() for i in known] for name in beside}
    return Read(ids, Features([b[known] for b in blocks]), told, len(values) - len(known))


def _checked(one: Column) -> Column:
    if one.kind not in (Kind.VECTOR, Kind.SCORES, Kind.POINTS, Kind.NUMBER):
        raise UsageError(f"{one.name} holds no features", f"it is a {one.kind.value}", "Name vectors, scores or points")
    return one


def _block(values: Values, one: Column) -> Floats:
    if one.kind is Kind.SCORES:
        return values.fields(one)
    if one.kind is Kind.NUMBER:
        return values.number(one)[:, None]
    if not one.shape:
        return _lists(values.lists(one))
    found = values.array(one).reshape(len(values), *one.shape)
    return np.asarray((shape_of(found) if one.kind is Kind.POINTS else found).reshape(len(found), -1))


def _lists(rows: Sequence[Sequence[Any] | None]) -> Floats:
    """Vectors whose length only the data say; NaN where there is none."""
    length = max((len(r) for r in rows if r is not None), default=1)
    filled = [[np.nan] * length if r is None else list(r) for r in rows]
    return np.asarray(filled, np.float64).reshape(len(rows), length)


def shape_of(points: Floats) -> Floats:
    """Points without place, size and roll: centred, of unit root-mean-square radius, turned onto the mean shape.

    Args:
        points: (n, points, 2 or 3); NaN where there are none. Of 3 dimensions the first two are turned.
    """
    centred: Floats = points - points.mean(1, keepdims=True)
    size = np.sqrt((centred**2).sum((1, 2), keepdims=True) / points.shape[1])
    shaped: Floats = np.divide(centred, size, out=np.full_like(centred, np.nan), where=size > 0)
    known = np.isfinite(shaped).all((1, 2))
    if not known.any():
        return shaped
    middle = shaped[known].mean(0)[:, 0] + 1j * shaped[known].mean(0)[:, 1]
    plane = shaped[..., 0] + 1j * shaped[..., 1]
    turn = (plane.conj() * middle[None]).sum(1)
    length = np.abs(turn)
    turned = plane * np.divide(turn, length, out=np.ones_like(turn), where=length > 0)[:, None]
    shaped[..., 0], shaped[..., 1] = turned.real, turned.imag
    return shaped
