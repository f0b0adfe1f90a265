"""CelebA: lists of attributes, points, boxes, parts and identities beside a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from curate.importers.base import Found, Importer, Record, lines, maybe, need, numbers
from schemas import UsageError, taxonomy
from schemas.coding import coding
from schemas.columns import labels

NAMES = taxonomy(labels.CELEBA_PRESENT.taxonomy).labels
FLAG = coding("celeba-flag")
PRESENT, ABSENT = (FLAG.encode(word).value for word in ("present", "absent"))
UNKNOWN = 0
"""Not one of CelebA's values; our own export writes it where nobody judged."""
PARTS = ("train", "validation", "test")
MALE = "Male"


class CelebA(Importer):
    """Aligned pictures with their landmarks, or pictures in the wild with landmarks and boxes."""

    name = "celeba"
    doc = "CelebA's forty attributes, identities and parts; its landmarks tell the face."
    files = "list_attr_celeba.txt and img_align_celeba/ or img_celeba/; lists of landmarks, parts, identities if there"
    licence = "non-commercial research only, see the terms of CelebA"
    labelled_by = "annotators of CelebA"

    def read(self, folder: Path, found: Found) -> None:
        """Every line of the list of attributes."""
        attributes = _list(folder, "list_attr_celeba.txt")
        if attributes is None:
            need(folder, "list_attr_celeba.txt", "Anno/list_attr_celeba.txt", what="CelebA's attributes")
            return
        pictures = need(folder, "img_align_celeba", "Img/img_align_celeba", "img_celeba", what="the pictures")
        aligned = pictures.name == "img_align_celeba"
        points = _numbers(_list(folder, f"list_landmarks{'_align' if aligned else ''}_celeba.txt"), 10, 2)
        boxes = {} if aligned else _numbers(_list(folder, "list_bbox_celeba.txt"), 4, 2)
        parts = _numbers(_list(folder, "list_eval_partition.txt"), 1, 0)
        people = _numbers(_list(folder, "identity_CelebA.txt"), 1, 0)
        order = _order(attributes)
        for number, (name, *flags) in lines(attributes, len(order) + 1, skip=2):
            values = _labels(dict(zip(order, flags, strict=True)), f"'{attributes}' line {number}")
            person = int(people[name][0]) if name in people else 0
            if person:
                values[labels.IDENTITY_ID.name] = f"celeba-{person}"
            part = int(parts[name][0]) if name in parts else len(PARTS)
            found.records.append(
                Record(
                    pictures / name, values,
                    box=(*boxes[name],) if name in boxes else None,  # type: ignore[arg-type]
                    points=np.array(points[name], np.float32).reshape(5, 2) if name in points else None,
                    layout="points-5",  # CelebA's left eye is the one on the picture's left, the subject's right
                    split=PARTS[part] if 0 <= part < len(PARTS) else None,
                )
            )  # fmt: skip


def _list(folder: Path, name: str) -> Path | None:
    return maybe(folder, name, f"Anno/{name}", f"Eval/{name}")


def _order(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig") as file:
        file.readline()
        order = file.readline().split()
    alien = [name for name in order if name not in NAMES]
    if alien or not order:
        raise UsageError(f"the second line of '{path}' does not name CelebA's attributes", ", ".join(alien[:3]))
    return order


def _numbers(path: Path | None, count: int, head: int) -> dict[str, list[float]]:
    if path is None:
        return {}
    rows = lines(path, count + 1, head)
    return {name: numbers(values, f"'{path}' line {number}") for number, (name, *values) in rows}


def _labels(flags: dict[str, str], where: str) -> dict[str, Any]:
    told = {name: int(value) for name, value in zip(flags, numbers(flags.values(), where), strict=True)}
    strange = [name for name, value in told.items() if value not in (PRESENT, ABSENT, UNKNOWN)]
    if strange:
        raise UsageError(f"{where}: {strange[0]} is {told[strange[0]]}", f"attributes are {PRESENT} or {ABSENT}")
    values: dict[str, Any] = {}
    if any(told.values()):
        values[labels.CELEBA_PRESENT.name] = [name for name in NAMES if told.get(name) == PRESENT]
        values[labels.CELEBA_ABSTAINED.name] = [name for name in NAMES if told.get(name, UNKNOWN) == UNKNOWN]
    if told.get(MALE):
        values[labels.GENDER.name] = MALE if told[MALE] == PRESENT else "Female"
    return values
