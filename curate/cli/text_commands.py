"""`texts` and `describe`: whether texts about faces can be trained on, and reasoned descriptions that agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.text_quality.regenerate import Regenerated
    from curate.text_quality.report import TextReport

SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(texts)
    app.command()(describe)


def texts(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A dataset, a folder that `export` wrote, or a JSON, JSONL, CSV or "
                             "Parquet list.")
    ],
    dataset: Annotated[
        Path | None, typer.Option("--dataset", "-d", help="Dataset whose labels judge a source that holds none.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page for people.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the figures as JSON.")] = None,
    table: Annotated[Path | None, typer.Option("--table", help="Write every text's verdict as Parquet.")] = None,
    layer: Annotated[bool, typer.Option("--layer", help="Write the verdicts as a layer of the dataset.")] = False,
    least: Annotated[int, typer.Option("--least", min=1, help="Words of a caption, at least.")] = 4,
    most: Annotated[int, typer.Option("--most", min=1, help="Words of a text, at most.")] = 120,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with 1 where a text contradicts its labels or must not be.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:  # fmt: skip
    """Check captions and answers: agreement with the labels, diversity, length, relevance, forbidden claims."""
    from curate.store import Dataset
    from curate.store.info import INFO_FILE
    from curate.store.parts import write_json
    from curate.text_quality.judge import CONTRADICTED, FORBIDDEN, Limits
    from curate.text_quality.layer import write_verdicts
    from curate.text_quality.page import write_page
    from curate.text_quality.report import check_texts, write_table
    from schemas import UsageError

    if layer and not (source / INFO_FILE).is_file():
        raise UsageError(f"{source} is no dataset", "only a dataset has layers", "Use --table")
    if least > most:
        raise UsageError(f"--least {least} is more than --most {most}")
    found = check_texts(source, dataset, Limits(least, most), quiet)
    if output is not None:
        write_json(output, found.as_dict())
    if table is not None:
        write_table(found, table)
    if report is not None:
        write_page(found, report)
    if layer:
        typer.echo(f"Layer: {write_verdicts(Dataset.open(source), found).name}")
    if not quiet:
        _show(found)
    if strict and any(kind in (CONTRADICTED, FORBIDDEN) for v in found.verdicts for kind, _ in v.findings):
        raise typer.Exit(1)


def _show(found: TextReport) -> None:
    from curate.cli.tables import show_rows

    typer.echo(f"{found.texts.name}: {len(found.verdicts):,} texts, {found.found:,} with a finding")
    rows = []
    for f in found.figures:
        if not f.by:
            findings = ", ".join(f"{n:,} {k}" for k, n in f.findings.items() if n) or "none"
            bleu = "" if f.diversity.self_bleu is None else f"{f.diversity.self_bleu:.3f}"
            rows.append((f.kind, f"{f.n:,}", f"{f.agreement:.3f}", findings, f"{f.words[3]:g}", bleu,
                         f"{100 * f.diversity.top_template:.1f} %"))  # fmt: skip
    head = ("texts", "n", "claims confirmed", "findings", "median words", "self-BLEU", "commonest template")
    show_rows(head, rows)
    if found.no_relevance:
        typer.echo(f"Relevance is not measured: {found.no_relevance}")
    if not found.texts.labelled:
        typer.echo("Claims were not judged: the source holds no labels. Name the dataset with --dataset.")
    shown = 0
    for text, verdict in zip(found.texts.rows, found.verdicts, strict=True):
        if verdict.findings and shown < SHOWN:
            shown += 1
            typer.echo(f"  {text.key}: {'; '.join(verdict.lines)}")


def describe(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    command: Annotated[
        str, typer.Option("--command", help="Program that reads a JSON request and prints the text; templates if none.")
    ] = "",
    endpoint: Annotated[
        str, typer.Option("--endpoint", help="Address of an OpenAI-compatible endpoint whose model sees each face.")
    ] = "",
    model: Annotated[str, typer.Option("--model", help="The model's name there.")] = "",
    send_pictures: Annotated[
        bool, typer.Option("--send-pictures", help="Allow that crops of adults' faces leave this machine.")
    ] = False,
    tries: Annotated[int, typer.Option("--tries", min=1, help="Texts per face, at most.")] = 5,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Limit of the program for one text.")] = 60.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the templates' words.")] = 0,
    log: Annotated[Path | None, typer.Option("--log", help="Write every try as JSONL.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Write descriptions that reason from action units to the emotion, again and again until they agree with both."""
    from curate.store import Dataset
    from curate.text_quality.layer import describe_dataset
    from curate.text_quality.regenerate import Writer
    from curate.text_quality.writers import CommandWriter, TemplateWriter
    from schemas import UsageError

    if command and endpoint:
        raise UsageError("describe takes --command or --endpoint", "both are given")
    ds, withheld = Dataset.open(dataset), frozenset[str]()
    writer: Writer = CommandWriter(command, seconds) if command else TemplateWriter(seed)
    if endpoint:
        from annotators.adapters.vlm import VlmConfig
        from curate.text_quality.model import endpoint_writer

        config = VlmConfig(base_url=endpoint, model=model, send_pictures=send_pictures, timeout=seconds)
        writer, withheld = endpoint_writer(ds, config)
    layer, done = describe_dataset(ds, writer, tries, quiet, withheld)
    if log is not None:
        _log(log, done)
    typer.echo(f"Layer: {layer.name}")
    if not quiet:
        accepted = sum(d.text is not None for d in done)
        again = sum(len(d.rejections) for d in done)
        typer.echo(
            f"{accepted:,} of {len(done):,} faces have a description that agrees; {again:,} tries were rejected."
        )


def _log(path: Path, done: Sequence[Regenerated]) -> None:
    import json

    from curate.store.parts import replacing

    with replacing(path) as file:
        for one in done:
            for t in one.tries:
                told = {"face": one.wanted.key, "try": t.number, "accepted": t.accepted, "reward": t.reward.total,
                        "reasons": list(t.reasons), "text": t.text}  # fmt: skip
                file.write((json.dumps(told, ensure_ascii=False) + "\n").encode("utf-8"))
