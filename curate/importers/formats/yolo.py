"""YOLO: a text of boxes per picture, in shares of its sides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.importers.base import Found, Importer, Record, lines, need, numbers, pictures_below
from schemas import UsageError
from schemas.columns import labels

ITEM = re.compile(r"(?:-|(\d+):)\s*(.+)")
FACES = ("face", "head", "human face")
SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
BOX = 5
"""Cells of a box."""
POINTS = {BOX + size * count: (count, size) for count in (5, 68) for size in (2, 3)}
"""Cells of a line -> how many points it has, and whether their visibility stands beside them."""


class Yolo(Importer):
    """`images/train/1.jpg` and `labels/train/1.txt`; the classes face and head are faces, others are counted."""

    name = "yolo"
    doc = "YOLO's and YOLO-pose's texts: boxes of faces, 5 or 68 points where they are there."
    files = "data.yaml with names, images/ and labels/ with the same folders and names"
    licence = ""
    labelled_by = "whoever made the annotations"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Every picture; one without a text, or with an empty one, has no face."""
        names = _names(need(folder, "data.yaml", "dataset.yaml", what="the names of YOLO's classes"))
        pictures = need(folder, "images", what="the pictures")
        texts = need(folder, "labels", what="YOLO's boxes")
        for place in pictures_below(pictures):
            below = place.relative_to(pictures)
            path = (texts / below).with_suffix(".txt")
            split = SPLITS.get(below.parts[0]) if len(below.parts) > 1 else None
            told = list(lines(path)) if path.exists() else []
            records = [
                r for n, fields in told if (r := _record(fields, f"'{path}' line {n}", names, found, place, split))
            ]
            found.records += records or [Record(place, split=split, face=False)]


def _names(path: Path) -> dict[int, str]:
    """Class number -> name from `names` of a data.yaml, in the three forms that YOLO's tools write.

    `names: [face, car]`, or below `names:` lines of `- face` or `0: face`.
    """
    lines_of_names: list[str] | None = None
    for line in path.read_text("utf-8-sig").splitlines():
        text = line.split(" #")[0].rstrip()
        if text.startswith("names:"):
            rest = text.removeprefix("names:").strip()
            if rest:
                if not (rest.startswith("[") and rest.endswith("]")):
                    break
                return {i: _bare(name) for i, name in enumerate(rest[1:-1].split(","))}
            lines_of_names = []
        elif lines_of_names is not None and text.strip():
            if not text.startswith((" ", "-")):
                break
            lines_of_names.append(text.strip())
    listed = [(ITEM.fullmatch(text), i) for i, text in enumerate(lines_of_names or ())]
    if not listed or any(item is None for item, _ in listed):
        fix = "Expected 'names: [face]', or lines of '- face' or '0: face' below 'names:'"
        raise UsageError(f"'{path}' does not give the names of the classes", fix=fix)
    return {int(item[1]) if item[1] else i: _bare(item[2]) for item, i in listed if item}


def _bare(name: str) -> str:
    return name.strip().strip("'\"")


def _record(
    fields: list[str], where: str, names: dict[int, str], found: Found, place: Path, split: str | None
) -> Record | None:
    values = numbers(fields, where)
    if len(values) != BOX and len(values) not in POINTS:
        raise UsageError(
            f"{where} has {len(values)} cells", "expected class, x, y, width, height and maybe 5 or 68 points"
        )
    if int(values[0]) not in names:
        raise UsageError(f"{where}: class {fields[0]} has no name in data.yaml")
    if names[int(values[0])].lower() not in FACES:
        found.left_out[f"boxes of the class '{names[int(values[0])]}', which is no face"] += 1
        return None
    x, y, w, h = values[1:BOX]
    points = _points(values)
    return Record(
        place, _labels(points, place), box=(x - w / 2, y - h / 2, w, h), points=points,
        layout="" if points is None else f"points-{len(points)}", relative=True, split=split,
    )  # fmt: skip


def _points(values: list[float]) -> NDArray[np.float32] | None:
    """Points of a line as shares of the picture, shape (n, 2); None unless all are labelled."""
    if len(values) == BOX:
        return None
    points = np.array(values[BOX:], np.float32).reshape(POINTS[len(values)])
    known = points.shape[1] == 2 or (points[:, 2] > 0).all()
    return points[:, :2] if known else None


def _labels(points: NDArray[np.float32] | None, place: Path) -> dict[str, Any]:
    """68 points in pixels are a label; five only tell the face."""
    if points is None or len(points) != labels.POINTS_68.shape[0] or not place.is_file():
        return {}
    with Image.open(place) as picture:
        size = np.array(picture.size, np.float32)
    return {labels.POINTS_68.name: (points * size).ravel().tolist()}
