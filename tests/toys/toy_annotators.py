"""A detector and three annotators without models, so that engine tests are fast and can break on demand.

A "face" is a saturated square on grey. A file named by TOY_BREAK makes labels, detection or the whole
process fail, depending on its text.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from annotators.base import Annotator, Config, Detections, Detector, Face, FaceAnnotator, FaceBatch, NotApplicable
from annotators.crops import BoxCrop
from schemas import ColumnGroup, Kind, Status
from schemas.columns import faces

TOY = ColumnGroup("toy", "Columns of the engine tests.")
LEVEL = TOY.add("toy_level", pa.float32(), Kind.NUMBER, "Mean of the face.", low=0, high=255)
DOUBLE = TOY.add("toy_double", pa.float32(), Kind.NUMBER, "Twice the level.", low=0, high=510)
TOTAL = TOY.add("toy_total", pa.float32(), Kind.NUMBER, "Sum of both.", low=0, high=1000)


def broken(what: str) -> bool:
    """Whether the test asks for this failure now."""
    switch = os.environ.get("TOY_BREAK")
    return bool(switch) and Path(switch).exists() and what in Path(switch).read_text().split()


@dataclass(frozen=True)
class FinderConfig(Config):
    least: int = 12


class ToyFinder(Detector):
    name = "toy_finder"
    version = "1"
    doc = "Finds saturated squares."
    config_type = FinderConfig
    config: FinderConfig

    def detect(self, image: np.ndarray) -> Detections:
        if broken("detect"):
            raise RuntimeError("finder broken")
        if broken("crash") or (broken("crash-on-bright") and image[-1].max() > 250):
            os._exit(9)
        spread = np.ptp(image.astype(np.int16), axis=2)
        _, _, stats, _ = cv2.connectedComponentsWithStats((spread > 60).astype(np.uint8))
        boxes = [s[:4] for s in stats[1:] if min(s[2], s[3]) >= self.config.least]
        array = np.array(boxes, np.float32).reshape(-1, 4)
        grid = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
        points = array[:, None, :2] + grid * array[:, None, 2:]
        return Detections(array, points, np.ones(len(array), np.float32))


@dataclass(frozen=True)
class LevelConfig(Config):
    offset: float = 0.0


class ToyLevel(FaceAnnotator):
    name = "toy_level"
    version = "1"
    doc = "Mean of the crop; says nothing about very dark faces."
    provides = (LEVEL,)
    crops = (BoxCrop(32, 0.0),)
    default = False
    config_type = LevelConfig
    config: LevelConfig

    def label(self, face: Face) -> dict:
        if broken("level"):
            raise RuntimeError("level broken")
        level = float(face.crop(self.crops[0]).pixels.mean()) + self.config.offset
        if level < 40:
            raise NotApplicable("too dark")
        return {LEVEL: level}


class ToyDouble(FaceAnnotator):
    name = "toy_double"
    version = "1"
    doc = "Twice the level."
    requires = (LEVEL,)
    provides = (DOUBLE,)
    default = False

    def label(self, face: Face) -> dict:
        return {DOUBLE: 2 * face.need(LEVEL)}


class ToyTotal(Annotator):
    name = "toy_total"
    version = "1"
    doc = "Sum of both, a batch at a time."
    requires = (LEVEL, DOUBLE)
    provides = (TOTAL,)
    default = False

    def annotate(self, batch: FaceBatch) -> pa.RecordBatch:
        if broken("total"):
            raise RuntimeError("total broken")
        rows = [(f[faces.FACE_ID], f[LEVEL], f[DOUBLE]) for f in batch]
        known = [a is not None and b is not None for _, a, b in rows]
        status = [Status.OK if k else Status.NOT_APPLICABLE for k in known]
        totals = [a + b if k else None for (_, a, b), k in zip(rows, known, strict=True)]
        columns = [[r[0] for r in rows], [s.value for s in status], [None] * len(rows), totals]
        schema = self.schema()
        return pa.record_batch([pa.array(v, f.type) for v, f in zip(columns, schema, strict=True)], schema=schema)
