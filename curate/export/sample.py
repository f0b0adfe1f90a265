"""What is exported: an encoded picture with the faces in it, all geometry in that picture's own pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from annotators.crops import Matrix
from schemas import REGISTRY, Kind

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class FaceItem:
    """One face of a sample.

    Attributes:
        face_id: The dataset's id; empty where a format cannot hold it.
        box: Left, top, width, height in the sample's pixels; None where a format cannot hold it.
        labels: Column name -> value; points and vectors as float32 arrays of the column's shape, points in the
            sample's pixels. Columns that are null for this face are None.
    """

    face_id: str = ""
    box: Box | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One picture of an export, whole or cut to a face.

    Attributes:
        key: Its name in the export: unique, letters, digits, `_` and `-`; the same on every run.
        number: Its place in the export, from 0.
        split: `train`, `validation`, ...; empty if none is assigned.
        data: The encoded picture.
        suffix: `.jpg`, `.png` or `.webp`, as the bytes are.
        width: In pixels.
        height: In pixels.
        faces: Its faces; exactly one in exports of faces.
        facts: What is known of the picture: `image_id`, `name`, licence, consent, `is_synthetic`, lineage, `crop`.
    """

    key: str
    number: int
    split: str
    data: bytes
    suffix: str
    width: int
    height: int
    faces: tuple[FaceItem, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """File name: key and suffix."""
        return f"{self.key}{self.suffix}"


def moved(face: FaceItem, matrix: Matrix) -> FaceItem:
    """A face with its box and points taken along by a similarity.

    Args:
        face: In the pixels that the matrix maps from.
        matrix: 2 x 3 map to the new pixels. The depth of three-dimensional points is scaled along.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    labels = {name: _moved_value(name, value, matrix, scale) for name, value in face.labels.items()}
    return replace(face, box=None if face.box is None else _moved_box(face.box, matrix), labels=labels)


def _moved_value(name: str, value: Any, matrix: Matrix, scale: float) -> Any:
    column = REGISTRY.get(name)
    if value is None or column is None or column.kind is not Kind.POINTS or column.unit != "px":
        return value
    points = np.array(value, np.float64)
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    points[:, 2:] *= scale
    return points.astype(np.float32)


def _moved_box(box: Box, matrix: Matrix) -> Box:
    """The upright box around the moved corners."""
    x, y, w, h = box
    corners = np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]]) @ matrix[:, :2].T + matrix[:, 2]
    low, high = corners.min(0), corners.max(0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])
