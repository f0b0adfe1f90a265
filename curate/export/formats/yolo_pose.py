"""YOLO-pose: YOLO's lines with the points of each face behind its box, and their mirror table in `data.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.base import Config
from curate.export.base import equal
from curate.export.face_classes import ClassConfig
from curate.export.face_points import pixel_points
from curate.export.formats.yolo import DIGITS, Yolo
from curate.export.sample import FaceItem, Sample
from schemas import Column, column
from schemas.columns import labels
from schemas.landmarks import layout

BOX = 5
"""Fields of a line before its points."""
NOT_LABELLED, HIDDEN, VISIBLE = 0, 1, 2
TOLERANCE = 1e-3
VISIBILITY = {labels.POINTS_68: labels.VISIBLE_68}
"""Columns of points -> the flags that say which of them can be seen."""


@dataclass(frozen=True)
class YoloPoseConfig(ClassConfig):
    """What the classes and the points are.

    Attributes:
        points: A column of points in pixels, such as `landmarks_68`, `points_5` or `landmarks_478`.
    """

    points: str = labels.POINTS_68.name


class YoloPose(Yolo):
    """As `yolo`, and behind each box `x y v` per point; `kpt_shape` and `flip_idx` stand in `data.yaml`.

    `v` is 2 for a point that can be seen, 1 for one that is turned away or covered, as far as the dataset says so,
    and 0, with zeros before it, for one that is not known or lies outside the picture, since training scripts refuse
    such points. A mesh loses its depth.
    """

    name = "yolo_pose"
    doc = "YOLO-pose: boxes of faces with 68 (or 5, 478) points, and data.yaml with the mirror table."
    opened_by = "ultralytics: yolo pose train data=OUT/data.yaml"
    config_type = YoloPoseConfig
    config: YoloPoseConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse classes without a fixed set of labels, and points that are none."""
        super().preflight(config)
        assert isinstance(config, YoloPoseConfig)
        pixel_points(config.points)

    @property
    def points(self) -> Column:
        """The column of points."""
        return column(self.config.points)

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """All but the column of classes and flat points."""
        found = {c.name: "a line holds a class, a box and points alone" for c in columns
                 if c.name not in (self.config.classes, self.config.points)}  # fmt: skip
        if self.points in columns and self.points.shape[1] != 2:
            found[self.points.name] = "points in a line have no depth"
        return found

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The classes, the points and which of them can be seen."""
        seen = VISIBILITY.get(self.points)
        return [*super().needs(columns), self.points, *([seen] if seen else [])]

    def more_settings(self) -> list[str]:
        """Shape and mirror table of the points."""
        parts = layout(self.points.taxonomy)
        return [f"kpt_shape: [{parts.size}, 3]", f"flip_idx: {list(parts.mirror)}"]

    def line(self, sample: Sample, face: FaceItem) -> str:
        """The box's line and the points."""
        known = inside(face.labels.get(self.points.name), sample, self.points.shape[0])
        seen = VISIBILITY.get(self.points)
        flags = face.labels.get(seen.name) if seen else None
        fields = [super().line(sample, face)]
        for number, (x, y) in enumerate(known.tolist()):
            if np.isnan(x):
                fields.append(f"0 0 {NOT_LABELLED}")
                continue
            state = VISIBLE if flags is None or flags[number] else HIDDEN
            fields.append(f"{x / sample.width:.{DIGITS}f} {y / sample.height:.{DIGITS}f} {state}")
        return " ".join(fields)

    def face(self, fields: Sequence[str], width: int, height: int) -> FaceItem:
        """The reverse of `line`; points that are not labelled are NaN, and a face without any has none."""
        found = super().face(fields[:BOX], width, height)
        told = np.array(fields[BOX:], np.float64).reshape(-1, 3)
        points = (told[:, :2] * [width, height]).astype(np.float32)
        points[told[:, 2] == NOT_LABELLED] = np.nan
        value = None if np.isnan(points).all() else points
        return FaceItem(found.face_id, found.box, {**found.labels, self.points.name: value})

    def same_in(self, sample: Sample, column: Column, given: Any, found: Any) -> bool:
        """Of the points, those inside the picture, to a thousandth of a pixel."""
        if column != self.points:
            return self.same(column, given, found)
        known = inside(given, sample, column.shape[0])
        return equal(column, None if np.isnan(known).all() else known, found, TOLERANCE)


def inside(points: Any, sample: Sample, count: int) -> NDArray[np.float32]:
    """Points of shape (count, 2), NaN where they are unknown or lie outside the sample's picture."""
    if points is None:
        return np.full((count, 2), np.nan, np.float32)
    flat = np.array(np.asarray(points)[:, :2], np.float32)
    size = np.array([sample.width, sample.height])
    flat[~((flat >= 0) & (flat <= size)).all(1)] = np.nan
    return flat
