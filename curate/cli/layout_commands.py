"""`layout ...`: lists and folders that training scripts read and that are not made of pairs of faces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Write views by azimuth, anti-spoofing protocols, latent pairs, scans and prompts for training.",
    no_args_is_help=True,
)
Table = Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, TSV, JSON lines or Parquet.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")]
Data = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")]
Most = Annotated[int, typer.Option("--subjects", "-n", min=0, help="Most subjects; 0 for all.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")]


@app.command("multiview")
def multiview(
    table: Table,
    folder: Folder,
    assume_adults: Annotated[bool, typer.Option("--assume-adults", help="Your word that all are adults.")] = False,
    quiet: Quiet = False,
) -> None:
    """Group supplied views of subjects by azimuth (columns: file, subject, azimuth), with features of the face."""
    from curate.layouts.multiview import write_views

    _show(folder, write_views(table, folder, assume_adults, quiet), quiet)


@app.command("fas-protocol")
def fas_protocol(table: Table, folder: Folder, quiet: Quiet = False) -> None:
    """Lists for each domain left out (columns: file, label, domain; attack_type and subject if known)."""
    from curate.layouts.fas import write_protocol

    _show(folder, write_protocol(table, folder), quiet)


@app.command("latent-pairs")
def latent_pairs(
    dataset: Data,
    attribute: Annotated[str, typer.Argument(help="COLUMN.FIELD, such as perceived_emotion_prob.happiness.")],
    folder: Folder,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Pairs wanted.")] = 20,
    seed: Annotated[int, typer.Option(help="Another number draws other latents.")] = 0,
    threshold: Annotated[
        float | None, typer.Option(help="From here on a face has the attribute; 0.5 for scores.", show_default=False)
    ] = None,
    components: Annotated[int, typer.Option(min=1, help="Most numbers of a latent.")] = 40,
    quiet: Quiet = False,
) -> None:
    """Pairs of latents without and with an attribute, from a small generator fitted on the dataset's own faces."""
    from curate.layouts.latents import write_latents
    from curate.store import Dataset

    made = write_latents(
        Dataset.open(dataset), attribute, folder, count, seed, threshold, components=components, quiet=quiet
    )
    _show(folder, made, quiet)


@app.command("subjects")
def subjects(
    dataset: Data,
    folder: Folder,
    meshes: Annotated[Path | None, typer.Option(help="Table of subject and mesh (OBJ or PLY).")] = None,
    most: Most = 0,
    expressions: Annotated[
        str | None, typer.Option(help="Comma-separated labels of emotion-7; all if not given.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Expression prompts of each person with embedding, and the scan beside it where there is one."""
    from curate.cli.evaluate_commands import names_of
    from curate.layouts.subjects import write_subjects
    from curate.store import Dataset

    made = write_subjects(Dataset.open(dataset), folder, meshes, most, names_of(expressions) or ())
    _show(folder, made, quiet)


@app.command("interactions")
def interactions(
    dataset: Data,
    folder: Folder,
    table: Annotated[Path | None, typer.Option("--table", help="Table of verb and object; five if not given.")] = None,
    most: Most = 0,
    quiet: Quiet = False,
) -> None:
    """Prompts of each person doing something with an object, with slots for the boxes that a detector finds."""
    from curate.layouts.interactions import INTERACTIONS, read_interactions, write_interactions
    from curate.store import Dataset

    wanted = INTERACTIONS if table is None else read_interactions(table)
    _show(folder, write_interactions(Dataset.open(dataset), folder, most, wanted), quiet)


@app.command("visits")
def visits(table: Table, folder: Folder, quiet: Quiet = False) -> None:
    """Scans of subjects before and after an operation, checked and paired (columns: subject, visit, stage, ...)."""
    from curate.sidecars.visits import write_pairs

    _show(folder, write_pairs(table, folder), quiet)


@app.command("mesh-variant")
def mesh_variant(
    template: Annotated[Path, typer.Argument(help="OBJ or PLY.")],
    folder: Folder,
    caption: Annotated[str, typer.Option(help="What the variant shows.")] = "",
    weights: Annotated[Path | None, typer.Option(help="One number per triangle, a line each.")] = None,
    amount: Annotated[float, typer.Option(help="How far a point of weight 1 moves, in mean edges.")] = 1.0,
    neutral: Annotated[Path | None, typer.Option(help="Another head at rest.")] = None,
    expressed: Annotated[Path | None, typer.Option(help="The same head with an expression.")] = None,
    quiet: Quiet = False,
) -> None:
    """Move a mesh by weights per triangle or by another head's expression; with caption and four views."""
    from curate.sidecars.variants import write_variant
    from schemas import UsageError

    if (neutral is None) != (expressed is None):
        raise UsageError("an expression needs two meshes", fix="Give --neutral and --expressed")
    both = None if neutral is None or expressed is None else (neutral, expressed)
    _show(folder, write_variant(template, folder, caption, weights, amount, both), quiet)


@app.command("from-to")
def from_to(
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="A folder that `pairs` wrote of person_pairs.")],
    target: Annotated[Path, typer.Argument(metavar="CSV", help="The list to write.")],
    quiet: Quiet = False,
) -> None:
    """The pairs of one person as a CSV of from and to."""
    from curate.layouts.from_to import write_from_to

    splits = write_from_to(pairs, target)
    if not quiet:
        typer.echo(f"{target}: {', '.join(f'{n:,} {split}' for split, n in splits.items())}")


def _show(folder: Path, told: dict[str, Any], quiet: bool) -> None:
    if quiet:
        return
    typer.echo(f"{folder}: {told['rows']:,} rows, {len(told['files']):,} files")
    for name, value in told.items():
        if name not in ("format", "version", "kind", "made_by", "rows", "files"):
            typer.echo(f"  {name}: {value}")
