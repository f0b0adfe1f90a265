"""`run`, `ingest` and `annotate`: the commands that do the work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.api import Options
    from curate.engine.plan import Plan
    from curate.ingest import IngestPlan
    from curate.store import Dataset, RunRecord

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Folders, globs, pictures, lists (CSV, Parquet, JSONL), Parquet with image bytes, URLs.",
    ),
]
Target = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset; made if it does not exist.")]
Existing = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")]
Wanted = Annotated[
    str | None, typer.Option("--annotators", "-a", help="Comma-separated names; the default set if not given.")
]
Settings = Annotated[list[str], typer.Option("--set", help="A setting: annotator.option=value. May be repeated.")]
Detector = Annotated[str, typer.Option(help="Detector that finds the faces.")]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one per core if not given.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")]
Licence = Annotated[str, typer.Option(help="Licence of the pictures, where a list does not say it.")]
Consent = Annotated[str, typer.Option(help="Consent statement, where a list does not say it.")]
ShardSize = Annotated[int | None, typer.Option(min=1, help="Pictures in a shard.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Try again pictures and labels that failed.")]
Revision = Annotated[bool, typer.Option("--new-revision", help="Detect again, beside the old faces and labels.")]
MaxMegapixels = Annotated[
    float | None, typer.Option(min=0.01, help="Larger pictures go to the ledger as too_large (150 if not given).")
]
NoReport = Annotated[bool, typer.Option("--no-report", help="Do not write report.html at the end.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(run)
    app.command()(ingest)
    app.command()(annotate)


def run(
    inputs: Inputs,
    dataset: Target,
    annotators: Wanted = None,
    settings: Settings = [],  # noqa: B006 - typer copies it
    detector: Detector = "yunet",
    workers: Workers = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    licence: Licence = "",
    consent: Consent = "",
    shard_size: ShardSize = None,
    max_megapixels: MaxMegapixels = None,
    retry_failed: Retry = False,
    no_report: NoReport = False,
) -> int:
    """Pictures in, labelled dataset out. Run it again to go on or to add new pictures."""
    from dataclasses import replace

    from curate import api

    options = _options(annotators, settings, detector, workers, quiet)
    options = replace(_taking_in(options, licence, consent, shard_size, max_megapixels), retry_failed=retry_failed)
    if dry_run:
        return _dry_run(inputs, dataset, options)
    ds = api.run(inputs, dataset, options)
    return _finish(ds, quiet, report=not no_report)


def ingest(
    inputs: Inputs,
    dataset: Target,
    settings: Settings = [],  # noqa: B006 - typer copies it
    detector: Detector = "yunet",
    workers: Workers = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    licence: Licence = "",
    consent: Consent = "",
    shard_size: ShardSize = None,
    max_megapixels: MaxMegapixels = None,
) -> int:
    """List and check pictures and find the faces; `annotate` labels them later."""
    from curate import api

    options = _options("", settings, detector, workers, quiet)
    options = _taking_in(options, licence, consent, shard_size, max_megapixels)
    if dry_run:
        return _dry_run(inputs, dataset, options)
    return _finish(api.ingest(inputs, dataset, options), quiet, report=False)


def annotate(
    dataset: Existing,
    annotators: Wanted = None,
    settings: Settings = [],  # noqa: B006 - typer copies it
    detector: Detector = "yunet",
    workers: Workers = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    retry_failed: Retry = False,
    new_revision: Revision = False,
) -> int:
    """Add labels to a dataset: whatever is missing, or failed with --retry-failed."""
    from dataclasses import replace

    from curate import api
    from curate.store import Dataset

    options = replace(
        _options(annotators, settings, detector, workers, quiet), retry_failed=retry_failed, new_revision=new_revision
    )
    ds = Dataset.open(dataset)
    if dry_run:
        _print_plan(api.plan(ds, options, options.annotators))
        return 0
    return _finish(api.annotate(ds, options), quiet, report=False)


def _options(annotators: str | None, settings: list[str], detector: str, workers: int | None, quiet: bool) -> Options:
    from curate.api import Options
    from curate.engine.settings import parse_settings

    names = None if annotators is None else tuple(n.strip() for n in annotators.split(",") if n.strip())
    command = tuple(sys.argv[1:])
    return Options(names, parse_settings(settings), detector, workers, quiet=quiet, command=command)


def _taking_in(
    options: Options, licence: str, consent: str, shard_size: int | None, max_megapixels: float | None
) -> Options:
    """The options with what concerns the taking in of pictures."""
    from dataclasses import replace

    from curate.ingest import Limits, ListOptions

    listing = ListOptions(licence=licence or None, consent=consent or None)
    limits = Limits() if max_megapixels is None else Limits(max_pixels=round(max_megapixels * 1e6))
    return replace(options, listing=listing, limits=limits, shard_size=shard_size)


def _dry_run(inputs: list[str], target: Path, options: Options) -> int:
    """Plan against the dataset, or against an empty one in a folder that is thrown away."""
    import tempfile

    from curate import api
    from curate.ingest import list_sources, write_shards
    from curate.store import Dataset

    sources = list_sources(inputs, options.listing)
    if (target / "dataset.json").exists():
        ds = Dataset.open(target)
        _print_ingest(api.shards(ds, sources, options))
        _print_plan(api.plan(ds, options, options.annotators))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        ds = Dataset.create(Path(folder) / "plan")
        shards = api.shards(ds, sources, options)
        write_shards(ds, shards)
        _print_ingest(shards)
        _print_plan(api.plan(ds, options, options.annotators))
    return 0


def _print_ingest(shards: IngestPlan) -> None:
    parts = (f"{shards.n_new} new pictures", f"{shards.n_duplicates} of them exact duplicates")
    typer.echo(f"{', '.join(parts)}, {shards.n_known} known, {shards.n_changed} changed since they were ingested")


def _print_plan(plan: Plan) -> None:
    from curate.cli.tables import plan_lines

    for line in plan_lines(plan):
        typer.echo(line)


def _finish(ds: Dataset, quiet: bool, report: bool) -> int:
    last = ds.runs()[-1] if ds.runs() else None
    target = ds.path / "report.html"
    if report:
        from curate.report import write_report

        write_report(ds, target)
    if not quiet:
        from curate.cli.tables import show_counts

        show_counts(ds)
        if report:
            typer.echo(f"Report: {target}")
    return _exit_code(last)


def _exit_code(record: RunRecord | None) -> int:
    for error in record.errors if record else ():
        typer.echo(f"facecurate: {error}", err=True)
    return 1 if record and record.errors else 0
