"""Which faces the page shows: deterministic, varied, and no children's where that is asked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.columns import faces, images, labels

if TYPE_CHECKING:
    from curate.store import Dataset

MINOR_GROUPS = ("0-2", "3-9", "10-19")
ADULT_AGE = 18.0
DOUBT = 0.15
"""Least chance of being under 20 that keeps a face off the page; models miss many children."""

TOLD = r'"(is_)?(minor|child)": *("?(true|yes)"?|1|"1") *[,}]'
"""How the JSON of a list's other columns says that a picture shows a minor."""

MINOR_FLAG = "may_be_a_minor"
"""A reviewer's flag."""

POOL = 1500
"""Faces looked at when the gallery is put together; a fixed pseudo-random draw of all."""

VARIED = (labels.PERCEIVED_EMOTION, labels.AGE_GROUP, labels.GENDER, labels.MONK)
SPREAD = (labels.YAW, labels.PITCH, labels.QUALITY_SCORE)
AGES = (labels.AGE_GROUP, labels.AGE, labels.AGE_PROB)
"""Columns that say an age."""

NEEDED = (faces.FACE_ID, faces.IMAGE_ID, labels.AGE, labels.AGE_PROB, labels.QUALITY_SCORE, *VARIED, *SPREAD)
"""Columns that `minors`, `varied` and `extremes` read where they are present."""


def minors(table: pa.Table) -> NDArray[np.bool_]:
    """Which faces an age label calls children: by group, by a chance of `DOUBT` of being under 20, or a mean under 18.

    A face of unknown age is not among them: this counts what labels say. What is shown, made into a picture or
    leaves the machine goes by `may_be_minors`.
    """
    flags = np.zeros(table.num_rows, dtype=bool)
    if labels.AGE_GROUP.name in table.column_names:
        young = pc.is_in(table.column(labels.AGE_GROUP.name), value_set=pa.array(MINOR_GROUPS))
        flags |= np.asarray(young.to_numpy(), dtype=bool)
    if labels.AGE.name in table.column_names:
        under = pc.fill_null(pc.less(table.column(labels.AGE.name), ADULT_AGE), False)
        flags |= np.asarray(under.to_numpy(), dtype=bool)
    if labels.AGE_PROB.name in table.column_names:
        scores = table.column(labels.AGE_PROB.name)
        young = [np.nan_to_num(pc.struct_field(scores, group).to_numpy().astype(np.float64)) for group in MINOR_GROUPS]
        flags |= np.sum(young, axis=0) >= DOUBT
    return flags


def may_be_minors(table: pa.Table, assume_adults: bool = False) -> NDArray[np.bool_]:
    """Which faces may be a minor's: by any age label, or because no label says an age.

    Args:
        table: Rows with those of `AGES` that are at hand.
        assume_adults: Faces of unknown age are adults'.
    """
    known = np.zeros(table.num_rows, bool)
    for column in AGES:
        if column.name in table.column_names:
            values = table.column(column.name)
            single = values.combine_chunks().flatten() if column == labels.AGE_PROB else [values]
            for each in single:
                known |= np.asarray(pc.is_valid(each).to_numpy(zero_copy_only=False), dtype=bool)
    young = minors(table)
    return young if assume_adults else young | ~known


def told_minors(ds: Dataset) -> pa.Array:
    """`image_id` of pictures that people call a minor's: their own list, or a reviewer's flag on one of its faces.

    Lists say so in `minor`, `is_minor`, `child` or `is_child`, reviewers with the flag `may_be_a_minor`. The word of
    people who know or have seen the picture; where they say nothing, the ages decide.
    """
    table = ds.images([images.IMAGE_ID, images.EXTRA])
    said = pc.match_substring_regex(table.column(images.EXTRA.name), TOLD, ignore_case=True)
    ids = table.column(images.IMAGE_ID.name).filter(pc.fill_null(said, False))
    listed = pc.unique(ids).drop_null().cast(pa.string())
    return pa.concat_arrays([listed.combine_chunks() if isinstance(listed, pa.ChunkedArray) else listed, _flagged(ds)])


def _flagged(ds: Dataset) -> pa.Array:
    """Pictures with a face that a reviewer flags as maybe a minor's."""
    found: dict[str, None] = {}
    for info in ds.layers():
        if info.kind == "human" and labels.REVIEW_FLAGS.name in info.columns:
            told = ds.layer_table(info.name, [faces.FACE_ID, labels.REVIEW_FLAGS])
            for face, flags in zip(told.column(0).to_pylist(), told.column(1).to_pylist(), strict=True):
                if MINOR_FLAG in (flags or ()):
                    found[face.rpartition(".")[0]] = None
    return pa.array(list(found), pa.string())


def varied(table: pa.Table, allowed: NDArray[np.bool_], count: int) -> list[int]:
    """Rows for the gallery: each next face is the one whose labels have been shown least.

    Args:
        table: One row per face with some of `NEEDED`.
        allowed: Which rows may be shown.
        count: Most rows wanted.

    Returns:
        Row numbers; the same table gives the same rows, whatever the order of its rows.
    """
    ids = table.column(faces.FACE_ID.name).to_pylist()
    rows = sorted(np.flatnonzero(allowed).tolist(), key=lambda i: _draw(ids[i]))[:POOL]
    traits = _traits(table.take(rows)) if rows else []
    shown: Counter[tuple[int, str]] = Counter()
    left = list(range(len(rows)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        best = max(left, key=lambda i: (sum(1 / (1 + shown[t]) ** 2 for t in traits[i]), -i))
        left.remove(best)
        shown.update(traits[best])
        chosen.append(rows[best])
    return chosen


def _draw(face_id: str) -> bytes:
    return hashlib.blake2b(face_id.encode(), digest_size=8).digest()


def _traits(table: pa.Table) -> list[tuple[tuple[int, str], ...]]:
    columns: list[Sequence[object]] = [table.column(faces.IMAGE_ID.name).to_pylist()]
    columns += [table.column(c.name).to_pylist() for c in VARIED if c.name in table.column_names]
    columns += [_fifths(table.column(c.name)) for c in SPREAD if c.name in table.column_names]
    return [tuple((i, str(value)) for i, value in enumerate(row)) for row in zip(*columns, strict=True)]


def _fifths(values: pa.ChunkedArray) -> list[object]:
    numbers = values.to_numpy().astype(np.float64)
    low, high = (np.nanmin(numbers), np.nanmax(numbers)) if np.isfinite(numbers).any() else (0.0, 1.0)
    span = (high - low) or 1.0
    return [None if np.isnan(v) else min(int(5 * (v - low) / span), 4) for v in numbers]


def extremes(table: pa.Table, allowed: NDArray[np.bool_], count: int) -> tuple[list[int], list[int]]:
    """Rows of the worst and of the best faces by quality, without overlap; equal scores go by face id."""
    if labels.QUALITY_SCORE.name not in table.column_names:
        return [], []
    scores = table.column(labels.QUALITY_SCORE.name).to_numpy().astype(np.float64)
    usable = np.flatnonzero(allowed & np.isfinite(scores))
    ids = table.column(faces.FACE_ID.name)
    order = sorted(usable.tolist(), key=lambda i: (scores[i], ids[i].as_py()))
    worst = order[: min(count, (len(order) + 1) // 2)]
    return worst, [i for i in order[::-1][:count] if i not in worst]
