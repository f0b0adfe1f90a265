"""Making a plan: count, solve, prove what cannot be met, and say it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from curate.balance.model import REAL, SYNTHETIC, Demand, Floats, Model, build, fixed_size
from curate.balance.options import ADD, COLLECT, NEAREST, REWEIGHT, Options
from curate.balance.plan import CellPlan, Plan
from curate.balance.proof import prove
from curate.balance.sizes import holding_down, reference_size
from curate.balance.solve import Solution, nearest, solver, strict
from curate.balance.survey import Survey
from curate.balance.weights import NOISE, Weighting, effective_size, reweighted
from curate.balance.words import shares_of_cells, why_over, why_short
from schemas import UsageError


def make_plan(survey: Survey, options: Options, dataset: dict[str, Any], name: str) -> Plan:
    """The plan for counts by cell.

    Args:
        survey: Counts by cell.
        options: The choices.
        dataset: What the plan says about its dataset.
        name: Of the plan.

    Raises:
        MissingExtraError: if scipy is not installed.
        UsageError: if an aim has no end, or no plan is found in time.
    """
    used = solver()
    if not (options.targets or options.least or options.most):
        raise UsageError("no target", fix="Give one: --target uniform, --target table.csv or --least 50")
    model, found = _solved(survey, options)
    counts = model.by_cell(found.values)
    weighting = _weighting(model, counts)
    cost = float(model.costs @ found.values)
    groups = [_group(model, demand, counts, weighting, cost) for demand in model.demands]
    short = sorted((g for g in groups if g["short"] or g["over"]), key=lambda g: -max(g["short"], g["over"]))
    best = [g["row"] for g in short]
    missed = weighting is not None and weighting.missed > 0
    reference = model.size if fixed_size(options) is None else None
    facts = {"met": not short, "reference_size": reference, "stages": [asdict(stage) for stage in found.stages]}
    return Plan(
        name=name,
        dataset=dataset,
        columns=list(options.by),
        cells=_cells(model, found.values, weighting, groups),
        groups=[_public(g) for g in groups],
        totals={**_totals(model, found.values, weighting), "held_down_by": holding_down(model, counts)},
        cost=cost,
        budget=options.budget,
        unreachable=[{**_public(g), "way_out": _way_out(g)} for g in short],
        certificate=prove(survey, options, counts, missed, best) if short else None,
        options=options.as_dict(),
        solver={**used, **facts, **_weights_facts(weighting)},
        seed=options.seed,
    )


def _public(group: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in group.items() if k != "row"}


def _solved(survey: Survey, options: Options) -> tuple[Model, Solution]:
    """The best plan that meets all demands, else the nearest."""
    model = build(survey, options)
    found = strict(model, options.seconds)
    if found is None:
        reference = reference_size(model) if model.size is None else None
        model = build(survey, options, exact=True, reference=reference)
        found = nearest(model, options.seconds)
    elif options.objective == NEAREST:
        found = nearest(_near(model), options.seconds)
    return model, found


def _near(model: Model) -> Model:
    """The optimisation of the nearest plan among those that meet the targets within the tolerance."""
    exact = build(model.survey, model.options, exact=True)
    kept = [replace(row, name=f"within {row.name}", demand=False) for row in model.rows if row.demand]
    return replace(exact, rows=[*exact.rows, *kept])


def _weighting(model: Model, counts: Floats) -> Weighting | None:
    if REWEIGHT not in model.options.allow:
        return None
    return reweighted(counts, model.demands, model.options.tolerance, model.options.max_weight_ratio)


def _weights_facts(weighting: Weighting | None) -> dict[str, Any]:
    if weighting is None:
        return {}
    facts = {"effective": weighting.effective, "bound": weighting.bound, "missed_share": weighting.missed}
    return {"weights": facts}


def _group(model: Model, demand: Demand, counts: Floats, weighting: Weighting | None, cost: float) -> dict[str, Any]:
    """What is asked of a group, what is planned, and why that falls short; with weights, what the faces count as."""
    size = float(counts.sum()) if model.size is None else model.size
    have = float(counts[demand.cells].sum())
    low, high = demand.limits(size, model.options.tolerance)
    weighted = None
    if weighting is not None and demand.share is not None:
        weighted = float((counts * weighting.weight)[demand.cells].sum())
        short, over = missed_weight(weighted, demand.share, float(counts.sum()), model.options.tolerance)
    else:
        short, over = max(low - have, 0.0), max(have - high, 0.0)
    cells = demand.cells.tolist()
    why = why_short(model, cells, cost) if short else why_over(model, cells, counts) if over else ""
    return {
        "kind": demand.kind,
        "labels": dict(zip(demand.columns, demand.labels, strict=True)),
        "share": demand.share,
        "low": low,
        "high": None if math.isinf(high) else high,
        "planned": have,
        "weighted": weighted,
        "short": short,
        "over": over,
        "why": why,
        "row": f"{demand.kind if weighted is None else 'weight'}[{model.demands.index(demand)}] {demand.name} low",
    }


def missed_weight(weighted: float, share: float, size: float, tolerance: float) -> tuple[float, float]:
    """By how much the weight of a group is below and above what is asked, in faces; what is but noise is none."""
    short, over = share * size * (1 - tolerance) - weighted, weighted - share * size * (1 + tolerance)
    noise = 10 * NOISE * size
    return short if short > noise else 0.0, over if over > noise else 0.0


def _way_out(group: dict[str, Any]) -> str:
    if group["weighted"] is not None:
        return "more faces of this group, or a larger ratio of weights"
    if group["short"]:
        return f"lower what is asked from {group['low']:,.0f} to {group['planned']:,.0f} faces"
    return f"raise what is allowed from {group['high']:,.0f} to {group['planned']:,.0f} faces"


def _cells(
    model: Model, values: Floats, weighting: Weighting | None, groups: Sequence[dict[str, Any]]
) -> list[CellPlan]:
    survey, total = model.survey, float(model.by_cell(values).sum())
    kept = {what: np.zeros(len(survey.cells), np.int64) for what in (REAL, SYNTHETIC, COLLECT)}
    added: list[dict[str, int]] = [{} for _ in survey.cells]
    for variable, value in zip(model.variables, values.astype(np.int64).tolist(), strict=True):
        if variable.what == ADD and value:
            added[variable.cell][variable.generator] = value
        elif variable.what in kept:
            kept[variable.what][variable.cell] += value
    shares = shares_of_cells(model)
    size = total if model.size is None else model.size
    lack = {tuple(g["labels"].items()): g for g in groups if list(g["labels"]) == list(survey.columns) and g["short"]}
    found = []
    for i, labels in enumerate(survey.cells):
        keep = int(kept[REAL][i] + kept[SYNTHETIC][i])
        collect = int(kept[COLLECT][i])
        sum_ = keep + collect + sum(added[i].values())
        group = lack.get(tuple(labels.items()))
        found.append(
            CellPlan(
                labels=labels,
                now=int(survey.now[i]),
                real=int(survey.real[i]),
                synthetic=int(survey.synthetic[i]),
                sources=int(survey.sources[i]),
                target=float(sum_) if shares is None or math.isnan(shares[i]) else float(shares[i] * size),
                keep=keep,
                keep_synthetic=int(kept[SYNTHETIC][i]),
                drop=int(survey.now[i]) - keep,
                add=added[i],
                tries=_tries(model, labels, added[i]),
                collect=collect,
                weight=1.0 if weighting is None else float(weighting.weight[i]),
                short=group["short"] if group else 0.0,
                why=group["why"] if group else "",
            )
        )
    return found


def _tries(model: Model, labels: dict[str, str], added: dict[str, int]) -> dict[str, int]:
    rates = {g.name: g.rate_in(labels) for g in model.options.generators}
    return {name: math.ceil(count / rates[name] - 1e-9) for name, count in added.items()}


def _totals(model: Model, values: Floats, weighting: Weighting | None) -> dict[str, Any]:
    counts = model.by_cell(values)
    now = int(model.survey.now.sum())

    def number(what: str) -> int:
        return int(values[model.where(what)].sum())

    keep = number(REAL) + number(SYNTHETIC)
    weight = np.ones(len(counts)) if weighting is None else weighting.weight
    return {
        "now": now,
        "keep": keep,
        "keep_synthetic": number(SYNTHETIC),
        "drop": now - keep,
        "aside": model.survey.counts(),
        "add": number(ADD),
        "collect": number(COLLECT),
        "planned": int(counts.sum()),
        "effective_size": round(effective_size(counts, weight), 3),
    }
