"""Reading the faces of a dataset, part by part, into small arrays: everything after that is about cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.balance.levels import Levels, levels_of
from curate.balance.options import QUALITY, RANDOM, Options
from curate.balance.survey import (
    DUPLICATE,
    IDENTITY,
    NO_CELL,
    OUTSIDE,
    REPLACED,
    RULES,
    STAYS,
    UNLABELLED,
    Flags,
    Ints,
    Rows,
    Survey,
    counted,
    draw,
)
from curate.balance.targets import Group, Limit, Target, World
from curate.report.sample import minors
from curate.store import Dataset
from curate.store.checks import as_array
from curate.store.condition import Condition
from curate.store.images import replaced
from curate.store.names import FACES, IMAGES
from curate.store.view import FaceView
from schemas import UsageError
from schemas.columns import faces, images, labels

MOST_CELLS = 20_000


@dataclass(frozen=True)
class Census:
    """The faces of a dataset as they were read.

    Attributes:
        options: The choices that reading depends on.
        levels: The groups of each column.
        codes: Code of each label, shape (faces, columns); -1 where it is unknown.
        rows: The faces; their cells are not set yet.
    """

    options: Options
    levels: list[Levels]
    codes: NDArray[np.int32]
    rows: Rows

    def world(self) -> World:
        """What targets are read against."""
        return World(self.options.by, self._groups, self._canonical, self._shares_of)

    def survey(self, targets: Iterable[Target] = (), limits: Iterable[Limit] = ()) -> Survey:
        """Counts by cell; labels that only a target or limit names get cells too.

        Raises:
            UsageError: if a column has no label at all, or there are too many cells.
        """
        for target in targets:
            for group in target.shares:
                self._expect(target.columns, group)
        for limit in limits:
            self._expect(limit.columns, limit.labels or ())
        orders = [level.order for level in self.levels]
        if empty := [level.column for level in self.levels if not level.order]:
            raise UsageError(f"column '{empty[0]}' has no value", fix="Run the annotator that gives it")
        count = int(np.prod([len(order) for order in orders], dtype=np.float64))
        if count > MOST_CELLS:
            raise UsageError(f"{count:,} cells are too many", fix="Balance by fewer columns")
        names: list[dict[str, str]] = [{}]
        for level in self.levels:
            names = [{**cell, level.column: label} for cell in names for label in level.order]
        rows = dataclasses.replace(self.rows, cell=self._cells())
        return counted(self.options.by, orders, names, rows)

    def _cells(self) -> NDArray[np.int32]:
        cell: NDArray[np.int32] = np.zeros(len(self.codes), np.int32)
        for level, codes in zip(self.levels, self.codes.T, strict=True):
            place = np.append(level.place(), NO_CELL)
            number = cell * len(level.order) + place[codes]
            cell = np.where((cell < 0) | (codes < 0), NO_CELL, number).astype(np.int32)
        return cell

    def _level(self, column: str) -> Levels:
        return self.levels[self.options.by.index(column)]

    def _expect(self, columns: Sequence[str], group: Group) -> None:
        for column, label in zip(columns, group, strict=False):
            self._level(column).expect(label)

    def _groups(self, columns: tuple[str, ...]) -> list[Group]:
        found: list[Group] = [()]
        for column in columns:
            found = [(*head, label) for head in found for label in self._level(column).order]
        return found

    def _canonical(self, column: str, label: str) -> str:
        return self._level(column).canonical(label)

    def _shares_of(self, path: Path, columns: tuple[str, ...]) -> Mapping[Group, float]:
        bins = {name: edges for name, edges in self.options.bins.items() if name in columns}
        other = read_faces(Dataset.open(path), Options(columns, bins=bins, duplicates=False, choose=RANDOM)).survey()
        return {tuple(cell.values()): float(n) for cell, n in zip(other.cells, other.now, strict=True) if n}


def read_faces(ds: Dataset, options: Options, layers: Sequence[str] | None = None) -> Census:
    """Read the faces of a dataset.

    Args:
        ds: The dataset.
        options: The plan's choices: columns, bins, condition, what is set aside.
        layers: Only these layers speak; all by default.

    Raises:
        UnknownNameError: for a column that is not here.
        UsageError: for one that has no groups.
    """
    return _Reader(ds, options, layers).read()


class _Reader:
    """Reads parts into arrays."""

    def __init__(self, ds: Dataset, options: Options, layers: Sequence[str] | None) -> None:
        self.ds, self.options = ds, options
        self.generated = _Generated(ds)
        self.view = FaceView(ds, layers)
        known = set(self.view.columns())
        self.levels = levels_of(options.by, options.bins)
        self.condition = Condition(options.where, self.view.names()) if options.where else None
        optional = [labels.QUALITY_SCORE.name] if options.choose == QUALITY else []
        optional += [labels.DUPLICATE_KEEP.name] if options.duplicates else []
        optional += [labels.AGE.name, labels.AGE_GROUP.name, labels.AGE_PROB.name] if self._sources_count else []
        names = [*options.by, faces.IMAGE_ID.name, *(n for n in optional if n in known)]
        if options.per_identity is not None:
            if labels.IDENTITY_ID.name not in known:
                raise UsageError(
                    f"{ds.path} has no {labels.IDENTITY_ID.name} yet", fix="Run: facecurate identity DATASET"
                )
            names.append(labels.IDENTITY_ID.name)
        names += self.condition.names if self.condition else []
        self.wanted = [self.view.want(name) for name in dict.fromkeys(names)]

    @property
    def _sources_count(self) -> bool:
        return any(g.needs_source for g in self.options.generators)

    def read(self) -> Census:
        gone = replaced(self.ds)
        keys: dict[str, int] = {}
        pieces: list[dict[str, Any]] = []
        start = 0
        for key in self.ds.keys(FACES):
            table = self.view.part(key, self.wanted)
            keys[key] = start
            start += table.num_rows
            made = self.generated.flags(key, as_array(table.column(faces.IMAGE_ID.name)))
            pieces.append(self._part(table, made, gone))
        if not start:
            raise UsageError(f"{self.ds.path} holds no faces", fix="Run 'facecurate run' first")
        joined = {name: _together([p[name] for p in pieces]) for name in pieces[0]}
        return Census(self.options, self.levels, joined["codes"], self._rows(keys, joined))

    def _part(self, table: pa.Table, made: Flags, gone: pa.Array) -> dict[str, Any]:
        n = table.num_rows
        rule = np.full(n, STAYS, np.int8)
        codes = np.column_stack([level.codes(as_array(table.column(level.column))) for level in self.levels])
        rule[(codes < 0).any(axis=1)] = RULES.index(UNLABELLED)
        if self.condition is not None:
            outside = np.ones(n, bool)
            outside[self.condition.rows(table).to_numpy()] = False
            rule[outside] = RULES.index(OUTSIDE)
        if len(gone):
            rule[_flags(pc.is_in(table.column(faces.IMAGE_ID.name), gone))] = RULES.index(REPLACED)
        names = table.column_names
        found = {"codes": codes, "rule": rule, "synthetic": made}
        found["quality"] = np.full(n, np.nan, np.float32)
        if labels.QUALITY_SCORE.name in names:
            found["quality"] = table.column(labels.QUALITY_SCORE.name).to_numpy().astype(np.float32)
        if labels.DUPLICATE_KEEP.name in names and self.options.duplicates:
            keep = pc.fill_null(table.column(labels.DUPLICATE_KEEP.name), True)
            rule[(rule == STAYS) & ~_flags(keep)] = RULES.index(DUPLICATE)
        found["source"] = _may_be_source(table) if self._sources_count else np.zeros(n, bool)
        found["source"] &= ~found["synthetic"]
        if self.options.per_identity is not None:
            found["identity"] = as_array(table.column(labels.IDENTITY_ID.name))
        return found

    def _rows(self, keys: dict[str, int], joined: dict[str, Any]) -> Rows:
        rule, quality = joined["rule"], joined["quality"]
        value = np.full(len(rule), np.nan, np.float32)
        if self.options.per_identity is not None:
            rank = _rank_in_person(joined["identity"], rule == STAYS, quality, self.options.seed)
            over = rank > self.options.per_identity
            rule[over] = RULES.index(IDENTITY)
            value[over] = rank[over]
        return Rows(
            keys, np.full(len(rule), NO_CELL, np.int32), joined["synthetic"], joined["source"], quality, rule, value
        )


class _Generated:
    """Which faces lie in generated pictures; most lie in pictures of their own shard."""

    def __init__(self, ds: Dataset) -> None:
        self.ds = ds
        self.keys = set(ds.keys(IMAGES))

    def flags(self, key: str, pictures: pa.Array) -> Flags:
        """For the faces of a part, by the pictures they lie in."""
        if key in self.keys:
            table = self.ds.read(IMAGES, key, [images.IMAGE_ID, images.IS_SYNTHETIC])
            place = pc.index_in(pictures, value_set=as_array(table.column(images.IMAGE_ID.name)))
            if not place.null_count:
                if images.IS_SYNTHETIC.name not in table.column_names:
                    return np.zeros(len(pictures), bool)
                return _flags(as_array(table.column(images.IS_SYNTHETIC.name)).take(place))
        return _flags(pc.is_in(pictures, value_set=self._every))

    @cached_property
    def _every(self) -> pa.Array:
        """All generated pictures."""
        table = self.ds.images([images.IMAGE_ID, images.IS_SYNTHETIC])
        return as_array(table.filter(pc.fill_null(table.column(1), False)).column(0))


def _together(pieces: list[Any]) -> Any:
    if isinstance(pieces[0], np.ndarray):
        return np.concatenate(pieces)
    return pa.concat_arrays([p.cast(pa.string()) for p in pieces])


def _flags(values: pa.ChunkedArray | pa.Array) -> Flags:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), bool)


def _may_be_source(table: pa.Table) -> Flags:
    """Faces of pictures on which every face is surely an adult's; an unknown age may be a child's."""
    if labels.AGE_PROB.name not in table.column_names:
        return np.zeros(table.num_rows, bool)
    maybe = minors(table) | np.asarray(table.column(labels.AGE_PROB.name).is_null())
    picture = table.column(faces.IMAGE_ID.name)
    return ~np.asarray(pc.is_in(picture, value_set=as_array(picture.filter(pa.array(maybe)))))


def _rank_in_person(identity: pa.Array, free: Flags, quality: NDArray[np.float32], seed: int) -> Ints:
    """Place of each face among its person's, the best quality first; 0 for faces of unknown people.

    Quality decides, not the rarity of the cell: the odd label among many of one person is most likely wrong.
    """
    codes = np.asarray(pc.fill_null(identity.dictionary_encode().indices, -1), np.int64)
    rank = np.zeros(len(codes), np.int64)
    rows = np.flatnonzero(free & (codes >= 0))
    worth = np.nan_to_num(quality[rows], nan=-1.0)
    order = rows[np.lexsort((draw(len(codes), seed)[rows], -worth, codes[rows]))]
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    rank[order] = np.arange(len(order)) - np.repeat(starts, sizes) + 1
    return rank
