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
    queue: Annotated[
        list[Path] | None, typer.Option(help="List that `review queue` wrote, as a saved view; repeatable.")
    ] = None,
    pull: Annotated[bool, typer.Option("--pull", help="Only bring home what was changed in the App.")] = False,
) -> None:
    """Open a dataset in the FiftyOne App, with saved views of what is worth seeing (needs the extra `fiftyone`)."""
    from curate.bridges import fiftyone
    from curate.store import Dataset

    ds = Dataset.open(dataset)
    if not pull:
        fiftyone.view(
            ds, port=port, address=address, name=name or None, author=save_as or None, queues=tuple(queue or ())
        )
        return
    layer = fiftyone.bring_home(ds, name or None, save_as)
    typer.echo(f"wrote labels/{layer.name}" if layer else "Nothing new.")
