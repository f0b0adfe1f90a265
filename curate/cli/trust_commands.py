"""`check` and `fuse`: which labels contradict each other, and what several layers say together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from curate.consistency import Findings
    from schemas import Column

Existing = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")]
Layers = Annotated[str, typer.Option("--layers", help="Comma-separated layers; only these speak.")]

FORMS = (".parquet", ".csv", ".json")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(check)
    app.command()(fuse)


def check(
    dataset: Annotated[Path | None, typer.Argument(metavar="DATASET", help="Folder of the dataset.")] = None,
    rules: Annotated[str, typer.Option("--rules", "-r", help="Comma-separated rules; all if not given.")] = "",
    top: Annotated[int, typer.Option("--top", "-n", min=0, help="Findings to print, the worst first.")] = 20,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all findings to a .parquet, .csv or .json file.")
    ] = None,
    layer: Annotated[
        bool, typer.Option("--layer", help="Also write them as a layer, to filter and review by.")
    ] = False,
    layers: Layers = "",
    by: Annotated[
        str, typer.Option("--by", help="Comma-separated columns whose groups get rates; perceived groups if not given.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    list_rules: Annotated[
        bool, typer.Option("--list", help="List the rules and what each rests on; check nothing.")
    ] = False,
) -> None:
    """Find labels that cannot all be right, ranked and in plain words."""
    from curate.consistency import check as find
    from curate.consistency.check import choose
    from curate.store import Dataset
    from schemas import UsageError

    chosen = _names(rules)
    if list_rules:
        _list_rules(chosen)
        return
    if dataset is None:
        raise UsageError("no dataset is named", fix="Give its folder, or --list to see the rules")
    choose(chosen)
    if output is not None:
        _check_output(output)
    ds = Dataset.open(dataset)
    groups = [_column(name) for name in _names(by) or ()]
    findings = find(ds, chosen, groups or None, _names(layers), quiet)
    _show(findings, top)
    if output is not None:
        _write(findings, output)
        typer.echo(f"{findings.table.num_rows} findings -> {output}")
    if layer:
        from curate.consistency.layer import write_layer

        typer.echo(f"Layer: {write_layer(ds, findings).name}")


def fuse(
    dataset: Existing,
    columns: Annotated[
        list[str], typer.Argument(metavar="COLUMN...", help="Columns to fuse; 'box' for the box of the face.")
    ],
    layers: Annotated[
        str, typer.Option("--layers", help="Comma-separated sources ('faces' is the detector); all if not given.")
    ] = "",
    truth: Annotated[
        str,
        typer.Option(
            "--reliability",
            help="Measure reliabilities on this truth: a layer, a CSV or Parquet file, or JSON of evaluate.",
        ),
    ] = "",
    by: Annotated[str, typer.Option("--by", help="A label column; reliabilities of their own in its groups.")] = "",
    least: Annotated[
        float, typer.Option("--least", min=0, max=1, help="Labels less probable than this stay null.")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Fuse several layers of one column into one, weighed by how reliable each is."""
    from curate.fuse import FuseOptions
    from curate.fuse import fuse as combine
    from curate.store import Dataset

    options = FuseOptions(
        layers=_names(layers), by=_column(by) if by else None, truth=truth or None, least=least, quiet=quiet
    )
    fusion = combine(Dataset.open(dataset), columns, options)
    if not quiet:
        for column, facts in fusion.facts.items():
            _show_reliability(column, facts)
    typer.echo(f"Layer: {fusion.layer.name}{'' if fusion.added else ' (was there already; nothing has changed)'}")
    if not quiet:
        typer.echo("It speaks before every model's layer, newer ones too: when their labels change, fuse again.")


def _show_reliability(column: str, facts: Mapping[str, Any]) -> None:
    from curate.cli.tables import show_rows

    sources, truth = facts["sources"], facts.get("faces_with_truth", 0)
    several = "s" if len(sources) > 1 else ""
    typer.echo(f"{column}: {facts['method']}, {len(sources)} source{several}, {truth} faces with truth")
    weights = facts.get("weights", {})
    shown = [
        n
        for n in ("faces", "vote", "accuracy", "bias", "spread", "error", "votes")
        if n in next(iter(sources.values()))
    ]
    rows = [
        [layer, *(told.get(n) for n in shown), *([weights[layer]] if weights else [])]
        for layer, told in sources.items()
    ]
    show_rows(("source", *shown, *(["weight"] if weights else [])), rows)
    for pair, kappa in facts.get("cohen_kappa", {}).items():
        typer.echo(f"  Cohen's kappa of {pair}: {_number(kappa)}")
    if "krippendorff_alpha" in facts:
        typer.echo(f"  Krippendorff's alpha of all: {_number(facts['krippendorff_alpha'])}")
    if len(sources) == 2 and not truth:
        typer.echo("  Two sources and no truth: who of them is right rests on beliefs, not on data.")
    if any(told.get("vote", 1) < 1 for told in sources.values()):
        typer.echo("  Sources of one maker, or that say the same, share a vote.")
    if len(sources) == 1:
        typer.echo("  One source only: nothing was fused.")
    by_group = facts.get("accuracy_by_group", {})
    show_rows(("group", *sources), [[group, *told.values()] for group, told in by_group.items()])


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _names(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _column(name: str) -> Column:
    from schemas import Kind, UsageError, column

    found = column(name)
    if found.kind not in (Kind.LABEL, Kind.ID):
        raise UsageError(f"cannot group by {name}", "it is not a label", "Give a column of labels")
    return found


def _list_rules(chosen: list[str] | None) -> None:
    from curate.cli.tables import show_rows
    from curate.consistency.check import choose

    rows = [(r.name, r.severity, ", ".join(c.name for c in r.reads), r.source) for r in choose(chosen)]
    show_rows(("rule", "severity", "reads", "rests on"), rows)


def _show(findings: Findings, top: int) -> None:
    from curate.cli.tables import show_rows

    share = findings.contradicted / findings.faces if findings.faces else 0.0
    checked = sum(not c.missing for c in findings.rules)
    typer.echo(
        f"{findings.faces} faces, {checked} of {len(findings.rules)} rules checked: {findings.table.num_rows} findings "
        f"on {findings.contradicted} faces ({share:.1%})"
    )
    rows = [[r["rank"], r["name"], r["rule"], r["sentence"]] for r in findings.table.slice(0, top).to_pylist()]
    show_rows(("rank", "picture", "rule", "finding"), rows)
    show_rows(
        ("rule", "checked", "found", "share"),
        [
            (c.rule.name, c.checked, c.found, f"{c.found / c.checked:.2%}")
            for c in sorted(findings.rules, key=lambda c: -c.found)
            if c.found
        ],
    )
    show_rows(
        ("group of", "label", "faces", "with a finding", "share", "95 % interval"),
        [
            (g.column, g.group, g.n, g.found, f"{g.found / g.n:.1%}", f"{g.low:.1%} - {g.high:.1%}")
            for g in findings.groups
        ],
    )
    for line in _unbroken(findings):
        typer.echo(line)


def _unbroken(findings: Findings) -> Iterator[str]:
    """Rules without a finding, and those that could not be checked with the columns they lack."""
    kept = [c.rule.name for c in findings.rules if c.checked and not c.found]
    if kept:
        yield f"no finding: {', '.join(kept)}"
    idle = [c.rule.name for c in findings.rules if not c.checked and not c.missing]
    if idle:
        yield f"not checked, for no face has all of the columns: {', '.join(idle)}"
    lacking: dict[tuple[str, ...], list[str]] = {}
    for count in findings.rules:
        if count.missing:
            lacking.setdefault(count.missing, []).append(count.rule.name)
    for columns, rules in lacking.items():
        yield f"not checked, for want of {', '.join(columns)}: {', '.join(rules)}"


def _check_output(output: Path) -> None:
    from schemas import UsageError

    if output.suffix not in FORMS:
        raise UsageError(f"output {output}", f"the name must end in {', '.join(FORMS)}")
    if not output.parent.is_dir():
        raise UsageError(f"output {output}", f"there is no folder {output.parent}")


def _write(findings: Findings, output: Path) -> None:
    import json

    import pyarrow.csv
    import pyarrow.parquet

    if output.suffix == ".json":
        data = {
            "faces": findings.faces,
            "findings": findings.table.to_pylist(),
            "rules": [
                {"rule": c.rule.name, "checked": c.checked, "found": c.found, "missing": list(c.missing)}
                for c in findings.rules
            ],
            "groups": [vars(g) for g in findings.groups],
        }
        output.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    elif output.suffix == ".csv":
        pyarrow.csv.write_csv(findings.table, output)
    else:
        pyarrow.parquet.write_table(findings.table, output)
