"""Faces of each group for the audit's page: adults only, few, and within a budget of bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.audit.results import Audit
from curate.report.overlay import window
from curate.report.sample import minors, told_minors
from curate.report.thumbnails import Thumbnailer
from curate.store import Dataset
from schemas import ImageStatus
from schemas.columns import faces, images, labels

SIDE = 112
MAX_BYTES = 1_500_000
AGES = (labels.AGE, labels.AGE_GROUP, labels.AGE_PROB)


@dataclass(frozen=True)
class Pictures:
    """Faces to show, and why others are not.

    Attributes:
        groups: Column -> group -> data addresses of cut-outs.
        side: Side of a cut-out in pixels.
        barred: Faces that are left out because they, or others in their photo, may be a child's.
        unreadable: Chosen faces whose picture could not be read again.
        over_budget: Chosen faces left out to keep the page small.
        why_none: Why there is no picture at all; empty if there is one.
    """

    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    side: int = SIDE
    barred: int = 0
    unreadable: int = 0
    over_budget: int = 0
    why_none: str = ""

    def of(self, by: str, group: str) -> tuple[str, ...]:
        """Cut-outs of a group; none if there are none."""
        return self.groups.get(by, {}).get(group, ())


def pictures_for(
    ds: Dataset, audit: Audit, *, per_group: int = 5, side: int = SIDE, max_bytes: int = MAX_BYTES, seed: int = 0
) -> Pictures:
    """Cut out some faces of every group of the audit's single columns.

    Faces that may be a child's, faces of unknown age, and every photo in which there is one, are never shown; ages are
    those of all layers, whichever the audit was of. Which faces are shown follows from the seed alone.

    Args:
        ds: The dataset that was audited.
        audit: The audit.
        per_group: Most faces of a group.
        side: Side of a cut-out in pixels.
        max_bytes: Most bytes of all cut-outs together, before base64.
        seed: Draws other faces.

    Raises:
        DatasetError: if a part is damaged.
    """
    names = {name.lower(): name for name in ds.columns()}
    columns = [names[by.lower()] for by in audit.by if by.lower() in names]
    ages = [c.name for c in AGES if c.name in names.values()]
    if not ages:
        return Pictures(why_none="There are no age labels, so that children's faces cannot be told from others.")
    table = ds.faces(
        [faces.FACE_ID.name, faces.IMAGE_ID.name, *(c.name for c in faces.BOX), *columns],
        layers=audit.options.get("layers"),
    )
    barred = _barred(ds.faces([faces.FACE_ID.name, faces.IMAGE_ID.name, *ages]), ages, told_minors(ds))
    chosen = _choose(table, columns, ~barred, per_group, seed)
    if not chosen:
        return Pictures(barred=int(barred.sum()), why_none="No face can be shown: all may be children's.")
    cuts, thumbs = _cut(ds, table, sorted({row for rows in chosen.values() for row in rows}), side, max_bytes)
    groups: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for (column, group), rows in chosen.items():
        found = tuple(cuts[row] for row in rows if row in cuts)
        if found:
            groups[column][group] = found
    why = "" if groups else "None of the pictures can be read any more where they were ingested."
    return Pictures(dict(groups), side, int(barred.sum()), thumbs.unreadable, thumbs.over_budget, why)


def _barred(table: pa.Table, ages: Sequence[str], told: pa.Array) -> NDArray[np.bool_]:
    """Faces that may be a child's, of unknown age, or in one photo with such a face, (faces,).

    Args:
        table: All faces, with ages.
        ages: Names of the columns of ages.
        told: Pictures that their list calls a minor's.
    """
    unknown = np.ones(table.num_rows, dtype=bool)
    for name in ages:
        unknown &= np.asarray(pc.is_null(table.column(name)).to_numpy(), dtype=bool)
    flags = minors(table) | unknown
    photos = table.column(faces.IMAGE_ID.name).combine_chunks()
    with_one = pa.concat_arrays([photos.filter(pa.array(flags)).cast(pa.string()), told])
    beside = pc.is_in(photos.cast(pa.string()), value_set=with_one)
    return np.asarray(beside.to_numpy(zero_copy_only=False), dtype=bool)


def _choose(
    table: pa.Table, columns: Sequence[str], allowed: NDArray[np.bool_], per_group: int, seed: int
) -> dict[tuple[str, str], list[int]]:
    """Rows of every group of every column, each from another photo, drawn by the seed."""
    shown = np.flatnonzero(allowed)
    photos = table.column(faces.IMAGE_ID.name)
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, name in enumerate(columns):
        order = np.random.default_rng([seed, number]).permutation(shown)
        values = table.column(name).cast(pa.string()).combine_chunks().dictionary_encode()
        codes = np.asarray(pc.fill_null(values.indices, -1).to_numpy(zero_copy_only=False))
        for code, group in enumerate(values.dictionary.to_pylist()):
            seen: set[str] = set()
            for row in order[codes[order] == code][: 4 * per_group].tolist():
                photo = photos[row].as_py()
                if photo not in seen and len(seen) < per_group:
                    seen.add(photo)
                    found[name, group].append(row)
    return dict(found)


def _cut(
    ds: Dataset, table: pa.Table, rows: Sequence[int], side: int, max_bytes: int
) -> tuple[dict[int, str], Thumbnailer]:
    """Row -> data address of the cut-out, for those whose picture can be read."""
    some = table.take(pa.array(rows, pa.int64())).select([faces.IMAGE_ID.name, *(c.name for c in faces.BOX)])
    pictures = _pictures(ds, some.column(faces.IMAGE_ID.name))
    by_photo = sorted(zip(rows, some.to_pylist(), strict=True), key=lambda pair: str(pair[1][faces.IMAGE_ID.name]))
    cuts: dict[int, str] = {}
    with Thumbnailer(max_bytes) as thumbs:
        for row, face in by_photo:
            picture = pictures.get(face[faces.IMAGE_ID.name])
            if picture is None:
                continue
            x, y, w, h = (float(face[c.name]) for c in faces.BOX)
            address = thumbs.cut(
                picture, window((x, y, w, h), picture[images.WIDTH.name], picture[images.HEIGHT.name], side)
            )
            if address is not None:
                cuts[row] = address
        return cuts, thumbs


def _pictures(ds: Dataset, ids: pa.ChunkedArray) -> dict[str, dict[str, Any]]:
    table = ds.images()
    wanted = pc.and_(
        pc.is_in(table.column(images.IMAGE_ID.name), value_set=ids.combine_chunks()),
        pc.equal(table.column(images.STATUS.name), ImageStatus.OK.value),
    )
    return {row[images.IMAGE_ID.name]: row for row in table.filter(wanted).to_pylist()}
