"""Reads a pool from a dataset: the faces that an export would take, their columns, copies and lineage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.export.base import FACES
from curate.export.index import Entry, Index, index
from curate.generate.candidates import pictures_with_minors
from curate.identity.gather import codes
from curate.identity.hashes import picture_hashes
from curate.pairs.options import PairOptions
from curate.pairs.pool import UNKNOWN, Ints, Pool
from curate.store import Dataset
from curate.store.checks import as_array
from curate.store.view import FaceView
from schemas import Column, UsageError
from schemas.columns import faces, hashes, images, labels

ALWAYS = (
    faces.FACE_ID, faces.IMAGE_ID, images.IS_SYNTHETIC, images.PARENT_FACE, images.PARTNER_FACE, images.GENERATOR,
    images.GENERATION, images.GENERATOR_SEED, images.WIDTH,
)  # fmt: skip
WHERE_KNOWN = (labels.IDENTITY_ID, labels.DUPLICATE_GROUP)
COMMANDS = {labels.IDENTITY_ID.name: "facecurate identity", labels.DUPLICATE_GROUP.name: "facecurate duplicates"}
"""Columns that commands of their own give, not annotators."""


def read_pool(ds: Dataset, options: PairOptions, needs: Iterable[Column], uses: Iterable[Column]) -> tuple[Pool, Index]:
    """Read the faces.

    Args:
        ds: The dataset; hashes of pictures that it does not keep yet are computed and kept.
        options: Which faces, and whose word is taken for ages.
        needs: Columns that must be there.
        uses: Columns that are read where they are there.

    Returns:
        The pool, and the index of the export, which says what was left out.

    Raises:
        UsageError: if a needed column is not there, or no face is left.
    """
    view = FaceView(ds, options.export.layers)
    known = set(view.columns())
    check_columns(ds, needs, known)
    asked = dict.fromkeys([*ALWAYS, *needs, *(c for c in (*WHERE_KNOWN, *uses) if c.name in known)])
    found = index(ds, options.export, FACES)
    table = _table(view, found.entries, [c.name for c in asked])
    with ds.lock():
        hashed = picture_hashes(ds, options.quiet)
    return _pool(ds, found.entries, table, hashed, options), found


def check_columns(ds: Dataset, needs: Iterable[Column], known: Iterable[str]) -> None:
    """Make sure that needed columns are there.

    Raises:
        UsageError: for the first that is not; it names the command that gives it.
    """
    here = set(known)
    for column in needs:
        if column.name not in here:
            command = COMMANDS.get(column.name, "")
            fix = f"Run: {command or 'facecurate annotate'} {ds.path}{'' if command else f' -a {_giver(column)}'}"
            raise UsageError(f"{ds.path} has no {column.name}", "this kind of pair needs it", fix)


def _giver(column: Column) -> str:
    from annotators.registry import annotator, annotator_names

    return next((n for n in annotator_names() if column in annotator(n).provides), "ANNOTATOR")


def _table(view: FaceView, entries: Sequence[Entry], names: Sequence[str]) -> pa.Table:
    """The columns of the entries' faces, in their order."""
    wanted = [view.want(n) for n in names]
    by_shard: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        by_shard.setdefault(entry.rows[0][0], []).append(number)
    tables, order = [], np.empty(len(entries), np.int64)
    start = 0
    for key, numbers in by_shard.items():
        rows = [entries[n].rows[0][1] for n in numbers]
        tables.append(view.part(key, wanted).take(pa.array(rows, pa.int64())))
        order[numbers] = np.arange(start, start + len(numbers))
        start += len(numbers)
    return pa.concat_tables(tables, promote_options="permissive").take(pa.array(order)).combine_chunks()


def _pool(ds: Dataset, entries: Sequence[Entry], table: pa.Table, hashed: pa.Table, options: PairOptions) -> Pool:
    ids = table.column(faces.FACE_ID.name).to_pylist()
    own = [e.image_id for e in entries]
    row_of = {face: row for row, face in enumerate(ids)}
    place = pc.fill_null(pc.index_in(pa.array(own), value_set=as_array(hashed[hashes.IMAGE_ID.name])), UNKNOWN)
    values, here = _hashes(hashed, np.asarray(place, np.int64))
    lineage = Lineage(ds)
    return Pool(
        entries=entries,
        face_ids=ids,
        table=table,
        picture=codes(pa.array(own)),
        identity=_codes(table, labels.IDENTITY_ID),
        copies=_codes(table, labels.DUPLICATE_GROUP),
        hashes=values,
        hashed=here,
        minor=lineage.minors(own, options.assume_adults),
        synthetic=np.asarray(pc.fill_null(table[images.IS_SYNTHETIC.name], False).to_numpy(zero_copy_only=False)),
        parent=_rows(table[images.PARENT_FACE.name], row_of),
        partner=_rows(table[images.PARTNER_FACE.name], row_of),
        roots=[lineage.roots(i) for i in own],
    )


def _codes(table: pa.Table, column: Column) -> Ints:
    if column.name not in table.column_names:
        return np.full(table.num_rows, UNKNOWN, np.int64)
    return codes(as_array(table.column(column.name)))


def _rows(values: pa.ChunkedArray, row_of: dict[str, int]) -> Ints:
    return np.array([row_of.get(face, UNKNOWN) for face in values.to_pylist()], np.int64)


def _hashes(table: pa.Table, place: Ints) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Hash and mirrored hash of pictures by their place in the table; zero where unknown."""
    columns = [pc.fill_null(table[c.name], 0).to_numpy() for c in (hashes.HASH, hashes.HASH_MIRRORED)]
    both = np.column_stack(columns).astype(np.uint64).reshape(-1, 2)
    known = np.asarray(table[hashes.HASH.name].is_valid().to_numpy(zero_copy_only=False), bool)
    here = (place >= 0) & np.append(known, False)[place]
    return np.where(here[:, None], np.vstack([both, np.zeros((1, 2), np.uint64)])[place], np.uint64(0)), here


class Lineage:
    """Photographs that pictures go back to, and which of them may show minors."""

    def __init__(self, ds: Dataset) -> None:
        self._ds = ds
        table = ds.images([images.IMAGE_ID, images.PARENT, images.PARTNER_FACE])
        self._parents: dict[str, tuple[str, ...]] = {}
        for image_id, parent, partner in zip(*(table.column(n).to_pylist() for n in table.column_names), strict=True):
            second = str(partner).rpartition(".")[0] if partner else ""
            found = tuple(dict.fromkeys(p for p in (parent, second) if p))
            if found:
                self._parents[image_id] = found
        self._known: dict[str, frozenset[str]] = {}

    def roots(self, image_id: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """The photographs that a picture was made from, over all generations."""
        if image_id not in self._known:
            parents = [p for p in self._parents.get(image_id, ()) if p not in seen]
            found = frozenset().union(*(self.roots(p, seen | {image_id}) for p in parents))
            self._known[image_id] = found or frozenset([image_id])
        return self._known[image_id]

    def minors(self, pictures: Sequence[str], assume_adults: bool) -> NDArray[np.bool_]:
        """Which pictures show a face that may be a minor's; generated ones count as what they were made from."""
        young = set(pictures_with_minors(self._ds, assume_adults).to_pylist())
        return np.array([not young.isdisjoint(self.roots(p)) for p in pictures], bool)


__all__ = ["Lineage", "check_columns", "read_pool"]
