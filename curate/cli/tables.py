"""How the command line prints plans, counts and tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.engine.plan import Plan
    from curate.store import Dataset

FORMATS = ("table", "csv", "json")
UNLIMITED = 10_000
"""Columns of a line that goes to a file or a pipe: nothing is wrapped or cut there."""


def plan_lines(plan: Plan) -> Iterator[str]:
    """A plan in words, a line each."""
    if not plan.tasks:
        yield "Nothing to do: every label of this plan is there."
        return
    detect = [t for t in plan.tasks if t.detect]
    yield f"{len(plan.tasks)} shards to work on, {sum(t.images for t in plan.tasks)} pictures"
    if detect:
        yield f"  detect faces with {plan.job.detector} in {sum(t.images for t in detect)} pictures"
    for step in plan.job.steps:
        missing = sum(step.layer in t.layers for t in plan.tasks)
        failed = sum(step.layer in t.retry for t in plan.tasks)
        if missing:
            yield f"  {step.annotator} -> labels/{step.layer}, {missing} shards"
        if failed:
            yield f"  {step.annotator} again where it failed, {failed} shards"
        if missing or failed:
            yield from (f"    NOTE: {step.annotator} {notice}" for notice in plan.notices(step))
    yield f"  models: {', '.join(plan.weights) or 'none'}"


def show_counts(ds: Dataset) -> None:
    """What a dataset holds: pictures, faces, labels by status, the ledger by reason."""
    counts = ds.counts()
    images = counts.images
    parts = ", ".join(f"{n} {status}" for status, n in images.items() if n)
    typer.echo(f"{sum(images.values())} pictures ({parts or 'none'}), {counts.faces} faces")
    for reason, number in sorted(counts.reasons.items(), key=lambda kv: -kv[1]):
        typer.echo(f"  ledger: {number} {reason}")
    show_rows(
        ("layer", "ok", "not applicable", "failed"),
        [(name, *(c.get(s, 0) for s in ("ok", "not_applicable", "failed"))) for name, c in counts.layers.items()],
    )


def show_rows(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header; nothing where there are none."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    for i, title in enumerate(header):
        table.add_column(title, justify="right" if isinstance(rows[0][i], int | float) else "left")
    for row in rows:
        table.add_row(*(_cell(v) for v in row))
    wide = None if sys.stdout.isatty() else UNLIMITED
    Console(width=wide, highlight=False, markup=False).print(table)


def show_table(table: pa.Table, form: str) -> None:
    """Print an Arrow table as aligned text, CSV or one JSON object per line."""
    names = table.column_names
    rows = (dict(zip(names, values, strict=True)) for values in zip(*_cells(table), strict=True))
    if form == "json":
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False, default=str))
    elif form == "csv":
        _csv(names, rows)
    else:
        show_rows(names, [list(row.values()) for row in rows])


def _cells(table: pa.Table) -> list[list[Any]]:
    return [column.to_pylist() for column in table.columns]


def _csv(names: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> None:
    import csv
    import io

    def line(values: Sequence[object]) -> str:
        buffer = io.StringIO()
        csv.writer(buffer).writerow(values)
        return buffer.getvalue().rstrip("\r\n")

    typer.echo(line(names))
    for row in rows:
        typer.echo(line([json.dumps(v) if isinstance(v, dict | list) else v for v in row.values()]))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
