"""How far raters agree on labels or numbers, per rater, pair and group, and how unbalanced the labels are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from curate.agreement import by_pair, cohen, fleiss, icc, krippendorff, observed, places, with_interval
from curate.audit.exact import scipy
from curate.evaluation.intervals import Estimate
from curate.measures.base import TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import texts
from curate.measures.label_reliability import class_weights
from curate.measures.rows import Floats, Rated, filled, pivot
from curate.measures.summary import members, number
from schemas import UsageError

FEWEST = 3
"""Cases from which a rank correlation says anything."""


@dataclass(frozen=True)
class ReliabilityConfig(Config):
    """What the labels are.

    Attributes:
        order: The labels in their order, where they are ordinal; `taxonomy:NAME` is not needed, list them.
        rounds: Resamples of the intervals.
    """

    order: tuple[str, ...] = ()
    rounds: int = 1000


class Reliability(Measure):
    """Labels that are all numbers are numbers (with ICC and interval alpha); others are ordinal only by `order`."""

    name = "reliability"
    doc = "Agreement of raters: Krippendorff's alpha, kappas, ICC, each rater against the rest, and label imbalance."
    source = "Krippendorff 2011; Fleiss 1971; Cohen 1960, 1968; Shrout and Fleiss 1979; Spearman 1904"
    inputs = (
        Input("ratings", TABLE, "a row per rating: `item`, `rater`, `label`, and `group` of the item if known",
              ("item", "rater", "label")),
    )  # fmt: skip
    extra = "audit"
    config_type = ReliabilityConfig
    config: ReliabilityConfig

    def measure(self, given: Given) -> Result:
        """Statistics with intervals over items; tables of raters, pairs, labels and groups."""
        table, path = given.tables["ratings"], given.paths["ratings"]
        items, raters = filled(table, "item", path), filled(table, "rater", path)
        said = texts(table, "label")
        rated = pivot(items, raters, said, path)
        if len(rated.raters) < 2:
            raise UsageError(f"{path} has one rater", fix="Agreement needs two")
        values, ordered = self._values(rated)
        statistics = _statistics(ordered)
        facts: dict[str, Any] = {"items": len(rated.cases), "raters": len(rated.raters), "scale": ordered}
        overall = [{"statistic": name, **_row(self._estimated(f, values))} for name, f in statistics.items()]
        tables = {
            "agreement": [*overall, *_correlations(values, ordered)],
            "raters": _raters(rated, values, ordered),
            "pairs": self._pairs(rated, values, ordered),
        }
        if ordered != "interval":
            tables["labels"] = _imbalance([v for v in said if v is not None])
        if "group" in table.column_names:
            group = dict(zip(items, texts(table, "group"), strict=True))
            tables["groups"] = self._groups([group[c] for c in rated.cases], values, statistics)
        return Result(facts, tables, ("Intervals are from resampling items; the raters are taken as they are.",))

    def _values(self, rated: Rated) -> tuple[Floats, str]:
        """Ratings as numbers or places, and the scale: nominal, ordinal or interval."""
        if self.config.order:
            return places(rated.values, self.config.order)[0], "ordinal"
        try:
            return rated.numbers(), "interval"
        except ValueError:
            return places(rated.values)[0], "nominal"

    def _estimated(self, statistic: Callable[[Floats], float], values: Floats) -> Estimate:
        return with_interval(statistic, values, self.config.rounds)

    def _pairs(self, rated: Rated, values: Floats, scale: str) -> list[dict[str, Any]]:
        kinds = {"kappa": cohen}
        if scale != "nominal":
            kinds["quadratic kappa"] = partial(cohen, scheme="quadratic")
        return [
            {"first": rated.raters[a.raters[0]], "second": rated.raters[a.raters[1]], "statistic": name,
             **_row(a.estimate)}
            for name, statistic in kinds.items()
            for a in by_pair(statistic, values, self.config.rounds)
        ]  # fmt: skip

    def _groups(
        self, groups: list[str | None], values: Floats, statistics: dict[str, Callable[[Floats], float]]
    ) -> list[dict[str, Any]]:
        name = next(reversed([n for n in statistics if n.startswith("alpha")]))
        return [
            {"group": group, "statistic": name, **_row(self._estimated(statistics[name], values[rows]))}
            for group, rows in members(groups)
        ]


def _statistics(scale: str) -> dict[str, Callable[[Floats], float]]:
    found: dict[str, Callable[[Floats], float]] = {"observed": observed, "Fleiss's kappa": fleiss}
    for metric in ("nominal", "ordinal", "interval"):
        found[f"alpha, {metric}"] = partial(krippendorff, metric=metric)
        if metric == scale:
            break
    return found


def _row(e: Estimate) -> dict[str, Any]:
    return {"n": e.n, "value": number(e.value), "low": number(e.low), "high": number(e.high)}


def _correlations(values: Floats, scale: str) -> list[dict[str, Any]]:
    if scale != "interval":
        return []
    found = [icc(values, form) for form in ("2,1", "3,1", "3,k")]
    return [
        {"statistic": f"ICC({i.form})", "n": i.cases, "value": number(i.value), "low": number(i.low),
         "high": number(i.high)}
        for i in found
    ]  # fmt: skip


def _raters(rated: Rated, values: Floats, scale: str) -> list[dict[str, Any]]:
    """Each rater against the rest: mean difference and rank correlation, or share of agreement with the others."""
    rows = []
    for j, rater in enumerate(rated.raters):
        own, others = values[:, j], np.delete(values, j, axis=1)
        counts = (~np.isnan(others)).sum(1)
        usable = ~np.isnan(own) & (counts > 0)
        row: dict[str, Any] = {"rater": rater, "rated": int((~np.isnan(own)).sum()), "shared": int(usable.sum())}
        same = (others[usable] == own[usable, None]).sum() / max(int(counts[usable].sum()), 1)
        row["agrees"] = number(float(same)) if usable.any() else None
        if scale != "nominal":
            middle = np.nansum(others[usable], 1) / counts[usable]
            row["higher by"] = number(float((own[usable] - middle).mean())) if usable.any() else None
            row["Spearman"] = number(_spearman(own[usable], middle))
        rows.append(row)
    return rows


def _spearman(one: Floats, other: Floats) -> float:
    if len(one) < FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(scipy("stats").spearmanr(one, other).statistic)


def _imbalance(said: list[str]) -> list[dict[str, Any]]:
    counts, weights = Counter(said), class_weights(said)
    return [
        {"label": label, "ratings": n, "share": n / len(said), "weight": weights[label]}
        for label, n in sorted(counts.items())
    ]
