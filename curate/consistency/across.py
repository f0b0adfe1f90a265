"""Rules over several faces: pictures of one person, and copies of one picture, should agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.consistency.rule import Verdict
from curate.consistency.values import Numbers, Values, ramp
from curate.scores import scores_beside
from schemas import Column, Kind, taxonomy

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class AcrossRule:
    """Faces of one group against each other; a face is held against the others of its group.

    Attributes:
        name: Such as `gender_of_one_identity`.
        group: Column whose equal values put faces into one group.
        column: The label or number that should agree.
        severity: 0-1, as of `Rule`.
        says: The finding, with `value`, `others` and `count` in braces.
        source: Why they should agree, and what the limits rest on.
        start: For numbers, the distance from the others' mean at which a contradiction begins.
        full: The distance at which it is full.
        derive: For numbers, what to compare instead of the column itself, (n,).
        needs: Further columns that `derive` reads.
    """

    name: str
    group: Column
    column: Column
    severity: float
    says: str
    source: str
    start: float = 0.0
    full: float = 1.0
    derive: Callable[[Values], Numbers] | None = None
    needs: tuple[Column, ...] = ()

    @property
    def reads(self) -> tuple[Column, ...]:
        """Columns without which it is not checked."""
        return (self.group, self.column, *self.needs)

    @property
    def also(self) -> tuple[Column, ...]:
        """Columns that it reads where they are there."""
        beside = scores_beside(self.column)
        return () if beside is None else (beside,)

    def sentence(self, facts: dict[str, Any]) -> str:
        """The finding in words."""
        return self.says.format(**facts)


class Gathered:
    """What an across rule keeps of every face while the shards go by: a few bytes each.

    Args:
        rule: The rule.
    """

    def __init__(self, rule: AcrossRule) -> None:
        self.rule = rule
        self._groups: list[pa.Array] = []
        self._values: list[NDArray[np.float32]] = []
        self._sure: list[NDArray[np.float32]] = []
        self._names = taxonomy(rule.column.taxonomy).labels if rule.column.kind is Kind.LABEL else ()

    def add(self, values: Values) -> None:
        """Take in a shard's rows."""
        column = self.rule.column
        self._groups.append(pc.cast(values.table.column(self.rule.group.name).combine_chunks(), pa.string()))
        if column.kind is Kind.LABEL:
            places = {name: float(i) for i, name in enumerate(self._names)}
            self._values.append(np.array([places.get(v, np.nan) for v in values.label(column)], np.float32))
            has_scores = all(c in values for c in self.rule.also) and bool(self.rule.also)
            sure = values.probability(column) if has_scores else np.ones(len(values))
        else:
            found = self.rule.derive(values) if self.rule.derive else values.number(column)
            self._values.append(found.astype(np.float32))
            sure = np.ones(len(values))
        self._sure.append(sure.astype(np.float32))

    def verdict(self) -> Verdict:
        """Judge all faces, in the order in which they came."""
        if not self._groups:
            return Verdict(np.zeros(0, bool), np.zeros(0))
        coded = pa.chunked_array(self._groups).combine_chunks().dictionary_encode()
        groups = np.asarray(coded.indices.fill_null(-1)).astype(np.int64)
        values = np.concatenate(self._values).astype(np.float64)
        sure = np.concatenate(self._sure).astype(np.float64)
        if self.rule.column.kind is Kind.LABEL:
            return _labels_apart(groups, values, sure, self._names)
        return _numbers_apart(groups, values, self.rule.start, self.rule.full)


def _labels_apart(groups: Codes, values: Numbers, sure: Numbers, names: Sequence[str]) -> Verdict:
    """A label is contradicted by the label that most of the others of its group have."""
    known = (groups >= 0) & ~np.isnan(values) & ~np.isnan(sure)
    weights = np.zeros((int(groups.max(initial=-1)) + 1, len(names)))
    counts = np.zeros_like(weights)
    g, v, p = groups[known], values[known].astype(np.int64), sure[known]
    np.add.at(weights, (g, v), p)
    np.add.at(counts, (g, v), 1)
    others, heads = weights[g], counts[g]
    rows = np.arange(len(g))
    total, number = others.sum(1) - p, heads.sum(1) - 1
    others[rows, v] = -1.0
    best = others.argmax(1)
    against = np.where(number > 0, np.maximum(others[rows, best], 0), 0.0)
    share = np.divide(against, total, out=np.zeros(len(g)), where=total > 0)
    mean = np.divide(against, heads[rows, best], out=np.zeros(len(g)), where=against > 0)
    label_names = np.array(names, dtype=object)
    confidence = np.sqrt(ramp(p, 0.6, 0.95) * ramp(share, 0.5, 0.8) * ramp(mean, 0.6, 0.95))
    facts = {"value": label_names[v], "others": label_names[best], "count": number.astype(int)}
    return _spread(known, number > 0, confidence, facts)


def _numbers_apart(groups: Codes, values: Numbers, start: float, full: float) -> Verdict:
    known = (groups >= 0) & ~np.isnan(values)
    g, x = groups[known], values[known]
    size = int(groups.max(initial=-1)) + 1
    total, number = np.bincount(g, x, size)[g] - x, np.bincount(g, minlength=size)[g] - 1
    mean = np.divide(total, number, out=x.copy(), where=number > 0)
    facts = {"value": x, "others": mean, "count": number.astype(int)}
    return _spread(known, number > 0, ramp(np.abs(x - mean), start, full), facts)


def _spread(known: NDArray[np.bool_], checked: NDArray[np.bool_], confidence: Numbers, facts: Any) -> Verdict:
    """Carry results for the known rows back to all rows."""
    all_checked, all_confidence = np.zeros(len(known), bool), np.zeros(len(known))
    all_checked[known], all_confidence[known] = checked, np.where(checked, confidence, 0.0)
    spread = {}
    for name, values in facts.items():
        spread[name] = np.empty(len(known), dtype=object)
        spread[name][known] = values
    return Verdict(all_checked, all_confidence, spread)
