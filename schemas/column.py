"""One declaration per column; the Arrow field, the docs row and the views all follow from it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

from schemas.errors import SchemaError, UnknownNameError


class Kind(StrEnum):
    """What a column means, which decides how it is shown, reviewed and exported."""

    ID = "id"
    NUMBER = "number"
    FLAG = "flag"
    LABEL = "label"
    """One name out of a taxonomy."""
    SCORES = "scores"
    """A struct with one number per name of a taxonomy (probabilities, intensities, coefficients)."""
    POINTS = "points"
    """A flat list of coordinates; `shape` is (points, dimensions)."""
    VECTOR = "vector"
    MASK = "mask"
    """A struct of PNG bytes, whose values are positions in a taxonomy, and the 2 x 3 map from image to mask pixels."""
    TEXT = "text"
    LIST = "list"


@dataclass(frozen=True)
class Column:
    """A column of the images or faces table, or of a label layer.

    Attributes:
        name: The name in every table.
        type: Its Arrow type.
        kind: What it means.
        doc: One sentence, for people.
        unit: `px`, `deg`, `years`, `0-1`, ... or empty.
        frame: Frame of reference of geometric values.
        low: Least allowed value (inclusive), for every number inside.
        high: Greatest allowed value (inclusive).
        taxonomy: Name of the taxonomy its labels or fields come from.
        shape: Shape of the array that a fixed-size list unfolds to.
        group: Heading in the docs.
        sensitive: Biometric or special-category data under privacy law.
    """

    name: str
    type: pa.DataType
    kind: Kind
    doc: str
    unit: str = ""
    frame: str = ""
    low: float | None = None
    high: float | None = None
    taxonomy: str = ""
    shape: tuple[int, ...] = ()
    group: str = ""
    sensitive: bool = False

    def __post_init__(self) -> None:
        if self.shape and pa.types.is_fixed_size_list(self.type):
            size = math.prod(self.shape)
            if self.type.list_size != size:
                raise SchemaError(f"column {self.name}", f"shape {self.shape} does not fit {self.type}")

    def __hash__(self) -> int:
        return hash(self.name)

    @cached_property
    def field(self) -> pa.Field:
        """The Arrow field, with unit, frame, range and taxonomy in its metadata."""
        facts = {
            "doc": self.doc,
            "kind": self.kind.value,
            "unit": self.unit,
            "frame": self.frame,
            "low": self.low,
            "high": self.high,
            "taxonomy": self.taxonomy,
            "shape": list(self.shape),
            "sensitive": self.sensitive,
        }
        metadata = {b"facecurate": json.dumps({k: v for k, v in facts.items() if v not in ("", None, [], False)})}
        return pa.field(self.name, self.type, metadata=metadata)


class ColumnGroup(Mapping[str, Column]):
    """An ordered set of columns that are declared together; iterates over the names."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.doc = doc
        self._columns: dict[str, Column] = {}

    def add(self, name: str, type: pa.DataType, kind: Kind, doc: str, **facts: object) -> Column:
        """Declare a column in this group and in the registry; a second use of a name is refused."""
        column = Column(name, type, kind, doc, group=self.name, **facts)  # type: ignore[arg-type]
        if name in REGISTRY:
            raise SchemaError(f"column '{name}' is declared twice")
        self._columns[name] = column
        REGISTRY[name] = column
        return column

    def share(self, column: Column) -> Column:
        """Take a column of another group into this one: the same name, type and meaning."""
        self._columns[column.name] = column
        return column

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of all columns in order."""
        return pa.schema([c.field for c in self._columns.values()])


REGISTRY: dict[str, Column] = {}
"""Every declared column by name. Importing `schemas` fills it."""


def column(name: str) -> Column:
    """The declared column of that name.

    Raises:
        UnknownNameError: if there is none; the message offers the nearest name.
    """
    try:
        return REGISTRY[name]
    except KeyError:
        raise UnknownNameError("column", name, REGISTRY) from None


def numbers_within(values: pa.Array, low: float | None, high: float | None) -> bool:
    """Whether all non-null numbers lie in [low, high] and none is NaN."""
    import pyarrow.compute as pc

    if len(values) == 0 or values.null_count == len(values):
        return True
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        return False
    bounds = pc.min_max(values).as_py()
    return (low is None or bounds["min"] >= low) and (high is None or bounds["max"] <= high)


def check(column: Column, values: pa.Array, labels: Callable[[str], frozenset[str]]) -> None:
    """Check an array against its declaration: type, range, no NaN, labels inside the taxonomy.

    Args:
        column: The declaration.
        values: The array to check.
        labels: Gives the labels of a taxonomy by its name.

    Raises:
        SchemaError: naming the column, what was expected and what was found.
    """
    if values.type != column.type:
        raise SchemaError(f"column {column.name}", f"expected {column.type}, found {values.type}")
    if column.kind in (Kind.LABEL, Kind.LIST) and column.taxonomy:
        single = values if column.kind is Kind.LABEL else values.flatten()
        found = {v for v in single.unique().to_pylist() if v is not None}
        alien = sorted(found - labels(column.taxonomy))
        if alien:
            raise SchemaError(f"column {column.name}", f"not in taxonomy {column.taxonomy}: {', '.join(alien)}")
        return
    for part in _number_parts(values):
        if not numbers_within(part, column.low, column.high):
            raise SchemaError(f"column {column.name}", f"values outside [{column.low}, {column.high}] or not a number")


def _number_parts(values: pa.Array) -> list[pa.Array]:
    if pa.types.is_struct(values.type):
        return [p for i in range(values.type.num_fields) for p in _number_parts(values.field(i))]
    if pa.types.is_fixed_size_list(values.type) or pa.types.is_list(values.type):
        return _number_parts(values.flatten())
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        return [values]
    return []
