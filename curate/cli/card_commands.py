"""`card`: the data card of a dataset and its Croissant metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.card import Inputs


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(card)


def card(
    dataset: Annotated[Path | None, typer.Argument(metavar="DATASET", help="Folder of the dataset.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where to; beside the data if not given.")
    ] = None,
    about: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML with what only people can say; see --questions.")
    ] = None,
    audit: Annotated[
        list[Path], typer.Option(metavar="FILE", help="JSON of an audit; those in the dataset if not given.")
    ] = [],  # noqa: B006 - typer copies it
    evaluation: Annotated[
        list[Path], typer.Option(metavar="FILE", help="JSON of an evaluation; those in the dataset if not given.")
    ] = [],  # noqa: B006 - typer copies it
    validate: Annotated[
        bool, typer.Option("--validate", help="Check croissant.json with mlcroissant (extra `croissant`).")
    ] = False,
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an empty form for --about, and nothing else.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no notes.")] = False,
) -> None:  # fmt: skip
    """Write a data card (Markdown, HTML) and Croissant 1.1 + RAI metadata, filled from what is measured."""
    from curate.card import Inputs
    from schemas import UsageError

    if questions is not None:
        _write_form(questions)
        return
    if dataset is None:
        raise UsageError("no dataset is named", fix="Give its folder, or --questions FILE for an empty form")
    if output is not None and output.exists() and not output.is_dir():
        raise UsageError(f"{output} is not a folder", fix="Give a folder; four files go there")
    if validate:
        from curate.card.validate import require

        require()
    from curate.card import About, read_about

    said = read_about(about) if about is not None else About()
    _write(dataset, Inputs(said, tuple(audit), tuple(evaluation)), output, validate, quiet)


def _write(dataset: Path, inputs: Inputs, output: Path | None, check: bool, quiet: bool) -> None:
    from curate.card.jsonld import unstated
    from curate.card.validate import validate
    from curate.card.write import write_card
    from curate.store import Dataset

    ds = Dataset.open(dataset)
    written = write_card(ds, inputs, output, quiet)
    for path in written:
        typer.echo(f"{path}")
    missing = unstated(ds, inputs.about)
    if missing and not quiet:
        typer.echo(f"not stated, though Croissant asks for it: {', '.join(missing)} (see --about)", err=True)
    if check:
        for warning in validate(written[-1]).warnings:
            typer.echo(f"mlcroissant warns: {warning}", err=True)
        typer.echo(f"{written[-1].name} is valid Croissant")


def _write_form(path: Path) -> None:
    from curate.card.about import form
    from curate.store.parts import replacing
    from schemas import UsageError

    if path.exists():
        raise UsageError(f"{path} exists already", fix="Give the name of a new file")
    with replacing(path) as file:
        file.write(form().encode("utf-8"))
    typer.echo(f"{path}")
