"""`review`: people correct the machine in Label Studio, and their word comes home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.review.agreement import Agreement
    from curate.review.pull import Pulled
    from curate.review.push import Pushed
    from curate.review.spec import Spec

app = typer.Typer(no_args_is_help=True, help="People correct the machine in Label Studio, and their word comes home.")
Data = Annotated[Path, typer.Argument(help="Folder of the dataset.", show_default=False)]
Name = Annotated[str, typer.Option("--name", help="Name of the review.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", "-c", help="Ask for COLUMN or COLUMN.FIELD; repeatable.", show_default=False),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


@app.command()
def config(
    columns: Columns = None,
    no_comments: Annotated[bool, typer.Option("--no-comments", help="Ask for no free comments.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to a file.")] = None,
) -> None:
    """Write Label Studio's labelling configuration for a choice of columns."""
    from curate.review.spec import config as text_of

    text = text_of(_spec(columns, not no_comments))
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text + "\n", "utf-8")


def _spec(columns: list[str] | None, comments: bool) -> Spec:
    from curate.review.spec import Spec

    return Spec.of(columns, comments) if columns else Spec(comments=comments)


@app.command()
def push(
    dataset: Data,
    name: Name = "review",
    url: Annotated[
        str | None, typer.Option(envvar="LABEL_STUDIO_URL", help="Address of the server.", show_default=False)
    ] = None,
    columns: Columns = None,
    no_comments: Annotated[bool, typer.Option("--no-comments", help="Ask for no free comments.")] = False,
    where: Annotated[str | None, typer.Option(help="SQL condition on the faces.", show_default=False)] = None,
    queue: Annotated[
        Path | None, typer.Option(help="List that `review queue` wrote: these pictures, in this order.")
    ] = None,
    media: Annotated[
        str | None, typer.Option(help="local, served, cloud or embedded.", show_default="embedded")
    ] = None,
    media_root: Annotated[
        Path | None, typer.Option(help="Folder that the server serves pictures from.", show_default=False)
    ] = None,
    media_url: Annotated[str | None, typer.Option(help="Address of that folder.", show_default=False)] = None,
    blind: Annotated[float, typer.Option(help="Share of pictures shown without a prediction.")] = 0.0,
    overlap: Annotated[int, typer.Option(help="Reviewers per picture.")] = 1,
    seed: Annotated[int, typer.Option(help="Decides which pictures are blind.")] = 0,
    minors: Annotated[bool, typer.Option("--minors", help="Also pictures that may show minors.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, send nothing.")] = False,
    quiet: Quiet = False,
) -> None:
    """Send pictures with their faces to reviewers; the same call again goes on and sends nothing twice."""
    from curate.review.push import PushOptions
    from curate.review.push import push as run
    from curate.store import Dataset

    spec = _spec(columns, not no_comments) if columns or no_comments else None
    ways = None
    if media or media_root or media_url:
        ways = {"kind": media or "local", "root": str(media_root or ""), "prefix": media_url or ""}
    ids, gold = _queued(queue)
    options = PushOptions(
        name, url, spec, where, ids, ways, blind, overlap, seed, gold, minors, dry_run=dry_run, quiet=quiet
    )
    done = run(Dataset.open(dataset), options)
    if not quiet:
        _show_push(done, dry_run)
    if done.lost:
        raise typer.Exit(1)


def _queued(path: Path | None) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    """Pictures of a queue in order, and the gold ones among them with their layer."""
    if path is None:
        return None, {}
    from curate.measures.run import read_table
    from schemas import UsageError
    from schemas.columns import images

    table = read_table(path)
    if images.IMAGE_ID.name not in table.column_names:
        raise UsageError(f"{path} has no column {images.IMAGE_ID.name}", fix="Make it with: facecurate review queue")
    ids = table.column(images.IMAGE_ID.name).to_pylist()
    layers = table.column("gold").to_pylist() if "gold" in table.column_names else [None] * len(ids)
    gold = {i: layer for i, layer in zip(ids, layers, strict=True) if layer}
    return tuple(dict.fromkeys(ids)), gold


def _show_push(done: Pushed, dry_run: bool) -> None:
    verb = "would be sent" if dry_run else "sent"
    typer.echo(
        f"{done.wanted:,} pictures wanted, {done.there:,} were there, {done.sent:,} {verb}; {done.blind:,} blind"
    )
    if done.copied:
        typer.echo(f"{done.copied:,} files copied for the server")
    if done.removed:
        typer.echo(f"{done.removed:,} tasks had arrived twice and were taken back")
    for name, why in done.lost[:10]:
        typer.echo(f"lost: {name}: {why}", err=True)
    if done.project:
        typer.echo(f"{done.url}/data")


@app.command()
def pull(dataset: Data, name: Name = "review", quiet: Quiet = False) -> None:
    """Take home what reviewers did since the last call, as a layer for each of them."""
    from curate.review.pull import pull as run
    from curate.store import Dataset

    done = run(Dataset.open(dataset), name, quiet=quiet)
    if not quiet:
        _show_pull(done)


def _show_pull(done: Pulled) -> None:
    if not done.annotations:
        typer.echo("Nothing new.")
    for reviewer, number in done.annotations.items():
        typer.echo(f"{reviewer}: {number:,} annotations")
    told = ", ".join(f"{n:,} {what}" for what, n in done.counts.items() if n)
    if told:
        typer.echo(f"faces: {told}")
    for layer in done.layers:
        typer.echo(f"wrote labels/{layer.name}")
    for why, number in done.strange.items():
        typer.echo(f"left alone: {number:,} x {why}", err=True)
    for annotation, refusal in done.refused[:10]:
        typer.echo(f"refused in annotation {annotation}: {refusal.region} {refusal.what}: {refusal.why}", err=True)
    for conflict in done.conflicts[:10]:
        typer.echo(
            f"newer detection: {conflict.face_id} has no partner (best overlap {conflict.best:.2f}); its labels stay "
            "with the revision that was reviewed", err=True,
        )  # fmt: skip


@app.command()
def doctor(dataset: Data, name: Name = "review", quiet: Quiet = False) -> None:
    """Open every task's picture with the token's rights, before anyone starts."""
    from curate.review.doctor import check
    from curate.store import Dataset

    found = check(Dataset.open(dataset), name, quiet=quiet)
    typer.echo(
        f"as {found.user}: {found.tasks:,} tasks, {found.opened:,} pictures opened, {found.embedded:,} embedded, "
        f"{found.unchecked:,} in clouds, not opened"
    )
    for number, address, why in found.wrong[:10]:
        typer.echo(f"task {number}: {address}: {why}", err=True)
    if found.foreign:
        typer.echo(f"{found.foreign:,} tasks were not sent by this review", err=True)
    if found.twice:
        typer.echo(f"{found.twice:,} pictures have more than one task", err=True)
    if not found.well:
        raise typer.Exit(1)


@app.command()
def serve(
    dataset: Data,
    name: Name = "review",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 9090,
    public: Annotated[
        str | None, typer.Option(help="Address at which Label Studio reaches this.", show_default="host and port")
    ] = None,
    batch: Annotated[int, typer.Option(help="Annotations that make a layer.")] = 50,
    every: Annotated[float, typer.Option(help="Seconds after which fewer do.")] = 600.0,
    no_predictions: Annotated[bool, typer.Option("--no-predictions", help="Answer no predict requests.")] = False,
    quiet: Quiet = False,
) -> None:
    """Take work home as it is done, and answer Label Studio's requests for predictions, until Ctrl-C."""
    from curate.review.serve import ServeOptions, Service
    from curate.store import Dataset

    options = ServeOptions(name, host, port, public, batch, every, not no_predictions)
    with Service(Dataset.open(dataset), options, lambda done: None if quiet else _show_pull(done)) as service:
        if not quiet:
            typer.echo(f"listening at {service.address} for project {service.book.project}; stop with Ctrl-C")
        service.run()


@app.command()
def queue(
    dataset: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet list, for `review push --queue`.")],
    columns: Columns = None,
    by: Annotated[str | None, typer.Option(help="Columns whose crossing makes the groups.", show_default=False)] = None,
    budget: Annotated[int, typer.Option(help="Pictures that can be reviewed; 0 ranks all.")] = 0,
    where: Annotated[str | None, typer.Option(help="SQL condition on the faces.", show_default=False)] = None,
    weights: Annotated[
        list[str] | None, typer.Option("--weight", help="PART=NUMBER; repeatable.", show_default=False)
    ] = None,
    gold_layer: Annotated[str | None, typer.Option(help="Layer with right answers.", show_default=False)] = None,
    gold: Annotated[int, typer.Option(help="Pictures with right answers to mix in.")] = 0,
    minors: Annotated[bool, typer.Option("--minors", help="Also pictures that may show minors.")] = False,
    reviewed: Annotated[bool, typer.Option("--reviewed", help="Also what somebody has reviewed.")] = False,
    seed: Annotated[int, typer.Option(help="Draws gold pictures and breaks ties.")] = 0,
) -> None:
    """Rank pictures for review so that the worst-served group's expected error falls fastest."""
    from curate.cli.evaluate_commands import names_of
    from curate.cli.tables import show_rows
    from curate.review.queue import QueueOptions
    from curate.review.queue import queue as run
    from curate.store import Dataset
    from schemas.columns import labels

    asked = tuple(columns or (labels.PERCEIVED_EMOTION.name, labels.GENDER.name, labels.AGE_GROUP.name))
    options = QueueOptions(
        asked, names_of(by) or (), budget, where, _weights(weights or []), gold_layer, gold, minors, reviewed, seed
    )
    found = run(Dataset.open(dataset), options)
    found.write(output)
    typer.echo(f"{output}: {found.table.num_rows:,} pictures, by {', '.join(found.parts)}")
    rows = [(g, found.faces[g], found.before[g], found.after[g]) for g in found.before]
    show_rows(("group", "faces", "expected wrong", "after this review"), rows)


def _weights(texts: list[str]) -> dict[str, float]:
    from curate.cli.evaluate_commands import pairs_of
    from schemas import UsageError

    try:
        return {k: float(v) for k, v in pairs_of(texts, "--weight").items()}
    except ValueError as error:
        raise UsageError("a weight that is no number", str(error), "Example: --weight rarity=0.5") from error


@app.command()
def agreement(
    dataset: Data,
    names: Annotated[
        list[str] | None, typer.Option("--name", help="Name of a review; repeatable.", show_default="all")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Columns to group by, comma-separated; a*b crosses two.", show_default="perceived race, gender"
        ),
    ] = None,
    costs: Annotated[
        list[str] | None,
        typer.Option(
            "--cost", help="ITEM=NUMBER: what a wrong answer costs, 1 by default; repeatable.", show_default=False
        ),
    ] = None,
    consensus: Annotated[bool, typer.Option("--consensus", help="Write the common answers as a layer.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Resamples behind each interval.")] = 1000,
    min_group: Annotated[int, typer.Option(min=1, help="Smaller groups are not compared.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder.", show_default="agreement/ in the dataset")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """How far reviewers agree with each other, with the right answers, and with what they were shown."""
    from curate.cli.evaluate_commands import names_of, pairs_of
    from curate.review.agreement import AgreementOptions
    from curate.review.agreement import agreement as run

    options = AgreementOptions(
        tuple(names) if names else None, names_of(by), rounds, 0, min_group, _costs(pairs_of(costs or (), "--cost")),
        consensus, quiet=quiet,
    )  # fmt: skip
    found = run(dataset, options)
    written = found.save(output)
    if not quiet:
        _show_agreement(found)
    for file in written:
        typer.echo(f"{file}")


def _costs(given: dict[str, str]) -> dict[str, float]:
    from schemas import UsageError

    try:
        return {name: float(cost) for name, cost in given.items()}
    except ValueError as error:
        raise UsageError("--cost", f"{error}", "Example: --cost perceived_gender=2") from error


def _show_agreement(found: Agreement) -> None:
    from curate.cli.tables import show_rows
    from curate.review.agreement.views import line

    counts = found.counts
    typer.echo(
        f"{len(found.reviewers)} reviewers, {counts['pictures']:,} pictures, "
        f"{counts['pictures seen twice or more']:,} seen by two or more; {len(found.queue):,} to settle"
    )
    rows = [
        (x.name, x.measure, x.value, x.reach, f"{x.n:,}", x.worst, x.gap, x.anchoring[0], x.gold[0])
        for x in map(line, found.sections)
    ]
    show_rows(("item", "figure", "value", "95 % interval", "n", "agrees least", "gap", "pull of model", "gold"), rows)
    for note in found.notes:
        typer.echo(note, err=True)
    if found.consensus:
        typer.echo(f"wrote labels/{found.consensus}")
