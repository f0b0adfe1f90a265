"""`stability`: which labels keep when the picture changes a little and the face does not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.stability import StabilityReport

Existing = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")]
Faces = Annotated[int, typer.Option("--faces", "-n", min=1, help="Faces to probe, about; half a second each.")]
By = Annotated[
    str | None, typer.Option(help="Label columns to report by, comma-separated; the demographic ones if not given.")
]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one per core if not given.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="JSON file; DATASET/stability.json if not given.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no tables.")]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(stability)


def stability(
    dataset: Existing,
    faces: Faces = 500,
    by: By = None,
    workers: Workers = None,
    output: Output = None,
    quiet: Quiet = False,
) -> int:
    """Label a sample of faces again under jitter, flip, blur, JPEG, light and another detector, and compare."""
    from curate.stability import REPORT
    from curate.stability import stability as probe

    names = None if by is None else [name.strip() for name in by.split(",") if name.strip()]
    found = probe(dataset, faces, names, workers, quiet, sys.argv[1:])
    target = output or dataset / REPORT
    found.save(target)
    if not quiet:
        _show(found)
        typer.echo(f"{found.faces} faces, layer {found.layer} -> {target}")
    return 0


def _show(found: StabilityReport) -> None:
    from curate.cli.tables import show_rows
    from curate.evaluation.intervals import gap

    ranked = sorted(found.by_label, key=lambda label: found.by_label[label].value)
    rows = []
    for label in ranked:
        parts = []
        for by, groups in found.by_group.items():
            apart = gap(groups[label])
            if apart.worst is not None and apart.best != apart.worst:
                parts.append(f"{by}: {apart.worst} {groups[label][apart.worst]:.2f}, gap {apart.size:.2f}")
        rows.append((label, f"{found.by_label[label]:.3f}", found.by_label[label].n, "\n".join(parts)))
    show_rows(("label", "stability (95 %)", "n", "worst group, and gap to the best"), rows)
    show_rows(("probe", "agreement (95 %)", "n"), [(k, f"{e:.3f}", e.n) for k, e in found.by_probe.items()])
