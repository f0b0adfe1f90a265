"""How columns become FiftyOne fields and values: their kind decides, so a new column needs no code here."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.scores import scores_beside
from schemas import REGISTRY, Column, Kind, MissingExtraError
from schemas.columns import faces, images, labels
from schemas.landmarks import Layout, layout

FACES = "faces"
"""Sample field with a `Detections`."""
DETECTIONS = f"{FACES}.detections"
FACE_LABEL = "face"
"""Label of every detection; another label given by a person comes home as the tag `label:NAME`."""
INFO = "facecurate"
"""Key in the FiftyOne dataset's `info`."""
EXPORT = "facecurate_export"
"""Sample field: which entry of `info["facecurate"]["exports"]` says what was exported."""
FACE_IDS = "facecurate_face_ids"
"""Sample field: the faces that were exported, so that a deleted box can be told from one never there."""
TAGS_SEEN = "facecurate_tags"
"""Sample field: the sample's tags at the last export or import."""
CONFIDENCE = "_confidence"
DEPTH = "z"
"""Attribute of a keypoint that holds the third coordinate of points in space."""
RESERVED = frozenset({"id", "tags", "attributes", "label", "bounding_box", "mask", "mask_path", "confidence", "index"})


def library() -> Any:
    """The fiftyone library, its usage reports switched off unless the user's environment says otherwise.

    Raises:
        MissingExtraError: if it is not installed.
    """
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "1")
    try:
        import fiftyone
    except ImportError:
        raise MissingExtraError("fiftyone", "fiftyone") from None
    return fiftyone


@contextmanager
def many_small_lists() -> Iterator[None]:
    """Without Python's search for cycles, which looks at the list of every point again and again; none has a cycle."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def facts(dataset: Any) -> dict[str, Any]:
    """Our entry in the FiftyOne dataset's `info` as plain data; empty if there is none."""
    found = dataset.info.get(INFO)
    return dict(json.loads(json.dumps(found))) if isinstance(found, dict) else {}


def set_facts(dataset: Any, data: dict[str, Any]) -> None:
    """Replace our entry in `info`; FiftyOne does not notice changes inside nested data."""
    dataset.info = {**json.loads(json.dumps(dataset.info)), INFO: data}
    dataset.save()


def attribute(column: Column) -> str:
    """Name of the detection attribute that holds a column."""
    return f"{column.name}_" if column.name in RESERVED else column.name


def on_detection(column: Column) -> bool:
    """Whether the column is an attribute of the detections.

    Boxes, points and tags have places of their own, and masks of parts do not go along.
    """
    placed = (*faces.BOX, faces.IMAGE_ID, labels.REVIEW_TAGS, labels.REVIEW_REJECTED)
    return column.kind not in (Kind.POINTS, Kind.MASK) and column not in placed


def present(names: Iterable[str]) -> list[Column]:
    """Declared face and label columns among the names, in their order."""
    own = [REGISTRY[n] for n in names if n in REGISTRY]
    return [c for c in own if c.name in faces.FACES or c.name not in images.IMAGES]


def field_type(fo: Any, column: Column) -> tuple[Any, Any]:
    """FiftyOne field class of a column and, for lists, of its elements."""
    if column.kind is Kind.VECTOR:
        return fo.VectorField, None
    if column.kind is Kind.SCORES:
        return fo.DictField, None
    if column.kind is Kind.LIST:
        return fo.ListField, _scalar_type(fo, column.type.value_type)
    return _scalar_type(fo, column.type), None


def _scalar_type(fo: Any, kind: pa.DataType) -> Any:
    if pa.types.is_boolean(kind):
        return fo.BooleanField
    if pa.types.is_integer(kind):
        return fo.IntField
    if pa.types.is_struct(kind):
        return fo.DictField
    return fo.FloatField if pa.types.is_floating(kind) else fo.StringField


def declare(fo: Any, dataset: Any, columns: Sequence[Column]) -> None:
    """Declare the sample fields, the detections' attributes and the skeletons; what is declared stays."""
    from fiftyone.core.odm import create_field

    for name, kind in ((EXPORT, fo.IntField), (FACE_IDS, fo.ListField), (TAGS_SEEN, fo.ListField)):
        element = fo.StringField if kind is fo.ListField else None
        dataset.add_sample_field(name, kind, subfield=element)
    for column in images.IMAGES.values():
        dataset.add_sample_field(column.name, _scalar_type(fo, column.type), description=column.doc)
    dataset.create_index(images.IMAGE_ID.name)
    made = [field for c in columns if on_detection(c) for field in _attribute_fields(fo, create_field, c, columns)]
    _declare_labels(fo, create_field, dataset, FACES, (fo.Detections, "detections", fo.Detection), made, "All faces.")
    for column in (c for c in columns if c.kind is Kind.POINTS):
        made = [create_field(faces.FACE_ID.name, fo.StringField)]
        if column.shape[1] == 3:
            made.append(create_field(DEPTH, fo.ListField, subfield=fo.FloatField))
        kinds = (fo.Keypoints, "keypoints", fo.Keypoint)
        _declare_labels(fo, create_field, dataset, column.name, kinds, made, column.doc)
        if column.taxonomy:
            dataset.skeletons[column.name] = _skeleton(fo, layout(column.taxonomy))
    # Hundreds of dots hide a small face, so the App starts with the boxes; points are a tick away.
    dataset.app_config.active_fields = fo.ActiveFields(paths=[FACES])
    dataset.save()


def _skeleton(fo: Any, points: Layout) -> Any:
    """The layout's lines, and a name for every point: the App breaks on a skeleton without names."""
    names = [str(i) for i in range(points.size)]
    for group, members in points.groups.items():
        for i in members:
            names[i] = f"{group} {i}"
    return fo.KeypointSkeleton(labels=names, edges=[list(edge) for edge in points.edges])


def _attribute_fields(fo: Any, create: Any, column: Column, columns: Sequence[Column]) -> list[Any]:
    kind, element = field_type(fo, column)
    made = [create(attribute(column), kind, subfield=element, description=column.doc)]
    if scores_beside(column) in columns:
        made.append(create(attribute(column) + CONFIDENCE, fo.FloatField))
    return made


def _declare_labels(
    fo: Any, create: Any, dataset: Any, name: str, kinds: tuple[Any, str, Any], attributes: list[Any], doc: str
) -> None:
    """Declare a list of labels with all its attributes at once; one by one takes seconds."""
    holder, inside, label = kinds
    inner = create(inside, fo.ListField, subfield=fo.EmbeddedDocumentField, embedded_doc_type=label, fields=attributes)
    dataset.add_sample_field(name, fo.EmbeddedDocumentField, embedded_doc_type=holder, fields=[inner], description=doc)


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as plain values, but points and vectors as float32 arrays with NaN for null: lists cost many times more."""
    dense = [
        f.name for f in table.schema if pa.types.is_fixed_size_list(f.type) and pa.types.is_floating(f.type.value_type)
    ]
    rows: list[dict[str, Any]] = table.drop_columns(dense).to_pylist()
    for name in dense:
        column = table.column(name).combine_chunks()
        values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, column.type.list_size)
        there = iter(values)
        for row, known in zip(rows, column.is_valid().to_pylist(), strict=True):
            row[name] = next(there) if known else None
    return rows


def relative_box(row: Mapping[str, Any], width: int, height: int) -> list[float]:
    """Box of a face as [x, y, w, h] relative to its picture."""
    x, y, w, h = (float(row[c.name]) for c in faces.BOX)
    return [x / width, y / height, w / width, h / height]


def pixel_box(box: Sequence[float], width: int, height: int) -> NDArray[np.float64]:
    """The inverse of `relative_box`, shape (4,)."""
    return np.asarray(box, dtype=np.float64) * [width, height, width, height]


def relative_points(column: Column, flat: NDArray[np.float32], width: int, height: int) -> NDArray[np.float64]:
    """Points relative to the picture, shape (n, dimensions); depth stays in pixels, unknown ones are NaN."""
    points = np.array(flat, dtype=np.float64).reshape(column.shape)
    points[:, 0] /= width
    points[:, 1] /= height
    return points


def pixel_points(column: Column, keypoint: Mapping[str, Any], width: int, height: int) -> NDArray[np.float32] | None:
    """Flat pixel coordinates of a keypoint's document, or None if it has another number of points or depths."""
    try:
        found = np.array(keypoint["points"], dtype=np.float64).reshape(-1, 2) * [width, height]
        if column.shape[1] == 3:
            found = np.column_stack([found, np.array(keypoint.get(DEPTH) or [], dtype=np.float64)])
    except (KeyError, TypeError, ValueError):
        return None
    return found.astype(np.float32).reshape(-1) if found.shape == column.shape else None
