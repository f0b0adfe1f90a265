"""Which faces and pictures an export holds, in which part each goes, and why others are left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.export.base import PICTURES
from curate.export.crops import NONE
from curate.export.options import ExportOptions
from curate.export.permission import commercial
from curate.report.sample import NEEDED as AGE_NEEDED
from curate.report.sample import may_be_minors, told_minors
from curate.store import Dataset
from curate.store.condition import Condition
from curate.store.images import replaced
from curate.store.names import FACES, IMAGES
from curate.store.view import FaceView
from schemas import REGISTRY, Column, ImageStatus, Kind, UsageError
from schemas.columns import faces, images, labels

Ints = NDArray[np.int64]
ABOUT = (faces.FACE_ID, faces.IMAGE_ID, images.SPLIT, images.LICENCE, images.CONSENT, images.IS_SYNTHETIC)
PICTURE = (images.IMAGE_ID, images.STATUS, images.SPLIT, images.LICENCE, images.CONSENT, images.IS_SYNTHETIC)
ORDER = ("train", "validation", "val", "test")
"""Splits come in this order, others after them by name, and what is in none last."""
LEFT_OUT = (
    "does not meet the condition", "rejected by a reviewer", "in another split", "licence", "no consent statement",
    "generated", "not generated", "may show a minor",
)  # fmt: skip
ODD = re.compile("[^A-Za-z0-9-]")
PREFIX = 16
"""Letters of a picture's id in keys; more only where two pictures begin alike."""


@dataclass(frozen=True)
class Entry:
    """One sample before its pixels are read.

    Attributes:
        key: Its name.
        number: Its place in the export.
        split: Its split.
        rows: Shard and row of each of its faces; empty for a picture without one.
        image_id: Its picture.
        shard: Where that picture is listed, if it has no face.
    """

    key: str
    number: int
    split: str
    rows: tuple[tuple[str, int], ...]
    image_id: str
    shard: str = ""


@dataclass
class Index:
    """All entries, and what is not among them.

    Attributes:
        entries: In the order of the export: by split, then as in the dataset.
        left_out: Reason -> faces.
        licences: Licence -> pictures in the export.
    """

    entries: list[Entry]
    left_out: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that occur, in order."""
        return tuple(dict.fromkeys(e.split for e in self.entries))

    def parts(self, size: int) -> Iterator[tuple[str, int, list[Entry]]]:
        """Split, number of the part within it, and entries of each part."""
        for split in self.splits:
            rows = [e for e in self.entries if e.split == split]
            for number, start in enumerate(range(0, len(rows), size)):
                yield split, number, rows[start : start + size]


def label_columns(ds: Dataset, options: ExportOptions) -> tuple[Column, ...]:
    """Label columns that are exported.

    Raises:
        UsageError: if a column is asked for that is not declared or not here.
    """
    present = [n for n in FaceView(ds, options.layers).columns() if n in REGISTRY]
    own = [REGISTRY[n] for n in present if n not in faces.FACES and n not in images.IMAGES]
    if options.columns is None:
        return tuple(c for c in own if not (c.kind is Kind.VECTOR and c.sensitive) and c.kind is not Kind.MASK)
    found = []
    for name in options.columns:
        if name not in present:
            fix = f"Run the annotator that gives it; here are: {', '.join(c.name for c in own)}"
            raise UsageError(f"column '{name}' is not in this dataset", fix=fix)
        found.append(REGISTRY[name])
    return tuple(found)


def index(ds: Dataset, options: ExportOptions, unit: str) -> Index:
    """Look through the dataset's faces, without their pixels.

    Raises:
        UsageError: if nothing is left to export.
    """
    view = FaceView(ds, options.layers)
    known = set(view.columns())
    names = [c.name for c in (*ABOUT, *AGE_NEEDED, labels.REVIEW_REJECTED) if c.name in known]
    condition = Condition(options.where, view.names()) if options.where else None
    names = list(dict.fromkeys([*names, *(condition.names if condition else ())]))
    wanted = [view.want(n) for n in names]
    found: dict[str, list[tuple[str, int, str]]] = {}
    result, gone, young, faced = Index([]), replaced(ds), _young(ds, view, options, unit), set[str]()
    for key in ds.keys(FACES):
        table = view.part(key, wanted)
        reasons = _reasons(table, options, condition, gone, young)
        ids = table.column(faces.IMAGE_ID.name).to_pylist()
        splits = table.column(images.SPLIT.name).to_pylist()
        licences = table.column(images.LICENCE.name).to_pylist()
        faced.update(ids)
        for row in np.flatnonzero(reasons == 0).tolist():
            if ids[row] not in found:
                result.licences[licences[row] or ""] += 1
            found.setdefault(ids[row], []).append((key, row, splits[row] or ""))
        counts = np.bincount(reasons[reasons > 0], minlength=len(LEFT_OUT) + 1)
        result.left_out.update({LEFT_OUT[i]: int(n) for i, n in enumerate(counts[1:]) if n})
    if options.empty and unit == PICTURES:
        _add_pictures_without_faces(ds, faced, options, (gone, young), found, result)
    if not found:
        why = ", ".join(f"{n:,} faces: {reason}" for reason, n in result.left_out.items()) or "it has no faces"
        raise UsageError(f"nothing of {ds.path} is left to export", why)
    result.entries = _entries(ds, found, unit)
    return result


def _reasons(
    table: pa.Table, options: ExportOptions, condition: Condition | None, gone: pa.Array, young: pa.Array
) -> NDArray[np.int64]:
    """Number of the first reason in `LEFT_OUT` that keeps each face out, from 1; 0 for those that stay.

    Args:
        table: Faces, or pictures.
        options: Choices of the export.
        condition: A condition over the faces.
        gone: `image_id`s of pictures that are no longer in their files.
        young: The same of those that may show a minor.
    """
    n = table.num_rows
    reason = np.zeros(n, np.int64)

    def leave(mask: NDArray[np.bool_], what: str) -> None:
        reason[(reason == 0) & mask] = LEFT_OUT.index(what) + 1

    if condition is not None:
        met = np.zeros(n, bool)
        met[np.asarray(condition.rows(table), np.int64)] = True
        leave(~met, "does not meet the condition")
    rejected = _flags(table, labels.REVIEW_REJECTED)
    rejected |= _mask(pc.is_in(table.column(faces.IMAGE_ID.name), value_set=gone))
    leave(rejected, "rejected by a reviewer")
    if options.splits:
        inside = pc.is_in(table.column(images.SPLIT.name), value_set=pa.array(options.splits, pa.string()))
        leave(~_mask(inside), "in another split")
    if options.commercial:
        words = table.column(images.LICENCE.name).to_pylist()
        allowed = {w: bool(commercial(w)) for w in set(words)}
        leave(np.array([not allowed[w] for w in words], bool), "licence")
    if options.consent:
        given = pc.fill_null(pc.not_equal(table.column(images.CONSENT.name), ""), False)
        leave(~_mask(given), "no consent statement")
    made = _flags(table, images.IS_SYNTHETIC)
    if options.synthetic != "with":
        leave(made if options.synthetic == "without" else ~made,
              "generated" if options.synthetic == "without" else "not generated")  # fmt: skip
    if not options.minors:
        shown = _mask(pc.is_in(table.column(images.IMAGE_ID.name), value_set=young))
        leave(shown | may_be_minors(table), "may show a minor")
    return reason


def _flags(table: pa.Table, column: Column) -> NDArray[np.bool_]:
    if column.name not in table.column_names:
        return np.zeros(table.num_rows, bool)
    return _mask(table.column(column.name))


def _mask(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.array(pc.fill_null(values, False).to_numpy(), bool)


def _young(ds: Dataset, view: FaceView, options: ExportOptions, unit: str) -> pa.Array:
    """Pictures that may show a minor, by their own list's word, and in whole pictures by any of their faces."""
    if options.minors:
        return pa.array([], pa.string())
    found = [told_minors(ds)]
    if options.crop == NONE or unit == PICTURES:
        known = set(view.columns())
        wanted = [view.want(c.name) for c in dict.fromkeys(AGE_NEEDED) if c.name in known]
        for key in ds.keys(FACES):
            table = view.part(key, wanted)
            found.append(table.column(faces.IMAGE_ID.name).filter(pa.array(may_be_minors(table))).combine_chunks())
    return pc.unique(pa.chunked_array(found, pa.string()))


def _add_pictures_without_faces(
    ds: Dataset, faced: set[str], options: ExportOptions, barred: tuple[pa.Array, pa.Array],
    found: dict[str, list[tuple[str, int, str]]], result: Index,
) -> None:  # fmt: skip
    """Pictures in which no face was found, by the same rules for licence, consent, split and origin."""
    table = ds.images(PICTURE)
    table = table.filter(pc.equal(table.column(images.STATUS.name), ImageStatus.OK.value))
    stays = _reasons(table, options, None, *barred) == 0
    empty = {row[images.IMAGE_ID.name]: row for row, ok in zip(table.to_pylist(), stays, strict=True) if ok}
    empty = {i: row for i, row in empty.items() if i not in faced}
    for key in ds.keys(IMAGES) if empty else ():
        for i in ds.read(IMAGES, key, [images.IMAGE_ID]).column(0).to_pylist():
            row = empty.pop(i, None)
            if row is not None:
                found[i] = [(key, -1, row[images.SPLIT.name] or "")]
                result.licences[row[images.LICENCE.name] or ""] += 1


def _entries(ds: Dataset, found: dict[str, list[tuple[str, int, str]]], unit: str) -> list[Entry]:
    short = _short(list(found))
    ranked = sorted(dict.fromkeys(rows[0][2] for rows in found.values()), key=_rank)
    entries: list[Entry] = []
    for split in ranked:
        for image_id, rows in found.items():
            if rows[0][2] != split:
                continue
            places = tuple((key, row) for key, row, _ in rows if row >= 0)
            if unit == PICTURES:
                shard = "" if places else rows[0][0]
                entries.append(Entry(short[image_id], len(entries), split, places, image_id, shard))
                continue
            for number, place in enumerate(places):
                entries.append(Entry(f"{short[image_id]}_{number}", len(entries), split, (place,), image_id))
    return entries


def _short(ids: Sequence[str]) -> dict[str, str]:
    """Beginnings of the ids, whole where two begin alike; letters that file names may hold."""
    heads = Counter(i[:PREFIX] for i in ids)
    return {i: _plain(i[:PREFIX] if heads[i[:PREFIX]] == 1 else i) for i in ids}


def _plain(text: str) -> str:
    return ODD.sub("-", text)


def _rank(split: str) -> tuple[int, str]:
    if not split:
        return len(ORDER) + 1, ""
    return (ORDER.index(split), "") if split in ORDER else (len(ORDER), split)
