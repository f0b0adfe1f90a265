"""`audit`: who is in a dataset, and whom its labels fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.evaluate_commands import names_of, pairs_of

if TYPE_CHECKING:
    from curate.audit import Audit

FORMATS = ("table", "json")
SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(audit)


def audit(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    by: Annotated[
        str | None,
        typer.Option(help="Columns to group by, comma-separated, such as race,gender,age_group,skin_tone or "
                          "extra.NAME; a*b crosses two. By default the demographic ones."),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, max=4, help="Cross up to this many columns with one another.")] = 2,
    target: Annotated[
        list[str],
        typer.Option("--target", help="uniform; a CSV with the columns and share or count; or another dataset. "
                                      "May be repeated."),
    ] = ["uniform"],  # noqa: B006 - typer copies it
    columns: Annotated[str | None, typer.Option(help="Labels to compare; by default all.")] = None,
    layers: Annotated[str | None, typer.Option(help="Only these layers speak, comma-separated.")] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", "-t", help="Truth for errors by group: a table, layer:NAME or extra.")
    ] = None,
    truth_map: Annotated[
        list[str], typer.Option("--truth-map", help="COLUMN=MEANING of a truth column, as for evaluate.")
    ] = [],  # noqa: B006 - typer copies it
    maps: Annotated[
        list[str], typer.Option("--map", help="COLUMN=VOCABULARY that a truth or list column is written in.")
    ] = [],  # noqa: B006 - typer copies it
    evaluation: Annotated[
        str | None, typer.Option(help="JSON that evaluate wrote, in place of --truth.")
    ] = None,
    outcome: Annotated[
        list[str], typer.Option("--outcome", help="COLUMN=VALUE whose rates are compared between groups; needs truth.")
    ] = [],  # noqa: B006 - typer copies it
    filters: Annotated[
        list[str],
        typer.Option("--filter", help="SQL condition that faces would have to meet, such as 'quality >= 0.5'. "
                                      "The usual ones are always looked at."),
    ] = [],  # noqa: B006 - typer copies it
    interval: Annotated[str, typer.Option(help="Of shares: exact, wilson or multinomial.")] = "exact",
    min_group: Annotated[int, typer.Option(min=2, help="Groups with fewer faces are not compared.")] = 30,
    rounds: Annotated[int, typer.Option(min=100, max=100_000, help="Resamples behind an interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of permutations and resamples.")] = 0,
    compare: Annotated[
        Path | None, typer.Option(help="JSON of an earlier audit: the page shows before and after.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the result; DATASET/audit if not given.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the two files.")] = "audit",
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Show some adults' faces of each group on the page.")
    ] = True,
    form: Annotated[str, typer.Option("--format", "-f", help="table, or json on standard output.")] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:  # fmt: skip
    """Who is in a dataset, and whom its labels fail: shares, gaps, errors and filters by group, as a page and JSON."""
    from curate.audit import AuditOptions, read_audit
    from curate.audit.page_pictures import pictures_for
    from curate.audit.run import audit as run
    from curate.store import Dataset
    from schemas import UnknownNameError

    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    before = read_audit(compare) if compare else None
    ds = Dataset.open(dataset)
    found = run(ds, AuditOptions(
        by=names_of(by), depth=depth, target=tuple(target), columns=names_of(columns), layers=names_of(layers),
        truth=truth, truth_map=pairs_of(truth_map, "--truth-map"), maps=pairs_of(maps, "--map"),
        evaluation=evaluation, outcomes=pairs_of(outcome, "--outcome"), filters=tuple(filters), interval=interval,
        min_group=min_group, rounds=rounds, seed=seed, name=name, quiet=quiet or form == "json",
    ))  # fmt: skip
    written = found.save(output, before=before, pictures=pictures_for(ds, found) if pictures else None)
    if form == "json":
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False, allow_nan=False))
        return
    if not quiet:
        _show(found)
    for file in written:
        typer.echo(f"{file}")


def _show(found: Audit) -> None:
    """The findings, the worst first, and what the audit could not look at."""
    from curate.cli.tables import show_rows

    typer.echo(f"{found.dataset['faces']:,} faces by {', '.join(b for b in found.by if '*' not in b)}")
    rows = [(f.severity, f.section, f.sentence, f.interval, f"{f.n:,}") for f in found.findings[:SHOWN]]
    show_rows(("", "about", "finding", "95 % interval", "n"), rows)
    if not found.dataset["faces"]:
        typer.echo("There are no faces.")
    elif not found.findings:
        typer.echo("No difference between groups that chance would not explain.")
    if len(found.findings) > SHOWN:
        typer.echo(f"{len(found.findings) - SHOWN} more findings are on the page")
    for note in found.errors.notes if found.errors else ():
        typer.echo(f"errors: {note}", err=True)
    for section, why in found.absent.items():
        typer.echo(f"not looked at: {section.replace('_', ' ')}: {why}", err=True)
    typer.echo("Labels are perception, not facts about people; the page says what they may not be used for.")
