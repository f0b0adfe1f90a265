"""The resolved view: layers joined by position, shard by shard, opening only what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from curate.store.checks import as_array, stored_digest
from curate.store.images import PREFIX, check_names, image_field, join, replaced, rows_for
from curate.store.layers import LayerInfo
from curate.store.merge import Cells, field_of
from curate.store.names import FACES, LABELS
from curate.store.parts import read_footer
from schemas import REGISTRY, Column, DatasetError, Kind, UnknownNameError, UsageError
from schemas.columns.faces import FACE_ID, IMAGE_ID
from schemas.columns.faces import FACES as FACE_COLUMNS
from schemas.columns.images import IMAGES as IMAGE_COLUMNS
from schemas.columns.labels import ERROR, STATUS

if TYPE_CHECKING:
    from curate.store.dataset import Dataset

_BY_LAYER = {"status": STATUS, "error": ERROR}
_SCALAR = (Kind.NUMBER, Kind.FLAG, Kind.LABEL, Kind.TEXT, Kind.ID)
PROVENANCE = "__layer"


@dataclass(frozen=True)
class Wanted:
    """One column of the view and who may speak for it, first speaker first.

    Attributes:
        name: Name in the view.
        stored: Name inside the parts (`struct.field` for a nested one).
        layers: Names of layers.
        base: Which table speaks last: `faces`, `images` or none.
        kind: Arrow type, if it is known beforehand.
    """

    name: str
    stored: str
    layers: tuple[str, ...]
    base: str = ""
    kind: pa.DataType | None = None


class FaceView:
    """The resolved view of a dataset.

    Args:
        dataset: The dataset.
        layers: Only these layers speak; all by default.
    """

    def __init__(self, dataset: Dataset, layers: Iterable[str] | None = None) -> None:
        self.dataset = dataset
        self.layers = dataset.layers()
        if layers is not None:
            chosen = set(layers)
            known = {i.name for i in self.layers}
            for name in sorted(chosen - known):
                raise UnknownNameError("layer", name, known)
            self.layers = [i for i in self.layers if i.name in chosen]

    @cached_property
    def _speakers(self) -> dict[str, tuple[LayerInfo, ...]]:
        """Column -> layers that speak for it; of a face's place only people and fusions do, beside its detector."""
        found: dict[str, tuple[LayerInfo, ...]] = {}
        for info in self.layers:
            for name in info.columns:
                if name not in FACE_COLUMNS or info.kind != "model":
                    found[name] = (*found.get(name, ()), info)
        return found

    def columns(self) -> list[str]:
        """Every plain name: face columns, label columns, then image columns."""
        return list(dict.fromkeys([*FACE_COLUMNS, *self._speakers, *IMAGE_COLUMNS]))

    def default(self) -> list[str]:
        """All face columns and all scalar label columns."""
        scalar = [n for n in self._speakers if self._is_scalar(n)]
        return list(dict.fromkeys([*FACE_COLUMNS, *scalar]))

    def _is_scalar(self, name: str) -> bool:
        if name in REGISTRY:
            return REGISTRY[name].kind in _SCALAR
        kind = self._kind(name)
        return kind is not None and not pa.types.is_nested(kind)

    def names(self) -> dict[str, str]:
        """Lower-case name -> name, with nested fields and `status.` / `error.` columns, for SQL."""
        found = self.columns()
        for name in [*FACE_COLUMNS, *self._speakers]:
            kind = self._kind(name)
            if kind is not None and pa.types.is_struct(kind):
                found += [f"{name}.{f.name}" for f in kind]
        for prefix in _BY_LAYER:
            found += [f"{prefix}.{n}" for i in self.layers for n in (i.annotator, i.name)]
        return {name.lower(): name for name in found}

    def _kind(self, name: str) -> pa.DataType | None:
        if name in REGISTRY:
            return REGISTRY[name].type
        for info in self._speakers.get(name, ()):
            table = f"{LABELS}/{info.name}"
            for key in self.dataset.keys(table)[:1]:
                schema = read_footer(self.dataset.part_path(table, key))[1]
                if name in schema.names:
                    return schema.field(name).type
        return None

    def want(self, name: str) -> Wanted:
        """Find who speaks for a name.

        Raises:
            UnknownNameError: if nobody could; offers the nearest name.
            UsageError: if the column is declared but no layer here provides it.
        """
        if name in self._speakers or name in FACE_COLUMNS or name in IMAGE_COLUMNS:
            base = "faces" if name in FACE_COLUMNS else "images" if name in IMAGE_COLUMNS else ""
            return Wanted(name, name, self._layer_names(name), base, self._kind(name))
        head, _, tail = name.partition(".")
        if name.startswith(PREFIX):
            check_names(self.dataset, [name])
            return Wanted(name, name, (), "images")
        if head in _BY_LAYER:
            spoken = tuple(i.name for i in self.layers if tail in (i.annotator, i.name))
            if not spoken:
                raise UnknownNameError("annotator", tail, {i.annotator for i in self.layers})
            return Wanted(name, _BY_LAYER[head].name, spoken, kind=pa.string())
        kind = self._kind(head)
        if head in self._speakers and tail and kind is not None and pa.types.is_struct(kind):
            if kind.get_field_index(tail) < 0:
                raise UnknownNameError("field", name, [f"{head}.{f.name}" for f in kind])
            return Wanted(name, name, self._layer_names(head), kind=kind.field(tail).type)
        if head in REGISTRY:
            reason = "no layer provides it yet"
            raise UsageError(f"column '{name}' is not in this dataset", reason, "Run the annotator that gives it")
        raise UnknownNameError("column", name, self.names().values())

    def _layer_names(self, column: str) -> tuple[str, ...]:
        return tuple(i.name for i in self._speakers.get(column, ()))

    def table(
        self, columns: Iterable[str | Column] | None = None, where: str | None = None, *, provenance: bool = False
    ) -> pa.Table:
        """The whole view as one table; see `Dataset.faces`."""
        names = self._requested(columns)
        pieces = list(self.stream(names, where, provenance=provenance))
        if pieces:
            return join(pieces)
        fields = [_field(self.want(n), None) for n in names]
        if provenance:
            fields += [pa.field(n + PROVENANCE, pa.string()) for n in names]
        return pa.schema(fields).empty_table()

    def _requested(self, columns: Iterable[str | Column] | None) -> list[str]:
        if columns is None:
            return self.default()
        return list(dict.fromkeys(c.name if isinstance(c, Column) else c for c in columns))

    def stream(
        self, columns: Iterable[str | Column] | None = None, where: str | None = None, *, provenance: bool = False
    ) -> Iterator[pa.Table]:
        """The view shard by shard, empty shards left out; see `Dataset.iter_faces`."""
        from curate.store.condition import Condition

        names = self._requested(columns)
        condition = Condition(where, self.names()) if where else None
        wanted = [self.want(n) for n in dict.fromkeys([*names, *(condition.names if condition else ())])]
        shown = [*names, *(n + PROVENANCE for n in names if provenance)]
        return self._stream(wanted, shown, condition, provenance)

    def _stream(
        self, wanted: list[Wanted], shown: list[str], condition: object, provenance: bool
    ) -> Iterator[pa.Table]:
        from curate.store.condition import Condition

        gone = replaced(self.dataset)
        for key in self.dataset.keys(FACES):
            table = self.part(key, wanted, provenance=provenance)
            if len(gone):
                table = table.filter(pc.invert(pc.is_in(self.dataset.read(FACES, key, [IMAGE_ID]).column(0), gone)))
            if isinstance(condition, Condition):
                table = table.take(condition.rows(table))
            if table.num_rows:
                yield table.select(shown)

    def part(self, key: str, wanted: list[Wanted], *, provenance: bool = False) -> pa.Table:
        """The wanted columns of one shard, and `COLUMN__layer` beside them if `provenance`.

        Raises:
            DatasetError: if a part is damaged or does not stand row by row with its faces.
        """
        rows, schema = read_footer(self.dataset.part_path(FACES, key))
        stand = (rows, stored_digest(schema))
        cells = {w.name: Cells(w.kind, provenance) for w in wanted}
        for info in self.layers:
            self._hear(key, info.name, stand, wanted, cells)
        self._hear_faces(key, wanted, cells)
        self._hear_images(key, wanted, cells)
        columns, fields = [], []
        for want in wanted:
            values, _ = cells[want.name].arrays(rows)
            columns.append(values)
            fields.append(_field(want, values.type))
        if provenance:
            columns += [cells[w.name].arrays(rows)[1] for w in wanted]
            fields += [pa.field(w.name + PROVENANCE, pa.string()) for w in wanted]
        return pa.table(columns, schema=pa.schema(fields))

    def _hear(
        self,
        key: str,
        layer: str,
        stand: tuple[int, bytes | None],
        wanted: list[Wanted],
        cells: dict[str, Cells],
    ) -> None:
        table = f"{LABELS}/{layer}"
        asked = [w for w in wanted if layer in w.layers and not cells[w.name].complete]
        if not asked or not self.dataset.has(table, key):
            return
        data = self.dataset.read(table, key, dict.fromkeys(w.stored for w in asked))
        digest = stored_digest(data.schema)
        if data.num_rows != stand[0] or (digest and stand[1] and digest != stand[1]):
            what = f"{self.dataset.part_path(table, key)} is out of step"
            reason = f"it does not stand row by row beside the faces of shard {key}"
            raise DatasetError(what, reason, "Delete this file and run again")
        for want in asked:
            _add(cells[want.name], data, want.stored, layer)

    def _hear_faces(self, key: str, wanted: list[Wanted], cells: dict[str, Cells]) -> None:
        asked = [w for w in wanted if w.base == FACES and not cells[w.name].complete]
        if asked:
            data = self.dataset.read(FACES, key, [w.stored for w in asked])
            for want in asked:
                _add(cells[want.name], data, want.stored, FACES)

    def _hear_images(self, key: str, wanted: list[Wanted], cells: dict[str, Cells]) -> None:
        asked = [w for w in wanted if w.base == "images" and not cells[w.name].complete]
        if asked:
            ids = as_array(self.dataset.read(FACES, key, [IMAGE_ID]).column(IMAGE_ID.name))
            for name, values in rows_for(self.dataset, key, ids, [w.stored for w in asked]).items():
                cells[name].add(values, "images")


def _add(cells: Cells, data: pa.Table, stored: str, source: str) -> None:
    head, _, tail = stored.partition(".")
    if stored in data.column_names:
        cells.add(as_array(data.column(stored)), source)
    elif tail and head in data.column_names:
        values = as_array(data.column(head))
        if values.type.get_field_index(tail) >= 0:
            cells.add(field_of(values, tail), source)


def _field(want: Wanted, kind: pa.DataType | None) -> pa.Field:
    kind = kind or want.kind or pa.null()
    if want.name in REGISTRY and REGISTRY[want.name].type == kind:
        return REGISTRY[want.name].field
    return image_field(want.name, kind)


def layer_table(dataset: Dataset, name: str, columns: Iterable[str | Column] | None = None) -> pa.Table:
    """See `Dataset.layer_table`."""
    info = dataset.layer(name)
    table = f"{LABELS}/{name}"
    known = [FACE_ID.name, STATUS.name, ERROR.name, *info.columns]
    names = None if columns is None else [c.name if isinstance(c, Column) else c for c in columns]
    for wanted in names or ():
        if wanted.partition(".")[0] not in known:
            raise UnknownNameError("column", wanted, known)
    tables = [dataset.read(table, key, names) for key in dataset.keys(table)]
    if tables:
        joined = pa.concat_tables(tables, promote_options="permissive")
        return joined if names is None else joined.select(list(dict.fromkeys(n.partition(".")[0] for n in names)))
    heads = known if names is None else list(dict.fromkeys(n.partition(".")[0] for n in names))
    fields = [REGISTRY[n].field if n in REGISTRY else pa.field(n, pa.null()) for n in heads]
    return pa.schema(fields).empty_table()
