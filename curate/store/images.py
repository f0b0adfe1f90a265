"""The images table as one: newer tries override older ones, list columns are unpacked from JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from curate.store.checks import as_array
from curate.store.names import IMAGES as TABLE
from schemas import REGISTRY, Column, ImageStatus, UnknownNameError
from schemas.columns.images import DUPLICATE_OF, EXTRA, IMAGE_ID, IMAGES, MEMBER, STATUS, URI

if TYPE_CHECKING:
    from curate.store.dataset import Dataset

PREFIX = f"{EXTRA.name}."
_IN_FORCE = tuple(c.name for c in (URI, MEMBER, IMAGE_ID, STATUS, DUPLICATE_OF))
"""Columns that decide which row of a picture is in force."""


def images(dataset: Dataset, columns: Iterable[str | Column] | None = None, where: str | None = None) -> pa.Table:
    """See `Dataset.images`."""
    from curate.store.condition import Condition

    names = list(IMAGES) if columns is None else [c.name if isinstance(c, Column) else c for c in columns]
    condition = Condition(where, {n.lower(): n for n in IMAGES}) if where else None
    wanted = list(dict.fromkeys([*names, *(condition.names if condition else ())]))
    check_names(dataset, wanted)
    table = current(image_rows(dataset, dataset.keys(TABLE), [*wanted, *_IN_FORCE]))
    if condition:
        table = table.take(condition.rows(table))
    return table.select(names)


def ledger(dataset: Dataset) -> pa.Table:
    """See `Dataset.ledger`."""
    table = images(dataset)
    return table.filter(pc.not_equal(table.column(STATUS.name), ImageStatus.OK.value))


def check_names(dataset: Dataset, names: Iterable[str]) -> None:
    """Check that image columns exist.

    Raises:
        UnknownNameError: for one that does not; offers the nearest.
    """
    extras: list[str] | None = None
    for name in names:
        if name in IMAGES:
            continue
        extras = extra_names(dataset) if extras is None else extras
        if name not in extras:
            raise UnknownNameError("column", name, [*IMAGES, *extras])


def extra_names(dataset: Dataset) -> list[str]:
    """Names of the columns that lists brought along, as `extra.NAME`, in order of appearance."""
    found: dict[str, None] = {}
    for key in dataset.keys(TABLE):
        for row in _unpacked(dataset.read(TABLE, key, [EXTRA]), EXTRA.name):
            found.update(dict.fromkeys(row))
    return [PREFIX + name for name in found]


def image_rows(dataset: Dataset, keys: Iterable[str], names: Iterable[str]) -> pa.Table:
    """The named columns of some image parts, every row as written."""
    names = list(dict.fromkeys(names))
    stored = list(dict.fromkeys(EXTRA.name if n.startswith(PREFIX) else n for n in names))
    tables = [_conform(dataset.read(TABLE, key, stored), stored) for key in keys]
    table = pa.concat_tables(tables) if tables else pa.schema([IMAGES[n].field for n in stored]).empty_table()
    extras = [n for n in names if n.startswith(PREFIX)]
    if extras:
        rows = list(_unpacked(table, EXTRA.name))
        for name in extras:
            table = table.append_column(name, _typed([row.get(name.removeprefix(PREFIX)) for row in rows]))
    return table.select(names)


def _conform(table: pa.Table, names: list[str]) -> pa.Table:
    columns = [table.column(n) if n in table.column_names else pa.nulls(table.num_rows, IMAGES[n].type) for n in names]
    return pa.table(columns, schema=pa.schema([IMAGES[n].field for n in names]))


def _unpacked(table: pa.Table, name: str) -> Iterator[dict[str, Any]]:
    if name not in table.column_names:
        return
    for text in table.column(name).to_pylist():
        yield json.loads(text) if text else {}


def _typed(values: list[Any]) -> pa.Array:
    """Values as they are if they have one type between them, else as text."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return _texts(values)


def replaced(dataset: Dataset) -> pa.Array:
    """`image_id`s of labelled pictures whose file holds another picture now; empty unless one was noticed."""
    if not dataset.info.pictures_changed:
        return pa.array([], pa.string())
    every = image_rows(dataset, dataset.keys(TABLE), _IN_FORCE)
    labelled = every.filter(pc.equal(every.column(STATUS.name), ImageStatus.OK.value)).column(IMAGE_ID.name)
    in_force = as_array(current(every).column(IMAGE_ID.name))
    return as_array(labelled.filter(pc.invert(pc.is_in(labelled, in_force))))


def current(table: pa.Table) -> pa.Table:
    """The row in force of each (uri, member), in the order of those rows: the last one.

    Only where the last one says that the same bytes were met again at the same place (a file whose
    time changed but not its content), the earlier row that carries the labels stays in force.
    """
    keyed = table.select([URI.name, MEMBER.name]).append_column("row", _numbers(table.num_rows))
    last = keyed.group_by([URI.name, MEMBER.name], use_threads=False).aggregate([("row", "max")])
    if last.num_rows == table.num_rows:
        return table
    return table.take(pa.array(sorted(_unrepeated(table, last.column("row_max").to_pylist())), pa.int64()))


def _numbers(count: int) -> pa.Array:
    return pa.array(range(count), pa.int64())


def _unrepeated(table: pa.Table, rows: list[int]) -> list[int]:
    """Row numbers with each repeat of a picture at its own place replaced by its labelled row."""
    repeats = pc.and_(
        pc.equal(table.column(STATUS.name), ImageStatus.DUPLICATE.value),
        pc.equal(table.column(DUPLICATE_OF.name), table.column(URI.name)),
    )
    suspects = set(pc.indices_nonzero(pc.fill_null(repeats, False)).to_pylist()).intersection(rows)
    if not suspects:
        return rows
    places = table.select([URI.name, MEMBER.name, IMAGE_ID.name]).append_column("row", _numbers(table.num_rows))
    labelled = places.filter(pc.equal(table.column(STATUS.name), ImageStatus.OK.value))
    labelled = labelled.filter(pc.is_in(labelled.column(URI.name), as_array(places.take(sorted(suspects)).column(0))))
    first = {tuple(place): row for *place, row in _tuples(labelled)}
    same = {row: tuple(place) for *place, row in _tuples(places.take(sorted(suspects)))}
    return [first.get(same[row], row) if row in same else row for row in rows]


def _tuples(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def rows_for(dataset: Dataset, key: str, image_ids: pa.Array, names: list[str]) -> dict[str, pa.Array]:
    """Image columns for faces, one value per given image id.

    The shard's own images are looked at first, the others from the newest back only for ids that are
    not among them. Of several rows with one id the one that is `ok` counts (the others are duplicates).
    """
    wanted = list(dict.fromkeys([IMAGE_ID.name, STATUS.name, *names]))
    tables = []
    missing = pc.unique(image_ids.drop_null())
    for candidate in _nearest(dataset, key) if len(missing) else ():
        ids = dataset.read(TABLE, candidate, [IMAGE_ID]).column(IMAGE_ID.name)
        if not pc.any(pc.is_in(ids, value_set=missing)).as_py():
            continue
        rows = image_rows(dataset, [candidate], wanted)
        tables.append(rows.filter(pc.is_in(rows.column(IMAGE_ID.name), value_set=missing)))
        missing = missing.filter(pc.invert(pc.is_in(missing, value_set=as_array(ids))))
        if not len(missing):
            break
    if not tables:
        return {n: pa.nulls(len(image_ids), IMAGES[n].type if n in IMAGES else pa.null()) for n in names}
    found = join(tables)
    not_ok = pc.not_equal(found.column(STATUS.name), ImageStatus.OK.value)
    found = found.take(pc.sort_indices(pa.table({"not_ok": not_ok}), [("not_ok", "ascending")]))
    position = pc.index_in(image_ids, value_set=as_array(found.column(IMAGE_ID.name)))
    return {n: as_array(found.column(n)).take(position) for n in names}


def _nearest(dataset: Dataset, key: str) -> Iterator[str]:
    """A shard, then the others from the newest back; those are listed only when they are asked for."""
    if dataset.has(TABLE, key):
        yield key
    yield from (other for other in reversed(dataset.keys(TABLE)) if other != key)


def image_field(name: str, kind: pa.DataType) -> pa.Field:
    """Arrow field of an image column or of an unpacked list column."""
    return REGISTRY[name].field if name in REGISTRY else pa.field(name, kind)


def join(pieces: list[pa.Table]) -> pa.Table:
    """One table; a list column whose types do not go together between shards becomes text."""
    for name in [n for n in pieces[0].column_names if n.startswith(PREFIX)]:
        kinds = {p.schema.field(name).type for p in pieces} - {pa.null()}
        if len(kinds) > 1 and not all(pa.types.is_integer(k) or pa.types.is_floating(k) for k in kinds):
            pieces = [_replaced(p, name, _texts(p.column(name).to_pylist())) for p in pieces]
    return pa.concat_tables(pieces, promote_options="permissive")


def _replaced(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def _texts(values: list[Any]) -> pa.Array:
    return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values], pa.string())
