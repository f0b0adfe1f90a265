"""What stands beside reviewers' words: what the review began with, the right answers of gold pictures, and groups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from annotators.base import unpack
from curate.evaluation.metrics.counting import Floats
from curate.review.agreement.words import Words
from curate.review.task import Box
from curate.store.view import FaceView
from schemas import REGISTRY, Column, Status
from schemas.columns import faces, labels


class Beside:
    """Values of the faces that reviewers spoke of, from elsewhere.

    Args:
        words: What reviewers said.
    """

    def __init__(self, words: Words) -> None:
        self.words = words
        there = {i.name for i in words.ds.layers()}
        told = words.shown_by
        known = [n for n in told if n in there] if told is not None else self._others()
        self._view = FaceView(words.ds, known)
        self._gold = {image: layer for image, layer in words.gold.items() if layer in there}
        self._place = {face: i for i, face in enumerate(words.faces)}

    def _others(self) -> list[str]:
        """Without a ledger: every layer that no person made."""
        return [i.name for i in self.words.ds.layers() if i.kind != "human"]

    @property
    def columns(self) -> list[str]:
        """Columns that the faces had when the reviews began."""
        return self._view.columns()

    @property
    def gold(self) -> dict[str, str]:
        """Gold pictures -> layer of the right answers, of those that are still there."""
        return self._gold

    def shown(self, column: Column) -> list[Any]:
        """What a face had when the review began, one value per face; None where there was nothing."""
        if column.name not in self.columns:
            return [None] * len(self.words.faces)
        return self._values([column])[column.name]

    def boxes(self) -> Floats:
        """The faces' boxes when the review began, (n, 4); those that a reviewer drew have that reviewer's."""
        found = self._values(list(faces.BOX))
        columns = [[np.nan if v is None else v for v in found[c.name]] for c in faces.BOX]
        return np.array(columns, np.float64).T.reshape(-1, 4)

    def truth(self, column: Column) -> list[Any]:
        """The right answer of each face of a gold picture; None of the others, and where the layer abstains."""
        return [row.get(column.name) if row else None for row in self._true_rows]

    def true_boxes(self) -> list[Box | None]:
        """The right box of each face of a gold picture, where the layer has one of its own."""
        return [_box(row) if row else None for row in self._true_rows]

    def true_faces(self) -> list[tuple[str, str]]:
        """Picture and id of every face that the gold layers say there is, spoken of or not."""
        return [(image, face) for face, (image, row) in self._gold_rows.items() if not _rejected(row)]

    @cached_property
    def _true_rows(self) -> list[dict[str, Any] | None]:
        found = (self._gold_rows.get(face) for face in self.words.faces)
        return [entry[1] if entry and not _rejected(entry[1]) else None for entry in found]

    @cached_property
    def _gold_rows(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Face -> picture and row of the gold layer, of gold pictures."""
        ds, found = self.words.ds, dict[str, tuple[str, dict[str, Any]]]()
        for layer in sorted(set(self._gold.values())):
            table = f"labels/{layer}"
            for key in ds.keys(table):
                images = ds.read("faces", key, [faces.IMAGE_ID.name]).column(0).to_pylist()
                for image, row in zip(images, ds.read(table, key).to_pylist(), strict=True):
                    if self._gold.get(image) == layer and row[labels.STATUS.name] == Status.OK.value:
                        found[row[faces.FACE_ID.name]] = (image, row)
        return found

    def _values(self, columns: Sequence[Column]) -> dict[str, list[Any]]:
        words = self.words
        found: dict[str, list[Any]] = {c.name: [None] * len(words.faces) for c in columns}
        wanted = [self._view.want(c.name) for c in (faces.FACE_ID, *columns)]
        for key in dict.fromkeys(words.parts):
            table = self._view.part(key, wanted)
            unpacked = {c.name: unpack(REGISTRY[c.name], table.column(c.name)) for c in columns}
            for row, face in enumerate(table.column(0).to_pylist()):
                if face in self._place:
                    for name, values in unpacked.items():
                        found[name][self._place[face]] = values[row]
        return found


def _rejected(row: dict[str, Any]) -> bool:
    return bool(row.get(labels.REVIEW_REJECTED.name))


def _box(row: dict[str, Any]) -> Box | None:
    x, y, w, h = (row.get(c.name) for c in faces.BOX)
    return None if x is None or y is None or w is None or h is None else (float(x), float(y), float(w), float(h))
