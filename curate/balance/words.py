"""Why a group stays short, in words that name what is there, what can be added, and the ways out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from curate.balance.model import Floats, Model, pools, sources_of
from curate.balance.options import ADD, COLLECT, DROP
from curate.balance.survey import RULES


def why_short(model: Model, cells: Sequence[int], spent: float) -> str:
    """What cells have and what can be added to them.

    Args:
        model: The plan's optimisation.
        cells: Numbers of the cells.
        spent: What it costs.
    """
    survey = model.survey
    chosen = list(cells)
    have = int(survey.real[chosen].sum())
    said = [f"{have:,} photographed faces are left" + _aside(model, chosen)]
    if made := int(survey.synthetic[chosen].sum()):
        said.append(f"{made:,} generated ones are there")
    said += [_generator(model, name, chosen) for name in dict.fromkeys(g.name for g in model.options.generators)]
    if model.options.max_synthetic_share < 1 and (made or model.options.generators):
        said.append(f"at most {model.options.max_synthetic_share:.0%} of a cell may be generated")
    if COLLECT in model.options.allow and not _variables(model, COLLECT, "", chosen):
        said.append("no new ones can be collected here")
    budget = model.options.budget
    if budget is not None and budget - spent < _cheapest(model, chosen):
        said.append(f"{spent:,.4g} of the budget of {budget:,.4g} are spent")
    return "; ".join(said)


def why_over(model: Model, cells: Sequence[int], counts: Floats) -> str:
    """Why a group has more faces than asked."""
    have = int(model.survey.real[list(cells)].sum() + model.survey.synthetic[list(cells)].sum())
    if DROP not in model.options.allow:
        return f"{have:,} faces are there and none may be dropped"
    return f"{counts[list(cells)].sum():,.0f} faces stay because other targets need them"


def _aside(model: Model, cells: list[int]) -> str:
    counts = {rule: int(model.survey.aside[rule][cells].sum()) for rule in RULES if rule in model.survey.aside}
    names = {"duplicate": "copies of others", "identity": f"more than {model.options.per_identity} of one person"}
    found = [f"{counts[rule]:,} {text}" for rule, text in names.items() if counts.get(rule)]
    now = int(model.survey.now[cells].sum() - model.survey.synthetic[cells].sum())
    return f" of {now:,}, less {' and '.join(found)}" if found else ""


def _generator(model: Model, name: str, cells: list[int]) -> str:
    generator = next(g for g in model.options.generators if g.name == name)
    served = [c for c in cells if generator.serves_cell(model.survey.cells[c])]
    if not served:
        return f"{name} does not serve this"
    if not generator.needs_source:
        limits = [f"at most {generator.most_share:.0%} of a cell"] if generator.most_share < 1 else []
        return f"{name} needs no source faces" + (f", {limits[0]}" if limits else "")
    sources: set[int] = set()
    for pool in pools(model.survey, generator):
        for cell in set(pool) & set(served):
            sources |= set(sources_of(model.survey, generator, cell, pool))
    have = int(model.survey.sources[sorted(sources)].sum())
    if generator.most_per_source is None:
        return f"{name} has {have:,} source faces of adults"
    most = have * generator.most_per_source
    return f"{name} can add at most {most:,} from {have:,} source faces of adults"


def _variables(model: Model, what: str, generator: str, cells: list[int]) -> list[int]:
    return [i for i, v in enumerate(model.variables) if v.what == what and v.generator == generator and v.cell in cells]


def _cheapest(model: Model, cells: list[int]) -> float:
    """Cost of the cheapest further face."""
    costs = [v.cost for v in model.variables if v.cell in cells and v.what in (ADD, COLLECT)]
    return min(costs, default=-math.inf)


def shares_of_cells(model: Model) -> Floats | None:
    """Share that a target over all columns asks of each cell, None without one."""
    found = np.full(len(model.survey.cells), np.nan)
    for demand in model.demands:
        if demand.share is not None and demand.columns == model.survey.columns:
            found[demand.cells] = demand.share
    return None if np.isnan(found).all() else found
