"""Meshes of real photos for tests: the largest face of each, found with YuNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from annotators.base import FaceBatch
from annotators.blendshapes import Blendshapes
from annotators.landmarks import FaceMesh
from annotators.weights import ModelStore
from schemas.columns import faces

SIDE = 480


def find_face(models: ModelStore, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Box (4,) and five points (5, 2) of the largest face of an RGB picture, in its pixels."""
    scale = SIDE / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    size = (small.shape[1], small.shape[0])
    detector = cv2.FaceDetectorYN.create(str(models.path("yunet")), "", size, 0.5)
    found = detector.detect(np.ascontiguousarray(small[:, :, ::-1]))[1]
    assert found is not None, "no face found"
    best = found[(found[:, 2] * found[:, 3]).argmax()] / scale
    return best[:4], best[4:14].reshape(5, 2)


def batch_of_images(models: ModelStore, images: Sequence[np.ndarray]) -> FaceBatch:
    """One face per RGB picture, with mesh and blendshapes."""
    found = [find_face(models, image) for image in images]
    columns = {
        faces.FACE_ID.name: pa.array([f"{i}.0" for i in range(len(images))]),
        faces.IMAGE_ID.name: pa.array([str(i) for i in range(len(images))]),
        faces.POINTS_5.name: pa.array([p.reshape(-1) for _, p in found], faces.POINTS_5.type),
    }
    for k, column in enumerate(faces.BOX):
        columns[column.name] = pa.array([float(box[k]) for box, _ in found], column.type)
    batch = FaceBatch(pa.table(columns), {str(i): image for i, image in enumerate(images)})
    for annotator in (FaceMesh(), Blendshapes()):
        annotator.setup(models)
        labelled = annotator.annotate(batch)
        batch.add({c.name: labelled.column(c.name) for c in annotator.provides})
    return batch


def read(path: Path) -> np.ndarray:
    """An RGB picture."""
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[:, :, ::-1])


def batch_of_photos(models: ModelStore, paths: Sequence[Path]) -> FaceBatch:
    """One face per file; see `batch_of_images`."""
    return batch_of_images(models, [read(path) for path in paths])
