"""Pictures of a dataset with their faces as reviewers see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from annotators.base import unpack
from curate.report.sample import NEEDED as AGE_NEEDED
from curate.report.sample import may_be_minors, told_minors
from curate.review.spec import Spec
from curate.review.task import Seen
from curate.store import Dataset
from curate.store.condition import Condition
from curate.store.images import replaced
from curate.store.view import FaceView
from schemas import REGISTRY, ImageStatus, Kind, UsageError
from schemas.columns import faces, images, labels

FACES = "faces"
ABOUT = (
    images.IMAGE_ID, images.URI, images.MEMBER, images.NAME, images.FORMAT, images.MODE, images.WIDTH, images.HEIGHT,
    images.ORIENTATION, images.FRAMES, images.HAS_GPS,
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A picture with its faces.

    Attributes:
        row: Of the images table, the columns in `ABOUT`.
        faces: As they are shown.
        places: Face id -> faces part that it stands in.
    """

    row: Mapping[str, Any]
    faces: tuple[Seen, ...]
    places: Mapping[str, str]

    @property
    def image_id(self) -> str:
        """Its id."""
        return str(self.row[images.IMAGE_ID.name])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.row[images.WIDTH.name]), int(self.row[images.HEIGHT.name])


def chosen(ds: Dataset, where: str | None, with_minors: bool) -> list[str]:
    """Ids of the pictures that hold a face that meets a condition, in the order of the dataset.

    Args:
        ds: The dataset.
        where: SQL condition over the faces.
        with_minors: Also pictures that may show minors.

    Raises:
        UsageError: if there is none.
    """
    view = FaceView(ds)
    names = [faces.IMAGE_ID.name, *(c.name for c in AGE_NEEDED if c.name in view.columns())]
    condition = Condition(where, view.names()) if where else None
    wanted = [view.want(n) for n in dict.fromkeys([*names, *(condition.names if condition else ())])]
    gone, young, found = replaced(ds), set(told_minors(ds).to_pylist()), dict[str, None]()
    for key in ds.keys(FACES):
        table = view.part(key, wanted)
        ids = table.column(faces.IMAGE_ID.name)
        young |= set(ids.filter(pa.array(may_be_minors(table))).to_pylist())
        rows = np.asarray(condition.rows(table), np.int64) if condition else np.arange(table.num_rows)
        found |= dict.fromkeys(ids.take(pa.array(rows)).to_pylist())
    hidden = set(gone.to_pylist()) | (set() if with_minors else young)
    kept = [i for i in found if i not in hidden]
    if not kept:
        all_barred = f"{len(found):,} pictures meet the condition, all of which may show minors or faces of unknown age"
        why = all_barred if found else ""
        raise UsageError(f"no picture of {ds.path} to review", why, "Annotate ages, change --where, or allow --minors")
    return kept


class Gallery:
    """Gives pictures with their faces.

    Args:
        ds: The dataset, at the revision that is reviewed.
        spec: What is asked for.
        layers: Layers that speak.
    """

    def __init__(self, ds: Dataset, spec: Spec, layers: Sequence[str]) -> None:
        self.ds = ds
        self._view = FaceView(ds, layers)
        known = set(self._view.columns())
        self._asked = [c.name for c in spec.columns if c.name in known]
        names = [c.name for c in (faces.FACE_ID, faces.IMAGE_ID, *faces.BOX)]
        names += [labels.REVIEW_REJECTED.name] if labels.REVIEW_REJECTED.name in known else []
        self._wants = [self._view.want(n) for n in dict.fromkeys([*names, *self._asked])]

    @cached_property
    def _rows_in(self) -> dict[str, list[str]]:
        """Image id -> shards of the images table that have it."""
        return self._where("images")

    @cached_property
    def _faces_in(self) -> dict[str, list[str]]:
        """Image id -> parts that hold its faces."""
        return self._where(FACES)

    def _where(self, table: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key in self.ds.keys(table):
            for image_id in self.ds.read(table, key, [faces.IMAGE_ID.name]).column(0).unique().to_pylist():
                found.setdefault(image_id, []).append(key)
        return found

    def pictures(self, wanted: Sequence[str]) -> Iterator[Picture]:
        """Pictures in the order in which they are asked for; those that are not usable are left out.

        Args:
            wanted: Image ids.
        """
        rows = self._rows(wanted)
        found, places = self._faces(wanted)
        for image_id in wanted:
            if image_id in rows:
                own = found.get(image_id, [])
                yield Picture(rows[image_id], tuple(own), {f.face_id: places[f.face_id] for f in own})

    def _rows(self, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        names = [c.name for c in (*ABOUT, images.STATUS)]
        ids = pa.array(list(wanted), pa.string())
        for key in dict.fromkeys(k for i in wanted for k in self._rows_in.get(i, ())):
            table = self.ds.read("images", key, names)
            usable = pc.equal(table.column(images.STATUS.name), ImageStatus.OK.value)
            asked = pc.and_(usable, pc.is_in(table.column(images.IMAGE_ID.name), value_set=ids))
            found |= {r[images.IMAGE_ID.name]: r for r in table.filter(asked).to_pylist()}
        return found

    def _faces(self, wanted: Sequence[str]) -> tuple[dict[str, list[Seen]], dict[str, str]]:
        ids = pa.array(list(wanted), pa.string())
        found: dict[str, list[Seen]] = {}
        places: dict[str, str] = {}
        for key in dict.fromkeys(k for i in wanted for k in self._faces_in.get(i, ())):
            table = self._view.part(key, self._wants)
            table = table.filter(pc.is_in(table.column(faces.IMAGE_ID.name), value_set=ids))
            columns = {n: unpack(REGISTRY[n], table.column(n)) for n in table.column_names}
            for row in range(table.num_rows):
                values = {n: column[row] for n, column in columns.items()}
                if values.get(labels.REVIEW_REJECTED.name):
                    continue
                face = _seen(values, self._asked)
                found.setdefault(values[faces.IMAGE_ID.name], []).append(face)
                places[face.face_id] = key
        return found, places


def _seen(values: Mapping[str, Any], asked: Sequence[str]) -> Seen:
    x, y, w, h = (float(values[c.name]) for c in faces.BOX)
    given = {n: _value(n, values[n]) for n in asked if values[n] is not None}
    return Seen(values[faces.FACE_ID.name], (x, y, w, h), given)


def _value(name: str, value: Any) -> Any:
    column = REGISTRY[name]
    return np.asarray(value, np.float64).reshape(column.shape) if column.kind is Kind.POINTS else value
