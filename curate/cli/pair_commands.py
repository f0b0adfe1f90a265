"""`pairs` and `pair-kinds`: rows of faces for training, each held to the rules of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.pairs.run import Pairs


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(pairs)
    app.command("pair-kinds")(pair_kinds)


def pairs(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What a row is; see: facecurate pair-kinds")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    settings: Annotated[list[str], typer.Option("--set", metavar="OPTION=VALUE", help="A setting of the kind.")] = [],  # noqa: B006 - typer copies it
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="Most rows; 0 for all there are.")] = 1000,
    seed: Annotated[int, typer.Option(help="Another number draws other rows.")] = 0,
    per_face: Annotated[int, typer.Option(min=0, help="Most rows that a face may stand in; 0 for any number.")] = 0,
    views: Annotated[str | None, typer.Option(help="Comma-separated views to write of every face.")] = None,
    columns: Annotated[str | None, typer.Option(help="Comma-separated label columns to write of every face.")] = None,
    where: Annotated[str | None, typer.Option(help="SQL condition, such as 'quality > 0.5'.")] = None,
    splits: Annotated[str | None, typer.Option(help="Comma-separated parts; all if not given.")] = None,
    crop: Annotated[str, typer.Option(help="none, margin, ffhq, arcface, crop224, crop256 or crop512.")] = "crop512",
    size: Annotated[int, typer.Option(min=0, max=4096, help="Side of the crops, px; 0 is the crop's usual one.")] = 0,
    pictures: Annotated[str, typer.Option("--pictures", help="copy, jpeg, png or webp.")] = "copy",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and WebP.")] = 95,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Only pictures whose licence allows commercial use.")
    ] = False,
    consent: Annotated[bool, typer.Option("--consent", help="Only pictures with a consent statement.")] = False,
    synthetic: Annotated[str, typer.Option(help="with, without or only generated pictures.")] = "with",
    no_minors: Annotated[bool, typer.Option("--no-minors", help="Leave out faces that may be minors'.")] = False,
    assume_adults: Annotated[
        bool, typer.Option("--assume-adults", help="Faces of unknown age are adults'; labels stand above your word.")
    ] = False,
    layers: Annotated[str | None, typer.Option(help="Only these layers speak, comma-separated.")] = None,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not read the folder back.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Write pairs, triplets or sets of faces for training; no row breaks a rule, and all is read back."""
    from curate.cli.evaluate_commands import names_of, pairs_of
    from curate.export.options import ExportOptions
    from curate.pairs.options import PairOptions
    from curate.pairs.run import pairs as run
    from curate.store import Dataset

    export = ExportOptions(
        where=where, splits=names_of(splits) or (), crop=crop, size=size, form=pictures, quality=quality,
        commercial=commercial, consent=consent, synthetic=synthetic, minors=not no_minors, layers=names_of(layers),
        verify=not no_verify, quiet=quiet,
    )  # fmt: skip
    options = PairOptions(
        export, count=count, seed=seed, per_face=per_face, views=names_of(views) or (), columns=names_of(columns) or (),
        assume_adults=assume_adults, settings=pairs_of(settings, "--set"),
    )  # fmt: skip
    done = run(Dataset.open(dataset), kind, folder, options)
    if not quiet:
        _show(done)
    if done.lost or (done.check is not None and not done.check.equal):
        raise typer.Exit(1)


def _show(done: Pairs) -> None:
    told = done.manifest
    splits = ", ".join(f"{n:,} {split}" for split, n in told["splits"].items())
    people = f" of {told['people']:,} people" if told["people"] else ""
    typer.echo(f"{done.folder}: {told['rows']:,} rows ({splits}), {told['faces']:,} faces{people}")
    for reason, number in told["refused"].items():
        typer.echo(f"  refused: {number:,} rows: {reason}")
    for reason, number in told["left_out"].items():
        typer.echo(f"  left out: {number:,} faces: {reason}")
    if told["people_in_several_splits"]:
        typer.echo(f"  NOTE: {told['people_in_several_splits']:,} people are in rows of several splits")
    for lost in done.lost[:10]:
        typer.echo(f"  lost: {lost.name}: {lost.reason}", err=True)
    if done.check is None:
        typer.echo("Not read back.")
    elif done.check.equal:
        typer.echo(f"Read back: {done.check.rows:,} rows, {done.check.files:,} files and {done.check.values:,} "
                   "figures are as they were given.")  # fmt: skip
    else:
        typer.echo("Read back: not as it was given", err=True)
        for line in done.check.examples:
            typer.echo(f"  {line}", err=True)


def pair_kinds() -> None:
    """List the kinds of pairs, and the views."""
    from curate.cli.tables import show_rows
    from curate.pairs.registry import kind_names, pair_kind, view, view_names

    known = [pair_kind(name) for name in kind_names()]
    show_rows(("kind", "a row", "what it is", "as in"),
              [(c.name, " + ".join(r.name for r in c.roles), c.doc, c.source) for c in known])  # fmt: skip
    typer.echo("\nViews (--views)")
    show_rows(("view", "what it is"), [(n, view(n).doc) for n in view_names()])
