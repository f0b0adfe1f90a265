"""SQL over a dataset: the query is parsed first, so that only what it names is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curate.store.checks import as_array
from curate.store.images import PREFIX, extra_names, images, ledger
from curate.store.view import FaceView, layer_table
from schemas import REGISTRY, FacecurateError, UnknownNameError, UsageError
from schemas.columns.faces import FACE_ID
from schemas.columns.images import IMAGES, URI

if TYPE_CHECKING:
    import duckdb

    from curate.store.dataset import Dataset

_ROW = "row number"
_NO_COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "([^"]+)"')
_NO_FIELD = re.compile(r'Could not find key "([^"]+)" in struct')
_NO_TABLE = re.compile(r"Table with name (.+?) does not exist")


@dataclass(frozen=True)
class References:
    """What a query names.

    Attributes:
        columns: Each reference as its dotted parts.
        tables: Names and aliases of tables.
        star: Whether it asks for all columns of something.
        subquery: Whether an expression holds a query.
    """

    columns: tuple[tuple[str, ...], ...]
    tables: frozenset[str]
    star: bool
    subquery: bool

    def within(self, names: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """References that a table with these names (lower-case -> name) answers: plain, and nested in a struct."""
        plain: dict[str, None] = {}
        nested: dict[str, None] = {}
        for parts in self._readings():
            dotted = ".".join(parts[:2])
            if len(parts) > 1 and (dotted.lower() in names or dotted.startswith(PREFIX)):
                nested[names.get(dotted.lower(), dotted)] = None
            elif parts[0].lower() in names:
                plain[names[parts[0].lower()]] = None
        return list(plain), [n for n in nested if n.partition(".")[0] not in plain]

    def _readings(self) -> Iterator[tuple[str, ...]]:
        """`a.b` may be a field of column a or column b of table a; one column too many does no harm."""
        for parts in self.columns:
            yield parts
            if len(parts) > 1 and parts[0] in self.tables:
                yield parts[1:]


def references(query: str) -> References:
    """Parse a SELECT.

    Raises:
        UsageError: if it is no single SELECT or does not parse.
    """
    tree = json.loads(_rows(_connect(), "SELECT json_serialize_sql(?)", [query])[0][0])
    if tree.get("error"):
        only_select = tree.get("error_type") == "not implemented"
        reason = "only SELECT queries are answered" if only_select else str(tree.get("error_message"))
        raise UsageError("the query is not understood", reason)
    if len(tree["statements"]) != 1:
        raise UsageError("the query is not understood", "give one statement")
    columns: list[tuple[str, ...]] = []
    tables: set[str] = set()
    parameters: set[str] = set()
    star = subquery = False
    for node in _nodes(tree):
        kind = node.get("type")
        if kind == "COLUMN_REF":
            columns.append(tuple(node["column_names"]))
        elif kind == "BASE_TABLE":
            tables.add(node["table_name"])
        elif kind == "LAMBDA":
            parameters |= {n["column_names"][0] for n in _nodes(node["lhs"]) if n.get("type") == "COLUMN_REF"}
        star |= kind in ("STAR", "SHOW_REF") or node.get("ref_type") == "NATURAL"
        subquery |= node.get("class") == "SUBQUERY"
        columns += [(name,) for name in node.get("using_columns") or ()]
        if node.get("from_table") is not None or "alias" in node:
            tables.add(str(node.get("alias") or ""))
    star |= any(len(parts) == 1 and parts[0] in tables for parts in columns)
    free = tuple(c for c in columns if c[0] not in parameters)
    return References(free, frozenset(tables - {""}), star, subquery)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)


class Condition:
    """An SQL condition over a table.

    Args:
        where: The condition.
        known: Lower-case name -> name of the columns it may use.

    Attributes:
        names: Columns it uses.

    Raises:
        UnknownNameError: for a column that is not known.
        UsageError: if it does not parse.
    """

    def __init__(self, where: str, known: Mapping[str, str]) -> None:
        self.where, self.known = where, known
        found = references(f"SELECT 1 FROM faces WHERE (\n{where}\n)")
        plain, nested = found.within(known)
        self._plain, self._nested = plain, nested
        self.names = [*plain, *nested]
        self._connection: duckdb.DuckDBPyConnection | None = None
        if found.subquery:
            raise UsageError("a condition cannot hold a query", fix="Use sql for that")
        for parts in found.columns:
            self._check(parts)

    def _check(self, parts: tuple[str, ...]) -> None:
        name, head = ".".join(parts), parts[0].lower()
        if name.startswith(PREFIX) or head == "faces" or name.lower() in self.known:
            return
        fields = [n for n in self.known.values() if n.lower().startswith(f"{head}.")]
        if len(parts) > 1 and fields:
            raise UnknownNameError("column", name, fields)
        if head not in self.known:
            raise unknown_column(name, self.known.values())

    def rows(self, table: pa.Table) -> pa.Array:
        """Numbers of the rows for which the condition holds, ascending."""
        if self._connection is None:
            self._connection = _connect()
        data = pa.table({_ROW: pa.array(range(table.num_rows), pa.int64())})
        for name, column in _nest(table, self._plain, self._nested).items():
            data = data.append_column(name, column)
        self._connection.register("faces", data)
        query = f'SELECT "{_ROW}" FROM faces WHERE (\n{self.where}\n) ORDER BY 1'
        return as_array(_arrow(self._connection, query, self.known).column(0))


def _nest(table: pa.Table, plain: list[str], nested: list[str]) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Flat `struct.field` columns as structs, as a query names them."""
    columns = {name: table.column(name) for name in plain}
    heads = dict.fromkeys(n.partition(".")[0] for n in nested)
    for head in heads:
        fields = [n for n in nested if n.partition(".")[0] == head]
        arrays = [as_array(table.column(n)) for n in fields]
        columns[head] = pa.StructArray.from_arrays(arrays, names=[n.partition(".")[2] for n in fields])
    return columns


def run(dataset: Dataset, query: str) -> pa.Table:
    """See `Dataset.sql`."""
    found = references(query)
    connection = _connect()
    known: dict[str, str] = {}
    sources = _tables(dataset)
    for name, (columns, load) in sources.items():
        if name.lower() in {t.lower() for t in found.tables}:
            names = columns()
            known |= names
            connection.register(name, load(found, names))
    return _arrow(connection, query, known, sources)


_Source = tuple[Callable[[], dict[str, str]], Callable[[References, Mapping[str, str]], pa.Table]]


def _tables(dataset: Dataset) -> dict[str, _Source]:
    view = FaceView(dataset)
    found: dict[str, _Source] = {
        "faces": (view.names, lambda refs, names: _read(refs, names, view.default(), FACE_ID.name, view.table)),
        "images": (
            lambda: _lower([*IMAGES, *extra_names(dataset)]),
            lambda refs, names: _read(refs, names, list(IMAGES), URI.name, lambda c: images(dataset, c)),
        ),
        "ledger": (lambda: _lower(IMAGES), lambda refs, names: ledger(dataset)),
        "layers": (lambda: _lower(_layers(dataset).column_names), lambda refs, names: _layers(dataset)),
    }
    for info in view.layers:
        found.setdefault(info.name, _layer_source(dataset, info.name, info.columns))
    return found


def _layer_source(dataset: Dataset, name: str, columns: tuple[str, ...]) -> _Source:
    known = _lower(["face_id", "label_status", "label_error", *columns])

    def load(refs: References, names: Mapping[str, str]) -> pa.Table:
        plain, _ = refs.within(names)
        wanted = list(names.values()) if refs.star else plain or [FACE_ID.name]
        return layer_table(dataset, name, wanted)

    return lambda: known, load


def _lower(names: Any) -> dict[str, str]:
    return {n.lower(): n for n in names}


def _read(
    refs: References, names: Mapping[str, str], default: list[str], least: str, load: Callable[[list[str]], pa.Table]
) -> pa.Table:
    plain, nested = refs.within(names)
    if refs.star:
        plain = list(dict.fromkeys([*default, *plain]))
        nested = [n for n in nested if n.partition(".")[0] not in plain]
    plain = plain or [least]
    return pa.table(_nest(load([*plain, *nested]), plain, nested))


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


def _connect() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(":memory:")
    for setting in ("enable_external_access", "python_enable_replacements", "autoload_known_extensions"):
        connection.execute(f"SET {setting} = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _rows(connection: duckdb.DuckDBPyConnection, query: str, values: list[str]) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()


def _arrow(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    known: Mapping[str, str],
    tables: Mapping[str, object] | None = None,
) -> pa.Table:
    import duckdb

    try:
        return connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise _explained(str(error), known, tables or {}) from None


def _explained(message: str, known: Mapping[str, str], tables: Mapping[str, object]) -> FacecurateError:
    if match := _NO_COLUMN.search(message):
        return unknown_column(match[1], known.values())
    if match := _NO_FIELD.search(message):
        return UnknownNameError("field", match[1], {n.partition(".")[2] for n in known.values() if "." in n})
    if match := _NO_TABLE.search(message):
        return UnknownNameError("table", match[1], tables)
    return UsageError("the query is not understood", message.splitlines()[0])


def unknown_column(name: str, known: Any) -> FacecurateError:
    """The error for a name that no table here has."""
    if name.partition(".")[0] in REGISTRY:
        reason = "no layer provides it yet"
        return UsageError(f"column '{name}' is not in this dataset", reason, "Run the annotator that gives it")
    return UnknownNameError("column", name, known)
