"""From FiftyOne back: tags, edited labels, moved, added and deleted boxes become a human layer."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curate.bridges import fiftyone_fields as fields
from curate.bridges.fiftyone_changes import Comparison, Notes, empty_row
from curate.bridges.fiftyone_export import check_origin
from curate.store import Dataset, LayerInfo
from curate.store.human import columns_of, write_faces, write_word
from schemas import REGISTRY, Column, UsageError
from schemas.columns import faces, images, labels

PREFIX = "human-fiftyone"
SHOWN_NOTES = 20
_log = logging.getLogger(__name__)

Values = dict[str, Any]


@dataclass
class Review:
    """Everything that came back from FiftyOne.

    Attributes:
        changed: Faces part -> face id -> changed values.
        added: Face id -> values of faces that a person drew, in order.
        images: Face id -> image id, of the added faces.
        tags: Image id -> the picture's tags, where they changed.
        notes: What could not be taken over.
        linked: (sample id, detection id, face id) of the added faces.
    """

    changed: dict[str, dict[str, Values]] = field(default_factory=dict)
    added: dict[str, Values] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    linked: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that any face changes, in the order of declaration."""
        return columns_of(itertools.chain(self.added.values(), *(part.values() for part in self.changed.values())))


def from_fiftyone(fo_dataset: Any, ds: Dataset, layer_name: str | None = None, author: str = "") -> LayerInfo | None:
    """Bring home what people did in FiftyOne, as a new human layer.

    Only differences to what was exported are written; everything else stays null, so the models' labels
    go on speaking. Edited attributes, moved boxes and points, and tags become values. A deleted box
    becomes `review_rejected`. A box that a person drew becomes a face in a part of its own, with
    `origin` `human`. What cannot become a label (an emptied value, a label outside its taxonomy, points
    without a face) is logged and listed in the layer's `extra["notes"]`. A picture's own tags are kept in
    `extra["image_tags"]`. A second call writes only what changed since the first.

    Args:
        fo_dataset: The dataset that `to_fiftyone` made.
        ds: The dataset it was made from.
        layer_name: Name of the layer; by default the next free `human-fiftyone-N`.
        author: Who made the changes, if that is to be recorded.

    Returns:
        The layer, or None if nothing changed that a layer can hold.

    Raises:
        MissingExtraError: if fiftyone is not installed.
        UsageError: if it is a view, was not made from this dataset, or the layer exists.
    """
    fo = fields.library()
    if not isinstance(fo_dataset, fo.Dataset):
        why = "what it hides would look deleted"
        raise UsageError("a FiftyOne view cannot be brought home", why, "Give its dataset")
    check_origin(ds, fo_dataset)
    taken = {info.name for info in ds.layers()}
    name = layer_name or next(n for i in itertools.count(1) if (n := f"{PREFIX}-{i}") not in taken)
    if name in taken:
        raise UsageError(f"layer '{name}' exists", "layers are never overwritten", "Give another name")
    with ds.lock():
        with fields.many_small_lists():
            review = collect(fo_dataset, ds)
        for line in review.notes.lines()[:SHOWN_NOTES]:
            _log.warning("%s", line)
        if not (review.changed or review.added or review.tags):
            return None
        info = LayerInfo(
            name, "human", "fiftyone", version=fo.__version__, columns=review.columns, author=author,
            extra={"notes": vars(review.notes), "image_tags": review.tags},
        )  # fmt: skip
        if review.added:
            write_faces(ds, name, review.added, review.images)
            review.changed[name] = review.added
        write_word(ds, info, review.changed)
    _remember(fo_dataset, info, review)
    return info


def collect(fo_dataset: Any, ds: Dataset) -> Review:
    """Find everything that differs from what was exported; writes nothing.

    Documents are read as the database has them: building FiftyOne's objects of all faces takes minutes.
    """
    review = Review()
    exports = fields.facts(fo_dataset)["exports"]
    sizes = ds.images([images.IMAGE_ID, images.WIDTH, images.HEIGHT], f"{images.STATUS.name} = 'ok'")
    pictures = {row[images.IMAGE_ID.name]: row for row in sizes.to_pylist()}
    for number, export in enumerate(exports):
        columns = [REGISTRY[n] for n in export["columns"] if n in REGISTRY]
        comparison = Comparison(columns, review.notes)
        for key in ds.keys("faces"):
            _compare_part(fo_dataset, ds, key, number, export["layers"], comparison, pictures, review)
        strange = _strange(fo_dataset, number, comparison.points)
        last = _last_numbers(ds) if strange else {}
        for sample in _documents(fo_dataset, {"_id": {"$in": strange}}, comparison.points):
            _added(sample, comparison, pictures, review, last)
    _sample_tags(fo_dataset, review)
    return review


def _documents(fo_dataset: Any, query: Values, points: Sequence[Column], inside: str = "") -> Any:
    """Documents of samples with their faces and points, or only with what is named `inside` of each."""
    below = f".{inside}" if inside else ""
    names = [f"{fields.DETECTIONS}{below}", *(f"{c.name}.keypoints{below}" for c in points)]
    return fo_dataset._sample_collection.find(query, [images.IMAGE_ID.name, fields.FACE_IDS, *names])


def _compare_part(
    fo_dataset: Any, ds: Dataset, key: str, number: int, layers: Sequence[str], comparison: Comparison,
    pictures: Mapping[str, Any], review: Review,
) -> None:  # fmt: skip
    by_image: dict[str, list[Values]] = {}
    for row in _exported(ds, key, layers, comparison.columns):
        by_image.setdefault(row[faces.IMAGE_ID.name], []).append(row)
    query = {fields.EXPORT: number, images.IMAGE_ID.name: {"$in": list(by_image)}}
    for sample in _documents(fo_dataset, query, comparison.points):
        exported = set(sample.get(fields.FACE_IDS) or [])
        found = _by_face(_detections(sample))
        points = {c.name: _by_face(_keypoints(sample, c)) for c in comparison.points}
        picture = pictures[sample[images.IMAGE_ID.name]]
        size = {"width": picture[images.WIDTH.name], "height": picture[images.HEIGHT.name]}
        for row in by_image[sample[images.IMAGE_ID.name]]:
            face = row[faces.FACE_ID.name]
            if face not in exported:
                continue
            if face not in found:
                changes: Values = {labels.REVIEW_REJECTED.name: True}
            else:
                own = {n: p[face] for n, p in points.items() if face in p}
                changes = comparison.changes(row | size, found[face], own)
            if changes:
                review.changed.setdefault(key, {})[face] = changes


def _exported(ds: Dataset, key: str, layers: Sequence[str], columns: Sequence[Column]) -> list[Values]:
    """Rows of one faces part as they stood when they were exported."""
    from curate.store.view import FaceView

    view = FaceView(ds, layers)
    known = set(view.columns())
    names = [faces.FACE_ID.name, faces.IMAGE_ID.name, *(c.name for c in (*faces.BOX, labels.REVIEW_TAGS, *columns))]
    table = view.part(key, [view.want(n) for n in dict.fromkeys(names) if n in known])
    missing = dict.fromkeys(n for n in names if n not in known)
    return [{**missing, **row} for row in fields.rows_of(table)]


def _detections(sample: Values) -> list[Values]:
    return (sample.get(fields.FACES) or {}).get("detections") or []


def _keypoints(sample: Values, column: Column) -> list[Values]:
    return (sample.get(column.name) or {}).get("keypoints") or []


def _face(thing: Values) -> str | None:
    """Whose it is, if it says so."""
    face = thing.get(faces.FACE_ID.name)
    return face if isinstance(face, str) else None


def _by_face(found: Sequence[Values]) -> dict[str, Values]:
    """First thing per face id; copies of it count as added."""
    first: dict[str, Values] = {}
    for thing in found:
        face = _face(thing)
        if face:
            first.setdefault(face, thing)
    return first


def _strange(fo_dataset: Any, number: int, points: Sequence[Column]) -> list[Any]:
    """Ids of samples whose detections or keypoints are not the exported ones, by their face ids alone."""
    chosen = []
    for sample in _documents(fo_dataset, {fields.EXPORT: number}, points, faces.FACE_ID.name):
        known = set(sample.get(fields.FACE_IDS) or [])
        boxes = [_face(d) for d in _detections(sample)]
        marked = [_face(k) for c in points for k in _keypoints(sample, c)]
        if not known.issuperset(boxes + marked) or len(set(boxes)) < len(boxes):
            chosen.append(sample["_id"])
    return chosen


def _last_numbers(ds: Dataset) -> dict[str, int]:
    """Image id -> number of its last face."""
    last: dict[str, int] = {}
    for face in ds.faces([faces.FACE_ID]).column(0).to_pylist():
        image_id, _, number = face.rpartition(".")
        last[image_id] = max(last.get(image_id, -1), int(number))
    return last


def _added(
    sample: Values, comparison: Comparison, pictures: Mapping[str, Any], review: Review, last: dict[str, int]
) -> None:
    image_id = sample[images.IMAGE_ID.name]
    exported = set(sample.get(fields.FACE_IDS) or [])
    found = _detections(sample)
    first = {d["_id"] for d in _by_face(found).values() if d[faces.FACE_ID.name] in exported}
    for detection in (d for d in found if d["_id"] not in first):
        last[image_id] = last.get(image_id, -1) + 1
        face = f"{image_id}.{last[image_id]}"
        before = empty_row(comparison.columns, face, pictures[image_id])
        changes = comparison.changes(before, detection, {})
        if not all(c.name in changes for c in faces.BOX):
            review.notes.unlinked.append({"face": face, "what": "a box that was drawn cannot be used"})
            continue
        review.added[face] = changes
        review.images[face] = image_id
        review.linked.append((str(sample["_id"]), str(detection["_id"]), face))
    for column in comparison.points:
        if any(_face(k) not in exported for k in _keypoints(sample, column)):
            what = f"points were drawn in {column.name} without the face they belong to"
            review.notes.unlinked.append({"face": image_id, "what": what})


def _sample_tags(fo_dataset: Any, review: Review) -> None:
    names = (images.IMAGE_ID.name, "tags", fields.TAGS_SEEN)
    for image_id, tags, seen in zip(*fo_dataset.values(list(names)), strict=True):
        if sorted(tags or []) != sorted(seen or []):
            review.tags[image_id] = sorted(tags or [])


def _remember(fo_dataset: Any, info: LayerInfo, review: Review) -> None:
    """Let FiftyOne know what is now home, so that the next call finds only what is newer."""
    facts = fields.facts(fo_dataset)
    for export in facts["exports"]:
        export["layers"].append(info.name)
        export["columns"] += [n for n in info.columns if n not in export["columns"]]
    fields.set_facts(fo_dataset, facts)
    new_ids: dict[str, dict[str, str]] = {}
    for sample_id, detection_id, face in review.linked:
        new_ids.setdefault(sample_id, {})[detection_id] = face
    for sample in fo_dataset.select(list(new_ids)).iter_samples(progress=False, autosave=True):
        for detection in sample[fields.FACES].detections:
            if detection.id in new_ids[sample.id]:
                detection[faces.FACE_ID.name] = new_ids[sample.id][detection.id]
        sample[fields.FACE_IDS] = [*(sample[fields.FACE_IDS] or []), *new_ids[sample.id].values()]
    gone = {face for part in review.changed.values() for face, v in part.items() if labels.REVIEW_REJECTED.name in v}
    if gone:
        losing = fo_dataset.match({fields.FACE_IDS: {"$in": list(gone)}})
        losing.set_values(
            fields.FACE_IDS, [[f for f in ids if f not in gone] for ids in losing.values(fields.FACE_IDS)]
        )
    if review.tags:
        tagged = fo_dataset.match({images.IMAGE_ID.name: {"$in": list(review.tags)}})
        tagged.set_values(fields.TAGS_SEEN, tagged.values("tags"))
