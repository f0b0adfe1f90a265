"""LFW: a folder of pictures per person."""

from __future__ import annotations

import re
from pathlib import Path

from curate.importers.base import Found, Importer, Record, maybe, pictures_below
from schemas.columns import labels

NAME = re.compile(r"(.+)_\d{4}$")
FOLDERS = ("lfw", "lfw-deepfunneled", "lfw_funneled")


class Lfw(Importer):
    """`NAME/NAME_0001.jpg`; the parts of people*.txt become splits, lists of pairs are not read."""

    name = "lfw"
    doc = "LFW's folders NAME/NAME_0001.jpg: who is shown."
    files = "lfw/NAME/NAME_0001.jpg, or these folders themselves; peopleDevTrain.txt and peopleDevTest.txt if there"
    licence = "research only; the photos are of the press"
    labelled_by = "LFW: names in captions of the press, checked by people"

    def read(self, folder: Path, found: Found) -> None:
        """Every picture whose name is its folder's and a number."""
        root = maybe(folder, *FOLDERS) or folder
        parts = _people(folder / "peopleDevTrain.txt", "train") | _people(folder / "peopleDevTest.txt", "test")
        for path in pictures_below(root):
            name = NAME.match(path.stem)
            if name is None or name[1] != path.parent.name:
                found.left_out["the file's name is not its folder's and a number"] += 1
                continue
            found.records.append(Record(path, {labels.IDENTITY_ID.name: name[1]}, split=parts.get(name[1])))


def _people(path: Path, split: str) -> dict[str, str]:
    if not path.exists():
        return {}
    rows = (line.split() for line in path.read_text("utf-8").splitlines())
    return {row[0]: split for row in rows if len(row) == 2}
