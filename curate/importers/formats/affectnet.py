"""AffectNet: training.csv and validation.csv beside folders of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from curate.importers.base import Found, Importer, Record, carried, maybe, need, numbers, table
from schemas import TaxonomyError, UsageError
from schemas.coding import coding
from schemas.columns import labels

CODES = coding("affectnet")
PATH, POINTS, EXPRESSION = "subDirectory_filePath", "facial_landmarks", "expression"
BOX = ("face_x", "face_y", "face_width", "face_height")
NUMBERS = {"valence": labels.VALENCE, "arousal": labels.AROUSAL}
FILES = {"training.csv": "train", "validation.csv": "validation"}
NOT_JUDGED = -2
"""AffectNet's valence and arousal where there is no expression to judge."""


class AffectNet(Importer):
    """Expression, valence, arousal, box and 68 points; `none`, `uncertain` and `no_face` are counted, not guessed."""

    name = "affectnet"
    doc = "AffectNet's CSV files: expression, valence, arousal, box, 68 points."
    files = "training.csv or validation.csv, and the pictures they name, also below Manually_Annotated_Images/"
    licence = "non-commercial research only, see the terms of AffectNet"
    labelled_by = "annotators of AffectNet"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Every line of the two lists."""
        need(folder, *FILES, what="AffectNet's labels")
        root = maybe(folder, "Manually_Annotated_Images", "Manually_Annotated") or folder
        for name, split in FILES.items():
            path = folder / name
            if not path.exists():
                continue
            for number, row in enumerate(table(path, [PATH, EXPRESSION]), 2):
                where = f"'{path}' line {number}"
                box = numbers([row[n] for n in BOX], where) if all(row.get(n) for n in BOX) else None
                points = _points(row.get(POINTS, ""), where)
                values = _labels(row, where, found)
                if points is not None:
                    values[labels.POINTS_68.name] = points.ravel().tolist()
                found.records.append(
                    Record(root / row[PATH], values, box=(*box,) if box else None,  # type: ignore[arg-type]
                           points=points, layout="points-68", split=split)
                )  # fmt: skip


def _points(text: str, where: str) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    if not text.strip():
        return None
    values = numbers(text.split(";"), where)
    if len(values) != 136:
        raise UsageError(f"{where}: {POINTS} has {len(values)} numbers", "expected 136, x;y of 68 points")
    return np.array(values, np.float32).reshape(68, 2)


def _labels(row: dict[str, str], where: str, found: Found) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if row[EXPRESSION]:
        try:
            label = CODES.decode(int(numbers([row[EXPRESSION]], where)[0]))
        except TaxonomyError as error:
            raise UsageError(f"{where}: {EXPRESSION}", str(error)) from None
        carried(values, labels.EMOTION8, label, CODES.taxonomy_name, found)
        carried(values, labels.PERCEIVED_EMOTION, label, CODES.taxonomy_name, None)
    for name, column in NUMBERS.items():
        if row.get(name):
            value = numbers([row[name]], where)[0]
            if value == NOT_JUDGED:
                continue
            if not -1 <= value <= 1:
                raise UsageError(f"{where}: {name} is {value}", "it lies between -1 and 1, or is -2 where not judged")
            values[column.name] = value
    return values
