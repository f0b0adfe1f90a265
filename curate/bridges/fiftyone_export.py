"""From a dataset to FiftyOne: boxes, points with skeletons, and every label as an attribute of its face."""

from __future__ import annotations

import itertools
import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.bridges import fiftyone_fields as fields
from curate.bridges.fiftyone_media import Media
from curate.export import fiftyone_documents as documents
from curate.scores import probability, scores_beside
from curate.store import Dataset
from schemas import REGISTRY, Column, ImageStatus, Kind, UsageError
from schemas.columns import faces, images, labels

CHUNK = 200
"""Samples per insertion."""
PROVENANCE = "__layer"
NOTE = "Age, gender, race, emotion and skin tone are models' perception, not facts about a person."
_log = logging.getLogger(__name__)
_draws = random.Random()  # the user's seed is left alone

Row = dict[str, Any]
Progress = Callable[[int, int], object]


def to_fiftyone(
    ds: Dataset,
    name: str | None = None,
    persistent: bool = True,
    overwrite: bool = False,
    progress: Progress | None = None,
    media_dir: Path | str | None = None,
    columns: Iterable[Column] | None = None,
) -> Any:
    """Copy a dataset into a FiftyOne dataset, or add to one what it lacks.

    One sample per usable picture. Field `faces` holds the boxes, each with all its labels as attributes
    (and `LABEL_confidence` where probabilities stand beside a model's label); every column of points is a
    field of keypoints with its skeleton; image columns are sample fields. Faces that a reviewer rejected
    are left out. A second call adds the pictures that are new and leaves the others as they are.

    Args:
        ds: The dataset.
        name: Name of the FiftyOne dataset; the dataset's own name if None.
        persistent: Keep it when the session ends.
        overwrite: Delete a FiftyOne dataset of that name first. Edits made there that were not
            brought home with `from_fiftyone` are lost.
        progress: Called with (samples done, samples to do) after every chunk.
        media_dir: Where pictures are written that FiftyOne cannot read where they are (rows of Parquet
            files, URLs, formats that browsers do not show); `fiftyone-media` in the dataset if None.
        columns: Only these face and label columns; all by default.

    Returns:
        The `fiftyone.Dataset`.

    Raises:
        MissingExtraError: if fiftyone is not installed.
        UsageError: if a FiftyOne dataset of that name holds something else.
    """
    fo = fields.library()
    name = name or name_of(ds)
    if overwrite and fo.dataset_exists(name):
        fo.delete_dataset(name)
    wanted = fields.present(ds.columns()) if columns is None else list(columns)
    wanted = list(dict.fromkeys([*faces.FACES.values(), *wanted]))
    dataset = _open(fo, ds, name, persistent)
    fields.declare(fo, dataset, wanted)
    export = _note_export(ds, dataset, wanted)
    rows = _pictures(ds, set(dataset.values(images.IMAGE_ID.name)))
    with Media(ds, Path(media_dir) if media_dir else None) as media, fields.many_small_lists():
        _insert(dataset, _documents(ds, wanted, rows, media, export), len(rows), progress)
    return dataset


def name_of(ds: Dataset) -> str:
    """Name of the FiftyOne dataset where none is given."""
    return ds.info.name or ds.path.resolve().name


def _open(fo: Any, ds: Dataset, name: str, persistent: bool) -> Any:
    if fo.dataset_exists(name):
        dataset = fo.load_dataset(name)
        check_origin(ds, dataset)
        return dataset
    dataset = fo.Dataset(name, persistent=persistent)
    fields.set_facts(dataset, {**_identity(ds), "exports": [], "note": NOTE})
    return dataset


def _identity(ds: Dataset) -> dict[str, Any]:
    return {"name": ds.info.name, "created": ds.info.created, "revision": ds.info.revision}


def check_origin(ds: Dataset, dataset: Any) -> None:
    """Check that a FiftyOne dataset was made from this dataset and revision.

    Raises:
        UsageError: if it was not.
    """
    found = fields.facts(dataset)
    if any(found.get(k) != v for k, v in _identity(ds).items()):
        raise UsageError(
            f"the FiftyOne dataset '{dataset.name}' was not made from {ds.path}",
            "it holds something else, or another revision",
            "Give another name, or overwrite it",
        )


def _note_export(ds: Dataset, dataset: Any, columns: Iterable[Column]) -> int:
    """Note what is exported and from which layers; returns the number of that note."""
    note = {"layers": [i.name for i in ds.layers()], "columns": [c.name for c in columns]}
    info = fields.facts(dataset)
    info["layers"] = [json.dumps(i.as_dict()) for i in ds.layers()]
    info["detector"] = json.dumps(ds.info.detector)
    if note not in info["exports"]:
        info["exports"].append(note)
    fields.set_facts(dataset, info)
    return int(info["exports"].index(note))


def _pictures(ds: Dataset, known: set[str]) -> dict[str, Row]:
    table = ds.images()
    usable = table.filter(pc.equal(table.column(images.STATUS.name), ImageStatus.OK.value))
    new = pc.invert(pc.is_in(usable.column(images.IMAGE_ID.name), value_set=pa.array(sorted(known), pa.string())))
    return {row[images.IMAGE_ID.name]: row for row in usable.filter(new).to_pylist()}


@dataclass(frozen=True)
class Placed:
    """Where columns go: by a name on the detections, or into fields of keypoints."""

    attributes: list[tuple[Column, str]]
    points: list[Column]
    form: documents.Form


def _documents(ds: Dataset, columns: list[Column], rows: Mapping[str, Row], media: Media, export: int) -> Iterator[Row]:
    form = documents.database_form()
    attributes = [(c, fields.attribute(c)) for c in columns if fields.on_detection(c)]
    placed = Placed(attributes, [c for c in columns if c.kind is Kind.POINTS], form)
    for image_id, found in _faces_by_image(ds, columns, rows):
        path = media.path(rows[image_id])
        if path is not None:
            yield _document(rows[image_id], found, placed, str(path), export)


def _faces_by_image(ds: Dataset, columns: list[Column], rows: Mapping[str, Row]) -> Iterator[tuple[str, list[Row]]]:
    """Every new picture with all its faces; a picture waits only while faces of it lie in later parts."""
    waiting = Counter(ds.faces([faces.IMAGE_ID]).column(0).to_pylist())
    new = pa.array(list(rows), pa.string())
    held: dict[str, list[Row]] = {}
    human = {info.name for info in ds.layers() if info.kind == "human"}
    labelled = [c.name for c in columns if scores_beside(c) in columns]
    names = [*(c.name for c in columns), *(n + PROVENANCE for n in labelled if human)]
    for table in ds.iter_faces(columns, provenance=bool(human)):
        fresh = table.select(names).filter(pc.is_in(table.column(faces.IMAGE_ID.name), value_set=new))
        for row in fields.rows_of(fresh):
            image_id = row[faces.IMAGE_ID.name]
            # A model's probability does not speak of a label that a person gave.
            row["sure"] = [n for n in labelled if row.get(n + PROVENANCE) not in human]
            held.setdefault(image_id, []).append(row)
            waiting[image_id] -= 1
            if not waiting[image_id]:
                yield image_id, held.pop(image_id)
    yield from ((image_id, []) for image_id in rows if image_id not in waiting)


def _document(picture: Row, found: list[Row], placed: Placed, path: str, export: int) -> Row:
    size = picture[images.WIDTH.name], picture[images.HEIGHT.name]
    kept = [row for row in found if not row.get(labels.REVIEW_REJECTED.name)]
    tags = [picture[images.SPLIT.name]] if picture[images.SPLIT.name] else []
    about = {"size_bytes": picture[images.BYTES.name], "num_channels": 3}
    sample = documents.sample_head(path, tags, size, about)
    sample |= {name: picture[name] for name in images.IMAGES if picture[name] is not None}
    sample[fields.EXPORT] = export
    sample[fields.FACE_IDS] = [row[faces.FACE_ID.name] for row in kept]
    sample[fields.TAGS_SEEN] = list(tags)
    sample[fields.FACES] = documents.detections([_detection(r, placed, size) for r in kept])
    for column in placed.points:
        made = [_keypoint(r, column, size, placed.form) for r in kept if r[column.name] is not None]
        sample[column.name] = documents.keypoints(made)
    return sample


def _detection(row: Row, placed: Placed, size: tuple[int, int]) -> Row:
    values = {
        name: documents.outgoing(column, row[column.name], placed.form)
        for column, name in placed.attributes
        if row.get(column.name) is not None
    }
    values["confidence"] = row[faces.SCORE.name]
    for name in row["sure"]:
        values[fields.attribute(REGISTRY[name]) + fields.CONFIDENCE] = probability(row, REGISTRY[name])
    told = {name: value for name, value in values.items() if value is not None}
    tags = row.get(labels.REVIEW_TAGS.name) or []
    face = row[faces.FACE_ID.name]
    return documents.detection(face, face, fields.relative_box(row, *size), told, placed.form, tags)


def _keypoint(row: Row, column: Column, size: tuple[int, int], form: documents.Form) -> Row:
    points = fields.relative_points(column, row[column.name], *size)
    return documents.keypoint(column.name, row[faces.FACE_ID.name], points, form)


def _insert(dataset: Any, found: Iterator[Row], total: int, progress: Progress | None) -> None:
    """Write documents as `Dataset.add_samples` does, without building and validating an object of each."""
    if total and not dataset.media_type:
        dataset.media_type = "image"
    done = 0
    while chunk := list(itertools.islice(found, CHUNK)):
        now = datetime.now(UTC)
        for document in chunk:
            # New samples come last in FiftyOne's order of drawing, as its own do.
            draw = 0.999 + 0.001 * _draws.random()
            document |= {"_dataset_id": dataset._doc.id, "_rand": draw, "created_at": now, "last_modified_at": now}
        dataset._sample_collection.insert_many(chunk)
        done += len(chunk)
        if progress:
            progress(done, total)
    if progress:
        progress(done, total)
    if done < total:
        _log.warning("%d of %d pictures could not be read and are not in FiftyOne", total - done, total)
