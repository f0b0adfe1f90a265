"""Pascal VOC: an XML file of boxes per picture, and lists of pictures per split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from annotators.base import Config
from curate.export.attributes import NAME, VALUE, child, lists_dropped, same_text, texts, values_of
from curate.export.base import PICTURES, Exporter, Part, Plan
from curate.export.encode import picture_size
from curate.export.face_classes import ClassConfig
from curate.export.formats.yolo import clipped
from curate.export.pieces import keep, kept
from curate.export.sample import FaceItem, Sample
from curate.export.splits import named, split_of
from curate.export.ties import write_lines
from curate.store.parts import replacing
from schemas import Column
from schemas.columns import faces, images

ROOT = "VOCdevkit/VOC2012"
PHOTOS, NOTES, SETS = f"{ROOT}/JPEGImages", f"{ROOT}/Annotations", f"{ROOT}/ImageSets/Main"
VAL = {"validation": "val"}
FIRST = 1
"""VOC counts pixels from 1, and the last one belongs to the box."""
TOLERANCE = 0.5001
CORNERS = ("xmin", "ymin", "xmax", "ymax")


class Voc(Exporter):
    """`VOCdevkit/VOC2012` with `JPEGImages`, `Annotations` and `ImageSets/Main/train.txt`, `val.txt`, `test.txt`.

    Corners are whole pixels, counted from 1, cut at the picture's edge, as VOC's own are. Labels with a single value
    stand in `attributes`, as CVAT and Datumaro write them; VOC itself has only the class. Nobody judged whether a
    face is `truncated` or `difficult`, so both are 0.
    """

    name = "voc"
    doc = "Pascal VOC: XML files of boxes, one class or the labels of a column, single labels as attributes."
    unit = PICTURES
    opened_by = "torchvision.datasets.VOCDetection('OUT', year='2012', image_set='train')"
    forms = ("jpeg",)
    config_type = ClassConfig
    config: ClassConfig

    @classmethod
    def preflight(cls, config: Config) -> None:
        """Refuse a column of classes that has no fixed set of labels."""
        assert isinstance(config, ClassConfig)
        config.check()

    def drops(self, columns: Sequence[Column]) -> Mapping[str, str]:
        """Columns whose value is more than one text."""
        return lists_dropped(columns)

    def needs(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The column of classes, where it is not among the exported ones."""
        return self.config.columns

    def write(self, folder: Path, part: Part, samples: Iterable[Sample]) -> Iterator[Path]:
        """Pictures and their XML files; names are kept until `finish`."""
        for place in (PHOTOS, NOTES):
            (folder / place).mkdir(parents=True, exist_ok=True)
        keys = []
        for sample in samples:
            keys.append(sample.key)
            path = folder / PHOTOS / sample.file
            path.write_bytes(sample.data)
            yield path
            path = folder / NOTES / f"{sample.key}.xml"
            with replacing(path) as file:
                file.write(ElementTree.tostring(self._document(sample, part.columns), "utf-8"))
            yield path
        keep(folder, part, keys)

    def finish(self, folder: Path, plan: Plan, parts: Sequence[Part]) -> Iterator[Path]:
        """The list of each split, and the classes as CVAT and Datumaro want to know them."""
        classes = (f"{name}:::\n" for name in self.config.names)
        yield write_lines(folder / ROOT / "labelmap.txt", ("# label:color_rgb:parts:actions\n", *classes))
        for split in plan.splits:
            path = folder / SETS / f"{VAL.get(split, named(split))}.txt"
            yield write_lines(path, (f"{key}\n" for key in kept(folder, parts, split)))

    def read(self, folder: Path) -> Iterator[Sample]:
        """By the lists."""
        back = {short: name for name, short in VAL.items()}
        for path in sorted((folder / SETS).glob("*.txt")):
            for number, key in enumerate(path.read_text("ascii").split()):
                picture = folder / PHOTOS / f"{key}.jpg"
                data = picture.read_bytes()
                told = ElementTree.parse(folder / NOTES / f"{key}.xml").getroot()
                found = tuple(self._face(element) for element in told.iter("object"))
                split = split_of(back.get(path.stem, path.stem))
                yield Sample(key, number, split, data, picture.suffix, *picture_size(data), found)

    def same(self, column: Column, given: Any, found: Any) -> bool:
        """Texts as XML can hold them."""
        return same_text(column, given, found)

    def same_box_in(self, sample: Sample, given: FaceItem, found: FaceItem) -> bool:
        """Edges inside the picture, to the nearest whole pixel."""
        assert given.box is not None and found.box is not None
        first, second = (_edges(box) for box in (clipped(given.box, sample), found.box))
        return bool(np.allclose(first, second, atol=TOLERANCE, rtol=0))

    def _document(self, sample: Sample, columns: Sequence[Column]) -> ElementTree.Element:
        root = ElementTree.Element("annotation")
        child(root, "folder", "JPEGImages")
        child(root, "filename", sample.file)
        child(child(root, "source"), "database", "facecurate")
        size = child(root, "size")
        for name, value in ((images.WIDTH.name, sample.width), (images.HEIGHT.name, sample.height), ("depth", 3)):
            child(size, name, value)
        child(root, "segmented", 0)
        for face in sample.faces:
            self._object(child(root, "object"), sample, face, columns)
        return root

    def _object(self, element: ElementTree.Element, sample: Sample, face: FaceItem, columns: Sequence[Column]) -> None:
        child(element, NAME, self.config.of(face))
        child(element, "pose", "Unspecified")
        child(element, "truncated", 0)
        child(element, "difficult", 0)
        assert face.box is not None
        left, top, right, bottom = (round(v) for v in _edges(clipped(face.box, sample)))
        box = child(element, "bndbox")
        for name, value in zip(CORNERS, (left + FIRST, top + FIRST, right, bottom), strict=True):
            child(box, name, value)
        inside = child(element, "attributes")
        for name, text in texts(face, columns):
            attribute = child(inside, "attribute")
            child(attribute, NAME, name)
            child(attribute, VALUE, text)

    def _face(self, element: ElementTree.Element) -> FaceItem:
        left, top, right, bottom = (float(element.findtext(f"bndbox/{name}", "")) for name in CORNERS)
        told = {a.findtext(NAME, ""): a.findtext(VALUE, "") for a in element.iter("attribute")}
        values = values_of(told) | self.config.labels(element.findtext(NAME, ""))
        box = (left - FIRST, top - FIRST, right - left + FIRST, bottom - top + FIRST)
        return FaceItem(told.get(faces.FACE_ID.name, ""), box, values)


def _edges(box: Sequence[float]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    x, y, w, h = box
    return x, y, x + w, y + h
