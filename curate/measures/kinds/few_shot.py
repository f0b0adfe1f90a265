"""How much a representation says with few labels: linear probes on nested, class-balanced subsets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.classification import balanced_accuracy
from curate.identity.progress import follow
from curate.measures.base import DATASET, TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import texts
from curate.measures.features import Features, of_dataset
from curate.measures.label_reliability import blocks_joined
from curate.measures.linear_probe import fit
from curate.measures.rows import Floats, filled, vectors
from curate.measures.subsets import Ints, Nested
from curate.measures.summary import number
from curate.store.parts import replacing
from curate.store.view import FaceView
from schemas import UsageError
from schemas.columns import images, labels

FILE = "few_shot.parquet"
SOURCE = "Bulat et al., Pre-training strategies and datasets for facial representation learning, 2022 (1, 10 % subsets)"
TEST = "test"
"""Name of the split that is kept for testing, where rows have one."""


@dataclass(frozen=True)
class ShotConfig(Config):
    """What is drawn and how it is judged.

    Attributes:
        shares: Of the training rows.
        shots: Rows per class.
        seeds: Draws; each gives a score of its own.
        held: Share of people (or rows) kept for testing where there is no split.
        penalty: Of the probe's weights.
    """

    shares: tuple[float, ...] = (0.01, 0.05, 0.1)
    shots: tuple[int, ...] = (1, 5, 16)
    seeds: int = 3
    held: float = 0.3
    penalty: float = 1.0

    def __post_init__(self) -> None:
        if self.seeds < 1 or not 0 < self.held < 1 or self.penalty < 0:
            raise UsageError("settings of few_shot", "seeds >= 1, 0 < held < 1 and penalty >= 0")


@dataclass(frozen=True)
class DatasetShotConfig(ShotConfig):
    """Also: which labels are tasks, and what they are probed from.

    Attributes:
        tasks: Label columns.
        features: Columns that the probe sees.
    """

    tasks: tuple[str, ...] = (
        labels.PERCEIVED_EMOTION.name, labels.GENDER.name, labels.AGE_GROUP.name, labels.RACE.name, labels.EYEWEAR.name,
    )  # fmt: skip
    features: tuple[str, ...] = (labels.EMBEDDING.name,)


@dataclass(frozen=True)
class _Task:
    """Rows with one label: their classes, and which are for testing."""

    name: str
    ids: list[str]
    classes: list[str]
    codes: Ints
    features: Floats
    test: np.ndarray[Any, np.dtype[np.bool_]]
    rows: list[dict[str, Any]] = field(default_factory=list)


class FewShot(Measure):
    """For one task in a table."""

    name = "few_shot"
    doc = "Linear probes on nested class-balanced 1, 5, 10 % and k-shot subsets of a table's rows, by seed."
    source = SOURCE
    inputs = (
        Input("rows", TABLE, "a row per face: `id`, `label`, `embedding` (a list of numbers); `split` and `person` if "
              "known", ("id", "label", "embedding")),
    )  # fmt: skip
    extra = "audit"
    config_type = ShotConfig
    config: ShotConfig

    def measure(self, given: Given) -> Result:
        """Balanced accuracy of every subset and seed."""
        table, path = given.tables["rows"], given.paths["rows"]
        there = table.column_names
        beside = {c: texts(table, c) if c in there else [None] * table.num_rows for c in ("split", "person")}
        features = Features([vectors(table, "embedding", path)])
        task = _task("label", filled(table, "id", path), filled(table, "label", path), features, beside, self.config)
        return _probed([task], self.config, given)


class DatasetFewShot(Measure):
    """For several label columns of a dataset; people (`identity`) are kept on one side where they are known."""

    name = "dataset_few_shot"
    doc = "Few-shot linear probes of a dataset's label columns on its stored embeddings, by task and seed."
    source = SOURCE
    inputs = (Input("dataset", DATASET, "a dataset with the labels and the embeddings"),)
    extra = "audit"
    config_type = DatasetShotConfig
    config: DatasetShotConfig

    def measure(self, given: Given) -> Result:
        """Balanced accuracy of every task, subset and seed."""
        dataset = given.datasets["dataset"]
        here = set(FaceView(dataset).columns())
        tasks = [t for t in self.config.tasks if t in here]
        if not tasks:
            raise UsageError(f"{dataset.path} has none of {', '.join(self.config.tasks)}", fix="Name tasks=COLUMN,...")
        who = [c for c in (images.SPLIT.name, labels.IDENTITY_ID.name) if c in here]
        read = of_dataset(dataset, self.config.features, (*tasks, *who))
        made = []
        for name in tasks:
            known = [i for i, v in enumerate(read.labels[name]) if v is not None]
            beside = {
                key: [read.labels[c][i] if c in who else None for i in known]
                for key, c in (("split", images.SPLIT.name), ("person", labels.IDENTITY_ID.name))
            }
            said = [str(read.labels[name][i]) for i in known]
            ids = [read.ids[i] for i in known]
            made.append(_task(name, ids, said, read.features.rows(known), beside, self.config))
        skipped = [t for t in self.config.tasks if t not in tasks]
        return _probed(made, self.config, given, {"tasks without labels": skipped, "faces left out": read.left_out})


def _task(
    name: str, ids: list[str], said: list[str], features: Features, beside: Mapping[str, list[Any]], config: ShotConfig
) -> _Task:
    classes = sorted(set(said))
    if len(classes) < 2:
        raise UsageError(f"the task {name} has {len(classes)} classes", fix="A probe needs two")
    codes = np.array([classes.index(s) for s in said], np.int64)
    test = _held(beside["split"], beside["person"], config.held)
    if not test.any() or test.all():
        raise UsageError(f"the task {name} has no rows to train on or none to test on", "see `split` and `person`")
    return _Task(name, ids, classes, codes, blocks_joined(features.blocks), test)


def _held(splits: list[Any], people: list[Any], share: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Rows kept for testing: those of the split `test`, else all rows of a share of the people, the same every time."""
    if any(s == TEST for s in splits):
        return np.array([s == TEST for s in splits])
    units = [p if p is not None else f"row {i}" for i, p in enumerate(people)]
    names = sorted(set(units))
    chosen = np.random.default_rng(0).permutation(len(names))[: max(round(share * len(names)), 1)]
    taken = {names[i] for i in chosen}
    return np.array([u in taken for u in units])


def _probed(tasks: list[_Task], config: ShotConfig, given: Given, more: Mapping[str, Any] | None = None) -> Result:
    todo = [(task, seed, kind, size) for task in tasks for seed in range(config.seeds) for kind, size in _sizes(config)]
    drawn: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    for task, seed, kind, size in follow(todo, len(todo), "probing", given.quiet):
        rows = _drawn(task, seed, kind, size)
        name = f"{size:g} shots" if kind == "shots" else f"{100 * size:g} %"
        drawn += [{"task": task.name, "subset": name, "seed": seed, "id": task.ids[i]} for i in rows]
        scores.append(
            {"task": task.name, "subset": name, "seed": seed, "rows": len(rows), **_scored(task, rows, config)}
        )
    sizes = [row for task in tasks for row in _counted(task, config)]
    facts = {"tasks": len(tasks), "tested on": {t.name: int(t.test.sum()) for t in tasks}, **(more or {})}
    tables = {"scores": scores, "by subset": list(_summed(scores)), "subsets of seed 0": sizes}
    notes = ("Intervals of single scores are over test rows; the spread between seeds stands beside their mean.",)
    return Result(facts, tables, notes, (_written(given.out, drawn),) if given.out is not None else ())


def _sizes(config: ShotConfig) -> list[tuple[str, float]]:
    return [*(("share", s) for s in config.shares), *(("shots", float(k)) for k in config.shots)]


def _drawn(task: _Task, seed: int, kind: str, size: float) -> Ints:
    train = np.flatnonzero(~task.test)
    nested = Nested(task.codes[train], seed)
    return train[nested.shots(int(size)) if kind == "shots" else nested.share(size)].astype(np.int64)


def _scored(task: _Task, rows: Ints, config: ShotConfig) -> dict[str, Any]:
    probe = fit(task.features[rows], task.codes[rows], len(task.classes), config.penalty)
    truth, guess = task.codes[task.test], probe.answers(task.features[task.test])
    found = bootstrap(balanced_accuracy, truth, guess, rounds=200)
    return {
        "n": found.n, "balanced accuracy": number(found.value), "low": number(found.low), "high": number(found.high),
        "chance": 1 / len(np.unique(truth)),
    }  # fmt: skip


def _counted(task: _Task, config: ShotConfig) -> Iterator[dict[str, Any]]:
    for kind, size in _sizes(config):
        counts = Counter(task.codes[_drawn(task, 0, kind, size)].tolist())
        for code, label in enumerate(task.classes):
            yield {"task": task.name, "subset": f"{size:g} shots" if kind == "shots" else f"{100 * size:g} %",
                   "label": label, "rows": counts[code]}  # fmt: skip


def _summed(scores: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Mean and spread over the seeds of each task and subset."""
    for task, subset in dict.fromkeys((s["task"], s["subset"]) for s in scores):
        values = [s["balanced accuracy"] for s in scores if (s["task"], s["subset"]) == (task, subset)]
        known = [v for v in values if v is not None]
        spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
        yield {"task": task, "subset": subset, "seeds": len(known), "mean": float(np.mean(known)), "sd": spread}


def _written(out: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow.parquet as pq

    with replacing(out / FILE) as file:
        pq.write_table(pa.Table.from_pylist(rows), file)
    return out / FILE
