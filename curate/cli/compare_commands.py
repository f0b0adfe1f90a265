"""`compare`: what differs between the groups of a study, label by label."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.evaluate_commands import names_of

if TYPE_CHECKING:
    from curate.audit.compare import Comparison, Comparisons, Pair

SHOWN = 30
BELIEVED = 0.05


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(compare)


def compare(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    by: Annotated[str, typer.Option(help="Column of the groups: a label, a flag, or extra.NAME of the list.")],
    groups: Annotated[
        str | None, typer.Option(help="Groups to compare, comma-separated, such as ASD,TD; by default all.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Column that says whose face it is; then each person counts once.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="What to compare, comma-separated; by default all labels and numbers.")
    ] = None,
    layers: Annotated[str | None, typer.Option(help="Only these layers speak, comma-separated.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all comparisons, not only the first 30.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="JSON file to write.")] = None,
    output: Annotated[Path | None, typer.Option("--csv", "-o", help="CSV file to write, a row per comparison.")] = None,
    seed: Annotated[int, typer.Option(help="Of tables drawn where counts are small.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Compare groups of faces label by label: tests adjusted for their number, with effect sizes."""
    from curate.audit.compare import compare as run
    from curate.store import Dataset

    found = run(
        Dataset.open(dataset), by, groups=names_of(groups), subject=subject, columns=names_of(columns),
        layers=names_of(layers), seed=seed, quiet=quiet,
    )  # fmt: skip
    if json is not None:
        found.save(json)
    if output is not None:
        write_csv(found, output)
    if not quiet:
        _show(found, everything)
    for file in (json, output):
        if file is not None:
            typer.echo(f"{file}")


def write_csv(found: Comparisons, path: Path) -> None:
    """A row for each comparison, and for each pair of groups where there are more than two."""
    from curate.store.parts import replacing

    head = ["name", "aspect", "first", "second", "test", "statistic", "p", "p_adjusted", "measure", "effect", "low",
            "high", "n"]  # fmt: skip
    values = [f"{kind} {name}" for name in found.groups for kind in ("value", "median", "n")]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*head, *values])
    for row in found.rows:
        two = found.groups if len(found.groups) == 2 else ("", "")
        own = [x for g in row.groups for x in (_number(g.value.value), _number(g.median), g.value.n)]
        writer.writerow([row.name, row.aspect, *two, *_tested(row), *own])
        for pair in row.pairs:
            writer.writerow([row.name, row.aspect, pair.first, pair.second, *_tested(pair)])
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def _tested(found: Comparison | Pair) -> list[object]:
    test, effect = found.test, found.effect
    ends = [_number(x) for x in (effect.value, effect.low, effect.high)]
    return [
        test.name,
        _number(test.statistic),
        _number(test.p),
        _number(test.p_adjusted),
        found.measure,
        *ends,
        effect.n,
    ]


def _number(value: float) -> object:
    return "" if math.isnan(value) else value


def _show(found: Comparisons, everything: bool) -> None:
    from curate.cli.tables import show_rows

    unit = f"{found.subject} (subjects)" if found.subject else "faces"
    sizes = found.subjects or found.faces
    listing = ", ".join(f"{name} {n:,}" for name, n in zip(found.groups, sizes, strict=True))
    typer.echo(f"{found.by}: {listing} {unit}")
    rows = found.rows if everything else found.rows[:SHOWN]
    show_rows(
        ("what", "aspect", *found.groups, "effect (95 %)", "of", "test", "p", "q"),
        [
            (row.name, row.aspect, *(_of_group(row, i) for i in range(len(found.groups))), f"{row.effect:.2f}",
             row.measure, row.test.name, _chance(row.test.p), _chance(row.test.p_adjusted))
            for row in rows
        ],
    )  # fmt: skip
    if found.rows:
        believed = sum(row.test.p_adjusted < BELIEVED for row in found.rows)
        typer.echo(f"{believed} of {len(found.rows)} comparisons differ at q < {BELIEVED} (Benjamini and Hochberg)")
    else:
        typer.echo("Nothing could be compared. Run annotators that say more of the faces, or name --columns")
    if len(rows) < len(found.rows):
        typer.echo(f"the first {len(rows)} are shown; --all shows the rest")
    for note in found.notes:
        typer.echo(f"note: {note}")
    if found.left_out:
        typer.echo(f"note: {len(found.left_out)} could not be compared; --json names them with the reason")


def _of_group(row: Comparison, i: int) -> str:
    value = row.groups[i].value
    if math.isnan(value.value):
        return f"n={value.n:,}"
    return f"{value.value:.1%}" if row.aspect == "presence" else f"{value.value:.3g}"


def _chance(p: float) -> str:
    return "<1e-16" if p < 1e-16 else f"{p:.2g}"
