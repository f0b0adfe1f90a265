"""`identity`, `duplicates` and `split`: who is who, which photos are the same, and parts that share neither."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from curate.identity.false_matches import Rate
    from curate.store import Dataset

Existing = Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")]
Adults = Annotated[bool, typer.Option("--assume-adults", help="Your word that the pictures show adults only.")]
ChildChance = Annotated[
    float, typer.Option(min=0, max=1, help="Chance of being under 13 from which a face counts as a child's.")
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the summary as JSON too.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")]
Columns = Annotated[str, typer.Option(metavar="COLUMNS", help="Comma-separated columns.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(identity)
    app.command()(duplicates)
    app.command()(split)


def identity(
    dataset: Existing,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.3, max=1, help="Least average cosine of one person; chosen by the number of faces if not given."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMNS", help="Groups of the report on false matches; the perceived ones if not given."),
    ] = None,
    truth: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="Column that says who is who, such as extra.person, to measure against."),
    ] = "",
    child_chance: ChildChance = 0.1,
    assume_adults: Adults = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Group the faces into people. Two faces of one picture are never one person; children are never merged."""
    from curate.identity.identities import Settings, find_identities
    from curate.store import Dataset

    ds = Dataset.open(dataset)
    groups = _default_groups(ds.columns()) if by is None else _names(by)
    settings = Settings(threshold, child_chance, assume_adults, groups, truth)
    found = find_identities(ds, settings)
    _save(json, found.as_dict())
    if quiet:
        return
    _layer(ds, found.layer, found.written)
    typer.echo(f"threshold: an average cosine of {found.threshold:.2f}")
    _numbers(found.counts)
    _rates(found.rates)


def duplicates(
    dataset: Existing,
    bits: Annotated[int, typer.Option(min=0, max=11, help="Most differing bits of the 64-bit picture hash.")] = 10,
    cosine: Annotated[float, typer.Option(min=0.5, max=1, help="Least cosine of two cuts of one photo.")] = 0.9,
    child_chance: ChildChance = 0.1,
    assume_adults: Adults = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Group faces that show the same photo and mark the best of each group. Nothing is deleted."""
    from curate.identity.duplicates import Settings, find_duplicates
    from curate.store import Dataset

    settings = Settings(bits=bits, cosine=cosine, child_chance=child_chance, assume_adults=assume_adults)
    ds = Dataset.open(dataset)
    found = find_duplicates(ds, settings, quiet)
    _save(json, found.as_dict())
    if not quiet:
        _layer(ds, found.layer, found.written)
        _numbers(found.counts)


def split(
    dataset: Existing,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Name of the split.")] = "default",
    ratios: Annotated[str, typer.Option(help="Share of each part.")] = "train=.8,validation=.1,test=.1",
    stratify: Annotated[
        str, typer.Option(metavar="COLUMNS", help="Columns to keep in balance between the parts.")
    ] = "",
    disjoint: Annotated[
        str, typer.Option(metavar="NAMES", help="identity, duplicates, or columns whose values stay in one part.")
    ] = "identity,duplicates",
    seed: Annotated[int, typer.Option(help="Another number gives another division.")] = 0,
    tolerance: Annotated[float, typer.Option(min=0, max=1, help="Most by which a group's share may miss.")] = 0.02,
    children: Annotated[
        str, typer.Option(help="tie look-alike children to one part, put all children in train, or leave them free.")
    ] = "tie",
    child_chance: ChildChance = 0.1,
    assume_adults: Adults = False,
    allow_synthetic: Annotated[
        bool, typer.Option("--allow-synthetic", help="Generated pictures may lie outside the training part.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check a split's certificate against the data.")] = False,
    json: Json = None,
    quiet: Quiet = False,
) -> int:
    """Divide the faces into parts that share no person, no photo and no picture, and write a certificate."""
    from curate.split.settings import Settings, parse_ratios
    from curate.split.split import certificate_path, make_split
    from curate.store import Dataset

    ds = Dataset.open(dataset)
    if verify:
        return _verify(ds, name)
    settings = Settings(
        name, parse_ratios(ratios), _names(stratify), _names(disjoint), seed, tolerance, children,
        child_chance=child_chance, assume_adults=assume_adults, allow_synthetic=allow_synthetic,
    )  # fmt: skip
    certificate = make_split(ds, settings)
    _save(json, certificate)
    if not quiet:
        _facts(certificate["facts"], settings.parts)
        typer.echo(f"Certificate: {certificate_path(ds, name)}")
    return 0


def _verify(ds: Any, name: str) -> int:
    from curate.split.split import verify_split

    problems = verify_split(ds, name)
    for problem in problems:
        typer.echo(f"facecurate: {problem}", err=True)
    typer.echo(f"split '{name}': {f'{len(problems)} statements do not hold' if problems else 'all statements hold'}")
    return 1 if problems else 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n.strip() for n in text.split(",") if n.strip()))


def _default_groups(known: list[str]) -> tuple[str, ...]:
    from schemas import Kind
    from schemas.column import REGISTRY
    from schemas.columns.labels.demographics import DEMOGRAPHICS

    perceived = [n for n in known if n in REGISTRY and REGISTRY[n].group == DEMOGRAPHICS.name]
    return tuple(n for n in perceived if REGISTRY[n].kind is Kind.LABEL)


def _save(path: Path | None, data: Mapping[str, Any]) -> None:
    from curate.store.parts import write_json

    if path is not None:
        write_json(path, data)


def _layer(ds: Dataset, name: str, written: bool) -> None:
    typer.echo(f"labels/{name}" + ("" if written else " was there already: the same data and settings"))
    info = ds.layer(name)
    newest = next(i.name for i in ds.layers() if i.annotator == info.annotator)
    if newest != name:
        typer.echo(f"labels/{newest} is newer and goes on speaking; delete its folder to let this one speak")


def _numbers(counts: Mapping[str, int]) -> None:
    for what, number in counts.items():
        typer.echo(f"{number:>9,}  {what}")


def _rates(rates: list[Rate]) -> None:
    from curate.cli.tables import show_rows

    typer.echo("\nFalse matches at this threshold: pairs of two people of one group that would pass for one")
    known = [r for r in rates if r.pairs]
    if not known:
        typer.echo("  no pairs of faces here are known to be two people (no picture with two faces, no --truth)")
    rows = [
        (r.by or "all", r.group, r.source, f"{r.pairs:,}", f"{r.matches:,}", _interval(r.rate, r.low, r.high))
        for r in known
    ]
    show_rows(("by", "group", "pairs known as", "pairs", "matches", "rate (95 % interval)"), rows)
    without = [r for r in rates if r.by and not r.pairs]
    if without:
        typer.echo(f"no known pairs for: {', '.join(dict.fromkeys(r.group for r in without))}")


def _interval(rate: float | None, low: float | None, high: float | None) -> str:
    if rate is None or low is None or high is None:
        return ""
    return f"{100 * rate:.3g} % ({100 * low:.2g}-{100 * high:.2g})"


def _facts(facts: Mapping[str, Any], parts: list[str]) -> None:
    from curate.cli.tables import show_rows

    show_rows(("part", *next(iter(facts["parts"].values()))), [(p, *facts["parts"][p].values()) for p in parts])
    rows = [
        (
            c["column"] or "all faces",
            c["group"],
            c["faces"],
            *(f"{c[p]} ({c[p] / max(c['faces'], 1):.1%})" for p in parts),
        )
        for c in facts["strata"]
    ]
    typer.echo()
    show_rows(("column", "group", "faces", *parts), rows)
    crossing = ", ".join(f"{number} {name}" for name, number in facts["crossing"].items())
    most = facts["similarity"]["most"]
    typer.echo(f"\ngroups in two parts: {crossing}")
    typer.echo(f"most alike faces in two parts: cosine {'below .2' if most is None else f'{most:.3f}'}")
    miss = facts["largest_excess"]
    typer.echo(
        f"largest miss of a group's share: {miss:.2%}" + ("" if facts["within_tolerance"] else ", over the tolerance")
    )
