"""SQL over a dataset: the query is parsed first, so that only what it names is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from curate.store.condition import nest
from curate.store.images import images, ledger
from curate.store.names import FACES
from curate.store.names import IMAGES as IMAGES_TABLE
from curate.store.query import References, connect, fetch, references
from curate.store.view import FaceView, layer_table
from schemas.columns.faces import FACE_ID
from schemas.columns.faces import FACES as FACE_COLUMNS
from schemas.columns.images import IMAGES, URI
from schemas.columns.labels import LAYER

if TYPE_CHECKING:
    from curate.store.dataset import Dataset


def run(dataset: Dataset, query: str) -> pa.Table:
    """See `Dataset.sql`. Beside `images`, the faces table leaves the picture's columns to that one."""
    found = references(query)
    connection = connect()
    known: dict[str, str] = {}
    sources = _tables(dataset)
    for name, (columns, load) in sources.items():
        if name.lower() in {t.lower() for t in found.tables}:
            names = columns()
            if name == FACES and found.tables & {IMAGES_TABLE, "ledger"}:
                names = {k: n for k, n in names.items() if n in FACE_COLUMNS or n.partition(".")[0] not in IMAGES}
            known |= names
            connection.register(name, load(found, names))
    return fetch(connection, query, known, sources)


_Source = tuple[Callable[[], dict[str, str]], Callable[[References, Mapping[str, str]], pa.Table]]


def _tables(dataset: Dataset) -> dict[str, _Source]:
    view = FaceView(dataset)
    found: dict[str, _Source] = {
        FACES: (view.names, lambda refs, names: _read(refs, names, view.default(), FACE_ID.name, view.table)),
        IMAGES_TABLE: (
            lambda: _lower(IMAGES),
            lambda refs, names: _read(refs, names, list(IMAGES), URI.name, lambda c: images(dataset, c)),
        ),
        "ledger": (lambda: _lower(IMAGES), lambda refs, names: ledger(dataset)),
        "layers": (lambda: _lower(_layers(dataset).column_names), lambda refs, names: _layers(dataset)),
    }
    for info in view.layers:
        found.setdefault(info.name, _layer_source(dataset, info.name, info.columns))
    return found


def _layer_source(dataset: Dataset, name: str, columns: tuple[str, ...]) -> _Source:
    known = _lower([*LAYER, *columns])

    def load(refs: References, names: Mapping[str, str]) -> pa.Table:
        plain, _ = refs.within(names)
        wanted = list(names.values()) if refs.star else plain or [FACE_ID.name]
        return layer_table(dataset, name, wanted)

    return lambda: known, load


def _lower(names: Iterable[str]) -> dict[str, str]:
    return {n.lower(): n for n in names}


def _read(
    refs: References, names: Mapping[str, str], default: list[str], least: str, load: Callable[[list[str]], pa.Table]
) -> pa.Table:
    plain, nested = refs.within(names)
    if refs.star:
        plain = list(dict.fromkeys([*default, *plain]))
        nested = [n for n in nested if n.partition(".")[0] not in plain]
    plain = plain or [least]
    return pa.table(nest(load([*plain, *nested]), plain, nested))


def _layers(dataset: Dataset) -> pa.Table:
    rows = [
        {
            "name": i.name,
            "kind": i.kind,
            "annotator": i.annotator,
            "version": i.version,
            "config_hash": i.config_hash,
            "created": i.created,
            "author": i.author,
            "columns": list(i.columns),
        }
        for i in dataset.layers()
    ]
    text = pa.string()
    names = ("name", "kind", "annotator", "version", "config_hash", "created", "author")
    schema = pa.schema([*((n, text) for n in names), ("columns", pa.list_(text))])
    return pa.Table.from_pylist(rows, schema=schema)
