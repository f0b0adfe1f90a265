"""What can be measured of a part of a dataset: the faces, pictures, columns and layers that an export holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from curate.card.facts import AGES, Facts, Tally, pictures, usable_pictures
from curate.report import facts as report_facts
from curate.report.facts import LayerRow, ModelRow
from curate.store import Dataset, LayerInfo
from curate.store.counts import Counts
from curate.store.view import FaceView
from schemas import Column, ImageStatus, Status
from schemas.columns import images, labels


@dataclass(frozen=True)
class Selection:
    """A part of a dataset.

    Attributes:
        faces: Shard -> numbers of its rows.
        pictures: `image_id`s.
        columns: Label columns.
        layers: Only these layers speak; None for all.
    """

    faces: Mapping[str, Sequence[int]]
    pictures: Sequence[str]
    columns: tuple[Column, ...]
    layers: tuple[str, ...] | None = None


def measure_part(ds: Dataset, part: Selection) -> Facts:
    """Measure a part of a dataset; ages tell how many may be children's also where they are not among its columns.

    Raises:
        DatasetError: if a part file is damaged.
    """
    view = FaceView(ds, part.layers)
    known = set(view.columns())
    tally = Tally([*part.columns, *(c for c in AGES if c.name in known and c not in part.columns)])
    wanted = [view.want(c.name) for c in tally.wanted]
    speakers = [i for i in view.layers if {c.name for c in part.columns} & set(i.columns)]
    statuses = {i.name: dict.fromkeys([*(s.value for s in Status), ""], 0) for i in speakers}
    asked = [view.want(f"status.{name}") for name in statuses]
    for key, rows in part.faces.items():
        table = view.part(key, [*wanted, *asked]).take(pa.array(rows, pa.int64()))
        tally.add(table)
        for name, found in statuses.items():
            for pair in pc.value_counts(table.column(f"status.{name}")).to_pylist():
                found[str(pair["values"] or "")] += int(pair["counts"])
    number = len(part.pictures)
    return Facts(
        counts=Counts(number, {ImageStatus.OK.value: number}, {}, tally.faces, statuses),
        usable=number,
        pictures=pictures(ds, _rows(ds, part.pictures)),
        compositions=tuple(c for c in tally.compositions() if c.column in part.columns),
        spreads=tuple(s for s in tally.spreads() if s.column in part.columns),
        ledger=(),
        layers=tuple(_layer(info, part.columns, statuses[info.name]) for info in speakers),
        models=tuple(_models(ds, speakers)),
        splits=(),
        minors=tally.minors,
        age_unknown=tally.age_unknown,
        people=tally.groups(labels.IDENTITY_ID),
        duplicates=tally.groups(labels.DUPLICATE_GROUP, least=2),
        sensitive=tuple(c for c in part.columns if c.sensitive),
    )


def _rows(ds: Dataset, image_ids: Sequence[str]) -> pa.Table:
    table = usable_pictures(ds)
    return table.filter(pc.is_in(table.column(images.IMAGE_ID.name), value_set=pa.array(image_ids, pa.string())))


def _layer(info: LayerInfo, columns: Sequence[Column], found: Mapping[str, int]) -> LayerRow:
    held = tuple(c.name for c in columns if c.name in info.columns)
    ok, absent, failed = (found[s.value] for s in (Status.OK, Status.NOT_APPLICABLE, Status.FAILED))
    return LayerRow(replace(info, columns=held), ok, absent, failed, found[""], ())


def _models(ds: Dataset, speakers: Sequence[LayerInfo]) -> list[ModelRow]:
    """The detector's files and those of the layers that speak."""
    silent = {i.name for i in ds.layers()} - {i.name for i in speakers}
    rows = (replace(m, used_by=tuple(u for u in m.used_by if u not in silent)) for m in report_facts.models(ds))
    return [row for row in rows if row.used_by]
