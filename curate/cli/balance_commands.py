"""`balance`: a plan for a balanced dataset, what it costs, and what cannot be reached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from curate.balance.options import Options
    from curate.balance.plan import CellPlan, Plan
    from curate.balance.targets import World
    from curate.store import Dataset

MOST_LINES = 60
"""Cells that are printed; all are in the plan."""
Many = list[str]


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(balance)


def balance(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    by: Annotated[str, typer.Option(metavar="COLUMNS", help="Columns whose crossed labels are the cells.")] = "",
    target: Annotated[
        Many | None,
        typer.Option(metavar="TARGET", help="uniform, TABLE.csv, dataset:FOLDER, COLUMN=even or COLUMN=A:.6,B:.4."),
    ] = None,
    least: Annotated[Many | None, typer.Option(metavar="N", help="Fewest faces: 50, COLUMN=50, COLUMN=A:50.")] = None,
    most: Annotated[Many | None, typer.Option(metavar="N", help="Most faces, written likewise.")] = None,
    size: Annotated[str, typer.Option(help="Faces in all: a number, free (costs decide) or most.")] = "free",
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="Most by which a group may miss its target, as a share of it.")
    ] = 0.02,
    allow: Annotated[str, typer.Option(metavar="ACTIONS", help="Of add, collect, drop, reweight.")] = "",
    generators: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Yield and cost of each generator, TOML or JSON.")
    ] = None,
    collect: Annotated[
        str, typer.Option(metavar="COST", help="Cost of a new photographed face: a number, or a CSV of cells and cost.")
    ] = "",
    budget: Annotated[float | None, typer.Option(min=0, help="Most that the plan may cost.")] = None,
    objective: Annotated[
        str, typer.Option(help="cheapest: within the tolerance at least cost; nearest: as near as the budget allows.")
    ] = "cheapest",
    max_synthetic_share: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share of generated faces in a cell.")
    ] = 1.0,
    per_identity: Annotated[int | None, typer.Option(min=1, help="Most faces of one person.")] = None,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Do not set copies aside.")] = False,
    choose: Annotated[str, typer.Option(help="Who stays in a full cell: the best by quality, or random.")] = "quality",
    max_weight_ratio: Annotated[float, typer.Option(min=1, help="Largest sampling weight over the smallest.")] = 10.0,
    where: Annotated[str, typer.Option(metavar="SQL", help="Only these faces take part: \"split = 'train'\".")] = "",
    bins: Annotated[
        Many | None, typer.Option(metavar="COLUMN=LIMITS", help="Limits between groups of a column of numbers.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides between faces that are equally good.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time for the solver.")] = 10.0,
    name: Annotated[str, typer.Option(help="Name of the plan and, after balance_, of its layer.")] = "default",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where the plan is written.")] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write face ids and sampling weights as Parquet.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and write nothing.")] = False,
    verify: Annotated[Path | None, typer.Option(metavar="PLAN", help="Check a plan against the data.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table.")] = False,
) -> int:
    """Plan a balanced dataset: what to keep, drop, add, collect or weigh, its cost, and proof of what is out of reach.

    The selection is the layer balance_NAME; every drop stands there and in plans/NAME.drops.parquet with its rule.
    """
    from curate.balance.options import Options, parse_bins, parse_size
    from curate.store import Dataset

    ds = Dataset.open(dataset)
    if verify is not None:
        return _verify(ds, verify)
    columns = _names(by)
    options = Options(
        columns,
        size=parse_size(size), tolerance=tolerance, budget=budget, objective=objective, choose=choose,
        max_synthetic_share=max_synthetic_share, per_identity=per_identity, duplicates=not keep_duplicates,
        max_weight_ratio=max_weight_ratio, where=where, bins=parse_bins(bins or []), seed=seed, seconds=seconds,
        **_means(_names(allow), generators, collect, columns),
    )  # fmt: skip
    plan = _plan(ds, options, (target or [], least or [], most or []), name, out, weights, dry_run)
    if not quiet:
        _show(plan)
    return 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n.strip() for n in text.split(",") if n.strip()))


def _means(allow: tuple[str, ...], generators: Path | None, collect: str, by: tuple[str, ...]) -> dict[str, Any]:
    """What may be done: as said, else dropping and whatever costs are given for."""
    from curate.balance.generators import read_generators
    from curate.balance.options import ADD, COLLECT, DROP, read_collecting

    given = [DROP, *[ADD] * (generators is not None), *[COLLECT] * bool(collect)]
    return {
        "allow": allow or tuple(given),
        "generators": read_generators(generators, by) if generators else (),
        "collecting": read_collecting(collect, by) if collect else None,
    }


def _plan(
    ds: Dataset,
    options: Options,
    asked: tuple[Many, Many, Many],
    name: str,
    out: Path | None,
    weights: Path | None,
    dry_run: bool,
) -> Plan:
    from curate.balance.census import read_faces
    from curate.balance.make import make_plan
    from curate.balance.save import plan_path, save_plan
    from curate.balance.select import layer_name
    from curate.store.names import check_name

    check_name("plan", name)
    path = out or plan_path(ds, name)
    layers = [i.name for i in ds.layers() if i.name != layer_name(name)]
    census = read_faces(ds, options, layers)
    options = _with_targets(options, asked, census.world())
    survey = census.survey(options.targets, [*options.least, *options.most])
    about = {"name": ds.info.name, "revision": ds.info.revision, "layers": layers}
    plan = make_plan(survey, options, about, name)
    if not dry_run:
        save_plan(ds, plan, survey, path, weights)
        typer.echo(f"Plan: {path}")
    return plan


def _with_targets(options: Options, asked: tuple[Many, Many, Many], world: World) -> Options:
    from curate.balance.targets import read_limit, read_target

    targets, least, most = asked
    return replace(
        options,
        targets=tuple(read_target(text, world) for text in targets),
        least=tuple(read_limit(text, world, "--least") for text in least),
        most=tuple(read_limit(text, world, "--most") for text in most),
    )


def _verify(ds: Dataset, path: Path) -> int:
    from curate.balance.plan import read_plan
    from curate.balance.verify import verify_plan

    problems = verify_plan(ds, read_plan(path))
    for problem in problems:
        typer.echo(f"facecurate: {problem}", err=True)
    typer.echo(f"{path}: {f'{len(problems)} statements do not hold' if problems else 'all statements hold'}")
    return 1 if problems else 0


def _show(plan: Plan) -> None:
    from curate.cli.tables import show_rows

    generators = list(dict.fromkeys(n for c in plan.cells for n in c.add))
    weighted = any(c.weight != 1 for c in plan.cells)
    collected = any(c.collect for c in plan.cells)
    made = any(c.synthetic for c in plan.cells)
    header = ["cell", "now", *["generated"] * made, "usable", "target", "keep", "drop", *generators]
    header += [*["collect"] * collected, "planned", "short", *["weight"] * weighted]
    ranked = sorted(plan.cells, key=lambda c: -c.short)[:MOST_LINES]
    shown = [c for c in plan.cells if c in ranked]
    show_rows(header, [_line(c, generators, made, collected, weighted) for c in shown])
    if len(shown) < len(plan.cells):
        typer.echo(f"and {len(plan.cells) - len(shown):,} more cells in the plan")
    _groups(plan)
    _totals(plan)
    _out_of_reach(plan)


def _line(cell: CellPlan, generators: list[str], made: bool, collected: bool, weighted: bool) -> list[Any]:
    short = f"{cell.short:,.0f}" if cell.short else ""
    return [
        cell.name, cell.now, *[cell.synthetic] * made, cell.available, round(cell.target), cell.keep, cell.drop,
        *(cell.add.get(n, 0) for n in generators), *[cell.collect] * collected, cell.planned, short,
        *[round(cell.weight, 3)] * weighted,
    ]  # fmt: skip


def _groups(plan: Plan) -> None:
    from curate.cli.tables import show_rows

    some = [g for g in plan.groups if g["labels"] and list(g["labels"]) != plan.columns]
    rows = [
        (
            " · ".join(g["labels"].values()),
            g["kind"],
            "" if g["share"] is None else f"{g['share']:.1%}",
            f"{g['low']:,.0f}",
            "" if g["high"] is None else f"{g['high']:,.0f}",
            f"{g['planned']:,.0f}",
        )
        for g in some
    ]
    if rows:
        typer.echo()
        show_rows(("group", "asked by", "share", "at least", "at most", "planned"), rows)


def _totals(plan: Plan) -> None:
    t = plan.totals
    typer.echo(
        f"\n{t['now']:,} faces now: keep {t['keep']:,}, drop {t['drop']:,}, add {t['add']:,}, "
        f"collect {t['collect']:,}: {t['planned']:,} planned"
    )
    limit = "" if plan.budget is None else f" of a budget of {plan.budget:,.4g}"
    typer.echo(f"cost: {plan.cost:,.4g}{limit}")
    if "weights" in plan.solver:
        facts = plan.solver["weights"]
        typer.echo(f"weighted, they count as {facts['effective']:,.0f} faces; no weights give more than "
                   f"{facts['bound']:,.0f}")  # fmt: skip
        if facts["missed_share"]:
            typer.echo(f"weights within the ratio miss a share by up to {facts['missed_share']:.1%} over the tolerance")
    if t["held_down_by"]:
        groups = ", ".join(f"{' · '.join(g['labels'].values())} ({g['faces']:,})" for g in t["held_down_by"])
        typer.echo(f"all faces are used of: {groups}")
    for rule, number in t["aside"].items():
        typer.echo(f"  set aside, {rule}: {number:,}")
    worst = max((s["gap"] for s in plan.solver["stages"]), default=0.0)
    if worst > 1e-4:
        typer.echo(f"the solver's time ran out: up to {worst:.1%} from the best; give it more with --seconds")


def _out_of_reach(plan: Plan) -> None:
    if not plan.unreachable:
        typer.echo("every target is reached")
        return
    typer.echo(f"\nOut of reach: {len(plan.unreachable)} groups. This plan comes as near as can be.")
    for group in plan.unreachable[:MOST_LINES]:
        name = " · ".join(group["labels"].values()) or "all faces"
        wanted, side = (group["low"], "short") if group["short"] else (group["high"], "over")
        have = f"{group['planned']:,.0f} planned"
        if group["weighted"] is not None:
            have += f", which weigh as {group['weighted']:,.0f}"
        typer.echo(f"  {name}: {wanted:,.0f} asked, {have}, {group[side]:,.0f} {side}: {group['why']}. "
                   f"Way out: {group['way_out']}")  # fmt: skip
    proof = plan.certificate or {}
    if "rows" in proof:
        typer.echo("Proof: these cannot hold together" + ("" if proof["irreducible"] else " (more than needed)"))
        for row in proof["rows"]:
            typer.echo(f"  {row['multiplier']:>8.4g} x  {row['words']}")
    elif proof:
        typer.echo(f"Proof: {proof['words']}")
    if proof.get("budget_needed"):
        typer.echo(f"A budget of {proof['budget_needed']:,.4g} would meet every target")
    elif "budget_needed" in proof:
        typer.echo("No budget would meet every target")
