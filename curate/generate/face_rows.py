"""Full rows of single faces, read shard by shard, and the portraits that are cut from their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from annotators.crops import Pixels
from curate.generators.base import CannotGenerate
from curate.generators.subject import Subject, portrait
from curate.identity.gather import unfold
from curate.ingest import Limits, SourceReader, load
from curate.store import Dataset
from curate.store.checks import as_array
from curate.store.names import FACES
from curate.store.view import FaceView
from schemas import DatasetError
from schemas.columns import faces, images, labels

Values = dict[str, Any]
ARRAYS = (labels.MESH.name, labels.EMBEDDING.name)
"""Columns whose values are given as arrays."""


class Unreadable(CannotGenerate):
    """The photograph cannot be read now; it may be another time."""


class FaceRows:
    """Reads the wanted columns of faces by their ids.

    Args:
        ds: The dataset.
        columns: Names of columns of the resolved view.
    """

    def __init__(self, ds: Dataset, columns: Sequence[str]) -> None:
        self.ds = ds
        self._view = FaceView(ds)
        self._wanted = [self._view.want(n) for n in dict.fromkeys([faces.FACE_ID.name, *columns])]
        self._home: dict[str, tuple[str, int]] = {}
        for key in ds.keys(FACES):
            for row, face in enumerate(ds.read(FACES, key, [faces.FACE_ID]).column(0).to_pylist()):
                self._home[face] = (key, row)
        self._order = {key: n for n, key in enumerate(ds.keys(FACES))}
        self._open: tuple[str, pa.Table] = ("", pa.table({}))

    def __contains__(self, face: object) -> bool:
        return face in self._home

    def place(self, face: str) -> tuple[int, int]:
        """Number of the face's shard and its row in it: the order in which reading is cheap."""
        key, row = self._home[face]
        return self._order[key], row

    def row(self, face: str) -> Values:
        """The face's values by column name.

        Raises:
            DatasetError: if there is no such face.
        """
        if face not in self._home:
            raise DatasetError(f"face {face} is not in {self.ds.path}", "it may belong to an earlier revision")
        key, number = self._home[face]
        if self._open[0] != key:
            self._open = (key, self._view.part(key, self._wanted))
        part = self._open[1].slice(number, 1)
        plain = part.drop_columns([n for n in ARRAYS if n in part.column_names])
        values: Values = plain.to_pylist()[0]
        for name in ARRAYS:
            if name in part.column_names:
                vector, ok = unfold(as_array(part.column(name)))
                values[name] = vector[0].copy() if ok[0] else None
        return values


class Portraits:
    """Cuts portraits out of pictures; keeps the last picture, so faces of one are best asked for in a row."""

    def __init__(self) -> None:
        self._reader = SourceReader()
        self._last: tuple[str, Pixels | None, str] = ("", None, "")

    def subject(self, values: Mapping[str, Any], side: int) -> Subject:
        """The portrait of a face.

        Args:
            values: Its row, with `uri` and `member` of the picture.
            side: Side of the portrait in pixels.

        Raises:
            Unreadable: if the picture cannot be read any more, or is another one now.
        """
        image_id = str(values[faces.IMAGE_ID.name])
        if self._last[0] != image_id:
            loaded = load(values, Limits(), image_id, self._reader)
            self._last = (image_id, loaded.pixels, str(loaded.row[images.DETAIL.name]))
        _, pixels, why = self._last
        if pixels is None:
            raise Unreadable(f"the picture cannot be read: {why}")
        return portrait(pixels, values, side)
