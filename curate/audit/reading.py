"""Reads what an audit needs of every face, shard by shard, as small integers and floats; no text is kept per face."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.audit.columns import REGIONS, Wanted
from curate.audit.faces import (
    ABSENT,
    ABSTAINED,
    ANSWERED,
    FAILED,
    NOT_APPLICABLE,
    PRESENT,
    UNKNOWN,
    Coded,
    Faces,
    Floats,
    completed,
    keep,
    known_labels,
)
from curate.evaluation.grouping import MOST_GROUPS
from curate.identity.progress import follow
from curate.scores import scores_beside
from curate.store.checks import as_array
from curate.store.condition import Condition
from curate.store.images import PREFIX
from curate.store.merge import field_of
from curate.store.names import FACES
from curate.store.view import PROVENANCE, FaceView
from curate.store.view import Wanted as Voice
from schemas import REGISTRY, Status, UnknownNameError, UsageError
from schemas.columns import faces, images, labels

__all__ = ["PRESENT", "UNKNOWN", "Coded", "Faces", "read_faces"]

_STATUSES = pa.array([Status.OK.value, Status.NOT_APPLICABLE.value, Status.FAILED.value])
_NOBODY = 3
BATCH = 64
"""Shards whose rows one SQL condition looks at together."""


def read_faces(view: FaceView, want: Wanted, conditions: Iterable[str], quiet: bool = True) -> Faces:
    """Read all that an audit needs in one pass over the shards.

    Args:
        view: Of the dataset.
        want: What to read.
        conditions: SQL conditions to decide for every face.
        quiet: Show no progress.

    Raises:
        UnknownNameError: for a column of a condition that does not exist.
        UsageError: for a condition that SQL does not understand.
    """
    reader = _Reader(view, want, list(conditions))
    keys = view.dataset.keys(FACES)
    if keys:
        reader.check(keys[0])
    for key in follow(keys, len(keys), "reading", quiet):
        reader.add(key)
    return reader.finish()


@contextmanager
def _naming(text: str) -> Iterator[None]:
    """Name the condition in an error about it."""
    try:
        yield
    except UnknownNameError:
        raise
    except UsageError as error:
        raise UsageError(f"the condition '{text}' is not understood", error.why or error.what, error.fix) from error


def _understood(text: str, names: Mapping[str, str]) -> tuple[Condition, Condition]:
    """When a condition holds, and when that is not known."""
    with _naming(text):
        return Condition(text, names), Condition(f"({text}) IS NULL", names)


class _Reader:
    """Collects columns shard by shard."""

    def __init__(self, view: FaceView, want: Wanted, conditions: list[str]) -> None:
        from curate.store.images import replaced

        self.view, self.want = view, want
        names = view.names()
        self.conditions = {text: _understood(text, names) for text in conditions}
        self.gone = replaced(view.dataset)
        self.turn = {info.name: i for i, info in enumerate(view.layers)}
        self.providers = {
            name: [i for i in view.layers if name in i.columns]
            for name in (*want.missing, *want.by)
            if name in REGISTRY
        }
        self.statuses = list(dict.fromkeys(i.name for infos in self.providers.values() for i in infos))
        self.several = {name for name, infos in self.providers.items() if len(infos) > 1}
        self.flags = {n: f"{n}_abstained" for n in want.missing if f"{n}_abstained" in view.names()}
        self.voices = self._voices()
        self.pieces: dict[tuple[str, str], list[NDArray[Any]]] = {}
        self.texts: dict[str, list[pa.Array]] = {}
        self.open: dict[str, dict[str, int]] = {}
        self.spoke: dict[str, Counter[str]] = {}
        self.waiting: list[pa.Table] = []
        self.n = self.pictures = 0

    def _voices(self) -> list[Voice]:
        want = self.want
        beside = [scores_beside(REGISTRY[n]) for n in want.missing if n in REGISTRY]
        here = set(self.view.columns())
        names = [
            *want.by, *want.labels, *want.lists, *want.numbers, *want.conditions, *want.missing, faces.IMAGE_ID.name,
            *(b.name for b in beside if b is not None and b.name in here),
            *(f"status.{name}" for name in self.statuses), *self.flags.values(),
        ]  # fmt: skip
        names += [want.units] * bool(want.units) + [REGIONS] * want.regions
        names += [labels.IDENTITY_ID.name] * want.identity + [labels.DUPLICATE_GROUP.name] * want.duplicates
        for kept, unknown in self.conditions.values():
            names += [*kept.names, *unknown.names]
        return [self.view.want(n) for n in dict.fromkeys(names)]

    def check(self, key: str) -> None:
        """Put the conditions to one row, so that what SQL does not understand is told before the long work."""
        row = self.view.part(key, self.voices).slice(0, 1)
        for text, pair in self.conditions.items():
            for condition in pair:
                with _naming(text):
                    condition.rows(row)

    def add(self, key: str) -> None:
        """Read one shard."""
        table = self.view.part(key, self.voices)
        spoken = self._with_speakers(key)
        if len(self.gone):
            stay = pc.invert(pc.is_in(table.column(faces.IMAGE_ID.name), self.gone))
            table, spoken = table.filter(stay), spoken.filter(stay) if spoken.num_columns else spoken
        if not table.num_rows:
            return
        self.n += table.num_rows
        self._take(table)
        self._states(table, spoken)
        if self.conditions:
            names = dict.fromkeys(n for pair in self.conditions.values() for c in pair for n in c.names)
            self.waiting.append(table.select(list(names)) if names else table.select([faces.IMAGE_ID.name]))
            if len(self.waiting) >= BATCH:
                self._decide()

    def _with_speakers(self, key: str) -> pa.Table:
        """Who says the groups, and the labels that may be flagged as withheld, and those flags, where it may vary."""
        names = [n for n in self.want.by if n in self.several]
        names += [n for label, flag in self.flags.items() if self._contested(label) for n in (label, flag)]
        if not names:
            return pa.table({})
        voices = [self.view.want(n) for n in dict.fromkeys(names)]
        return self.view.part(key, voices, provenance=True)

    def _contested(self, label: str) -> bool:
        """Whether a label and its flag come from more than one layer, so that it matters who speaks first."""
        return len({i.name for i in self.view.layers if {label, self.flags[label]} & set(i.columns)}) > 1

    def _take(self, table: pa.Table) -> None:
        want = self.want
        for name in dict.fromkeys((*want.by, *want.labels, *want.numbers, *want.conditions)):
            self._column(name, as_array(table.column(name)))
        if want.units:
            self._fields(want.units, as_array(table.column(want.units)), PRESENT[want.units])
        if want.regions:
            self._fields(REGIONS, as_array(table.column(REGIONS)), None)
        for name in want.lists:
            self._members(name, as_array(table.column(name)))
        pictures = as_array(table.column(faces.IMAGE_ID.name)).dictionary_encode()
        self._put("picture", faces.IMAGE_ID.name, np.asarray(pictures.indices) + np.int32(self.pictures))
        self.pictures += len(pictures.dictionary)  # no picture is in two shards
        for name in (labels.IDENTITY_ID.name, labels.DUPLICATE_GROUP.name):
            if name in table.column_names:
                self.texts.setdefault(name, []).append(as_array(table.column(name)))

    def _column(self, name: str, values: pa.Array) -> None:
        if name == images.IS_SYNTHETIC.name:
            values = pc.fill_null(values, False)  # what nobody said to be made is a photo
        if name.startswith(PREFIX):  # its type may change from shard to shard, as lists have none
            self._put("open", name, self._grow(name, values))
        elif pa.types.is_boolean(values.type):
            self._put("flag", name, np.asarray(pc.fill_null(values.cast(pa.int8()), UNKNOWN)))
        elif pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
            self._put("number", name, np.asarray(values.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)))
        elif known_labels(name):
            place = pc.index_in(values, value_set=pa.array(known_labels(name)))
            self._put("label", name, np.asarray(pc.fill_null(place, UNKNOWN)).astype(np.int16))
        else:
            self._put("open", name, self._grow(name, values))

    def _grow(self, name: str, values: pa.Array) -> NDArray[np.int32]:
        """Codes in an open vocabulary; the first time that a value is seen gives it its number."""
        known = self.open.setdefault(name, {})
        texts = values.cast(pa.string()).dictionary_encode()
        fresh = len(known)
        table = np.array([known.setdefault(v, len(known)) for v in texts.dictionary.to_pylist()] or [0], np.int32)
        if len(known) > max(MOST_GROUPS, fresh) and not all(map(_is_number, known)):
            what = f"column {name} has more than {MOST_GROUPS} values"
            raise UsageError(what, "too many to be groups", "Group by another column")
        codes = np.asarray(pc.fill_null(texts.indices, UNKNOWN))
        return np.where(codes < 0, np.int32(UNKNOWN), table[np.maximum(codes, 0)])

    def _fields(self, name: str, values: pa.Array, present: float | None) -> None:
        for part in values.type:
            numbers = _numbers(field_of(values, part.name))
            if present is not None:
                known = np.where(numbers >= present, np.int8(1), np.int8(0))
                self._put(name, part.name, np.where(np.isnan(numbers), np.int8(UNKNOWN), known))
            else:
                self._put(name, part.name, numbers)

    def _members(self, name: str, values: pa.Array) -> None:
        """A list of labels as one flag for each label of its taxonomy."""
        every = known_labels(name)
        place = np.asarray(pc.fill_null(pc.index_in(values.flatten(), value_set=pa.array(every)), UNKNOWN))
        row = np.asarray(pc.list_parent_indices(values))
        found = np.zeros((len(values), len(every)), np.int8)
        found[row[place >= 0], place[place >= 0]] = 1
        found[~_mask(values.is_valid())] = UNKNOWN
        for i, label in enumerate(every):
            self._put("flag", f"{name}.{label}", found[:, i])

    def _put(self, kind: str, name: str, values: NDArray[Any]) -> None:
        self.pieces.setdefault((kind, name), []).append(values)

    def _states(self, table: pa.Table, spoken: pa.Table) -> None:
        statuses = {
            layer: np.asarray(pc.fill_null(pc.index_in(as_array(table.column(f"status.{layer}")), _STATUSES), _NOBODY))
            for layer in self.statuses
        }
        for name in dict.fromkeys((*self.want.missing, *self.want.by)):
            if name not in self.providers:
                continue
            found = np.full(table.num_rows, ABSENT, np.int8)
            for info in self.providers[name]:
                for code, state in ((0, ABSTAINED), (1, NOT_APPLICABLE), (2, FAILED)):
                    found[(statuses[info.name] == code) & (found == ABSENT)] = state
            values = as_array(table.column(name))
            beside = scores_beside(REGISTRY[name])
            if beside is not None and beside.name in table.column_names:
                found[_mask(table.column(beside.name).is_valid())] = ABSTAINED
            found[_mask(values.is_valid())] = ANSWERED
            if name in self.flags:
                found[self._flagged(name, table, spoken)] = ABSTAINED
            self._put("state", name, found)
        for name in self.want.by:
            if len(self.providers.get(name, ())) == 1:
                count = table.num_rows - table.column(name).null_count
                self.spoke.setdefault(name, Counter())[self.providers[name][0].name] += count
            elif name + PROVENANCE in spoken.column_names:
                counts = pc.value_counts(spoken.column(name + PROVENANCE).drop_null()).to_pylist()
                self.spoke.setdefault(name, Counter()).update({c["values"]: c["counts"] for c in counts})

    def _flagged(self, name: str, table: pa.Table, spoken: pa.Table) -> NDArray[np.bool_]:
        """Faces whose label was withheld; a label by a layer that speaks before the flag's own stays."""
        flag = self.flags[name]
        if not self._contested(name):
            return _mask(pc.fill_null(table.column(flag), False))
        raised = _mask(pc.fill_null(spoken.column(flag), False))
        mine, its = (self._turn(spoken.column(n + PROVENANCE)) for n in (name, flag))
        return raised & (mine >= its)

    def _turn(self, layers: pa.ChunkedArray) -> NDArray[np.int32]:
        place = pc.index_in(layers, value_set=pa.array(list(self.turn), pa.string()))
        return np.asarray(pc.fill_null(place, len(self.turn)))

    def _decide(self) -> None:
        """Put the conditions to the rows that wait."""
        table = pa.concat_tables(self.waiting, promote_options="permissive")
        self.waiting = []
        for text, (kept, unknown) in self.conditions.items():
            found = np.zeros(table.num_rows, np.int8)
            found[np.asarray(unknown.rows(table))] = UNKNOWN
            found[np.asarray(kept.rows(table))] = 1
            self._put("kept", text, found)

    def finish(self) -> Faces:
        """Join the shards."""
        if self.waiting:
            self._decide()
        found = Faces(self.n, self.pictures, speakers={name: dict(c.most_common()) for name, c in self.spoke.items()})
        for (kind, name), arrays in self.pieces.items():
            keep(found, kind, name, np.concatenate(arrays), self.open)
        self.pieces = {}
        for name, texts in self.texts.items():
            codes = pa.chunked_array(texts).combine_chunks().dictionary_encode().indices
            found.ids[name] = np.asarray(pc.fill_null(codes, UNKNOWN))
        self.texts = {}
        return completed(found, self.want)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(values: pa.Array) -> Floats:
    return np.asarray(values.cast(pa.float32()).to_numpy(zero_copy_only=False), np.float32)


def _mask(values: pa.Array | pa.ChunkedArray | Sequence[Any]) -> NDArray[np.bool_]:
    return np.asarray(values, bool)
