"""What is worth seeing in FiftyOne: marks on faces, and saved views of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from curate.bridges import fiftyone_fields as fields
from curate.consistency import check
from curate.consistency.findings import RULE
from curate.measures.run import read_table
from curate.store import Dataset
from schemas import Status, UsageError
from schemas.columns import faces, images, labels

MARKS = "facecurate_marks"
"""Attribute of a face: why it is worth seeing. Not a label: it never comes home."""
MISTAKENNESS = "mistakenness"
PERSON = "word of a person"
REJECTED = "rejected by a person"
DOUBTED = "label may be mistaken"
QUEUE, CHECK = "queue: ", "check: "
SURE = 0.5
"""FiftyOne's measure is above this where a confident model contradicts the label."""


def queued(path: Path) -> list[str]:
    """Pictures of a list that `review queue` wrote, in its order.

    Raises:
        UsageError: if it is no such list.
    """
    table = read_table(path)
    if images.IMAGE_ID.name not in table.column_names:
        raise UsageError(f"{path} has no column {images.IMAGE_ID.name}", fix="Make it with: facecurate review queue")
    return list(dict.fromkeys(table.column(images.IMAGE_ID.name).to_pylist()))


def save_views(
    ds: Dataset, dataset: Any, queues: Mapping[str, Sequence[str]], mistaken: Mapping[str, float]
) -> list[str]:
    """Mark faces and save a view for each reason to look; views of an earlier call are replaced.

    Args:
        ds: The dataset.
        dataset: The FiftyOne dataset made from it.
        queues: Name -> image ids in order.
        mistaken: Face id -> mistakenness, see `fiftyone_judged`.

    Returns:
        Names of the views.
    """
    from fiftyone import ViewField

    reasons, rejected = _reasons(ds)
    _mark(ds, dataset, reasons, mistaken)
    own = (CHECK, PERSON, REJECTED, DOUBTED, *(QUEUE + name for name in queues))
    for name in dataset.list_saved_views():
        if name.startswith(own):
            dataset.delete_saved_view(name)
    views = {QUEUE + name: dataset.select_by(images.IMAGE_ID.name, ids, ordered=True) for name, ids in queues.items()}
    if rejected:
        views[REJECTED] = dataset.match({images.IMAGE_ID.name: {"$in": sorted(rejected)}})
    if any(value > SURE for value in mistaken.values()):
        doubted = dataset.filter_labels(fields.FACES, ViewField(MISTAKENNESS) > SURE)
        worst = ViewField(f"{fields.DETECTIONS}.{MISTAKENNESS}").max()
        views[DOUBTED] = doubted.sort_by(worst, reverse=True)
    for reason in sorted(set().union(*reasons.values()), key=lambda name: (name != PERSON, name)):
        views[reason] = dataset.filter_labels(fields.FACES, ViewField(MARKS).contains(reason))
    for name, view in views.items():
        dataset.save_view(name, view, overwrite=True)
    return list(views)


def _reasons(ds: Dataset) -> tuple[dict[str, list[str]], set[str]]:
    """Face id -> its marks, and the pictures that have a rejected face."""
    reasons: dict[str, list[str]] = {}
    for layer in (info for info in ds.layers() if info.kind == "human"):
        table = ds.layer_table(layer.name, [faces.FACE_ID, labels.STATUS])
        said = table.filter(pc.equal(table.column(labels.STATUS.name), Status.OK.value))
        _add(reasons, said.column(faces.FACE_ID.name).to_pylist(), PERSON)
    found = check(ds, by=()).table
    for face, rule in zip(found.column(faces.FACE_ID.name).to_pylist(), found.column(RULE).to_pylist(), strict=True):
        _add(reasons, [face], CHECK + rule)
    if labels.REVIEW_REJECTED.name not in ds.columns():
        return reasons, set()
    gone = ds.faces([faces.IMAGE_ID], f"{labels.REVIEW_REJECTED.name} = true")
    return reasons, set(gone.column(0).to_pylist())


def _add(reasons: dict[str, list[str]], ids: Iterable[str], reason: str) -> None:
    for face in ids:
        own = reasons.setdefault(face, [])
        if reason not in own:
            own.append(reason)


def _mark(ds: Dataset, dataset: Any, reasons: Mapping[str, Sequence[str]], mistaken: Mapping[str, float]) -> None:
    from pymongo import UpdateMany, UpdateOne

    fo = fields.library()
    dataset.add_sample_field(f"{fields.DETECTIONS}.{MARKS}", fo.ListField, subfield=fo.StringField)
    dataset.add_sample_field(f"{fields.DETECTIONS}.{MISTAKENNESS}", fo.FloatField)
    every = f"{fields.DETECTIONS}.$[]"
    marked = {"$or": [{f"{fields.DETECTIONS}.{n}": {"$exists": True}} for n in (MARKS, MISTAKENNESS)]}
    changes: list[Any] = [UpdateMany(marked, {"$unset": {f"{every}.{n}": "" for n in (MARKS, MISTAKENNESS)}})]
    for face, picture in zip(*ds.faces([faces.FACE_ID, faces.IMAGE_ID]).to_pydict().values(), strict=True):
        told: dict[str, Any] = {MARKS: list(reasons[face])} if face in reasons else {}
        if face in mistaken:
            told[MISTAKENNESS] = mistaken[face]
        if told:
            values = {f"{fields.DETECTIONS}.$[face].{name}": value for name, value in told.items()}
            chosen: list[Mapping[str, Any]] = [{f"face.{faces.FACE_ID.name}": face}]
            found = {images.IMAGE_ID.name: picture, f"{fields.DETECTIONS}.{faces.FACE_ID.name}": face}
            changes.append(UpdateOne(found, {"$set": values}, array_filters=chosen))
    dataset._bulk_write(changes, ids=None)
