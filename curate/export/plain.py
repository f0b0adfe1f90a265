"""Label values as JSON and back, for formats that carry them as text beside the picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.export.encode import picture_size
from curate.export.sample import FaceItem, Sample
from schemas import REGISTRY, Column, Kind
from schemas.columns import faces, images

BOX, NUMBER, FACTS = "box", "number", "facts"
LARGEST = float(np.finfo(np.float32).max)


def to_plain(value: Any) -> Any:
    """Numbers, texts, lists and objects only; arrays become nested lists, NaN becomes null."""
    if isinstance(value, float):
        return _short(float(value)) if math.isfinite(value) else None
    if isinstance(value, np.ndarray) and value.dtype == np.float32:
        return _short_array(value)
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    return value


def _short(value: float) -> float:
    """The shortest decimal that is the same number in single precision, which is what columns hold."""
    return float(str(np.float32(value))) if abs(value) <= LARGEST else value


def _short_array(values: NDArray[np.float32]) -> Any:
    """The same for whole arrays, as nested lists with None for what is no number."""
    told = pc.cast(pa.array(values.ravel()), pa.string()).to_pylist()
    numbers: list[Any] = [
        float(t) if known else None for t, known in zip(told, np.isfinite(values).ravel().tolist(), strict=True)
    ]
    for side in values.shape[:0:-1]:
        numbers = [numbers[i : i + side] for i in range(0, len(numbers), side)]
    return numbers


def from_plain(column: Column, value: Any) -> Any:
    """A value of a column from JSON: arrays for points and vectors, NaN where a point was null."""
    if value is None or not (column.shape or column.kind in (Kind.POINTS, Kind.VECTOR)):
        return value
    return np.array(value, np.float32)  # None becomes NaN


def face_record(face: FaceItem, columns: Sequence[Column]) -> dict[str, Any]:
    """One face as JSON: id, box and the columns; nulls are left out."""
    record: dict[str, Any] = {faces.FACE_ID.name: face.face_id, BOX: to_plain(list(face.box)) if face.box else None}
    for column in columns:
        value = to_plain(face.labels.get(column.name))
        if value is not None:
            record[column.name] = value
    return record


def record_face(record: Mapping[str, Any], columns: Sequence[Column]) -> FaceItem:
    """The reverse of `face_record`; columns that are absent are None."""
    box = record.get(BOX)
    labels = {c.name: from_plain(c, record.get(c.name)) for c in columns}
    return FaceItem(str(record.get(faces.FACE_ID.name) or ""), tuple(box) if box else None, labels)


def sample_facts(sample: Sample) -> dict[str, Any]:
    """What is known of a picture, as JSON."""
    facts: dict[str, Any] = to_plain(dict(sample.facts))
    return facts


def columns_of(names: Sequence[str]) -> list[Column]:
    """Declared columns among names."""
    return [REGISTRY[n] for n in names if n in REGISTRY]


def sample_record(sample: Sample, columns: Sequence[Column]) -> dict[str, Any]:
    """A sample of one face as JSON, all but the picture itself."""
    head = {NUMBER: sample.number, images.SPLIT.name: sample.split or None}
    return head | face_record(sample.faces[0], columns) | {FACTS: sample_facts(sample)}


def record_sample(record: Mapping[str, Any], key: str, data: bytes, suffix: str) -> Sample:
    """The reverse of `sample_record`, with the picture."""
    width, height = picture_size(data)
    face = record_face(record, columns_of(list(record)))
    split = str(record.get(images.SPLIT.name) or "")
    facts = record.get(FACTS) or {}
    return Sample(key, int(record[NUMBER]), split, data, suffix, width, height, (face,), facts)
