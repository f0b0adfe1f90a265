"""Reviewed faces against a newer detection: where both do not agree that is shown, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curate.review.ledger import Ledger
from curate.review.overlap import iou, pairs
from curate.review.task import Box
from curate.store import Dataset
from schemas.columns import faces


@dataclass(frozen=True)
class Conflict:
    """A reviewed face that a newer detection does not have where it was reviewed.

    Attributes:
        image_id: The picture.
        face_id: The reviewed face, in the revision that was reviewed.
        best: Largest overlap with a newer face that is not another reviewed face's.
        newer: That face; empty if there is none.
    """

    image_id: str
    face_id: str
    best: float
    newer: str


def conflicts(ds: Dataset, book: Ledger, reviewed: Mapping[str, Mapping[str, Box]]) -> tuple[Conflict, ...]:
    """Reviewed faces without a partner in the dataset's present revision.

    Args:
        ds: The dataset at its present revision.
        book: The review, of an earlier one.
        reviewed: Image id -> face id -> box as the reviewer left it.
    """
    assert ds.info.revision != book.revision
    now = _boxes(ds, reviewed)
    found = []
    for image_id, boxes in reviewed.items():
        newer = now.get(image_id, {})
        partner = pairs(boxes, newer)
        free = {k: v for k, v in newer.items() if k not in partner.values()}
        for face_id in boxes.keys() - partner.keys():
            best = max(((iou(boxes[face_id], b), k) for k, b in free.items()), default=(0.0, ""))
            found.append(Conflict(image_id, face_id, *best))
    return tuple(sorted(found, key=lambda c: c.face_id))


def _boxes(ds: Dataset, wanted: Mapping[str, object]) -> dict[str, dict[str, Box]]:
    found: dict[str, dict[str, Box]] = {}
    ids = pa.array(sorted(wanted), pa.string())
    for table in ds.iter_faces([faces.FACE_ID, faces.IMAGE_ID, *faces.BOX]):
        rows = table.filter(pc.is_in(table.column(faces.IMAGE_ID.name), value_set=ids))
        for row in rows.to_pylist():
            x, y, w, h = (float(row[c.name]) for c in faces.BOX)
            found.setdefault(row[faces.IMAGE_ID.name], {})[row[faces.FACE_ID.name]] = (x, y, w, h)
    return found
