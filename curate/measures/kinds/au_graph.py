"""Which action units occur together, as the graphs that relation networks are trained with, and subject folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.classification import macro_f1
from curate.export.questions import ACTIVE
from curate.measures.base import DATASET, TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers, texts
from curate.measures.rows import Floats
from curate.measures.summary import number
from curate.store.parts import replacing
from curate.store.view import FaceView
from schemas import UsageError, taxonomy
from schemas.columns import faces, labels

ORDERS = ("bp4d-12", "disfa-8", "disfa-12")
UNKNOWN = 9
"""BP4D's code of a unit that could not be seen."""
FOLDS = 3
CONDITIONAL, COUNTS, ADJACENCY, ROWS = "conditional.npy", "co_occurrence.npy", "adjacency.npy", "au_rows.parquet"
SOURCE = "C. Luo et al., Learning multi-dimensional edge feature-based AU relation graph (ME-GraphAU), 2022"


@dataclass(frozen=True)
class GraphConfig(Config):
    """The units.

    Attributes:
        order: Taxonomy whose units, in its order, are the rows and columns: `bp4d-12`, `disfa-8` or `disfa-12`.
        folds: Subject-exclusive folds.
    """

    order: str = "bp4d-12"
    folds: int = FOLDS

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UsageError(f"au_graph.order={self.order}", fix=f"Known: {', '.join(ORDERS)}")
        if self.folds < 2:
            raise UsageError(f"au_graph.folds={self.folds}", "two folds are needed at least")

    @property
    def units(self) -> tuple[str, ...]:
        """Codes of the units."""
        return taxonomy(self.order).labels


@dataclass(frozen=True)
class Graph:
    """Relations of n units.

    Attributes:
        both: Rows in which units i and j are active, (n, n); of those where both are known.
        conditional: P(j active | i active), (n, n), from rows where both are known; NaN where i is never active.
        adjacency: Per row 1 where i and j are both active, (rows, n, n); 0 where one is unknown.
    """

    both: np.ndarray[Any, np.dtype[np.int64]]
    conditional: Floats
    adjacency: np.ndarray[Any, np.dtype[np.uint8]]


def graph(active: Floats) -> Graph:
    """The graph of rows of units.

    Args:
        active: 1, 0 or NaN for unknown, (rows, n).
    """
    known = ~np.isnan(active)
    on = np.where(known, active, 0) > 0
    both = on.T.astype(np.int64) @ on.astype(np.int64)
    given = on.T.astype(np.int64) @ known.astype(np.int64)
    conditional = np.divide(both, given, out=np.full(both.shape, np.nan), where=given > 0)
    return Graph(both, conditional, (on[:, :, None] & on[:, None, :]).astype(np.uint8))


def folds_of(subjects: Sequence[str], folds: int) -> list[int]:
    """Fold of each row, all rows of a subject in one; the largest subjects first, each into the smallest fold."""
    sizes, fill, found = Counter(subjects), [0] * folds, {}
    for subject, n in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        found[subject] = min(range(folds), key=lambda f: (fill[f], f))
        fill[found[subject]] += n
    return [found[s] for s in subjects]


class AuGraph(Measure):
    """For tables of occurrences, such as BP4D's: a column per unit, named by its number or code; 1, 0, 9 or empty."""

    name = "au_graph"
    doc = "Co-occurrence, P(j|i) and per-row adjacency of BP4D's 12 or DISFA's 8 units, subject folds, F1 per unit."
    source = SOURCE
    inputs = (
        Input("units", TABLE, "a row per frame: a column per unit (`1` or `AU1`), and `subject` for folds"),
        Input("predicted", TABLE, "the same rows as a model says them", optional=True),
    )
    config_type = GraphConfig
    config: GraphConfig

    def measure(self, given: Given) -> Result:
        """The graph; with --files also its matrices; F1 per unit where predictions are given."""
        units = self.config.units
        truth = _units(given.tables["units"], units, given.paths["units"])
        table = given.tables["units"]
        subjects = texts(table, "subject") if "subject" in table.column_names else None
        ids = [str(i) for i in range(len(truth))]
        found = _result(ids, truth, subjects, self.config, given.out)
        if not given.has("predicted"):
            return found
        said = _units(given.tables["predicted"], units, given.paths["predicted"])
        if said.shape != truth.shape:
            raise UsageError(f"{given.paths['predicted']} has {len(said)} rows", f"the other table has {len(truth)}")
        return Result(found.facts, {**found.tables, "F1": _f1(truth, said, units)}, found.notes, found.files)


class DatasetAuGraph(Measure):
    """For a dataset's action units: active by intensity where it has them (1 and more), else by score."""

    name = "dataset_au_graph"
    doc = "Graph of a dataset's action units (co-occurrence, P(j|i), adjacency), with folds by identity."
    source = SOURCE
    inputs = (Input("dataset", DATASET, "a dataset with action units"),)
    config_type = GraphConfig
    config: GraphConfig

    def measure(self, given: Given) -> Result:
        """The graph over the faces whose units are known."""
        dataset = given.datasets["dataset"]
        view = FaceView(dataset)
        here = set(view.columns())
        columns = [c for c in (labels.AU_INTENSITY, labels.AU_SCORE) if c.name in here]
        if not columns:
            fix = f"Run: facecurate annotate {dataset.path} -a action_units"
            raise UsageError(f"{dataset.path} has no action units", fix=fix)
        least = 1.0 if columns[0] is labels.AU_INTENSITY else ACTIVE
        more = [labels.IDENTITY_ID.name] if labels.IDENTITY_ID.name in here else []
        table = view.table([faces.FACE_ID.name, columns[0].name, *more])
        known = [i for i, v in enumerate(table.column(columns[0].name).to_pylist()) if v is not None]
        table = table.take(pa.array(known, pa.int64()))
        told = table.column(columns[0].name).to_pylist()
        active = np.array([[_active(row.get(u), least) for u in self.config.units] for row in told], np.float64)
        if not len(active):
            raise UsageError(f"{dataset.path} has no face with action units")
        ids = table.column(faces.FACE_ID.name).to_pylist()
        subjects = table.column(more[0]).to_pylist() if more else None
        return _result(ids, active, subjects, self.config, given.out)


def _active(value: float | None, least: float) -> float:
    return np.nan if value is None else float(value >= least)


def _units(table: pa.Table, units: Sequence[str], path: Path) -> Floats:
    columns = []
    for unit in units:
        name = next((n for n in (unit, unit.removeprefix("AU")) if n in table.column_names), None)
        if name is None:
            raise UsageError(f"{path} has no column {unit}", "every unit of the order must have one")
        values = numbers(table, name, path, gaps=True)
        values[values == UNKNOWN] = np.nan
        if not np.isin(values[~np.isnan(values)], (0, 1)).all():
            raise UsageError(f"{path} says something else than 0, 1, 9 or nothing in {name}")
        columns.append(values)
    return np.stack(columns, axis=1)


def _result(
    ids: list[str], active: Floats, subjects: Sequence[str | None] | None, config: GraphConfig, out: Path | None
) -> Result:
    made, units = graph(active), config.units
    pairs = [
        {"unit": a, "other": b, "both": int(made.both[i, j]), "P(other|unit)": number(made.conditional[i, j])}
        for i, a in enumerate(units)
        for j, b in enumerate(units)
        if i != j
    ]
    n = (~np.isnan(active)).sum(0)
    rates = [
        {
            "unit": u,
            "n": int(n[i]),
            "active": int(made.both[i, i]),
            "rate": float(made.both[i, i] / n[i]) if n[i] else None,
        }
        for i, u in enumerate(units)
    ]
    facts: dict[str, Any] = {"rows": len(ids), "units": list(units)}
    tables: dict[str, list[dict[str, Any]]] = {"units": rates, "pairs": pairs}
    fold = None
    if subjects is not None:
        named = [s if s is not None else f"row {i}" for i, s in enumerate(subjects)]
        fold = folds_of(named, config.folds)
        tables["folds"] = [
            {"fold": f, "rows": fold.count(f), "subjects": len({s for s, g in zip(named, fold, strict=True) if g == f})}
            for f in range(config.folds)
        ]
    files = _written(out, ids, made, fold) if out is not None else ()
    return Result(facts, tables, ("P(j|i) is of these labels; units that one model reads go together.",), files)


def _written(out: Path, ids: list[str], made: Graph, fold: list[int] | None) -> tuple[Path, ...]:
    import pyarrow.parquet as pq

    arrays: dict[str, np.ndarray[Any, Any]] = {
        CONDITIONAL: made.conditional.astype(np.float32),
        COUNTS: made.both,
        ADJACENCY: made.adjacency,
    }
    for name, array in arrays.items():
        with replacing(out / name) as file:
            np.save(file, array)
    columns: dict[str, Any] = {"id": ids}
    if fold is not None:
        columns["fold"] = fold
    with replacing(out / ROWS) as file:
        pq.write_table(pa.table(columns), file)
    return tuple(out / name for name in (*arrays, ROWS))


def _f1(truth: Floats, said: Floats, units: Sequence[str]) -> list[dict[str, Any]]:
    """F1 of each unit's presence over the rows where both are known, with its interval; and the mean of all."""
    rows: list[dict[str, Any]] = []
    for i, unit in enumerate(units):
        known = ~(np.isnan(truth[:, i]) | np.isnan(said[:, i]))
        t, s = truth[known, i] == 1, said[known, i] == 1
        found = bootstrap(_presence_f1, t, s, rounds=400)
        rows.append(
            {
                "unit": unit,
                "n": found.n,
                "F1": number(found.value),
                "low": number(found.low),
                "high": number(found.high),
            }
        )
    known_values = [r["F1"] for r in rows if r["F1"] is not None]
    mean = float(np.mean(known_values)) if known_values else None
    return [*rows, {"unit": "mean", "n": len(known_values), "F1": mean, "low": None, "high": None}]


def _presence_f1(truth: Any, said: Any, *, weight: Any = None) -> Any:
    """F1 of `True`; macro_f1 over the one class that is asked for."""
    return macro_f1(np.where(truth, "x", "-"), np.where(said, "x", "-"), ["x"], weight=weight, over="either")
