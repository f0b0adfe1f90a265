"""Faces as Label Studio's regions: a rectangle each, points that name it as their parent, labels that share its id.

All coordinates are percent of the picture's sides, as Label Studio has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from curate.export.attributes import FLAGS, SINGLE, text_of, value_of
from curate.export.sample import Box, FaceItem
from schemas import REGISTRY, Column, Kind, taxonomy
from schemas.columns import labels
from schemas.landmarks import layout

PICTURE, FACE = "image", "face"
"""Names of the tags of picture and rectangle, and the rectangle's label."""
POINTS = (labels.POINTS_68,)
"""Points that people can set right by hand; a mesh of 478 they cannot."""
PERCENT = 100.0
DOT = 0.5
"""Width of a drawn point in percent."""


@dataclass(frozen=True)
class Scale:
    """Between pixels of an upright picture and percent of its sides.

    Attributes:
        width: Of the picture in pixels.
        height: Of the picture in pixels.
    """

    width: int
    height: int

    def rectangle(self, box: Box) -> dict[str, float]:
        """The geometry of a `rectanglelabels` value."""
        x, y, w, h = box
        return {
            "x": x / self.width * PERCENT, "y": y / self.height * PERCENT,
            "width": w / self.width * PERCENT, "height": h / self.height * PERCENT, "rotation": 0,
        }  # fmt: skip

    def box(self, value: Mapping[str, Any]) -> Box:
        """The reverse of `rectangle`; a turned rectangle is taken as if it stood upright."""
        x, y, w, h = (float(value[name]) for name in ("x", "y", "width", "height"))
        return (
            x * self.width / PERCENT, y * self.height / PERCENT,
            w * self.width / PERCENT, h * self.height / PERCENT,
        )  # fmt: skip

    def dot(self, point: Sequence[float]) -> dict[str, float]:
        """The geometry of a `keypointlabels` value."""
        return {"x": point[0] / self.width * PERCENT, "y": point[1] / self.height * PERCENT, "width": DOT}

    def point(self, value: Mapping[str, Any]) -> tuple[float, float]:
        """The reverse of `dot`."""
        return float(value["x"]) * self.width / PERCENT, float(value["y"]) * self.height / PERCENT

    def region(self, ident: str, name: str, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """One item of a `result`.

        Args:
            ident: The region's id; items of one region share it.
            name: Of the tag that it belongs to.
            kind: `rectanglelabels`, `keypointlabels`, `choices`, `number` or `textarea`.
            value: Geometry and answer.
        """
        size = {"original_width": self.width, "original_height": self.height, "image_rotation": 0}
        return {"id": ident, "from_name": name, "to_name": PICTURE, "type": kind, **size, "value": dict(value)}


def regions(face: FaceItem, ident: str, scale: Scale, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    """All items of one face: its rectangle, its labels, its points.

    Args:
        face: With a box.
        ident: Id of the rectangle.
        scale: Of the picture.
        columns: Those with a single value and points are told; null gives no item.
    """
    assert face.box is not None
    rectangle = scale.rectangle(face.box)
    yield scale.region(ident, FACE, "rectanglelabels", rectangle | {"rectanglelabels": [FACE]})
    for column in columns:
        value = face.labels.get(column.name)
        if value is None:
            continue
        if column in POINTS:
            yield from _dots(column, value, ident, scale)
        elif column.kind in SINGLE:
            kind, answer = _answer(column, value)
            yield scale.region(ident, column.name, kind, rectangle | answer)


def faces_in(result: Iterable[Mapping[str, Any]], scale: Scale, columns: Sequence[Column]) -> list[FaceItem]:
    """Faces of a `result`, in the order of their rectangles; the reverse of `regions`.

    Args:
        result: Items of one prediction or annotation.
        scale: Of the picture.
        columns: Columns that are read; absent answers are None.
    """
    found: dict[str, _Found] = {}
    items = list(result)
    for item in items:
        if item["type"] == "rectanglelabels":
            found[item["id"]] = _Found(scale.box(item["value"]))
    for item in items:
        column = REGISTRY.get(item["from_name"])
        if item["type"] == "keypointlabels" and column in POINTS:
            value = item["value"]
            dots = found[item["parentID"]].points.setdefault(column.name, {})
            dots[int(value["keypointlabels"][0])] = scale.point(value)
        elif column is not None and item["type"] != "rectanglelabels":
            found[item["id"]].labels[column.name] = _value(column, item["type"], item["value"])
    return [FaceItem(ident, face.box, face.values(columns)) for ident, face in found.items()]


def configuration(columns: Sequence[Column]) -> Element:
    """Label Studio's labelling configuration for the columns that `regions` tells."""
    root = Element("View")
    SubElement(root, "Image", {"name": PICTURE, "value": f"${PICTURE}", "zoom": "true"})
    rectangles = SubElement(root, "RectangleLabels", {"name": FACE, "toName": PICTURE})
    SubElement(rectangles, "Label", {"value": FACE})
    for column in columns:
        if column in POINTS:
            points = SubElement(root, "KeyPointLabels", {"name": column.name, "toName": PICTURE})
            for number in range(layout(column.taxonomy).size):
                SubElement(points, "Label", {"value": str(number)})
        elif column.kind in SINGLE:
            _control(root, column)
    return root


@dataclass
class _Found:
    box: Box
    labels: dict[str, Any] = field(default_factory=dict)
    points: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)

    def values(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Column name -> value; points without a dot are NaN."""
        values = {c.name: self.labels.get(c.name) for c in columns}
        for name, dots in self.points.items():
            points = np.full(REGISTRY[name].shape, np.nan, np.float32)
            points[list(dots)] = list(dots.values())
            values[name] = points
        return values


def _dots(column: Column, points: Any, parent: str, scale: Scale) -> Iterator[dict[str, Any]]:
    for number, point in enumerate(np.asarray(points, np.float64).tolist()):
        if np.isfinite(point).all():
            value = scale.dot(point) | {"keypointlabels": [str(number)]}
            item = scale.region(f"{parent}-{column.name}-{number}", column.name, "keypointlabels", value)
            yield item | {"parentID": parent}


def _choices(column: Column) -> tuple[str, ...]:
    """What can be chosen for a column; nothing where values are typed in."""
    if column.kind is Kind.FLAG:
        return tuple(FLAGS.values())
    return taxonomy(column.taxonomy).labels if column.kind is Kind.LABEL and column.taxonomy else ()


def _answer(column: Column, value: Any) -> tuple[str, dict[str, Any]]:
    if _choices(column):
        return "choices", {"choices": [text_of(value)]}
    if column.kind is Kind.NUMBER:
        return "number", {"number": value}
    return "textarea", {"text": [value]}


def _value(column: Column, kind: str, value: Mapping[str, Any]) -> Any:
    if kind == "number":
        return value["number"]
    return value_of(column, value["choices"][0]) if kind == "choices" else "\n".join(value["text"])


def _control(root: Element, column: Column) -> None:
    shared = {"name": column.name, "toName": PICTURE, "perRegion": "true", "whenTagName": FACE}
    choices = _choices(column)
    if choices:
        element = SubElement(root, "Choices", shared | {"choice": "single", "showInline": "true"})
        for choice in choices:
            SubElement(element, "Choice", {"value": choice})
    elif column.kind is Kind.NUMBER:
        limits = {"min": column.low, "max": column.high}
        SubElement(root, "Number", shared | {n: f"{v:g}" for n, v in limits.items() if v is not None})
    else:
        SubElement(root, "TextArea", shared | {"editable": "true", "maxSubmissions": "1"})
