"""Rigid transforms of objects: rotation as a unit quaternion and translation, as tables hold them.

A quaternion is w, x, y, z with w >= 0; a transform takes a point p to R p + t, in the unit of the translation.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.ingest.lists import text_columns
from curate.store.parts import replacing
from schemas import UsageError

Array = NDArray[np.float64]

OBJECT = "object"
QUATERNION, TRANSLATION = ("qw", "qx", "qy", "qz"), ("tx", "ty", "tz")
COLUMNS = (OBJECT, *QUATERNION, *TRANSLATION)
UNIT = 1e-3
"""A quaternion whose length differs by more from 1 is refused, not mended."""


@dataclass(frozen=True)
class Rigid:
    """A rigid transform.

    Attributes:
        rotation: (3, 3), of determinant 1.
        translation: (3,).
    """

    rotation: Array
    translation: Array

    def apply(self, points: Array) -> Array:
        """Points, (n, 3), transformed."""
        return np.asarray(points @ self.rotation.T + self.translation)

    def after(self, first: Rigid) -> Rigid:
        """The transform that does `first` and then this one."""
        return Rigid(self.rotation @ first.rotation, self.rotation @ first.translation + self.translation)

    @property
    def inverse(self) -> Rigid:
        """What undoes it."""
        return Rigid(self.rotation.T, -self.rotation.T @ self.translation)


def identity() -> Rigid:
    """The transform that moves nothing."""
    return Rigid(np.eye(3), np.zeros(3))


def rotation_of(quaternion: Array) -> Array:
    """Rotation matrix of a unit quaternion w, x, y, z (Shoemake 1985)."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def quaternion_of(rotation: Array) -> Array:
    """Unit quaternion w, x, y, z of a rotation, w >= 0: the eigenvector of Bar-Itzhack's matrix (2000)."""
    (a, b, c), (d, e, f), (g, h, i) = rotation
    symmetric = np.array([
        [a - e - i, 0, 0, 0], [d + b, e - a - i, 0, 0], [g + c, h + f, i - a - e, 0], [h - f, c - g, d - b, a + e + i],
    ]) / 3  # fmt: skip
    _, vectors = np.linalg.eigh(symmetric)
    x, y, z, w = vectors[:, -1]
    found = np.array([w, x, y, z])
    return np.asarray(-found if w < 0 else found)


def turn_between(first: Array, second: Array) -> float:
    """Angle in degrees of the rotation from one to the other.

    By the two-argument arctangent of sine and cosine, which stays exact for small angles, where the arccosine of the
    trace does not.
    """
    relative = first.T @ second
    axis = np.array([relative[2, 1] - relative[1, 2], relative[0, 2] - relative[2, 0], relative[1, 0] - relative[0, 1]])
    return float(np.degrees(np.arctan2(np.linalg.norm(axis), np.trace(relative) - 1)))


def write_transforms(transforms: Mapping[str, Rigid], path: Path) -> None:
    """Write a CSV with a row per object, sorted by its id: numbers first by value, then names.

    Args:
        transforms: Object's id -> transform.
        path: The file; it is written whole or not at all.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for name in sorted(transforms, key=object_order):
        one = transforms[name]
        rows.writerow([name, *(repr(float(v)) for v in (*quaternion_of(one.rotation), *one.translation))])
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def read_transforms(path: Path) -> dict[str, Rigid]:
    """Transforms by object, in the order of their ids.

    Raises:
        UsageError: if a column is missing, a value is no number, an object stands twice, or a quaternion is not of
            length 1.
    """
    try:
        columns = text_columns(str(path))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"cannot read the transforms {path}", str(error)) from error
    if missing := [c for c in COLUMNS if c not in columns]:
        raise UsageError(f"{path} has no column {', '.join(missing)}", fix=f"It needs {', '.join(COLUMNS)}")
    found: dict[str, Rigid] = {}
    for number, name in enumerate(columns[OBJECT]):
        try:
            values = np.array([float(str(columns[c][number])) for c in COLUMNS[1:]])
        except ValueError as error:
            raise UsageError(f"{path}, row {number + 1}: {error}") from None
        length = float(np.linalg.norm(values[:4]))
        if not abs(length - 1) <= UNIT:
            raise UsageError(f"{path}, row {number + 1}: its quaternion has the length {length:.4g}", "it must be 1")
        if str(name) in found:
            raise UsageError(f"{path} has the object {name} twice")
        found[str(name)] = Rigid(rotation_of(values[:4]), values[4:])
    return {name: found[name] for name in sorted(found, key=object_order)}


def object_order(name: str) -> tuple[int, float, str]:
    """Key to sort objects by: numbers by their value, before names."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
