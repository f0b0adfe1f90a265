"""Fuses columns of a dataset into a layer: one pass to learn who is reliable, one to write."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from curate.evaluation.progress import steps
from curate.fuse.dawid_skene import Priors
from curate.fuse.evaluations import SUFFIX, Evaluations
from curate.fuse.labels import names_of
from curate.fuse.method import POOLED, Codes, Fused, Said
from curate.fuse.record import said_what
from curate.fuse.reference import Reference
from curate.fuse.sources import Reader, codes_of
from curate.fuse.task import Beliefs, Task, plan_tasks
from curate.store import Dataset, LayerInfo
from curate.store.names import FACES
from curate.store.publish import publish_layer
from curate.store.view import FaceView
from schemas import Column, Kind, Status, UsageError
from schemas.columns import faces, labels

VERSION = "1"
SILENT = "no source says anything of this face"


@dataclass(frozen=True)
class FuseOptions:
    """Choices of a fusion.

    Attributes:
        layers: Only these layers are sources; by default all that are not fused themselves.
        by: A label column; sources get reliabilities of their own in each of its groups.
        truth: A layer, or a table, of what is known to be true: reliabilities are then measured. Or the JSON files
            (comma-separated) of `facecurate evaluate`, one layer each: their confusions are taken over.
        least: A label less probable than this stays null, and is marked as abstained where its flag is declared.
        priors: What is believed of people and models before any label is seen.
        quiet: No progress bar.
    """

    layers: Sequence[str] | None = None
    by: Column | None = None
    truth: str | None = None
    least: float = 0.0
    priors: Priors = field(default_factory=Priors)
    quiet: bool = True


@dataclass(frozen=True)
class Fusion:
    """What came of it.

    Attributes:
        layer: The fused layer.
        added: False if the same layer was there already.
        facts: Column -> method, reliabilities of the sources, agreement.
    """

    layer: LayerInfo
    added: bool
    facts: dict[str, Any]


def fuse(dataset: Dataset, columns: Sequence[str | Column], options: FuseOptions | None = None) -> Fusion:
    """Fuse what several layers say about some columns.

    The new layer is of kind `fused`: it speaks before models and after people. Beside each column stand
    `COLUMN_sources` (who said what with what weight), `COLUMN_agreement` and `COLUMN_uncertainty`. Its name
    holds a digest of all inputs, so the same call adds nothing until an input has changed.

    Args:
        dataset: The dataset; its lock is taken.
        columns: Names or columns; `box` for the four of a box.
        options: See `FuseOptions`.

    Raises:
        UnknownNameError: for an unknown column or layer.
        UsageError: for a column that cannot be fused, or that no layer or only one provides.
    """
    options = options or FuseOptions()
    names = [c.name if isinstance(c, Column) else c for c in columns]
    if not names:
        raise UsageError("no column is named", fix="Name at least one column to fuse")
    return _Fuser(dataset, names, options).run()


class _Fuser:
    def __init__(self, dataset: Dataset, names: Sequence[str], options: FuseOptions) -> None:
        self.dataset, self.options = dataset, options
        by = options.by
        if by is not None and (by.kind is not Kind.LABEL or not by.taxonomy):
            raise UsageError(f"cannot group by {by.name}", "it is not a label of a taxonomy")
        self.groups: tuple[str, ...] = () if by is None else names_of(by)
        self.tasks = plan_tasks(dataset, names, options.layers, Beliefs(self.groups, options.priors, options.least))
        if options.layers is None and all(len(task.sources) < 2 for task in self.tasks):
            task = self.tasks[0]
            reason = f"only {task.sources[0].layer} says anything about it"
            raise UsageError(f"{task.column.name} cannot be fused", reason, "Run another annotator or add a layer")
        if by is not None and any(by in t.writes for t in self.tasks):
            raise UsageError(f"cannot group by {by.name}", "it is itself fused here", "Give another column")
        self.truth, self.measured = _known(dataset, options.truth)
        known = self.truth or self.measured
        if known is not None and not any(c in known for t in self.tasks for c in (t.column, *t.writes)):
            raise UsageError(f"the truth {options.truth} says nothing about the columns to fuse")
        for task in self.tasks:
            task.take_over(self.measured)
        self.reader = Reader(dataset)
        self.view = FaceView(dataset)
        self.keys = dataset.keys(FACES)

    def run(self) -> Fusion:
        with self.dataset.lock(), steps(2 * len(self.keys), self.options.quiet) as announce:
            digest = hashlib.blake2b(digest_size=6)
            for key in self.keys:
                announce(f"reading shard {key}")
                self._observe(key, digest)
            for task in self.tasks:
                task.method.settle()
            facts = {task.column.name: task.method.facts() for task in self.tasks}
            info = self._info(digest, facts)

            def rows(key: str, ids: pa.Array) -> pa.Table:
                announce(f"fusing shard {key}")
                return self._rows(key, ids)

            added = publish_layer(self.dataset, info, rows)
        return Fusion(self.dataset.layer(info.name), added, facts)

    def _observe(self, key: str, digest: Any) -> None:
        groups = self._groups(key)
        digest.update(f"{key} ".encode() + self.dataset.face_digest(key) + groups.tobytes())
        for task in self.tasks:
            said = task.read(self.reader, key, groups, self.truth)
            _mix(digest, said)
            task.method.observe(said)

    def _groups(self, key: str) -> Codes:
        rows = self.dataset.rows(FACES, key)
        if self.options.by is None:
            return np.full(rows, POOLED)
        table = self.view.part(key, [self.view.want(self.options.by.name)])
        return codes_of(self.options.by, table.column(0).combine_chunks())

    def _info(self, digest: Any, facts: dict[str, Any]) -> LayerInfo:
        inputs = [{"column": task.column.name, "layers": [s.layer for s in task.sources]} for task in self.tasks]
        config = {
            "columns": [t.column.name for t in self.tasks],
            "by": None if self.options.by is None else self.options.by.name,
            "truth": (self.truth.layer if self.truth else "") or self.options.truth,
            "least": self.options.least,
            "priors": vars(self.options.priors),
        }
        for task in self.tasks:
            digest.update(task.measured.tobytes())
        digest.update(repr((VERSION, inputs, sorted(config.items(), key=lambda kv: kv[0]))).encode())
        return LayerInfo(
            f"fusion.v{VERSION}-{digest.hexdigest()}",
            "fused",
            "fusion",
            VERSION,
            config=config,
            columns=tuple(c.name for t in self.tasks for c in _columns(t)),
            extra={"inputs": inputs, "reliability": facts},
        )

    def _rows(self, key: str, ids: pa.Array) -> pa.Table:
        groups = self._groups(key)
        table: dict[str, pa.Array] = {}
        spoken = np.zeros(len(ids), bool)
        for task in self.tasks:
            said = task.read(self.reader, key, groups, None)
            fused = task.method.fuse(said)
            spoken |= fused.weights.sum(1) > 0
            table |= {c.name: values for c, values in fused.columns.items()}
            table |= _beside(task, said, fused)
        head = {
            faces.FACE_ID.name: ids,
            labels.STATUS.name: [(Status.OK if s else Status.NOT_APPLICABLE).value for s in spoken],
            labels.ERROR.name: pa.array([None if s else SILENT for s in spoken], pa.string()),
        }
        whole = pa.table(head | table)
        fields = {c.name: c.field for task in self.tasks for c in _columns(task)}
        return whole.cast(pa.schema([fields.get(f.name, f) for f in whole.schema]))


def _known(dataset: Dataset, truth: str | None) -> tuple[Reference | None, Evaluations | None]:
    """Truth about faces, or reliabilities measured elsewhere; neither is given where `truth` is None."""
    if truth is None:
        return None, None
    paths = truth.split(",")
    if all(path.endswith(SUFFIX) for path in paths):
        return None, Evaluations(paths)
    return Reference(dataset, truth), None


def _columns(task: Task) -> tuple[Column, ...]:
    of = task.column
    return (*task.writes, labels.agreement_of(of), labels.uncertainty_of(of), labels.sources_of(of))


def _beside(task: Task, said: Said, fused: Fused) -> dict[str, pa.Array]:
    agreement, uncertainty, sources = _columns(task)[-3:]
    return {
        agreement.name: _nullable(fused.agreement),
        uncertainty.name: _nullable(fused.uncertainty),
        sources.name: said_what(sources, task.sources, said, fused),
    }


def _nullable(values: Any) -> pa.Array:
    return pa.array(values.astype(np.float32), pa.float32(), mask=np.isnan(values))


def _mix(digest: Any, said: Said) -> None:
    """Let everything that was read into the digest, in a form that does not depend on how it was stored."""
    for values in (said.values, said.truth, said.sd, said.codes, said.size):
        if isinstance(values, np.ndarray):
            digest.update(np.ascontiguousarray(values).tobytes())
        else:
            digest.update(repr(values).encode())
    for raw in said.raw:
        if pa.types.is_string(raw.type):
            digest.update(repr(raw.to_pylist()).encode())
