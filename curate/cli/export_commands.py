"""`export` and `formats`: a dataset in the form that a training script expects, and which forms there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.export.run import Export

Settings = Annotated[list[str], typer.Option("--set", metavar="OPTION=VALUE", help="A setting of the format itself.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(export)
    app.command()(formats)
    app.command()(upload)


def export(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="Name of the format; see: facecurate formats")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    columns: Annotated[
        str | None, typer.Option(help="Comma-separated label columns; all but embeddings and masks if not given.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="SQL condition, such as 'quality > 0.5'.")] = None,
    splits: Annotated[str | None, typer.Option(help="Comma-separated parts; all if not given.")] = None,
    crop: Annotated[
        str, typer.Option(help="none, margin, ffhq, arcface, crop224, crop256 or crop512; points go along.")
    ] = "none",
    size: Annotated[int, typer.Option(min=0, max=4096, help="Side of the crops, px; 0 is the crop's usual one.")] = 0,
    pictures: Annotated[
        str, typer.Option("--pictures", help="copy (bytes as they are where that can be), jpeg, png or webp.")
    ] = "copy",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and WebP.")] = 95,
    shard: Annotated[int, typer.Option(min=1, help="Samples in a part.")] = 1000,
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Only pictures whose licence allows commercial use.")
    ] = False,
    consent: Annotated[bool, typer.Option("--consent", help="Only pictures with a consent statement.")] = False,
    synthetic: Annotated[str, typer.Option(help="with, without or only generated pictures.")] = "with",
    empty: Annotated[
        bool, typer.Option("--empty", help="Also pictures without a face, in formats of pictures.")
    ] = False,
    no_minors: Annotated[bool, typer.Option("--no-minors", help="Leave out faces that may be minors'.")] = False,
    layers: Annotated[str | None, typer.Option(help="Only these layers speak, comma-separated.")] = None,
    keep_metadata: Annotated[
        bool, typer.Option("--keep-metadata", help="Leave EXIF in copied pictures, with positions.")
    ] = False,
    settings: Settings = [],  # noqa: B006 - typer copies it
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Do not read the export back.")] = False,
    no_card: Annotated[
        bool, typer.Option("--no-card", help="No card.md, card.html and croissant.json beside the data.")
    ] = False,
    about: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For the card: what only people can say; see facecurate card.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Write a dataset in a training format, read it back, and say what was lost."""
    from curate.card import About, Inputs, read_about
    from curate.cli.evaluate_commands import names_of, pairs_of
    from curate.export.options import ExportOptions
    from curate.export.run import export as run
    from curate.store import Dataset

    options = ExportOptions(
        columns=names_of(columns), where=where, splits=names_of(splits) or (), crop=crop, size=size, form=pictures,
        quality=quality, shard=shard, commercial=commercial, consent=consent, synthetic=synthetic, empty=empty,
        minors=not no_minors, layers=names_of(layers), keep_metadata=keep_metadata, verify=not no_verify, quiet=quiet,
        format_settings=pairs_of(settings, "--set"), card=not no_card,
    )  # fmt: skip
    said = read_about(about) if about is not None else About()
    done = run(Dataset.open(dataset), form, folder, options, Inputs(said))
    if not quiet:
        _show(done)
    if done.lost or (done.comparison is not None and not done.comparison.equal):
        raise typer.Exit(1)


def _show(done: Export) -> None:
    told = done.manifest
    samples = ", ".join(f"{n:,} {split}" for split, n in told["samples"].items())
    typer.echo(f"{done.folder}: {samples}; {len(told['files']):,} files")
    for reason, number in told["left_out"].items():
        typer.echo(f"  left out: {number:,} faces: {reason}")
    for lost in done.lost[:10]:
        typer.echo(f"  lost: {lost.name}: {lost.reason}", err=True)
    for column, why in told["drops"].items():
        typer.echo(f"  not held by this format: {column}: {why}")
    _show_commercial(told["commercial"])
    if done.comparison is None:
        typer.echo("Not read back.")
    elif done.comparison.equal:
        values = sum(done.comparison.values.values())
        typer.echo(f"Read back: {done.comparison.samples:,} samples and {values:,} values are as they were given.")
    else:
        typer.echo("Read back: not as it was given", err=True)
        for line in done.comparison.examples:
            typer.echo(f"  {line}", err=True)


def _show_commercial(told: dict[str, object]) -> None:
    if told["allowed"]:
        typer.echo("Commercial use: no licence here speaks against it (words were read, not law).")
        return
    typer.echo("Commercial use: not as it stands")
    blockers = told["blockers"]
    assert isinstance(blockers, list)
    for blocker in blockers[:10]:
        at = f" ({blocker['pictures']:,} pictures)" if blocker["pictures"] else ""
        typer.echo(f"  {blocker['what']}: {blocker['why']}{at}")


def formats() -> None:
    """List the formats that `export` writes."""
    from curate.cli.tables import show_rows
    from curate.export.registry import exporter, exporter_names

    known = [exporter(name) for name in exporter_names()]
    show_rows(("format", "of", "what it is", "opened by", "needs"),
              [(c.name, c.unit, c.doc, c.opened_by, c.extra) for c in known])  # fmt: skip


def upload(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A finished export.")],
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Dataset repository on the Hugging Face Hub.")],
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see it; only exports with --no-minors.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would leave this machine; send nothing.")
    ] = False,
) -> None:
    """Send an export to the Hugging Face Hub (token in HF_TOKEN); private unless asked."""
    from curate.export.upload import load_of
    from curate.export.upload import upload as run

    load = load_of(folder)
    verb = "would leave" if dry_run else "leave"
    typer.echo(f"{load.files:,} files, {load.bytes / 1e6:,.1f} MB, {load.faces:,} faces {verb} this machine")
    if not dry_run:
        typer.echo(run(folder, repo, public))
