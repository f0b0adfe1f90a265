"""`report` and `view`: see a dataset in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Existing = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(report)
    app.command()(view)


def report(
    dataset: Existing,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file; report.html in the dataset if not given.")
    ] = None,
    faces: Annotated[int, typer.Option(min=0, help="Faces in the gallery.")] = 48,
    show_minors: Annotated[bool, typer.Option("--show-minors", help="Also show faces perceived as under 20.")] = False,
) -> None:
    """Write one self-contained HTML page: faces, distributions, quality, failures, models."""
    from curate.report import ReportOptions, write_report
    from curate.store import Dataset

    ds = Dataset.open(dataset)
    target = write_report(
        ds, output or ds.path / "report.html", ReportOptions(faces=faces, hide_minors=not show_minors)
    )
    typer.echo(f"Report: {target}")


def view(
    dataset: Existing,
    port: Annotated[int, typer.Option(help="Port of the FiftyOne App.")] = 5151,
    address: Annotated[str, typer.Option(help="Address it listens on.")] = "127.0.0.1",
    name: Annotated[str, typer.Option(help="Name of the FiftyOne dataset; the folder's name if not given.")] = "",
    save_as: Annotated[str, typer.Option(help="Author under whose name edits made in the App come home on exit.")] = "",
) -> None:
    """Open a dataset in the FiftyOne App (needs the extra `fiftyone`)."""
    from curate.bridges.fiftyone import view as open_app
    from curate.store import Dataset

    open_app(Dataset.open(dataset), port=port, address=address, name=name or None, author=save_as or None)
