"""`measure` and `measures`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from curate.measures.base import Result

MOST_ROWS = 30
"""Rows of a table that are printed; `--output` writes all of them."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(measure)
    app.command()(measures)


def measure(
    name: Annotated[str, typer.Argument(help="What to measure; `measures` lists them.", show_default=False)],
    inputs: Annotated[list[Path], typer.Argument(help="Datasets, tables or folders, as the measure asks.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="OPTION=VALUE; repeatable.", show_default=False)
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also write the figures as JSON.")] = None,
    files: Annotated[Path | None, typer.Option("--files", help="Folder for pictures of the result.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no tables.")] = False,
) -> None:
    """Measure what published work reports: identity and text alignment, restoration, age, landmarks, ratings, folds."""
    from curate.cli.evaluate_commands import pairs_of
    from curate.measures.run import run
    from curate.store.parts import write_json

    found = run(name, inputs, pairs_of(settings or (), "--set"), files, quiet)
    if output is not None:
        write_json(output, {"measure": name, "inputs": [str(p) for p in inputs], **found.as_dict()})
    if not quiet:
        show(found)


def show(found: Result) -> None:
    """Print a result."""
    from curate.cli.tables import show_rows

    for key, value in found.facts.items():
        typer.echo(f"{key}: {_text(value)}")
    for title, rows in found.tables.items():
        if rows:
            typer.echo(f"\n{title}")
            show_rows(list(rows[0]), [list(row.values()) for row in rows[:MOST_ROWS]])
        if len(rows) > MOST_ROWS:
            typer.echo(f"and {len(rows) - MOST_ROWS:,} more rows: --output FILE writes all")
    for note in found.notes:
        typer.echo(f"NOTE: {note}")
    for file in found.files:
        typer.echo(f"wrote {file}")


def _text(value: Any) -> str:
    """A fact for people; an estimate as `value (low-high), n = cases`."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict) and {"value", "low", "high", "n"} <= set(value):
        if value["value"] is None:
            return f"not known, n = {value['n']:,}"
        ends = "" if value["low"] is None else f" ({value['low']:.4g} to {value['high']:.4g})"
        return f"{value['value']:.4g}{ends}, n = {value['n']:,}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def measures() -> None:
    """List the measures, with what each takes."""
    from curate.cli.tables import show_rows
    from curate.measures.registry import measure as measure_class
    from curate.measures.registry import measure_names

    known = [measure_class(n) for n in measure_names()]
    rows = [(c.name, " ".join(f"[{i.name}]" if i.optional else i.name for i in c.inputs), c.doc) for c in known]
    show_rows(("measure", "takes", "what it measures"), rows)
