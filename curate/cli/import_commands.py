"""`import`: a published dataset on disk becomes a dataset with its labels as a layer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.importers import Found, Imported


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command("import")(import_)


def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The published dataset; see --list.")] = "",
    source: Annotated[Path | None, typer.Argument(metavar="SOURCE", help="Its folder, as it is unpacked.")] = None,
    dataset: Annotated[Path | None, typer.Argument(metavar="DATASET", help="Folder of the dataset to make.")] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the pictures; the dataset's own terms if not given.")
    ] = None,
    layer: Annotated[str, typer.Option(help="Name of the layer; import_NAME if not given.")] = "",
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Take in no pictures: label the faces of an existing dataset.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="List what can be imported.")] = False,
    detector: Annotated[str, typer.Option(help="Detector that finds the faces.")] = "yunet",
    workers: Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one per core.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count the labels; write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Start a dataset from a published one: its pictures are taken in, faces found, its labels become a layer."""
    from curate import importers
    from curate.importers import run
    from schemas import UsageError

    if listing:
        _list()
        return
    if not name or source is None or (dataset is None and not dry_run):
        raise UsageError("import needs NAME, SOURCE and DATASET", fix="'facecurate import --list' names what it knows")
    if dry_run:
        _show_found(run.dry_run(name, source))
        return
    assert dataset is not None
    options = importers.ImportOptions(
        licence=licence, layer=layer, labels_only=labels_only, detector=detector, workers=workers, quiet=quiet,
        command=tuple(sys.argv[1:]),
    )  # fmt: skip
    done = importers.import_dataset(name, source, dataset, options)
    if not quiet:
        _show(done)


def _list() -> None:
    from curate.cli.tables import show_rows
    from curate.importers import importer, importer_names

    known = [importer(name) for name in importer_names()]
    show_rows(("name", "what it is", "files", "terms"),
              [(c.name, c.doc, c.files, c.licence or "as you say with --licence") for c in known])  # fmt: skip


def _show_found(found: Found) -> None:
    pictures = {(record.path, record.member) for record in found.records}
    typer.echo(f"{len(found.records):,} records of {len(pictures):,} pictures; nothing was written")
    for name in found.columns:
        typer.echo(f"  {name}: {sum(name in r.labels for r in found.records):,}")
    for reason, number in found.left_out.items():
        typer.echo(f"  not taken over: {number:,}: {reason}")


def _show(done: Imported) -> None:
    state = "written" if done.written else "was there already"
    typer.echo(f"{done.dataset.path}: {done.records:,} records; layer {done.layer} {state}")
    for what, number in done.outcomes.items():
        typer.echo(f"  {number:,}: {what}")
    for reason, number in done.left_out.items():
        typer.echo(f"  not taken over: {number:,}: {reason}")
    for column, number in done.columns.items():
        typer.echo(f"  {column}: {number:,} faces")
