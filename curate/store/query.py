"""Parsing and answering SQL without files, network or writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curate.store.images import PREFIX
from schemas import REGISTRY, FacecurateError, UnknownNameError, UsageError
from schemas.columns.images import EXTRA, STATUS

if TYPE_CHECKING:
    import duckdb

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
            dotted = _name_in(names, ".".join(parts[:2])) if len(parts) > 1 else None
            whole = _name_in(names, parts[0])
            if dotted:
                nested[dotted] = None
            elif whole:
                plain[whole] = None
        if STATUS.name in plain and any(n.startswith(f"{STATUS.name}.") for n in nested):
            reason = f"'{STATUS.name}' is the picture's"
            raise UsageError("the query is not understood", reason, 'Write "status.ANNOTATOR" in double quotes')
        return list(plain), [n for n in nested if n.partition(".")[0] not in plain]

    def _readings(self) -> Iterator[tuple[str, ...]]:
        """`a.b` may be a field of column a or column b of table a; one column too many does no harm."""
        for parts in self.columns:
            yield parts
            if len(parts) > 1 and parts[0] in self.tables:
                yield parts[1:]


def _name_in(names: Mapping[str, str], name: str) -> str | None:
    """The table's own spelling of a name; list columns (`extra.NAME`) are looked up only when read."""
    if name.startswith(PREFIX) and EXTRA.name in names:
        return name
    return names.get(name.lower())


def references(query: str) -> References:
    """Parse a SELECT.

    Raises:
        UsageError: if it is no single SELECT or does not parse.
    """
    tree = json.loads(connect().execute("SELECT json_serialize_sql(?)", [query]).fetchall()[0][0])
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


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory that reaches no file, no network and no Python variable."""
    import duckdb

    connection = duckdb.connect(":memory:")
    for setting in ("enable_external_access", "python_enable_replacements", "autoload_known_extensions"):
        connection.execute(f"SET {setting} = false")
    connection.execute("SET lock_configuration = true")
    return connection


def fetch(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    known: Mapping[str, str],
    tables: Mapping[str, object] | None = None,
) -> pa.Table:
    """Answer a query as a table.

    Args:
        connection: From `connect`, with tables registered.
        query: One SELECT.
        known: Lower-case name -> name of the columns at hand, for the message if one is not.
        tables: Names of the tables at hand.

    Raises:
        UnknownNameError: for a column, field or table that is not there.
        UsageError: for anything else that is wrong with the query.
    """
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


def unknown_column(name: str, known: Iterable[str]) -> FacecurateError:
    """The error for a name that no table here has."""
    if name.partition(".")[0] in REGISTRY:
        reason = "no layer provides it yet"
        return UsageError(f"column '{name}' is not in this dataset", reason, "Run the annotator that gives it")
    return UnknownNameError("column", name, known)
