"""What a person changed in FiftyOne, face by face, against what was exported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.bridges import fiftyone_fields as fields
from curate.export.fiftyone_documents import incoming
from schemas import Column, Kind, SchemaError, TaxonomyError, check, labels_of, taxonomy
from schemas.columns import faces, images, labels

PIXELS = 0.05
"""Smaller moves of a box or point, in pixels, are rounding."""
LABEL_TAG = "label:"

Row = Mapping[str, Any]


@dataclass
class Notes:
    """What could not become a label, so that nothing is dropped in silence.

    Attributes:
        refused: Values that do not keep to their column's declaration, each with the reason.
        cleared: Values that were emptied; a layer cannot say "no value", the earlier one stays.
        unlinked: Things that belong to no face of the dataset.
    """

    refused: list[dict[str, str]] = field(default_factory=list)
    cleared: list[dict[str, str]] = field(default_factory=list)
    unlinked: list[dict[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.refused or self.cleared or self.unlinked)

    def lines(self) -> list[str]:
        """One line per note, for people."""
        return (
            [f"{n['face']}: {n['column']} = {n['value']} was refused: {n['why']}" for n in self.refused]
            + [f"{n['face']}: {n['column']} was emptied; the dataset keeps its value" for n in self.cleared]
            + [f"{n['face']}: {n['what']}" for n in self.unlinked]
        )


class Comparison:
    """Compares faces as they stand in FiftyOne with the exported values.

    Args:
        columns: Columns that were exported.
        notes: Where what cannot be taken over is written.
    """

    def __init__(self, columns: Iterable[Column], notes: Notes) -> None:
        self.columns = [c for c in columns if c not in (faces.FACE_ID, faces.IMAGE_ID, faces.ORIGIN)]
        self.points = [c for c in self.columns if c.kind is Kind.POINTS]
        self.notes = notes
        self._attributes = [(c, fields.attribute(c)) for c in self.columns if fields.on_detection(c)]

    def changes(self, before: Row, detection: Row, keypoints: Mapping[str, Row]) -> dict[str, Any]:
        """Values by column name that differ from the exported ones.

        Args:
            before: The exported row, as `fields.rows_of` gives it, with `width` and `height`; all null for a face
                that is new.
            detection: The document of the FiftyOne detection.
            keypoints: Column name -> document of this face's keypoint.
        """
        changed = self._box(before, detection)
        for column, name in self._attributes:
            new, old = detection.get(name), before[column.name]
            if type(new) is type(old) and column.kind is not Kind.VECTOR and new == old:
                continue
            found = self._value(column, before, new)
            if found is not None:
                changed[column.name] = found
        for column in self.points:
            found = self._points(column, before, keypoints.get(column.name))
            if found is not None:
                changed[column.name] = found
        tags = _tags(detection)
        if tags != sorted(before.get(labels.REVIEW_TAGS.name) or []):
            changed[labels.REVIEW_TAGS.name] = tags
        return {name: value for name, value in changed.items() if self._fits(before, name, value)}

    def _box(self, before: Row, detection: Row) -> dict[str, Any]:
        try:
            now = fields.pixel_box(detection["bounding_box"], before["width"], before["height"])
        except (KeyError, TypeError, ValueError):
            self.notes.refused.append(_note(before, faces.BOX[0].name, detection.get("bounding_box"), "it is no box"))
            return {}
        old = [before[c.name] for c in faces.BOX]
        if None not in old and all(abs(n - o) <= PIXELS for n, o in zip(now.tolist(), old, strict=True)):
            return {}
        return {c.name: float(v) for c, v in zip(faces.BOX, now, strict=True)}

    def _value(self, column: Column, before: Row, new: Any) -> Any:
        old = before[column.name]
        if new is None or (isinstance(new, str) and not new):
            if old is not None and not (isinstance(old, list) and not old):
                self.notes.cleared.append(_note(before, column.name))
            return None
        try:
            return _difference(column, old, new)
        except (TypeError, ValueError):
            self.notes.refused.append(_note(before, column.name, new, "it is of another kind"))
            return None

    def _points(self, column: Column, before: Row, keypoint: Row | None) -> list[float | None] | None:
        old = before[column.name]
        if keypoint is None:
            if old is not None:
                self.notes.cleared.append(_note(before, column.name))
            return None
        new = fields.pixel_points(column, keypoint, before["width"], before["height"])
        if new is None:
            why = f"it needs {column.shape[0]} points of {column.shape[1]} numbers"
            self.notes.refused.append(_note(before, column.name, keypoint.get("points"), why))
            return None
        if old is not None and _near(new, old):
            return None
        return _known(new)

    def _fits(self, before: Row, name: str, value: Any) -> bool:
        from schemas import column as declared

        try:
            check(declared(name), pa.array([value], declared(name).type), labels_of)
        except (SchemaError, pa.ArrowException, TypeError, ValueError) as error:
            self.notes.refused.append(_note(before, name, value, getattr(error, "why", "") or str(error)))
            return False
        return True


def _near(new: NDArray[np.float32], old: NDArray[np.float32]) -> bool:
    """Whether points have not moved; what is unknown must still be so."""
    unknown = np.isnan(old)
    if not np.array_equal(unknown, np.isnan(new)):
        return False
    return bool(np.all((np.abs(new - old) <= PIXELS) | unknown))


def _known(values: NDArray[Any]) -> list[float | None]:
    """Numbers with None for those that are unknown, as a column has them."""
    return [None if math.isnan(v) else v for v in values.tolist()]


def _difference(column: Column, old: Any, new: Any) -> Any:
    """The new value if it differs, else None; of a struct only the fields that differ."""
    if column.kind is Kind.SCORES:
        found = {k: v for k, v in dict(new).items() if v is not None and not _equal((old or {}).get(k), v)}
        return found or None
    if column.kind is Kind.LABEL and column.taxonomy:
        new = _canonical(column, str(new))
    if column.kind is Kind.VECTOR:
        values = np.asarray(incoming(new), np.float32).reshape(-1)
        same = old is not None and np.array_equal(np.asarray(old, np.float32), values, equal_nan=True)
        return None if same else _known(values)
    if column.kind is Kind.LIST:
        new, old = list(new), list(old or [])
        same = len(new) == len(old) and all(_equal(o, n) for o, n in zip(old, new, strict=True))
        return None if same else new
    return None if _equal(old, new) else new


def _canonical(column: Column, label: str) -> str:
    try:
        return taxonomy(column.taxonomy).canonical(label)
    except TaxonomyError:
        return label  # `_fits` refuses it and notes why


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, (int, float)):
        return bool(np.float32(old) == np.float32(new)) or (math.isnan(old) and math.isnan(new))
    return bool(old == new)


def _tags(detection: Row) -> list[str]:
    tags = {str(tag) for tag in _listed(detection.get("tags"))}
    if detection.get("label") not in (None, "", fields.FACE_LABEL):
        tags.add(f"{LABEL_TAG}{detection['label']}")
    return sorted(tags)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _note(before: Row, column: str, value: Any = "", why: str = "") -> dict[str, str]:
    shown = str(value)
    shown = shown if len(shown) < 80 else f"{shown[:77]}..."
    return {"face": str(before[faces.FACE_ID.name]), "column": column, "value": shown, "why": why}


def empty_row(columns: Iterable[Column], face_id: str, picture: Row) -> dict[str, Any]:
    """The row of a face that was not there before."""
    row: dict[str, Any] = dict.fromkeys(c.name for c in columns)
    row |= {c.name: None for c in (*faces.BOX, labels.REVIEW_TAGS)}
    return row | {
        faces.FACE_ID.name: face_id,
        faces.IMAGE_ID.name: picture[images.IMAGE_ID.name],
        "width": picture[images.WIDTH.name],
        "height": picture[images.HEIGHT.name],
    }
