"""`recipe`, `recipes`, `select` and `grid`: published datasets' construction on one's own photos."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from curate.recipes.recipe import Recipe
    from curate.recipes.run import Planned, Report, RunOptions, Watcher

MOST_REASONS = 12


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(recipe)
    app.command()(recipes)
    app.command()(select)
    app.command()(grid)


def recipe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe (see: facecurate recipes), or FILE.toml.")],
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PHOTOS...] OUT", help="Photos, as `run` takes them, and a new folder."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.", show_default=False)
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the steps as plain commands; do nothing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all, say what is done and to do; do nothing.")
    ] = False,
    only: Annotated[str, typer.Option(metavar="STEP", help="Do this step alone.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Do only the steps that need no photos.")] = False,
    workers: Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one per core.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars and no summary.")] = False,
) -> None:
    """Build a dataset as a published one was built. The same call goes on where it was stopped.

    A changed parameter does again the steps that depend on it. OUT/recipe.json and OUT/recipe.html say what was kept
    and dropped, and why.
    """
    from curate.cli.evaluate_commands import pairs_of
    from curate.recipes.recipe import load
    from curate.recipes.run import RunOptions, run_recipe
    from curate.recipes.summary import write_summary

    found = load(name)
    given = list(places or ())
    options = RunOptions(pairs_of(settings or (), "--set"), only, plan, workers, quiet, tuple(sys.argv[1:]))
    if explain:
        _explain(found, given, options)
        return
    if not given:
        raise typer.BadParameter("Missing argument 'OUT'")
    *photos, out = given
    if dry_run:
        _dry_run(found, photos, Path(out), options)
        return
    run_recipe(found, photos, Path(out), options, _watcher(quiet))
    page = write_summary(found, Path(out))
    if not quiet:
        typer.echo(f"\nSummary: {page}")


def _explain(found: Recipe, given: list[str], options: RunOptions) -> None:
    from curate.recipes.run import plan_steps
    from curate.recipes.step import shown

    photos, out = (given[:-1], Path(given[-1])) if given else ([], None)
    typer.echo(f"# {found.name}: {found.doc}")
    for key, value in found.source.items():
        typer.echo(f"# {key}: {' '.join(value.split())}")
    for one in plan_steps(found, photos, out, options):
        typer.echo(f"\n# {one.spec.name} ({one.kind}): {one.spec.doc}")
        if one.step is None:
            typer.echo("# left out with these parameters")
            continue
        for arguments in one.step.commands(one.site):
            typer.echo(shown(arguments))


def _dry_run(found: Recipe, photos: list[str], out: Path, options: RunOptions) -> None:
    from curate.recipes.run import outlook

    for one, state in outlook(found, photos, out, options):
        typer.echo(f"{one.spec.name} ({one.kind}): {state}")


def _watcher(quiet: bool) -> Watcher:
    from curate.recipes.run import Watcher

    class Printer(Watcher):
        def begins(self, number: int, total: int, planned: Planned) -> None:
            typer.echo(f"[{number}/{total}] {planned.spec.name} ({planned.kind}): {planned.spec.doc}")

        def ends(self, report: Report) -> None:
            _show(report)

    return Watcher() if quiet else Printer()


def _show(report: Report) -> None:
    if not report.done:
        typer.echo(f"{report.name}: {report.state}")
        return
    told = report.done
    gone = {k: n for k, n in told["dropped"].items() if n}
    lost = f", {sum(gone.values()):,} dropped" if gone else ""
    before = "" if report.state == "finished" else f" ({report.state})"
    typer.echo(f"  {report.name}: {told['kept']:,} {told['unit']}{lost}{before}")
    for reason, number in list(gone.items())[:MOST_REASONS]:
        typer.echo(f"    {number:>7,}  {reason}")
    if len(gone) > MOST_REASONS:
        typer.echo(f"    and {len(gone) - MOST_REASONS} more reasons in recipe.json")
    if report.state == "finished":
        _facts(told["facts"])
        for note in told["notes"]:
            typer.echo(f"    NOTE: {note}")


def _facts(facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        if value and isinstance(value, int | float | str) and not isinstance(value, bool):
            typer.echo(f"    {name}: {f'{value:.4g}' if isinstance(value, float) else value}")


def recipes() -> None:
    """List the recipes that come along."""
    from curate.cli.tables import show_rows
    from curate.recipes.recipe import load, recipe_names

    rows = []
    for name in recipe_names():
        found = load(name)
        parameters = ", ".join(f"{p.name}={p.default}" for p in found.parameters.values())
        rows.append((name, found.doc, found.source.get("title", ""), parameters))
    show_rows(("recipe", "what it builds", "after", "parameters"), rows)


def select(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    rules: Annotated[
        list[str], typer.Option("--rule", metavar="NAME:SQL", help="A condition that faces must meet, with a name.")
    ] = [],  # noqa: B006 - typer copies it
    name: Annotated[str, typer.Option(help="Name of the layer.")] = "selection",
    per: Annotated[str, typer.Option(metavar="COLUMN", help="Column whose values must keep enough faces.")] = "",
    least: Annotated[int, typer.Option(min=0, help="How many faces of one value must be left.")] = 0,
    after: Annotated[str, typer.Option(metavar="LAYER", help="Ask only the faces of this earlier selection.")] = "",
    drops: Annotated[Path | None, typer.Option(metavar="FILE", help="Parquet table of all faces that go.")] = None,
) -> None:
    """Choose faces by rules: the column `selected`, and by which rule each other face goes. Nothing is deleted."""
    from curate.recipes.select import Rules
    from curate.recipes.select import select as run
    from curate.store import Dataset
    from schemas import UsageError

    conditions = {}
    for text in rules:
        title, colon, sql = text.partition(":")
        if not colon or not title.strip() or not sql.strip():
            raise UsageError(f"--rule '{text}'", "it must be NAME: CONDITION", "Example: --rule 'sharp: quality > 0.5'")
        conditions[title.strip()] = sql.strip()
    found = run(Dataset.open(dataset), Rules(conditions, per, least), name, after, drops)
    typer.echo(f"labels/{found.layer}: {found.kept:,} faces kept")
    for rule, number in found.dropped.items():
        typer.echo(f"{number:>9,}  dropped by {rule}")


def grid(
    name: Annotated[str, typer.Argument(metavar="GRID", help="sig, emonet, or FILE.toml.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where grid.jsonl, grid.csv and counts.json go.")],
    count: Annotated[int, typer.Option(min=0, help="Pictures; 0 is the grid's whole.")] = 0,
    seed: Annotated[int, typer.Option(help="Another number gives other rows.")] = 0,
    control: Annotated[str, typer.Option(help="Also draw SIG's control images: dots or mesh.")] = "",
    side: Annotated[int, typer.Option(min=64, max=2048, help="Of the control images, px.")] = 512,
) -> None:
    """Lay out a grid of prompts as tables and count its cells; no picture is made."""
    from curate.recipes.grid_plan import plan_grid, write_grid

    found = plan_grid(name, count, seed)
    write_grid(found, folder, control, side)
    people = f" of {found.people:,} people" if found.people else ""
    typer.echo(
        f"{folder}: {len(found.rows):,} rows{people}, {found.cells:,} cells of {found.fewest} to {found.most} rows"
    )
