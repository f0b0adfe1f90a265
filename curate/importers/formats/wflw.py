"""WFLW: one line of 98 points, box, six attributes and name per face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from annotators.points import convert
from curate.importers.base import Found, Importer, Record, lines, need, numbers
from schemas.columns import labels

LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test"
ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
COORDINATES, BOX = 196, 4
LAYOUT = "points-98"


class Wflw(Importer):
    """The 68 points that are taken from the 98 become a column; attributes go to the picture's extra."""

    name = "wflw"
    doc = "WFLW's lists: 98 points, box, six attributes."
    files = f"{LISTS}/list_98pt_rect_attr_train.txt or _test.txt, and WFLW_images/"
    labelled_by = "annotators of WFLW"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Every line of the lists."""
        lists = need(folder, LISTS, "list_98pt_rect_attr_train_test", what="WFLW's lists")
        pictures = need(folder, "WFLW_images", what="WFLW's pictures")
        need(lists, "list_98pt_rect_attr_train.txt", "list_98pt_rect_attr_test.txt", what="WFLW's labels")
        for path in sorted(lists.glob("list_98pt_rect_attr_*.txt")):
            split = path.stem.rpartition("_")[2]
            for number, fields in lines(path, COORDINATES + BOX + len(ATTRIBUTES) + 1):
                values = numbers(fields[:-1], f"'{path}' line {number}")
                points = np.array(values[:COORDINATES], np.float32).reshape(-1, 2)
                left, top, right, bottom = values[COORDINATES : COORDINATES + BOX]
                told = dict(zip(ATTRIBUTES, (int(v) for v in values[COORDINATES + BOX :]), strict=True))
                found.records.append(
                    Record(
                        pictures / fields[-1],
                        {labels.POINTS_68.name: convert(points, LAYOUT, "points-68").ravel().tolist()},
                        box=(left, top, right - left, bottom - top), points=points, layout=LAYOUT,
                        split=split if split in ("train", "test") else None, extra=told,
                    )
                )  # fmt: skip
