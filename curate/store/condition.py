"""An SQL condition, evaluated shard by shard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from curate.store.checks import as_array
from curate.store.images import PREFIX
from curate.store.query import connect, fetch, references, unknown_column
from schemas import UnknownNameError, UsageError

if TYPE_CHECKING:
    import duckdb

_ROW = "row number"


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
            self._connection = connect()
        data = pa.table({_ROW: pa.array(range(table.num_rows), pa.int64())})
        for name, column in nest(table, self._plain, self._nested).items():
            data = data.append_column(name, column)
        self._connection.register("faces", data)
        query = f'SELECT "{_ROW}" FROM faces WHERE (\n{self.where}\n) ORDER BY 1'
        return as_array(fetch(self._connection, query, self.known).column(0))


def nest(table: pa.Table, plain: list[str], nested: list[str]) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Flat `struct.field` columns as structs, as a query names them."""
    columns = {name: table.column(name) for name in plain}
    heads = dict.fromkeys(n.partition(".")[0] for n in nested)
    for head in heads:
        fields = [n for n in nested if n.partition(".")[0] == head]
        arrays = [as_array(table.column(n)) for n in fields]
        columns[head] = pa.StructArray.from_arrays(arrays, names=[n.partition(".")[2] for n in fields])
    return columns
