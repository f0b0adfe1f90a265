"""The plan as an optimisation: whole numbers of faces, and named rows `sum of coefficient x variable <= bound`.

Rows are of two kinds. Demands are what targets and limits ask; they may be missed where they must be. Facts are
what the data, the generators and the budget allow; no plan breaks them. Every row says itself in words, because
the rows that contradict each other are what a certificate shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.balance.generators import Generator
from curate.balance.options import ADD, COLLECT, DROP, FREE, NEAREST, Options
from curate.balance.plan import cell_name
from curate.balance.survey import Survey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
REAL, SYNTHETIC, TOTAL = "real", "synthetic", "total"
TARGET, LEAST, SIZE = "target", "least", "size"
ROUNDING = 1 - 1e-6
"""A demand that depends on the size is met from less than one face away: groups are whole faces."""
LARGEST = 1e9
"""No variable of a plan is larger; used where multipliers are not exact to the last bit."""


@dataclass(frozen=True)
class Variable:
    """A whole number that the plan decides.

    Attributes:
        what: `real` and `synthetic` faces kept, `add` by a generator, `collect`, or the `total` of all faces.
        cell: Number of the cell, -1 for the total.
        generator: Its name, for `add`.
        cost: Cost of one.
    """

    what: str
    cell: int
    generator: str = ""
    cost: float = 0.0


@dataclass(frozen=True)
class Row:
    """A named constraint.

    Attributes:
        name: Unique; a certificate refers to it.
        words: What it says.
        index: Variables.
        value: Their coefficients.
        bound: Most that the sum may be.
        demand: Whether it may be missed, at the price of a shortfall.
        group: Number of the demanded group, -1 for facts.
        upper: Whether it is the most that is asked of a group, not the least.
    """

    name: str
    words: str
    index: Ints
    value: Floats
    bound: float
    demand: bool = False
    group: int = -1
    upper: bool = False


@dataclass
class Demand:
    """What a target or a limit asks of one group.

    Attributes:
        kind: `target`, `least`, `most` or `size`.
        columns: Columns of the group.
        labels: Its labels.
        cells: Numbers of its cells.
        share: Share that it shall have; None for limits.
        low: Fewest faces, where the size is fixed or the limit is a count; None where it depends on the size.
        high: Most faces, likewise.
        source: Where the target comes from.
    """

    kind: str
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    cells: Ints
    share: float | None = None
    low: float | None = None
    high: float | None = None
    source: str = ""

    @property
    def name(self) -> str:
        """The group in words."""
        return cell_name(dict(zip(self.columns, self.labels, strict=True)))

    def limits(self, size: float, tolerance: float) -> tuple[float, float]:
        """Fewest and most faces within the tolerance, in a plan of some size; infinite where there is no limit."""
        if self.share is not None:
            return whole_limits(self.share * size, tolerance)
        return self.low or 0.0, math.inf if self.high is None else self.high


@dataclass
class Model:
    """Variables and rows.

    Attributes:
        survey: Counts by cell.
        options: The choices.
        variables: In order.
        demands: In order.
        rows: Named constraints.
        size: Faces in all that shares are counted of, None where the plan decides.
    """

    survey: Survey
    options: Options
    size: float | None
    variables: list[Variable] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def where(self, what: str) -> Ints:
        """Numbers of the variables of a kind."""
        return np.array([i for i, v in enumerate(self.variables) if v.what == what], np.int64)

    @property
    def costs(self) -> Floats:
        """Cost of one of each variable."""
        return np.array([v.cost for v in self.variables])

    def by_cell(self, values: Floats) -> Floats:
        """Faces per cell from the values of the variables."""
        found = np.zeros(len(self.survey.cells))
        for variable, value in zip(self.variables, values, strict=True):
            if variable.cell >= 0:
                found[variable.cell] += value
        return found


def fixed_size(options: Options) -> int | None:
    """Faces in all, as asked or as the tables of counts add up to; None where the plan decides."""
    if not isinstance(options.size, str):
        return options.size
    totals = {t.total for t in options.targets if t.total is not None}
    return totals.pop() if options.size == FREE and len(totals) == 1 else None


def smallest_size(options: Options) -> int:
    """Faces that a plan needs so that every group with a share in the targets has at least one."""
    least = [min(s for s in t.shares.values() if s > 0) * (1 - options.tolerance) for t in options.targets]
    return math.ceil(1 / min(least) + 1) if least and min(least) > 0 else 1


def build(
    survey: Survey, options: Options, *, budget: bool = True, exact: bool = False, reference: float | None = None
) -> Model:
    """The optimisation of a plan.

    Args:
        survey: Counts by cell.
        options: The choices.
        budget: With the limit on costs.
        exact: Demands without tolerance: what a nearest plan comes near to.
        reference: Size that shares are counted of where the size is not asked for; else the plan decides.
    """
    asked = fixed_size(options)
    model = Model(survey, options, reference if asked is None else asked)
    _variables(model)
    _demands(model, asked)
    parts = _parts(model)
    _demand_rows(model, parts, 0.0 if exact and options.objective == NEAREST else options.tolerance)
    _keep_rows(model)
    _generator_rows(model)
    _share_rows(model, parts)
    if budget and options.budget is not None:
        paid = np.flatnonzero(model.costs)
        words = f"the budget is {options.budget:g}"
        model.rows.append(Row("budget", words, paid, model.costs[paid], options.budget))
    return model


def _variables(model: Model) -> None:
    options, cells = model.options, model.survey.cells
    for what, counts in ((REAL, model.survey.real), (SYNTHETIC, model.survey.synthetic)):
        model.variables += [Variable(what, c) for c in np.flatnonzero(counts).tolist()]
    if ADD in options.allow:
        for generator in options.generators:
            model.variables += [
                Variable(ADD, c, generator.name, generator.cost_in(labels) / generator.rate_in(labels))
                for c, labels in enumerate(cells)
                if generator.serves_cell(labels)
            ]
    if COLLECT in options.allow and options.collecting is not None:
        prices = [options.collecting.cost_in(labels) for labels in cells]
        model.variables += [Variable(COLLECT, c, "", p) for c, p in enumerate(prices) if p is not None]
    if model.size is None:
        model.variables.append(Variable(TOTAL, -1))


def _demands(model: Model, size: int | None) -> None:
    survey, options = model.survey, model.options
    for target in options.targets:
        for group, cells in survey.members(target.columns).items():
            share = target.shares.get(group, 0.0)
            model.demands.append(Demand(TARGET, target.columns, group, cells, share, source=target.source))
    for kind, limits in ((LEAST, options.least), ("most", options.most)):
        for limit in limits:
            for group, cells in survey.members(limit.columns).items():
                if limit.labels in (None, group):
                    bounds = {"low" if kind == LEAST else "high": float(limit.count)}
                    model.demands.append(Demand(kind, limit.columns, group, cells, **bounds))  # type: ignore[arg-type]
    every = np.arange(len(survey.cells))
    if size is not None:
        model.demands.append(Demand(SIZE, (), (), every, low=float(size), high=float(size)))
    elif model.size is None:
        model.demands.append(Demand(SIZE, (), (), every, low=float(smallest_size(options))))


def _parts(model: Model) -> list[Ints]:
    """Numbers of the variables that add up to each cell."""
    found: list[list[int]] = [[] for _ in model.survey.cells]
    for i, variable in enumerate(model.variables):
        if variable.cell >= 0:
            found[variable.cell].append(i)
    return [np.array(numbers, np.int64) for numbers in found]


def _joined(parts: Sequence[Ints], cells: Iterable[int]) -> Ints:
    chosen = [parts[c] for c in cells]
    return np.concatenate(chosen) if chosen else np.empty(0, np.int64)


def _demand_rows(model: Model, parts: list[Ints], tolerance: float) -> None:
    total = np.flatnonzero([v.what == TOTAL for v in model.variables])
    if len(total):
        every = _joined(parts, range(len(parts)))
        for sign, name in ((1.0, "size.counted"), (-1.0, "size.counts")):
            index = np.concatenate([every, total])
            value = sign * np.concatenate([np.ones(len(every)), [-1.0]])
            model.rows.append(Row(name, "the size is the sum of all cells", index, value, 0.0))
    for number, demand in enumerate(model.demands):
        members = _joined(parts, demand.cells)
        if demand.share is not None and model.size is None:
            _shares(model, number, demand, members, int(total[0]), tolerance)
            continue
        if demand.share is not None and model.size is not None:
            demand.low, demand.high = whole_limits(demand.share * model.size, tolerance)
        ones = np.ones(len(members))
        name = f"{demand.kind}[{number}] {demand.name}"
        if demand.low is not None and demand.low > 0:
            words = f"{demand.name}: at least {demand.low:,.0f} faces are asked for"
            if demand.kind == SIZE and demand.high is None:
                words = f"with fewer than {demand.low:,.0f} faces in all some group would have none"
            model.rows.append(Row(f"{name} low", words, members, -ones, -demand.low, True, number))
        if demand.high is not None:
            words = f"{demand.name}: at most {demand.high:,.0f} faces are asked for"
            model.rows.append(Row(f"{name} high", words, members, ones, demand.high, True, number, True))


def whole_limits(faces: float, tolerance: float) -> tuple[float, float]:
    """Fewest and most whole faces that are within a tolerance, relative, of what is asked."""
    return math.floor(faces * (1 - tolerance) + 1e-6), math.ceil(faces * (1 + tolerance) - 1e-6)


def _shares(model: Model, number: int, demand: Demand, members: Ints, total: int, tolerance: float) -> None:
    """Rows of a share of a size that the plan decides."""
    share = demand.share or 0.0
    index, ones = np.append(members, total), np.ones(len(members))
    name = f"target[{number}] {demand.name}"
    low, high = share * (1 - tolerance), min(share * (1 + tolerance), 1.0)
    if low > 0:
        words = f"{demand.name}: at least {low:.4g} of all faces are asked for"
        model.rows.append(Row(f"{name} low", words, index, np.append(-ones, low), ROUNDING, True, number))
    if high < 1:
        words = f"{demand.name}: at most {high:.4g} of all faces are asked for"
        model.rows.append(Row(f"{name} high", words, index, np.append(ones, -high), ROUNDING, True, number, True))


def _keep_rows(model: Model) -> None:
    counts = {REAL: model.survey.real, SYNTHETIC: model.survey.synthetic}
    for i, variable in enumerate(model.variables):
        if variable.what not in counts:
            continue
        have = float(counts[variable.what][variable.cell])
        cell = cell_name(model.survey.cells[variable.cell])
        kind = "photographed" if variable.what == REAL else "generated"
        words = f"{cell}: {have:,.0f} {kind} faces are there to keep"
        model.rows.append(Row(f"{variable.what} {cell}", words, np.array([i]), np.ones(1), have))
        if DROP not in model.options.allow:
            words = f"{cell}: none of its {have:,.0f} {kind} faces may be dropped"
            model.rows.append(Row(f"keep {variable.what} {cell}", words, np.array([i]), -np.ones(1), -have))


def _generator_rows(model: Model) -> None:
    """Limits by source faces, of each cell and of cells that draw on the same sources.

    A source face may serve several cells of its pool, but not its own. By Hall's theorem the limits of single
    cells and of whole pools are enough: any two cells of a pool have all its faces between them.
    """
    for generator in model.options.generators:
        mine = {v.cell: i for i, v in enumerate(model.variables) if v.generator == generator.name}
        if not generator.needs_source:
            continue
        for pool in pools(model.survey, generator):
            served = [c for c in pool if c in mine]
            for cell in served:
                _source_row(model, generator, [cell], sources_of(model.survey, generator, cell, pool), [mine[cell]])
            if len(served) > 1:
                every = sorted({s for c in served for s in sources_of(model.survey, generator, c, pool)})
                _source_row(model, generator, served, every, [mine[c] for c in served])


def pools(survey: Survey, generator: Generator) -> list[list[int]]:
    """Cells that differ only in the columns that a generator changes; single cells if it changes none."""
    found: dict[tuple[str, ...], list[int]] = {}
    for number, labels in enumerate(survey.cells):
        kept = tuple(label for column, label in labels.items() if column not in generator.changes)
        found.setdefault(kept, []).append(number)
    return list(found.values())


def sources_of(survey: Survey, generator: Generator, cell: int, pool: Iterable[int]) -> list[int]:
    """Cells of a pool whose faces can be sources for a generator that fills a cell."""
    return [s for s in pool if generator.takes_from(survey.cells[s], survey.cells[cell])]


def _source_row(
    model: Model, generator: Generator, cells: Sequence[int], sources: Sequence[int], index: Sequence[int]
) -> None:
    have = int(model.survey.sources[list(sources)].sum())
    if have and generator.most_per_source is None:
        return
    most = have * (generator.most_per_source or 0)
    name = " + ".join(cell_name(model.survey.cells[c]) for c in cells)
    per = f" x {generator.most_per_source}" if generator.most_per_source else ""
    words = f"{generator.name} can add at most {most:,} faces to {name}: {have:,} source faces{per}"
    row = Row(f"sources {generator.name} {name}", words, np.array(index), np.ones(len(index)), float(most))
    model.rows.append(row)


def _share_rows(model: Model, parts: list[Ints]) -> None:
    """Largest shares of generated faces, in all and per generator."""
    limits: list[tuple[str, str, float]] = []
    if model.options.max_synthetic_share < 1:
        limits.append(("", "generated", model.options.max_synthetic_share))
    limits += [(g.name, g.name, g.most_share) for g in model.options.generators if g.most_share < 1]
    for generator, words, share in limits:
        for cell, members in enumerate(parts):
            chosen = np.array([_counts_as(model.variables[i], generator) for i in members], bool)
            if chosen.any():
                name = cell_name(model.survey.cells[cell])
                text = f"{name}: at most {share:.0%} may be {words} faces"
                spare = over_already(model.survey, model.options, cell) if not generator else 0.0
                model.rows.append(Row(f"share {words} {name}", text, members, chosen - share, spare))


def over_already(survey: Survey, options: Options, cell: int) -> float:
    """By how much a cell exceeds the largest share of generated faces where none may be dropped."""
    if DROP in options.allow:
        return 0.0
    made, every = float(survey.synthetic[cell]), float(survey.synthetic[cell] + survey.real[cell])
    return max(made - options.max_synthetic_share * every, 0.0)


def _counts_as(variable: Variable, generator: str) -> bool:
    if generator:
        return variable.generator == generator
    return variable.what in (SYNTHETIC, ADD)


def matrix(rows: Sequence[Row], width: int) -> tuple[Any, Floats]:
    """The rows as a sparse matrix, shape (rows, width), and their bounds."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    at = np.concatenate([np.full(len(r.index), i) for i, r in enumerate(rows)]) if rows else np.empty(0, np.int64)
    index = np.concatenate([r.index for r in rows]) if rows else np.empty(0, np.int64)
    value = np.concatenate([r.value for r in rows]) if rows else np.empty(0)
    return csr_array((value, (at, index)), shape=(len(rows), width)), np.array([r.bound for r in rows])
