"""`info`, `query`, `columns`, `annotators` and `doctor`: look, change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Existing = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")]
Format = Annotated[str, typer.Option("--format", "-f", help="table, csv or json.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(info)
    app.command()(query)
    app.command()(columns)
    app.command()(annotators)
    app.command()(doctor)


def info(
    dataset: Existing,
    ledger: Annotated[bool, typer.Option("--ledger", help="List every picture without labels.")] = False,
    form: Format = "table",
) -> None:
    """What a dataset holds: pictures, faces, labels by status, runs."""
    from curate.cli.tables import show_counts, show_rows, show_table
    from curate.store import Dataset
    from schemas.columns import images

    ds = Dataset.open(dataset)
    if ledger:
        wanted = [c.name for c in (images.NAME, images.STATUS, images.REASON, images.DETAIL)]
        show_table(ds.ledger().select(wanted), _form(form))
        return
    typer.echo(f"{ds.info.name or ds.path.name} (format {ds.info.format_version}, made {ds.info.created})")
    show_counts(ds)
    runs = [
        (r.id, r.outcome, sum(r.counts.get("images", {}).values()), round(r.seconds.get("total", 0), 1))
        for r in ds.runs()
    ]
    show_rows(("run", "outcome", "pictures", "seconds"), runs)


def query(
    dataset: Existing,
    sql: Annotated[str, typer.Argument(help="SQL over the tables faces, images, ledger, layers, or a layer by name.")],
    form: Format = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write a Parquet or CSV file instead.")] = None,
) -> None:
    """Ask a dataset with SQL (DuckDB); reads only the columns that the query names."""
    from curate.cli.tables import show_table
    from curate.store import Dataset

    table = Dataset.open(dataset).sql(sql)
    if output is None:
        show_table(table, _form(form))
    else:
        _write(table, output)
        typer.echo(f"{table.num_rows} rows -> {output}")


def columns(
    search: Annotated[str, typer.Argument(help="Only columns whose name, group or text contains this.")] = "",
) -> None:
    """Every column: type, unit and meaning."""
    from curate.cli.tables import show_rows
    from schemas import REGISTRY

    rows = [
        (c.name, c.group, c.kind.value, c.unit, c.doc)
        for c in REGISTRY.values()
        if search.lower() in f"{c.name} {c.group} {c.doc}".lower()
    ]
    show_rows(("column", "group", "kind", "unit", "meaning"), rows)
    if not rows:
        typer.echo(f"no column matches '{search}'")


def annotators() -> None:
    """Every annotator: what it reads, writes and loads."""
    from annotators.registry import annotator, annotator_names, detector, detector_names
    from curate.cli.tables import show_rows

    found = [annotator(n) for n in annotator_names()]
    rows = [
        (
            c.name,
            c.version,
            "yes" if c.default else "",
            ", ".join(p.name for p in c.provides),
            ", ".join(c.weights),
            c.doc,
        )
        for c in found
    ]
    rows += [
        (d.name, d.version, "detector", "faces", ", ".join(d.weights), d.doc) for d in map(detector, detector_names())
    ]
    show_rows(("annotator", "version", "default", "writes", "models", "what it does"), rows)


def doctor() -> int:
    """Check this installation: libraries, models, disk, cores; says how to mend what is wrong."""
    from curate.doctor import checks

    failed = False
    for check in checks():
        mark = {"ok": "ok  ", "warn": "note", "fail": "FAIL"}[check.state]
        typer.echo(f"{mark}  {check.name}: {check.detail}")
        failed |= check.state == "fail"
    return 1 if failed else 0


def _form(form: str) -> str:
    from curate.cli.tables import FORMATS
    from schemas import UnknownNameError

    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    return form


def _write(table: object, output: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    from schemas import UsageError

    writers = {".parquet": pyarrow.parquet.write_table, ".csv": pyarrow.csv.write_csv}
    if output.suffix not in writers:
        raise UsageError(f"output {output}", "the name must end in .parquet or .csv")
    if not output.parent.is_dir():
        raise UsageError(f"output {output}", f"there is no folder {output.parent}")
    writers[output.suffix](table, output)
