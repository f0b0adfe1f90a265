"""FiftyOne's documents as it keeps them in MongoDB and in its exports, written and read without a database.

The layout is that of FiftyOne 1.0; newer releases bring it up to date when they open it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.bridges.fiftyone_fields import DEPTH, FACE_LABEL, attribute
from curate.export.plain import to_plain
from schemas import Column, Kind
from schemas.columns import faces, images
from schemas.landmarks import layout

VERSION = "1.0.0"
EPOCH = {"$date": "1970-01-01T00:00:00Z"}
"""FiftyOne puts the time of the import in its place."""
FIELDS = "fiftyone.core.fields."
LABELS = "fiftyone.core.labels."
Field = dict[str, Any]


def field(
    name: str, kind: str, subfield: str = "", document: str = "", inside: Sequence[Field] = (), doc: str = ""
) -> Field:
    """Declaration of a field.

    Args:
        name: Of the field.
        kind: Class below `fiftyone.core.fields`, without `Field`.
        subfield: The same for the elements of a list.
        document: Full name of the class of embedded documents.
        inside: Their fields.
        doc: One sentence.
    """
    return {
        "name": name, "ftype": f"{FIELDS}{kind}Field", "subfield": f"{FIELDS}{subfield}Field" if subfield else None,
        "embedded_doc_type": document or None, "fields": list(inside), "db_field": "_id" if name == "id" else name,
        "description": doc or None, "info": None, "read_only": False, "created_at": EPOCH,
    }  # fmt: skip


def sample_fields() -> list[Field]:
    """Those that every sample has."""
    kinds = {"size_bytes": "Int", "mime_type": "String", "width": "Int", "height": "Int", "num_channels": "Int"}
    about = [field(name, kind) for name, kind in kinds.items()]
    return [
        field("id", "ObjectId"),
        field("filepath", "String"),
        field("tags", "List", "String"),
        field("metadata", "EmbeddedDocument", document="fiftyone.core.metadata.ImageMetadata", inside=about),
        field("created_at", "DateTime"),
        field("last_modified_at", "DateTime"),
    ]


def detections_field(name: str, columns: Iterable[Column]) -> Field:
    """A field of boxes whose labels are their attributes."""
    own = [
        field("bounding_box", "List", "Float"), field("mask", "Array"), field("mask_path", "String"),
        field("confidence", "Float"), field("index", "Int"), field(faces.FACE_ID.name, "String"),
    ]  # fmt: skip
    own += [field(attribute(c), *_kinds(c), doc=c.doc) for c in columns]
    return _labels_field(name, "Detections", "detections", "Detection", own, "All faces.")


def keypoints_field(column: Column) -> Field:
    """A field of a column of points."""
    own = [
        field("points", "Keypoints"), field("confidence", "List", "Float"), field("index", "Int"),
        field(faces.FACE_ID.name, "String"), *([field(DEPTH, "List", "Float")] if column.shape[1] == 3 else []),
    ]  # fmt: skip
    return _labels_field(column.name, "Keypoints", "keypoints", "Keypoint", own, column.doc)


def skeleton(column: Column) -> dict[str, Any]:
    """Names and lines of a column's points."""
    parts = layout(column.taxonomy)
    names = [str(i) for i in range(parts.size)]
    for group, members in parts.groups.items():
        for i in members:
            names[i] = f"{group} {i}"
    return {"labels": names, "edges": [list(edge) for edge in parts.edges]}


def object_id(text: str) -> dict[str, str]:
    """An id that is the same on every run."""
    return {"$oid": hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}


def number(value: float) -> Any:
    """A coordinate; what is not known is written as MongoDB's extended JSON has it."""
    return value if math.isfinite(value) else {"$numberDouble": "NaN"}


def _numbers(values: NDArray[Any]) -> list[Any]:
    if np.isfinite(values).all():
        return list(values.tolist())
    return [_numbers(row) for row in values] if values.ndim > 1 else [number(v) for v in values.tolist()]


@dataclass(frozen=True)
class Form:
    """How a document writes what JSON has no form for.

    Attributes:
        ident: Id from a text that says what it is of.
        binary: Bytes.
        numbers: An array of numbers as nested lists; those not known are NaN.
    """

    ident: Callable[[str], Any]
    binary: Callable[[bytes], Any]
    numbers: Callable[[NDArray[Any]], list[Any]]


JSON = Form(object_id, lambda data: {"$binary": {"base64": base64.b64encode(data).decode(), "subType": "00"}}, _numbers)
"""Of exports: MongoDB's extended JSON, with ids that are the same on every run."""


def database_form() -> Form:
    """Of documents that go straight into the database."""
    from bson import ObjectId

    return Form(lambda _: ObjectId(), lambda data: data, lambda values: list(values.tolist()))


def sample_head(path: str, tags: Sequence[str], size: tuple[int, int], facts: Mapping[str, Any]) -> dict[str, Any]:
    """What every sample has, but its ids.

    Args:
        path: Of its picture.
        tags: Its tags.
        size: Width and height in pixels.
        facts: More of `ImageMetadata`.
    """
    about = {"_cls": "ImageMetadata", images.WIDTH.name: size[0], images.HEIGHT.name: size[1], **facts}
    return {"filepath": path, "tags": list(tags), "metadata": about, "_media_type": "image"}


def detection(
    ident: str, face_id: str, box: Sequence[float], values: Mapping[str, Any], form: Form, tags: Sequence[str] = ()
) -> dict[str, Any]:
    """A box with its attributes.

    Args:
        ident: What its id is made of.
        face_id: Whose it is.
        box: [x, y, w, h] relative to the picture.
        values: Attributes as `outgoing` gives them.
        form: How they are written.
        tags: Its tags.
    """
    own = {"bounding_box": list(box), faces.FACE_ID.name: face_id}
    return _label(ident, "Detection", form, tags) | own | dict(values)


def keypoint(ident: str, face_id: str, points: NDArray[Any], form: Form) -> dict[str, Any]:
    """Points of a face.

    Args:
        ident: What its id is made of.
        face_id: Whose they are.
        points: Relative to the picture, shape (n, 2), or (n, 3) with the depth in pixels; unknown ones are NaN.
        form: How they are written.
    """
    found = _label(ident, "Keypoint", form) | {faces.FACE_ID.name: face_id, "confidence": None}
    found["points"] = form.numbers(points[:, :2])
    if points.shape[1] == 3:
        found[DEPTH] = form.numbers(points[:, 2])
    return found


def detections(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A field of boxes."""
    return {"_cls": "Detections", "detections": list(found)}


def keypoints(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A field of points."""
    return {"_cls": "Keypoints", "keypoints": list(found)}


def _label(ident: str, kind: str, form: Form, tags: Sequence[str] = ()) -> dict[str, Any]:
    return {"_id": form.ident(ident), "_cls": kind, "attributes": {}, "tags": list(tags), "label": FACE_LABEL}


def outgoing(column: Column, value: Any, form: Form = JSON) -> Any:
    """A label's value as FiftyOne keeps it: vectors as packed NumPy files."""
    if column.kind is Kind.VECTOR:
        data = io.BytesIO()
        np.save(data, np.asarray(value, np.float32), allow_pickle=False)
        return form.binary(zlib.compress(data.getvalue(), 1))
    return to_plain(value) if form is JSON else value


def incoming(value: Any) -> Any:
    """The reverse of `outgoing`; other values stay as they are.

    Raises:
        ValueError: if packed bytes are none.
    """
    if isinstance(value, Mapping) and "$binary" in value:
        value = base64.b64decode(value["$binary"]["base64"])
    if not isinstance(value, bytes):
        return value
    try:
        return np.load(io.BytesIO(zlib.decompress(value)), allow_pickle=False)
    except (zlib.error, EOFError) as error:
        raise ValueError(f"no packed array: {error}") from error


def points_of(keypoint: Mapping[str, Any]) -> NDArray[np.float64]:
    """Points of a keypoint relative to the picture, shape (n, 2), with their depth in pixels (n, 3) where it has one.

    Unknown ones are NaN.
    """
    points = np.array([[_float(v) for v in point] for point in keypoint["points"]], np.float64).reshape(-1, 2)
    if not keypoint.get(DEPTH):
        return points
    return np.column_stack([points, [_float(v) for v in keypoint[DEPTH]]])


def _float(value: Any) -> float:
    return math.nan if value is None or isinstance(value, Mapping) else float(value)


def _labels_field(name: str, holder: str, inner: str, label: str, own: Sequence[Field], doc: str) -> Field:
    every = [
        field("id", "ObjectId"), field("tags", "List", "String"),
        field("attributes", "Dict", "EmbeddedDocument", f"{LABELS}Attribute"), field("label", "String"),
    ]  # fmt: skip
    inside = field(inner, "List", "EmbeddedDocument", f"{LABELS}{label}", [*every, *own])
    return field(name, "EmbeddedDocument", document=f"{LABELS}{holder}", inside=[inside], doc=doc)


def _kinds(column: Column) -> tuple[str, str]:
    """Classes of a column's field and, for lists, of their elements."""
    if column.kind is Kind.VECTOR:
        return "Vector", ""
    if column.kind is Kind.SCORES:
        return "Dict", ""
    if column.kind is Kind.POINTS:
        return "List", ""
    if column.kind is Kind.LIST:
        return "List", _scalar(column.type.value_type)
    return _scalar(column.type), ""


def _scalar(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "Boolean"
    if pa.types.is_integer(kind):
        return "Int"
    if pa.types.is_struct(kind):
        return "Dict"
    return "Float" if pa.types.is_floating(kind) else "String"
