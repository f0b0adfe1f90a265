"""From entries to samples: labels from the resolved view, pixels or bytes from the sources, one part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from annotators.base import unpack
from curate.engine.pictures import sources_of
from curate.export.ahead import Ahead, Read
from curate.export.crops import NONE, crop_matrix, cut
from curate.export.encode import SUFFIXES, encode, without_metadata
from curate.export.index import Entry
from curate.export.options import COPY, ExportOptions
from curate.export.sample import FaceItem, Sample, moved
from curate.ingest import Limits, SourceReader, load
from curate.store import Dataset
from curate.store.images import image_rows, rows_for
from curate.store.names import IMAGES, SOURCES
from curate.store.view import FaceView
from schemas import REGISTRY, Column, ImageStatus
from schemas.columns import faces, images

ABOUT = (
    images.IMAGE_ID, images.NAME, images.URI, images.MEMBER, images.FORMAT, images.MODE, images.WIDTH, images.HEIGHT,
    images.ORIENTATION, images.FRAMES, images.LICENCE, images.CONSENT, images.IS_SYNTHETIC, images.PARENT,
    images.GENERATOR, images.STATUS, images.BYTES,
)  # fmt: skip
FACTS = (images.IMAGE_ID, images.NAME, images.LICENCE, images.CONSENT, images.IS_SYNTHETIC, images.PARENT,
         images.GENERATOR)  # fmt: skip
PLAIN_MODES = ("RGB", "L", "P", "1")
COPIED = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}
Place = tuple[str, int]
About = tuple[Mapping[str, Any], dict[str, Any]]
"""Source row and image row of a picture."""


@dataclass(frozen=True)
class Lost:
    """An entry whose picture cannot be had any more.

    Attributes:
        key: The sample's.
        name: The picture's.
        reason: In words.
    """

    key: str
    name: str
    reason: str


class Gatherer:
    """Makes the samples of an export; use as a context manager.

    Args:
        ds: The dataset.
        options: Choices of the export.
        columns: Label columns.
        forms: Picture formats that the exporter can hold.
    """

    def __init__(
        self, ds: Dataset, options: ExportOptions, columns: Sequence[Column], forms: Sequence[str] = tuple(SUFFIXES)
    ) -> None:
        self._ds, self._options, self._forms = ds, options, forms
        self._columns = tuple(columns)
        self._view = FaceView(ds, options.layers)
        asked = dict.fromkeys([*faces.FACES.values(), *columns, *_crop_needs(options, self._view)])
        self._wanted = [self._view.want(c.name) for c in asked]
        self._reader, self._ahead = SourceReader(), Ahead()
        self._part, self._near = lru_cache(maxsize=2)(self._read_part), lru_cache(maxsize=2)(self._read_near)
        self.lost: list[Lost] = []

    def __enter__(self) -> Gatherer:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._ahead.close()

    def samples(self, entries: Sequence[Entry]) -> Iterator[Sample]:
        """The samples of some entries in their order; those whose picture is gone are noted in `lost`."""
        values = self._faces(entries)
        about = self._pictures(entries)
        pixels: tuple[str, Any] = ("", None)
        copies = {image_id for image_id, (_, row) in about.items() if self._copies(row)}
        read = self._ahead.read([(i, about[i][0], _size(about[i][1])) for e in entries if (i := e.image_id) in copies])
        for entry in entries:
            source, row = about[entry.image_id]
            items = [values[place] for place in entry.rows]
            if entry.image_id in copies:
                sample, why = self._copied(entry, next(read), row, items)
            else:
                if pixels[0] != entry.image_id:
                    pixels = (entry.image_id, load(source, Limits(), entry.image_id, self._reader))
                sample, why = self._made(entry, pixels[1], row, items)
            if sample is None:
                self.lost.append(Lost(entry.key, str(row[images.NAME.name]), why))
            else:
                yield sample

    def _copies(self, row: Mapping[str, Any]) -> bool:
        """Whether the picture's own bytes can be exported: whole, upright, of a form and layout that readers know."""
        form = COPIED.get(row[images.FORMAT.name] or "")
        fits = form in self._forms and stands_plain(row)
        stripped = form != "webp" or self._options.keep_metadata
        return bool(self._options.form == COPY and self._options.crop == NONE and fits and stripped)

    def _copied(
        self, entry: Entry, read: Read, row: Mapping[str, Any], items: list[dict[str, Any]]
    ) -> tuple[Sample | None, str]:
        data, why = read
        if data is None:
            return None, why
        form = row[images.FORMAT.name]
        if not self._options.keep_metadata:
            data = without_metadata(data, form) or data
        size = int(row[images.WIDTH.name]), int(row[images.HEIGHT.name])
        suffix = SUFFIXES[COPIED[form]]
        found = tuple(self._item(v) for v in items)
        return Sample(entry.key, entry.number, entry.split, data, suffix, *size, found, _facts(row)), ""

    def _made(
        self, entry: Entry, loaded: Any, row: Mapping[str, Any], items: list[dict[str, Any]]
    ) -> tuple[Sample | None, str]:
        if loaded.pixels is None or loaded.row[images.STATUS.name] != ImageStatus.OK.value:
            return None, str(loaded.row[images.DETAIL.name])
        options, facts = self._options, _facts(row)
        form = self._forms[0] if options.form == COPY else options.form
        found, picture = [self._item(v) for v in items], loaded.pixels
        if options.crop != NONE:
            matrix = crop_matrix(options.crop, items[0], options.side)
            picture = cut(picture, matrix, options.side)
            found = [moved(item, matrix) for item in found]
            facts = {**facts, "crop": options.crop, "crop_matrix": np.asarray(matrix).ravel().tolist()}
        height, width = picture.shape[:2]
        data = encode(picture, form, options.quality)
        return Sample(
            entry.key, entry.number, entry.split, data, SUFFIXES[form], width, height, tuple(found), facts
        ), ""

    def _item(self, values: Mapping[str, Any]) -> FaceItem:
        x, y, w, h = (float(values[c.name]) for c in faces.BOX)
        return FaceItem(values[faces.FACE_ID.name], (x, y, w, h), {c.name: values[c.name] for c in self._columns})

    def _faces(self, entries: Sequence[Entry]) -> dict[Place, dict[str, Any]]:
        """Values of all faces of some entries, by shard and row."""
        by_shard: dict[str, list[int]] = {}
        for entry in entries:
            for key, row in entry.rows:
                by_shard.setdefault(key, []).append(row)
        found: dict[Place, dict[str, Any]] = {}
        for key, rows in by_shard.items():
            table = self._part(key).take(pa.array(rows))
            columns = {n: _values(n, table.column(n)) for n in table.column_names}
            found |= {(key, row): {n: v[i] for n, v in columns.items()} for i, row in enumerate(rows)}
        return found

    def _read_part(self, key: str) -> pa.Table:
        return self._view.part(key, self._wanted)

    def _pictures(self, entries: Sequence[Entry]) -> dict[str, About]:
        """Source row and image row of each picture."""
        found: dict[str, About] = {}
        by_key: dict[str, list[str]] = {}
        for entry in entries:
            by_key.setdefault(entry.rows[0][0] if entry.rows else entry.shard, []).append(entry.image_id)
        for key, ids in by_key.items():
            near = self._near(key)
            found |= {i: near[i] for i in ids if i in near}
            far = [i for i in dict.fromkeys(ids) if i not in near]
            if far:
                sources = sources_of(self._ds, key, far)
                rows = pa.table(rows_for(self._ds, key, pa.array(far), [c.name for c in ABOUT])).to_pylist()
                found |= {i: (sources[i], row) for i, row in zip(far, rows, strict=True)}
        return found

    def _read_near(self, key: str) -> dict[str, About]:
        """Usable pictures of a shard by their ids; parts of an export often begin inside one."""
        if not (self._ds.has(SOURCES, key) and self._ds.has(IMAGES, key)):
            return {}
        rows = image_rows(self._ds, [key], [c.name for c in ABOUT]).to_pylist()
        pairs = zip(self._ds.read(SOURCES, key).to_pylist(), rows, strict=True)
        return {r[images.IMAGE_ID.name]: (s, r) for s, r in pairs if r[images.STATUS.name] == ImageStatus.OK}


def _crop_needs(options: ExportOptions, view: FaceView) -> list[Column]:
    from schemas.columns import labels

    return [c for c in (labels.POINTS_68,) if options.crop == "ffhq" and c.name in view.columns()]


def _values(name: str, values: pa.ChunkedArray) -> Sequence[Any]:
    return unpack(REGISTRY[name], values) if name in REGISTRY else list(values.to_pylist())


def stands_plain(row: Mapping[str, Any]) -> bool:
    """Whether a picture's own bytes show it upright, alone in its file and in a layout that every reader knows."""
    upright = (row[images.ORIENTATION.name] or 1) == 1 and (row[images.FRAMES.name] or 1) == 1
    return upright and row[images.MODE.name] in PLAIN_MODES


def _size(row: Mapping[str, Any]) -> int:
    return int(row[images.BYTES.name] or 0)


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {c.name: row[c.name] for c in FACTS if row[c.name] is not None}
