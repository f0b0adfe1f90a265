"""CVAT for images 1.1: an XML file per split with the boxes of its pictures, points in the group of their face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from curate.export.attributes import FLAGS, NAME, SINGLE, child, lists_dropped, same_text, texts, values_of
from curate.export.base import PICTURES, Exporter, Part, Plan, equal
from curate.export.pieces import keep, kept
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.store.parts import replacing
from schemas import Column, Kind, taxonomy
from schemas.columns import faces, images, labels

FACE, PLACE = "face", "images"
EDGES = ("xtl", "ytl", "xbr", "ybr")
GROUP = "group_id"
POINTS = (labels.POINTS_68,)
"""Points that people can set right by hand; a mesh of 478 they cannot."""
TOLERANCE = 1e-3


class Cvat(Exporter):
    """`SPLIT.xml` and `images/SPLIT/KEY.jpg`, for "CVAT for images 1.1" in CVAT's uploads and for Datumaro.

    A face is a `box` with the label `face`; its 68 points are a `points` shape with the label `landmarks_68` in the
    same group. Labels with a single value are attributes of the box. Faces whose points are not all known have no
    shape for them, since CVAT counts points by their order. The head of the file declares labels and attributes, so
    a new CVAT task can be set up with them.
    """

    name = "cvat"
    doc = "CVAT for images 1.1: boxes with attributes, and the 68 points of each face."
    unit = PICTURES
    opened_by = "CVAT: task from images/, upload the XML files as CVAT 1.1; Datumaro: import_from('OUT', 'cvat')"

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Columns whose value is more than one text, all but the 68 points."""
        return lists_dropped(columns, POINTS)

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures; their annotations are kept until `finish`."""
        place = folder / PLACE / named(part.split)
        place.mkdir(parents=True, exist_ok=True)
        records = []
        for sample in samples:
            path = place / sample.file
            path.write_bytes(sample.data)
            yield path
            records.append(ElementTree.tostring(_image(sample, part.columns), "unicode"))
        keep(folder, part, records)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """An XML file per split, written picture by picture."""
        for split in plan.splits:
            path = folder / f"{named(split)}.xml"
            with replacing(path) as file:
                file.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
                file.write(ElementTree.tostring(_meta(plan), "utf-8") + b"\n")
                for text in kept(folder, parts, split):
                    file.write(text.encode() + b"\n")
                file.write(b"</annotations>\n")
            yield path

    def read(self, folder: Path) -> Iterator[Sample]:
        """Picture by picture; one at a time is held in memory."""
        for file in sorted(folder.glob("*.xml")):
            for _, element in ElementTree.iterparse(file):
                if element.tag != "image":
                    continue
                path = folder / PLACE / element.get(NAME, "")
                size = int(element.get(images.WIDTH.name, 0)), int(element.get(images.HEIGHT.name, 0))
                number, split = int(element.get("id", 0)), split_of(element.get("subset", ""))
                yield Sample(path.stem, number, split, path.read_bytes(), path.suffix, *size, read_faces(element))
                element.clear()

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Points to a thousandth of a pixel; points that are not all known have no shape."""
        if column not in POINTS:
            return same_text(column, given, found)
        known = given if given is None or np.isfinite(given).all() else None
        return equal(column, known, found, TOLERANCE)


def read_faces(image: ElementTree.Element) -> tuple[FaceItem, ...]:
    """The faces of an `image` element, in its order."""
    points = {(p.get("label", ""), p.get(GROUP, "")): p.get("points", "") for p in image.iter("points")}
    return tuple(_face(box, points) for box in image.iter("box") if box.get("label") == FACE)


def _face(box: ElementTree.Element, points: Mapping[tuple[str, str], str]) -> FaceItem:
    left, top, right, bottom = (float(box.get(edge, "nan")) for edge in EDGES)
    told = {a.get(NAME, ""): a.text or "" for a in box.iter("attribute")}
    values = values_of(told)
    for column in POINTS:
        text = points.get((column.name, box.get(GROUP, "")))
        if text is not None:
            values[column.name] = np.array([pair.split(",") for pair in text.split(";")], np.float32)
    return FaceItem(told.get(faces.FACE_ID.name, ""), (left, top, right - left, bottom - top), values)


def _image(sample: Sample, columns: Sequence[Column]) -> ElementTree.Element:
    size = {images.WIDTH.name: str(sample.width), images.HEIGHT.name: str(sample.height)}
    split = named(sample.split)
    place = {"id": str(sample.number), NAME: f"{split}/{sample.file}", "subset": split}
    root = ElementTree.Element("image", place | size)
    for group, face in enumerate(sample.faces, 1):
        assert face.box is not None
        x, y, w, h = face.box
        shared = {"source": "auto", "occluded": "0", GROUP: str(group), "z_order": "0"}
        edges = {edge: f"{v:.4f}" for edge, v in zip(EDGES, (x, y, x + w, y + h), strict=True)}
        box = child(root, "box", label=FACE, **shared, **edges)
        for name, text in texts(face, columns):
            child(box, "attribute", text, name=name)
        for column in (c for c in POINTS if c in columns):
            value = face.labels.get(column.name)
            if value is not None and np.isfinite(value).all():
                text = ";".join(f"{x:.4f},{y:.4f}" for x, y in np.asarray(value).tolist())
                child(root, "points", label=column.name, points=text, **shared)
    return root


def _meta(plan: Plan) -> ElementTree.Element:
    """What CVAT needs to know of labels and attributes to set up a task."""
    root = ElementTree.Element("meta")
    task = child(root, "task")
    child(task, NAME, plan.name)
    known = child(task, "labels")
    face = _label(known, FACE, "rectangle")
    for column in (faces.FACE_ID, *plan.columns):
        if column.kind in SINGLE:
            _attribute(face, column)
    for column in (c for c in POINTS if c in plan.columns):
        _label(known, column.name, "points")
    return root


def _label(parent: ElementTree.Element, name: str, kind: str) -> ElementTree.Element:
    label = child(parent, "label")
    child(label, NAME, name)
    child(label, "type", kind)
    return child(label, "attributes")


def _attribute(parent: ElementTree.Element, column: Column) -> None:
    """Labels of a fixed set are to be chosen, flags too, so that unknown is a choice; all others are typed in."""
    choices = taxonomy(column.taxonomy).labels if column.kind is Kind.LABEL and column.taxonomy else ()
    choices = tuple(FLAGS.values()) if column.kind is Kind.FLAG else choices
    made = child(parent, "attribute")
    child(made, NAME, column.name)
    child(made, "mutable", "False")
    child(made, "input_type", "select" if choices else "text")
    child(made, "default_value")
    child(made, "values", "\n".join(("", *choices)))
