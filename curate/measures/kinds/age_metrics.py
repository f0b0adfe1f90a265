"""How far predicted ages are off: by age bin, by group, and for edited faces by the years they were to move."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.regression import bias, mae, within
from curate.measures.base import TABLE, Given, Input, Measure, Result
from curate.measures.columns_of_tables import groups_of, numbers, texts
from curate.measures.pictures import beside, cosine, labels_of, looked_at
from curate.measures.summary import averaged, by_group, mean_of, perceived, row_of, share_of
from schemas import UsageError
from schemas.bins import bins
from schemas.columns import labels

SOURCE = "MAE and CS(k) of Geng et al. 2007; age-conditional similarity of MyTimeMachine (Qiu et al. 2024)"
MOST = 10
"""Largest k of the cumulative score."""
DELTAS = (10.0, 20.0, 30.0)
"""Limits of the bins of |delta| in years."""
AGES = bins("age-fairface")
Array = NDArray[np.float64]


class AgeMetrics(Measure):
    """`age` is the true one, or for edited faces the one that was aimed at.

    With `source_age` errors are also given by |age - source_age|, and with `identity` (a cosine) identity too. With
    `gender` and `predicted_gender` the share of right genders is given by age bin.
    """

    name = "age_metrics"
    doc = "Age errors: MAE, bias, CS(k), by age bin, group and years moved; gender accuracy by age bin."
    source = SOURCE
    inputs = (
        Input(
            "ages",
            TABLE,
            "a row per face: `age`, `predicted_age`; `source_age`, `identity`, `gender`, `predicted_gender`, `person` "
            "and perceived groups if known",
            ("age", "predicted_age"),
        ),
    )

    def measure(self, given: Given) -> Result:
        """All figures."""
        table, path = given.tables["ages"], given.paths["ages"]
        truth, guess = (numbers(table, c, path) for c in ("age", "predicted_age"))
        if not len(truth):
            raise UsageError(f"{path} holds no rows")
        who = texts(table, "person") if "person" in table.column_names else None
        people = None if who is None else np.array([w or f"row {i}" for i, w in enumerate(who)])
        facts: dict[str, Any] = {
            "faces": len(truth),
            "MAE": bootstrap(mae, truth, guess, clusters=people).as_dict(),
            "bias": bootstrap(bias, truth, guess, clusters=people).as_dict(),
            "CS(5)": bootstrap(_within(5), truth, guess, clusters=people, proportion=True).as_dict(),
        }
        error = np.abs(guess - truth)
        named = [AGES.label(a) if AGES.low <= a <= AGES.high else None for a in truth]
        order = {label: i for i, label in enumerate(AGES.labels)}
        by_bin = sorted(by_group(error, {"age": named}, people), key=lambda row: order[str(row["group"])])
        tables = {
            "cumulative score": [
                {"k": k, **row_of(bootstrap(_within(k), truth, guess, clusters=people, proportion=True), "CS")}
                for k in range(MOST + 1)
            ],
            "MAE by age": by_bin,
            "MAE by group": by_group(error, groups_of(table, "gender"), people),
            "gender by age": _genders(table, named, order),
            "by years moved": _moved(table, path, truth, error, people),
        }
        return Result(facts, {name: rows for name, rows in tables.items() if rows})


def _within(k: int) -> Any:
    return lambda truth, guess, weight: within(truth, guess, k, weight=weight)


def _genders(table: pa.Table, named: Sequence[str | None], order: dict[str, int]) -> list[dict[str, Any]]:
    """Share of right genders in each age bin, and over all."""
    if not {"gender", "predicted_gender"} <= set(table.column_names):
        return []
    truth, guess = texts(table, "gender"), texts(table, "predicted_gender")
    known = [i for i, t in enumerate(truth) if t is not None]
    right = [truth[i] == guess[i] for i in known]
    rows = by_group(right, {"age": [named[i] for i in known]}, shares=True)
    rows = sorted(rows, key=lambda row: order[str(row["group"])])
    return [*rows, {"by": "age", "group": "all", **share_of(right)}]


def _moved(table: pa.Table, path: Path, aim: Array, error: Array, people: Any) -> list[dict[str, Any]]:
    """MAE and identity for each bin of the years a face was to move."""
    if "source_age" not in table.column_names:
        return []
    delta = np.abs(aim - numbers(table, "source_age", path))
    identity = numbers(table, "identity", path, gaps=True) if "identity" in table.column_names else None
    edges, rows = (0.0, *DELTAS, np.inf), []
    for low, high in itertools.pairwise(edges):
        chosen = (delta >= low) & (delta < high)
        if not chosen.any():
            continue
        who = None if people is None else people[chosen]
        name = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"
        rows.append({"|delta|": name, "figure": "MAE", **mean_of(error[chosen], who)})
        if identity is not None:
            rows.append({"|delta|": name, "figure": "identity", **mean_of(identity[chosen], who)})
    return rows


@dataclass(frozen=True)
class AgeIdentityConfig(Config):
    """What counts as the same age.

    Attributes:
        years: A reference counts if its age is within so many years of the output's.
    """

    years: float = 3.0


class AgeIdentity(Measure):
    """Each output is held against the person's own photos at about that age, so that ageing itself costs nothing.

    The figure of an output is its mean cosine with those photos. An output without any, or without a face, has none.
    """

    name = "age_identity"
    doc = "Identity of re-aged faces with photos of the person taken within a few years of that age."
    source = SOURCE
    inputs = (
        Input("outputs", TABLE, "a row per re-aged picture: `picture` and its `age`", ("picture", "age")),
        Input("references", TABLE, "a row per photo of the person: `picture` and `age`", ("picture", "age")),
    )
    config_type = AgeIdentityConfig
    config: AgeIdentityConfig

    def measure(self, given: Given) -> Result:
        """The mean over outputs, by decade of age, and each output's."""
        looks: dict[str, tuple[Array, list[dict[str, Any] | None], list[str]]] = {}
        for name in ("outputs", "references"):
            table, path = given.tables[name], given.paths[name]
            files = [str(f) for f in table.column("picture").to_pylist()]
            seen = [labels_of(s) for _, s in looked_at([beside(path, f) for f in files], given)]
            looks[name] = (numbers(table, "age", path), seen, files)
        (ages, outputs, files), (when, photos, _) = looks["outputs"], looks["references"]
        rows: list[dict[str, Any]] = []
        for age, output, file in zip(ages, outputs, files, strict=True):
            near = [p for p, a in zip(photos, when, strict=True) if abs(a - age) <= self.config.years]
            alike = [cosine((output or {}).get(_EMBEDDING), (p or {}).get(_EMBEDDING)) for p in near]
            kept = [c for c in alike if c is not None]
            rows.append({
                "picture": file, "age": float(age), "photos": len(kept),
                "identity": float(np.mean(kept)) if kept else None, "best": max(kept, default=None),
            })  # fmt: skip
        values = [row["identity"] for row in rows]
        decade = [f"{int(a) // 10 * 10}-{int(a) // 10 * 10 + 9}" for a in ages]
        facts = {"outputs": len(rows), "identity": averaged(values).as_dict()}
        tables = {
            "by age": by_group(values, {"age": decade}),
            "groups": by_group(values, perceived(outputs)),
            "outputs": rows,
        }
        return Result(facts, tables, (f"Only photos within {self.config.years:g} years of an output's age count.",))


_EMBEDDING = labels.EMBEDDING.name
