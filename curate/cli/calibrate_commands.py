"""`calibrate`: probabilities that mean what they say, with sets and abstention, as a layer of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curate.cli.evaluate_commands import names_of, pairs_of

if TYPE_CHECKING:
    from curate.calibrate import Calibration


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(calibrate)


def calibrate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    truth: Annotated[
        str | None, typer.Option("--truth", "-t", help="Fit against this: a table, layer:NAME or extra.")
    ] = None,
    using: Annotated[
        Path | None, typer.Option("--using", "-u", help="Use a calibration that was fitted before.")
    ] = None,
    columns: Annotated[str | None, typer.Option(help="Label columns, comma-separated; all that can be.")] = None,
    by: Annotated[str, typer.Option(help="Label column whose groups are calibrated each for itself.")] = "",
    coverage: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Share of sets that are to hold the truth.")
    ] = 0.9,
    accuracy: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Accuracy that answers are to have; others are withheld.")
    ] = 0.9,
    least_answered: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share that is answered even if that accuracy is out of reach.")
    ] = 0.5,
    maps: Annotated[
        list[str], typer.Option("--map", help="COLUMN=VOCABULARY: the taxonomy or coding a truth column is written in.")
    ] = [],  # noqa: B006 - typer copies it
    truth_map: Annotated[list[str], typer.Option("--truth-map", help="COLUMN=MEANING: what a truth column is.")] = [],  # noqa: B006 - typer copies it
    note: Annotated[str, typer.Option("--truth-note", help="Who says so, and under which licence.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file; DATASET/calibration.json if not given.")
    ] = None,
    no_layer: Annotated[bool, typer.Option("--no-layer", help="Fit and report only; label nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table.")] = False,
) -> None:
    """Fit probabilities to truth, per label and group, and write calibrated labels as a new layer."""
    from curate.calibrate import CalibrateOptions, apply, load
    from curate.calibrate import calibrate as fit
    from curate.calibrate.fit import FitOptions
    from schemas import UsageError

    if (truth is None) == (using is None):
        raise UsageError("calibrate needs --truth to fit, or --using to use a file that was fitted before")
    if using is not None:
        found = load(using)
    else:
        options = CalibrateOptions(
            columns=names_of(columns),
            by=by,
            fit=FitOptions(coverage=coverage, accuracy=accuracy, least_answered=least_answered),
            maps=pairs_of(maps, "--map"),
            names=pairs_of(truth_map, "--truth-map"),
            note=note,
        )
        found = fit(dataset, str(truth), options)
        target = output or dataset / "calibration.json"
        found.save(target)
        if not quiet:
            _show(found)
        typer.echo(f"{target}")
    if not no_layer:
        typer.echo(f"labels/{apply(dataset, found)}")


COLUMNS = (
    ("ece_before", "ECE before"),
    ("ece_after", "after"),
    ("accuracy", "accuracy"),
    ("answer_rate", "answered"),
    ("accuracy_when_answered", "accuracy then"),
    ("set_coverage", "set coverage"),
    ("set_size", "set size"),
)


def _show(found: Calibration) -> None:
    from curate.cli.tables import show_rows

    methods = {c.column: c.settings[""].method for c in found.calibrators}
    for column, parts in found.reports.items():
        typer.echo(f"{column}: {methods[column]}; figures on faces left out of the fit")
        rows = [
            (group, figures["accuracy"]["n"], *(_cell(figures[k]) for k, _ in COLUMNS))
            for group, figures in parts.items()
        ]
        show_rows(("group", "n", *(title for _, title in COLUMNS)), rows)
    for column, why in found.refused.items():
        typer.echo(f"not calibrated: {column}: {why}")


def _cell(figure: dict[str, float | None]) -> str:
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.2f}-{high:.2f})"
