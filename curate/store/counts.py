"""Totals of a dataset, from footers and a few narrow columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from curate.store.images import images, replaced
from curate.store.names import FACES, LABELS, SOURCES
from curate.store.parts import read_footer
from schemas import ImageStatus, Status
from schemas.columns.images import IMAGE_ID, REASON
from schemas.columns.images import STATUS as IMAGE_STATUS
from schemas.columns.labels import STATUS as LABEL_STATUS

if TYPE_CHECKING:
    from curate.store.dataset import Dataset

MISSING = "missing"


@dataclass(frozen=True)
class Counts:
    """Totals of a dataset.

    Attributes:
        sources: Pictures planned.
        images: Status -> number of pictures; each picture counts once, by its newest row.
        reasons: Reason -> number, for pictures that are not `ok`.
        faces: Number of faces, without those of pictures that are no longer in their files.
        layers: Layer -> status -> number of faces; `missing` are faces the layer has no part for.
    """

    sources: int = 0
    images: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    faces: int = 0
    layers: dict[str, dict[str, int]] = field(default_factory=dict)


def count(dataset: Dataset) -> Counts:
    """Count; see `Counts`."""
    pictures = images(dataset, [IMAGE_STATUS, REASON])
    not_ok = pictures.filter(pc.not_equal(pictures.column(IMAGE_STATUS.name), ImageStatus.OK.value))
    faces = _rows(dataset, FACES)
    gone = replaced(dataset)
    layers = {}
    for info in dataset.layers():
        table = f"{LABELS}/{info.name}"
        found = dict.fromkeys([s.value for s in Status], 0)
        for key in dataset.keys(table):
            _tally(found, dataset.read(table, key, [LABEL_STATUS]).column(LABEL_STATUS.name))
        layers[info.name] = {**found, MISSING: faces - sum(found.values())}
    return Counts(
        sources=_rows(dataset, SOURCES),
        images=_tally(dict.fromkeys([s.value for s in ImageStatus], 0), pictures.column(IMAGE_STATUS.name)),
        reasons=_tally({}, not_ok.column(REASON.name)),
        faces=faces - _of_pictures(dataset, gone),
        layers=layers,
    )


def _of_pictures(dataset: Dataset, image_ids: pa.Array) -> int:
    if not len(image_ids):
        return 0
    parts = (dataset.read(FACES, key, [IMAGE_ID]).column(IMAGE_ID.name) for key in dataset.keys(FACES))
    return sum(int(pc.sum(pc.is_in(ids, image_ids)).as_py() or 0) for ids in parts)


def _rows(dataset: Dataset, table: str) -> int:
    return sum(read_footer(dataset.part_path(table, key))[0] for key in dataset.keys(table))


def _tally(into: dict[str, int], values: pa.ChunkedArray) -> dict[str, int]:
    pairs: Iterable[dict[str, object]] = pc.value_counts(values).to_pylist()
    for pair in sorted(pairs, key=lambda p: str(p["values"])):
        name = str(pair["values"] or "")
        into[name] = into.get(name, 0) + int(str(pair["counts"]))
    return into
