"""Checking a plan against the data by arithmetic of its own: counts, limits, demands, costs, weights and proof."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from curate.balance.census import read_faces
from curate.balance.generators import Generator
from curate.balance.make import missed_weight
from curate.balance.model import build, fixed_size
from curate.balance.options import ADD, COLLECT, DROP, REWEIGHT, Options
from curate.balance.plan import CellPlan, Plan
from curate.balance.proof import refuted
from curate.balance.select import layer_name
from curate.balance.survey import RULES, Survey
from curate.balance.weights import effective_size
from curate.store import Dataset
from schemas import FacecurateError
from schemas.columns import labels

CENT = 1e-6


def verify_plan(ds: Dataset, plan: Plan) -> list[str]:
    """Everything in a plan that the data do not bear out, a line each; empty if all of it holds."""
    try:
        options = Options.from_dict(plan.options)
        at = ds.at_revision(int(plan.dataset["revision"]))
        census = read_faces(at, options, plan.dataset["layers"])
        survey = census.survey(options.targets, [*options.least, *options.most])
        found = [*_counts(plan, survey), *_facts(plan, options), *_money(plan, options)]
        found += [] if found else [*_demands(plan, survey, options), *_weights(plan, options)]
        found += [] if found else [*_proof(plan, survey, options), *_layer(at, plan)]
    except FacecurateError as error:
        return [f"the data cannot be read as the plan says: {error}"]
    except (KeyError, TypeError, ValueError) as error:
        return [f"the plan is not understood: {type(error).__name__} {error}"]
    return found


def _counts(plan: Plan, survey: Survey) -> Iterator[str]:
    if [c.labels for c in plan.cells] != survey.cells:
        yield "the cells of the plan are not those of the data"
        return
    for what in ("now", "real", "synthetic", "sources"):
        for cell, count in zip(plan.cells, getattr(survey, what).tolist(), strict=True):
            if getattr(cell, what) != count:
                yield f"{cell.name}: the plan says {getattr(cell, what)} {what}, the data say {count}"
    if plan.totals["aside"] != survey.counts():
        yield f"faces set aside: the plan says {plan.totals['aside']}, the data say {survey.counts()}"


def _facts(plan: Plan, options: Options) -> Iterator[str]:
    """What no plan may break."""
    generators = {g.name: g for g in options.generators}
    for cell in plan.cells:
        if cell.keep_synthetic > cell.synthetic or cell.keep - cell.keep_synthetic > cell.real:
            yield f"{cell.name} keeps more faces than it has"
        if DROP not in options.allow and cell.keep != cell.available:
            yield f"{cell.name} drops faces, which is not allowed"
        if (cell.add and ADD not in options.allow) or (cell.collect and COLLECT not in options.allow):
            yield f"{cell.name} gets new faces, which is not allowed"
        if strange := [n for n in cell.add if n not in generators or not generators[n].serves_cell(cell.labels)]:
            yield f"{cell.name} gets faces from {strange[0]}, which does not serve it"
            return
        made = cell.keep_synthetic + sum(cell.add.values())
        there = 0.0 if DROP in options.allow else cell.synthetic - options.max_synthetic_share * cell.available
        if made > options.max_synthetic_share * cell.planned + max(there, 0.0) + CENT:
            yield f"{cell.name}: {made} of {cell.planned} faces are generated"
        for name, count in cell.add.items():
            if count > generators[name].most_share * cell.planned + CENT:
                yield f"{cell.name}: {count} of {cell.planned} faces are from {name}"
            if cell.tries.get(name) != math.ceil(count / generators[name].rate_in(cell.labels) - 1e-9):
                yield f"{cell.name}: the tries of {name} are not its faces over its yield"
    for generator in options.generators:
        yield from _sources(plan.cells, generator)


def _sources(cells: list[CellPlan], generator: Generator) -> Iterator[str]:
    """Whether the source faces suffice: a flow from cells that have them to cells that need them, by pools."""
    if not generator.needs_source:
        return
    pools: dict[tuple[str, ...], list[CellPlan]] = {}
    for cell in cells:
        key = tuple(label for column, label in cell.labels.items() if column not in generator.changes)
        pools.setdefault(key, []).append(cell)
    for pool in pools.values():
        wanted = [c for c in pool if c.add.get(generator.name)]
        for group in [[c] for c in wanted] + [wanted] * (len(wanted) > 1):
            have = sum(s.sources for s in pool if any(generator.takes_from(s.labels, c.labels) for c in group))
            need = sum(c.add[generator.name] for c in group)
            most = math.inf if have and generator.most_per_source is None else have * (generator.most_per_source or 0)
            if need > most:
                yield f"{group[0].name}: {generator.name} is to add {need} faces from {have} source faces"


def _money(plan: Plan, options: Options) -> Iterator[str]:
    cost = 0.0
    generators = {g.name: g for g in options.generators}
    for cell in plan.cells:
        for name, count in cell.add.items():
            cost += count * generators[name].cost_in(cell.labels) / generators[name].rate_in(cell.labels)
        if cell.collect and options.collecting is not None:
            each = options.collecting.cost_in(cell.labels)
            cost += math.inf if each is None else cell.collect * each
    if not math.isclose(cost, plan.cost, rel_tol=1e-6, abs_tol=CENT):
        yield f"the plan costs {cost:g}, not {plan.cost:g}"
    if plan.budget != options.budget or (plan.budget is not None and cost > plan.budget * (1 + CENT) + CENT):
        yield f"the plan costs {cost:g}, its budget is {plan.budget}"
    sums = {
        "now": sum(c.now for c in plan.cells),
        "keep": sum(c.keep for c in plan.cells),
        "keep_synthetic": sum(c.keep_synthetic for c in plan.cells),
        "drop": sum(c.drop for c in plan.cells),
        "add": sum(sum(c.add.values()) for c in plan.cells),
        "collect": sum(c.collect for c in plan.cells),
        "planned": sum(c.planned for c in plan.cells),
    }
    for name, number in sums.items():
        if plan.totals[name] != number:
            yield f"totals: {name} is {plan.totals[name]}, the cells add up to {number}"


def _demands(plan: Plan, survey: Survey, options: Options) -> Iterator[str]:
    """Whether each group is as far from what is asked as the plan says."""
    reference = plan.solver["reference_size"]
    demands = build(survey, options, reference=reference).demands
    counts = np.array([float(c.planned) for c in plan.cells])
    mass = counts * np.array([c.weight for c in plan.cells])
    asked = fixed_size(options)
    size = next(float(s) for s in (asked, reference, counts.sum()) if s is not None)
    if len(plan.groups) != len(demands):
        yield f"the plan speaks of {len(plan.groups)} groups, its targets of {len(demands)}"
        return
    for said, demand in zip(plan.groups, demands, strict=True):
        have = float(counts[demand.cells].sum())
        low, high = demand.low or 0.0, math.inf if demand.high is None else demand.high
        if demand.share is not None:
            low = math.floor(demand.share * (1 - options.tolerance) * size + CENT)
            high = math.ceil(demand.share * (1 + options.tolerance) * size - CENT)
        short, over = max(low - have, 0.0), max(have - high, 0.0)
        if REWEIGHT in options.allow and demand.share is not None:
            weighted = float(mass[demand.cells].sum())
            short, over = missed_weight(weighted, demand.share, float(counts.sum()), options.tolerance)
        if said["planned"] != have or not np.allclose((said["short"], said["over"]), (short, over), rtol=1e-6):
            yield (
                f"{demand.name}: the plan says {said['planned']:g} faces, {said['short']:g} short and "
                f"{said['over']:g} over; it is {have:g}, {short:g} and {over:g}"
            )
    missed = [g["labels"] for g in plan.groups if g["short"] or g["over"]]
    if len(missed) != len(plan.unreachable) or any(g["labels"] not in missed for g in plan.unreachable):
        yield f"{len(missed)} groups are missed, {len(plan.unreachable)} are said to be out of reach"


def _weights(plan: Plan, options: Options) -> Iterator[str]:
    counts = np.array([float(c.planned) for c in plan.cells])
    weight = np.array([c.weight for c in plan.cells])
    used = weight[counts > 0]
    if REWEIGHT not in options.allow:
        if (weight != 1).any():
            yield "the plan has weights, which are not allowed"
        return
    if not len(used):
        return
    if used.min() < 0 or used.max() > options.max_weight_ratio * used.min() * (1 + 1e-4):
        yield f"weights from {used.min():g} to {used.max():g} are further apart than {options.max_weight_ratio:g} to 1"
    if not math.isclose(float((counts * weight).sum()), counts.sum(), rel_tol=1e-6):
        yield "the weights are not 1 on average"
    if not math.isclose(effective_size(counts, weight), plan.totals["effective_size"], rel_tol=1e-4, abs_tol=0.01):
        yield f"the effective size is {effective_size(counts, weight):g}, not {plan.totals['effective_size']:g}"


def _proof(plan: Plan, survey: Survey, options: Options) -> Iterator[str]:
    if (plan.certificate is None) != (not plan.unreachable):
        yield "groups are out of reach without a proof, or the other way about"
    elif plan.certificate is not None:
        counts = np.array([float(c.planned) for c in plan.cells])
        if problem := refuted(plan.certificate, survey, options, counts):
            yield problem


def _layer(ds: Dataset, plan: Plan) -> Iterator[str]:
    """Whether the layer selects as many faces of each cell as the plan keeps, and names a rule for all others."""
    name = layer_name(plan.name)
    if name not in {info.name for info in ds.layers()}:
        return
    wanted = [labels.BALANCE_CELL.name, labels.BALANCE_SELECTED.name, labels.BALANCE_RULE.name]
    table = ds.layer_table(name, wanted)
    selected = table.filter(table.column(labels.BALANCE_SELECTED.name))
    counts = {p["values"]: p["counts"] for p in pc.value_counts(selected.column(labels.BALANCE_CELL.name)).to_pylist()}
    for cell in plan.cells:
        if counts.pop(cell.name, 0) != cell.keep:
            yield f"{cell.name}: labels/{name} does not select the {cell.keep} faces that the plan keeps"
    if counts:
        yield f"labels/{name} selects faces of cells that the plan lacks"
    dropped = table.filter(pc.invert(table.column(labels.BALANCE_SELECTED.name))).column(labels.BALANCE_RULE.name)
    if dropped.null_count or set(dropped.unique().to_pylist()) - set(RULES):
        yield f"labels/{name} drops faces without a rule"
