"""`evaluate`: how right the labels are, against truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.evaluation import Evaluation

FORMATS = ("table", "json")


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(evaluate)


def evaluate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    truth: Annotated[
        str,
        typer.Option(
            "--truth", "-t",
            help="CSV, TSV, JSONL or Parquet with what is known; layer:NAME; or extra (the list's own columns).",
        ),
    ],
    columns: Annotated[str | None, typer.Option(help="Columns to score; by default all there is truth for.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Group by these columns of truth or dataset, comma-separated; a*b crosses two.")
    ] = None,
    layers: Annotated[str | None, typer.Option(help="Only these layers speak, comma-separated.")] = None,
    maps: Annotated[
        list[str], typer.Option("--map", help="COLUMN=VOCABULARY: the taxonomy or coding a truth column is written in.")
    ] = [],  # noqa: B006 - typer copies it
    truth_map: Annotated[
        list[str],
        typer.Option("--truth-map", help="COLUMN=MEANING: a dataset column, or file, face_id, image_id, box, points, "
                                         "identity, faces."),
    ] = [],  # noqa: B006 - typer copies it
    only: Annotated[
        list[str], typer.Option("--only", help="COLUMN=VALUE: only rows of the truth with it, such as split=test.")
    ] = [],  # noqa: B006 - typer copies it
    pairs: Annotated[str | None, typer.Option(help="Table of picture pairs with same_person.")] = None,
    note: Annotated[str, typer.Option("--truth-note", help="Who says so, and under which licence.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the result; DATASET/evaluation if not given.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the two files; that of the truth if not given.")] = "",
    rounds: Annotated[int, typer.Option(min=100, max=100_000, help="Resamples behind each interval.")] = 1000,
    min_group: Annotated[int, typer.Option(min=2, help="Groups with fewer faces are not compared.")] = 30,
    iou: Annotated[float, typer.Option(min=0.05, max=0.95, help="Least overlap of a face with a true box.")] = 0.5,
    form: Annotated[str, typer.Option("--format", "-f", help="table, or json on standard output.")] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:  # fmt: skip
    """How right the labels are against truth: figures with intervals, by group, as a page and as JSON."""
    from curate.evaluation import EvaluateOptions
    from curate.evaluation.run import evaluate as run
    from schemas import UnknownNameError

    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    options = EvaluateOptions(
        columns=names_of(columns), by=names_of(by), layers=names_of(layers), maps=pairs_of(maps, "--map"),
        names=pairs_of(truth_map, "--truth-map"), only=pairs_of(only, "--only"), pairs=pairs,
        rounds=rounds, min_group=min_group, iou=iou, note=note,
        name=name, quiet=quiet or form == "json",
    )  # fmt: skip
    found = run(dataset, truth, options)
    written = found.save(output)
    if form == "json":
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False, allow_nan=False))
        return
    if not quiet:
        _show(found)
    for file in written:
        typer.echo(f"{file}")


def names_of(text: str | None) -> tuple[str, ...] | None:
    """Comma-separated names, or None where none were given.

    Raises:
        UsageError: if the text names nothing.
    """
    from schemas import UsageError

    found = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    if text is not None and not found:
        raise UsageError(f"'{text}' names nothing", fix="Give comma-separated names, or leave the option out")
    return found or None


def pairs_of(texts: Sequence[str], option: str) -> dict[str, str]:
    """LEFT=RIGHT texts as a mapping; `UsageError` for a text of another form."""
    from schemas import UsageError

    found = {}
    for text in texts:
        left, sign, right = text.partition("=")
        if not sign or not left.strip() or not right.strip():
            raise UsageError(f"{option} {text}", "it must be COLUMN=NAME")
        found[left.strip()] = right.strip()
    return found


def _show(found: Evaluation) -> None:
    from curate.cli.tables import show_rows
    from curate.evaluation.matching import ELSEWHERE
    from curate.evaluation.page import summary
    from curate.evaluation.wording import NONE

    matching = found.matching
    typer.echo(f"{matching['faces']:,} faces compared, from {matching['rows']:,} rows of {found.card.file}")
    for outcome, count in matching["outcomes"].items():
        if outcome != "matched":
            typer.echo(f"  {count:,} rows: {outcome}")
    if count := matching["found_by"].get(ELSEWHERE):
        typer.echo(f"  {count:,} rows: found by {ELSEWHERE}; is it the same picture?")
    rows = [
        (s.name, s.measure, s.value, s.reach or NONE, f"{s.n:,}", f"{s.worst} ({s.by})" if s.by else "", s.gap)
        for s in summary(found)
    ]
    show_rows(("label", "figure", "value", "95 % interval", "n", "worst group", "gap"), rows)
    for name, why in found.refused.items():
        typer.echo(f"not compared: {name}: {why}", err=True)
