"""`avatars`: parameters of a head model from labels, rendered and adjusted by a program of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(avatars)


def avatars(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where avatars are written.")],
    command: Annotated[
        str, typer.Option("--command", help="Program that renders {request} (JSON) to {out} (a picture).")
    ] = "",
    similarity: Annotated[float, typer.Option("--similarity", help="Least cosine of the two faces (SFace).")] = 0.363,
    attributes: Annotated[float, typer.Option("--attributes", help="Least share of agreeing labels.")] = 0.0,
    budget: Annotated[int, typer.Option("--budget", help="Renderings per face, at most.")] = 10,
    dials: Annotated[str, typer.Option("--dials", help="Comma-separated parameters that may be turned.")] = "",
    faces: Annotated[int, typer.Option("--faces", help="Faces, at most.")] = 20,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Write head-model parameters of faces; with a program, render, score and adjust them within a budget."""
    from curate.avatar.parameters import NAMES
    from curate.avatar.run import AvatarOptions
    from curate.avatar.run import avatars as make
    from curate.store import Dataset

    chosen = tuple(n.strip() for n in dials.split(",") if n.strip()) or NAMES
    options = AvatarOptions(command, similarity, attributes, budget, chosen, faces, quiet=quiet)
    done, left_out = make(Dataset.open(dataset), folder, options)
    if quiet:
        return
    typer.echo(f"{len(done)} avatars -> {folder}; {left_out} faces in pictures that may show minors were left out")
    if command:
        accepted = sum(d.adjusted is not None and d.adjusted.accepted for d in done)
        trials = sum(len(d.adjusted.trials) for d in done if d.adjusted is not None)
        typer.echo(f"{accepted} of them meet the goals after {trials} renderings in all; the others are the best tries")
