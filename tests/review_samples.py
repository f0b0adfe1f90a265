"""Drawn faces with all kinds of answers for the review's tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from curate.review.controls import ABSTAINED
from curate.review.spec import Spec
from curate.review.task import Seen
from schemas import Kind, taxonomy
from schemas.columns import faces, labels

UNITS = ("AU4", "AU6", "AU12")
SPEC = Spec(
    (faces.POINTS_5, labels.POINTS_68, labels.PERCEIVED_EMOTION, labels.GENDER, labels.AGE, labels.AU_INTENSITY,
     labels.EYEWEAR, labels.MASK_WORN, labels.CAPTION),
    {labels.AU_INTENSITY.name: UNITS},
)  # fmt: skip
SIZE = (640, 480)


def seen(rng: np.random.Generator, face_id: str, size: tuple[int, int] = SIZE) -> Seen:
    """A face with a box that lies in the picture and values of which a fifth are missing."""
    side = np.array(size, float)
    w, h = rng.uniform(0.1, 0.4, 2) * side
    x, y = rng.uniform(0, 1, 2) * (side - [w, h])
    values: dict[str, Any] = {}
    for column in SPEC.columns:
        if rng.random() < 0.2:
            continue
        if column.kind is Kind.POINTS:
            values[column.name] = (rng.uniform(-0.1, 1.1, column.shape) * [w, h] + [x, y]).astype(np.float32)
            values[column.name] = values[column.name].astype(np.float64)
        elif column.kind is Kind.LABEL:
            labels_of = taxonomy(column.taxonomy).labels
            values[column.name] = ABSTAINED if rng.random() < 0.1 else str(rng.choice(labels_of))
        elif column.kind is Kind.FLAG:
            values[column.name] = bool(rng.random() < 0.5)
        elif column.kind is Kind.NUMBER:
            values[column.name] = float(np.float32(rng.uniform(1, 90)))
        elif column.kind is Kind.TEXT:
            values[column.name] = f"A face, größe {int(rng.integers(99))} <b>&amp;</b>"
        else:
            values[column.name] = {u: float(np.float32(max(0.0, rng.uniform(-2, 5)))) for u in UNITS}
    return Seen(face_id, (float(x), float(y), float(w), float(h)), values)


def equal(one: Seen, other: Seen) -> bool:
    """Whether two faces are the same to the bit."""
    if (one.face_id, one.box, set(one.values)) != (other.face_id, other.box, set(other.values)):
        return False
    pairs = ((one.values[n], other.values[n]) for n in one.values)
    return all(np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b for a, b in pairs)
