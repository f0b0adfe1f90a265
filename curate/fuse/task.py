"""One column to be fused: which method, which sources, and how a shard is read for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from curate.fuse.dawid_skene import Priors
from curate.fuse.distributions import Distributions
from curate.fuse.evaluations import Evaluations
from curate.fuse.geometry import Points
from curate.fuse.labels import Labels, abstention_of
from curate.fuse.method import Codes, Floats, Method, Said, Source
from curate.fuse.numbers import Numbers
from curate.fuse.reference import Reference
from curate.fuse.sources import DETECTOR, Reader, codes_of, find_sources, floats_of
from curate.fuse.tags import Tags
from curate.scores import scores_beside
from curate.store import Dataset
from schemas import REGISTRY, Column, Kind, UsageError
from schemas import column as declared
from schemas.columns import faces

BOX = Column("box", pa.float32(), Kind.POINTS, "The box of the face.", unit="px")
"""Stands for the four columns of a box, which are fused together."""


@dataclass
class Task:
    """A column, its method and its sources.

    Attributes:
        column: The column, or `BOX`.
        method: How it is fused.
        sources: Who speaks.
        label: The label beside a distribution.
        writes: Columns that the method fills.
        measured: (sources, true, said) faces of an evaluation elsewhere; empty without one.
    """

    column: Column
    method: Method
    sources: tuple[Source, ...]
    label: Column | None
    writes: tuple[Column, ...]
    measured: Floats = field(default_factory=lambda: np.zeros(0))

    def take_over(self, evaluations: Evaluations | None) -> None:
        """Take confusions that were measured elsewhere."""
        label = self.label or self.column
        if evaluations is not None and label in evaluations and isinstance(self.method, Labels | Distributions):
            self.measured = evaluations.counts(label, self.sources)
            self.method.confusions.model.known = self.measured

    def read(self, reader: Reader, key: str, groups: Codes, truth: Reference | None) -> Said:
        """What the sources say of a shard."""
        if isinstance(self.method, Points):
            return self._points(reader, key, groups, truth)
        raw = tuple(reader.array(key, self.column, s) for s in self.sources)
        if isinstance(self.method, Distributions):
            return self._distributions(reader, key, groups, truth, raw)
        if isinstance(self.method, Tags):
            return Said([r.to_pylist() for r in raw], groups, raw=raw)
        if isinstance(self.method, Labels):
            values = np.stack([codes_of(self.column, r) for r in raw], axis=1)
            return Said(values, groups, _true_codes(truth, key, self.column), raw=raw)
        numbers = np.stack([floats_of(self.column, r) for r in raw], axis=1)
        return Said(numbers, groups, _true_numbers(truth, key, self.column), sd=self._deviations(reader, key), raw=raw)

    def _distributions(
        self, reader: Reader, key: str, groups: Codes, truth: Reference | None, raw: tuple[pa.Array, ...]
    ) -> Said:
        """Distributions, and beside them labels: the most probable class, or what a source without them says."""
        scores = self.method.column
        numbers = np.stack([floats_of(scores, reader.array(key, scores, s)) for s in self.sources], axis=1)
        known = ~np.isnan(numbers).all(2)
        top = np.where(known, np.where(np.isnan(numbers), -1.0, numbers).argmax(2), -1)
        if self.label is None:
            return Said(numbers, groups, codes=top, raw=raw)
        said = np.stack([codes_of(self.label, reader.array(key, self.label, s)) for s in self.sources], axis=1)
        codes = np.where(known, top, said)
        true = _true_codes(truth, key, self.label)
        return Said(numbers, groups, true, codes=codes, abstained=np.asarray((said < 0).all(1)), raw=raw)

    def _deviations(self, reader: Reader, key: str) -> Floats | None:
        beside = REGISTRY.get(f"{self.column.name}_sd")
        if beside is None or beside.kind is not Kind.NUMBER:
            return None
        return np.stack([floats_of(beside, reader.array(key, beside, s))[:, 0] for s in self.sources], axis=1)

    def _points(self, reader: Reader, key: str, groups: Codes, truth: Reference | None) -> Said:
        detected = _box_arrays(reader, key, DETECTOR)
        corners = np.nan_to_num(_corners(detected))
        area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
        size = np.sqrt(np.maximum(area, 1.0))
        if self.column == BOX:
            values = np.stack([_corners(_box_arrays(reader, key, s)) for s in self.sources], axis=1)
            known = _true_box(truth, key)
            return Said(values, groups, known, size=size)
        raw = tuple(reader.array(key, self.column, s) for s in self.sources)
        values = np.stack([floats_of(self.column, r) for r in raw], axis=1)
        known = _true_numbers(truth, key, self.column)
        return Said(values, groups, known, size=size, raw=raw)


def _true_numbers(truth: Reference | None, key: str, column: Column) -> Floats | None:
    return floats_of(column, truth.array(key, column)) if truth is not None and column in truth else None


def _true_box(truth: Reference | None, key: str) -> Floats | None:
    parts = [_true_numbers(truth, key, c) for c in faces.BOX]
    known = [part[:, 0] for part in parts if part is not None]
    return _corners(known) if len(known) == len(faces.BOX) else None


def _true_codes(truth: Reference | None, key: str, column: Column) -> Codes | None:
    return codes_of(column, truth.array(key, column)) if truth is not None and column in truth else None


def _box_arrays(reader: Reader, key: str, source: Source) -> list[Floats]:
    return [floats_of(c, reader.array(key, c, source))[:, 0] for c in faces.BOX]


def _corners(box: Sequence[Any]) -> Floats:
    x, y, w, h = box
    return np.stack([x, y, x + w, y + h], axis=1)


def label_beside(scores: Column) -> Column | None:
    """The label column that a column of probabilities stands beside."""
    return next((c for c in REGISTRY.values() if scores_beside(c) is scores), None)


@dataclass(frozen=True)
class Beliefs:
    """What all tasks share.

    Attributes:
        groups: Names of groups with reliabilities of their own.
        priors: What is believed before any label is seen.
        least: A label less probable than this stays null.
    """

    groups: tuple[str, ...] = ()
    priors: Priors = field(default_factory=Priors)
    least: float = 0.0


def plan_tasks(dataset: Dataset, names: Sequence[str], layers: Sequence[str] | None, beliefs: Beliefs) -> list[Task]:
    """A task for each column; a label beside wanted probabilities is left to these.

    Raises:
        UnknownNameError: for an unknown column or layer.
        UsageError: for a column that cannot be fused, or that no layer provides.
    """
    box = {c.name for c in faces.BOX} | {BOX.name}
    columns = list(dict.fromkeys(BOX if name in box else declared(name) for name in names))
    covered = {label_beside(c) for c in columns if c.kind is Kind.SCORES}
    return [_task(dataset, c, layers, beliefs) for c in columns if c not in covered]


def _task(dataset: Dataset, column: Column, layers: Sequence[str] | None, beliefs: Beliefs) -> Task:
    groups = beliefs.groups
    if column == BOX:
        sources = find_sources(dataset, faces.BOX, layers)
        return Task(column, Points(column, sources, groups, faces.BOX), sources, None, faces.BOX)
    if column.kind is Kind.SCORES and column.name.endswith("_prob"):
        label = label_beside(column)
        sources = find_sources(dataset, [column] if label is None else [column, label], layers)
        method = Distributions(column, sources, groups, beliefs.priors, label, beliefs.least)
        return Task(column, method, sources, label, (column, *_label_columns(label)))
    if column.kind is Kind.FLAG or (column.kind is Kind.LABEL and column.taxonomy):
        return _label_task(dataset, column, layers, beliefs)
    sources = find_sources(dataset, [column], layers)
    return Task(column, _plain(column, sources, groups), sources, None, (column,))


def _label_columns(label: Column | None) -> tuple[Column, ...]:
    """A label and the flag of abstention beside it."""
    return tuple(c for c in (label, abstention_of(label) if label else None) if c is not None)


def _label_task(dataset: Dataset, column: Column, layers: Sequence[str] | None, beliefs: Beliefs) -> Task:
    """Labels are fused by their probabilities where any source gives these."""
    beside = scores_beside(column)
    sources = find_sources(dataset, [column], layers)
    writes = _label_columns(column)
    if beside is None or not any(s != DETECTOR and beside.name in dataset.layer(s.layer).columns for s in sources):
        labels = Labels(column, sources, beliefs.groups, beliefs.priors, beliefs.least)
        return Task(column, labels, sources, None, writes if beside is None else (*writes, beside))
    method = Distributions(beside, sources, beliefs.groups, beliefs.priors, column, beliefs.least)
    return Task(column, method, sources, column, (*writes, beside))


def _plain(column: Column, sources: Sequence[Source], groups: Sequence[str]) -> Method:
    if column.kind is Kind.POINTS:
        return Points(column, sources, groups)
    if column.kind is Kind.LIST:
        return Tags(column, sources, groups)
    if column.kind is Kind.VECTOR and column.sensitive:
        raise UsageError(f"cannot fuse {column.name}", "embeddings of different models share no space")
    if column.kind in (Kind.NUMBER, Kind.SCORES, Kind.VECTOR):
        return Numbers(column, sources, groups)
    raise UsageError(f"cannot fuse {column.name}", f"it is a {column.kind.value}", "Fuse labels, numbers or points")
