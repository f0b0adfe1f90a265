"""`generate`: pictures made from a dataset's faces, with their lineage; `fill`: the gaps of a plan closed with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curate.fill.options import FillOptions
    from curate.fill.run import Filled
    from curate.generate.options import Options
    from curate.generate.run import Generated
    from curate.generate.work import Setting
    from curate.store import Dataset

Existing = Annotated[Path | None, typer.Argument(metavar="DATASET", help="Folder of the dataset.", show_default=False)]
With = Annotated[
    list[str], typer.Option("--with", "-w", metavar="NAME", help="A generator; again for more.", show_default=False)
]
Settings = Annotated[
    list[str], typer.Option("--set", metavar="NAME.OPTION=VALUE", help="A generator's setting.", show_default=False)
]
Where = Annotated[str, typer.Option(metavar="SQL", help='Which faces may be sources, such as "quality > 0.6".')]
Count = Annotated[int | None, typer.Option("--count", "-n", min=1, help="Requests that shall succeed, per generator.")]
PerFace = Annotated[int | None, typer.Option(min=1, help="So many requests for every face instead.")]
Order = Annotated[str, typer.Option(help="best quality first, or a random draw.")]
Seed = Annotated[int, typer.Option(help="Another number gives other parameters and partners.")]
Side = Annotated[int, typer.Option(help="Side of a picture in pixels.")]
Format = Annotated[str, typer.Option(help="png, jpeg or webp.")]
PartnerWhere = Annotated[str, typer.Option(metavar="SQL", help="Which faces may be the second one.")]
Annotators = Annotated[
    str | None, typer.Option("--annotators", "-a", metavar="NAMES", help="Comma-separated; those of the dataset.")
]
NoLabels = Annotated[bool, typer.Option("--no-labels", help="Find the new faces, but do not label them.")]
FromSynthetic = Annotated[bool, typer.Option("--from-synthetic", help="Generated faces may be sources too.")]
AnySplit = Annotated[bool, typer.Option("--any-split", help="Faces of validation and test parts may be sources too.")]
Adults = Annotated[
    bool,
    typer.Option("--assume-adults", help="Your word that faces of unknown age are adults'; labels stand above it."),
]
Workers = Annotated[int | None, typer.Option("--workers", "-j", min=1, help="Processes; one per core if not given.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and write nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(generate)
    app.command()(fill)


def generate(
    dataset: Existing = None,
    names: With = [],  # noqa: B006 - typer copies it
    settings: Settings = [],  # noqa: B006
    where: Where = "",
    count: Count = None,
    per_face: PerFace = None,
    order: Order = "best",
    seed: Seed = 0,
    side: Side = 512,
    form: Annotated[str, typer.Option("--format", help="png, jpeg or webp.")] = "png",
    partner_where: PartnerWhere = "",
    annotators: Annotators = None,
    no_labels: NoLabels = False,
    from_synthetic: FromSynthetic = False,
    any_split: AnySplit = False,
    assume_adults: Adults = False,
    workers: Workers = None,
    dry_run: DryRun = False,
    listing: Annotated[bool, typer.Option("--list", help="Show the generators.")] = False,
    check: Annotated[
        bool, typer.Option("--verify", help="Let other annotators say whether the promises were kept.")
    ] = False,
    verifiers: Annotated[str | None, typer.Option(metavar="NAMES", help="Annotators that verify.")] = None,
    recheck: Annotated[
        int, typer.Option(metavar="N", min=0, help="Make N stored pictures again and compare every pixel.")
    ] = 0,
    quiet: Quiet = False,
) -> int:
    """Make pictures from a dataset's faces and take them in, with their lineage and the labels of other annotators.

    No picture is made from a photo in which a face may be a minor's. The same call goes on where it was stopped.
    """
    from curate.engine.settings import parse_settings
    from curate.generate.candidates import Rules
    from curate.generate.options import COUNT, Options
    from curate.store import Dataset
    from schemas import UsageError

    if listing:
        _list()
        return 0
    if dataset is None:
        raise typer.BadParameter("Missing argument 'DATASET'")
    begins = _from_words(names) and not (recheck or check or dry_run)
    ds = _begun(dataset) if begins else Dataset.open(dataset)
    if recheck:
        return _recheck(ds, recheck, names)
    if check:
        return _verify(ds, names, _split(verifiers), quiet)
    if count and per_face:
        raise UsageError("--count and --per-face", "only one of them can say how many pictures to make")
    options = Options(
        names,
        parse_settings(settings),
        Rules(where, order, seed, from_synthetic, any_split, assume_adults),
        partner_where=partner_where,
        count=count or COUNT,
        per_face=per_face or 0,
        seed=seed,
        side=side,
        form=form,
        annotators=_split(annotators),
        label=not no_labels,
        workers=workers,
        quiet=quiet,
        command=tuple(sys.argv[1:]),
    )
    if dry_run:
        from curate.generate.run import prepare

        _plan(prepare(ds, options), options)
        return 0
    from curate.generate.run import generate as run

    return _report(run(ds, options), quiet)


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [n.strip() for n in text.split(",") if n.strip()]


def _list() -> None:
    from curate.cli.tables import show_rows
    from curate.generators.registry import generator, generator_names

    rows = []
    for name in generator_names():
        cls = generator(name)
        needs = "two faces" if cls.takes_partner else "a face" if cls.takes_subject else "words"
        options = ", ".join(f"{k}={v!r}" for k, v in cls.config_type().as_dict().items())
        rows.append((f"{name} {cls.version}", needs, cls.doc, options))
    show_rows(("generator", "needs", "what it makes", "settings"), rows)


def _from_words(names: list[str]) -> bool:
    """Whether no face is needed to start from."""
    from curate.generators.registry import generator

    return bool(names) and not any(generator(name).takes_subject for name in names)


def _begun(folder: Path) -> Dataset:
    """The dataset; a new one where nothing is there yet, since faces made from words need none to start from."""
    from curate.store import Dataset

    return Dataset.open_or_create(folder)


def _plan(setting: Setting, options: Options) -> None:
    if any(c.cls.takes_subject for c in setting.chosen):
        typer.echo(f"{len(setting.found):,} of {setting.found.total:,} faces may be sources")
        _left_out(setting.found.left_out)
    for chosen in setting.chosen:
        faces = f"{len(setting.found):,} faces" if chosen.cls.takes_subject else "words"
        number = f"{options.per_face} for each" if options.per_face else f"up to {options.count:,}"
        typer.echo(f"{chosen.label}: {number}, from {faces}, {options.side} px, {options.form}")


def _left_out(left_out: dict[str, int]) -> None:
    from curate.generate.candidates import WAYS_OUT

    for reason, number in sorted(left_out.items(), key=lambda kv: -kv[1]):
        typer.echo(f"{number:>9,}  {reason}" + (f" ({WAYS_OUT[reason]})" if reason in WAYS_OUT else ""))


def _report(done: Generated, quiet: bool) -> int:
    from curate.cli.tables import show_rows

    failed = [(n, e, k) for n, t in done.tallies.items() for e, k in t.failed.items()]
    if not quiet:
        if done.left_out:
            typer.echo("faces that were left out as sources:")
            _left_out(done.left_out)
        rows = [
            (n, t.requests, t.made, t.fresh, t.pictures, sum(t.refused.values()), sum(t.failed.values()))
            for n, t in done.tallies.items()
        ]
        head = ("generator", "requests", "made", "of them now", "pictures", "refused", "failed")
        show_rows(head, rows)
        for name, tally in done.tallies.items():
            for reason, number in tally.refused.most_common():
                typer.echo(f"{name} refused {number:,}: {reason}")
        typer.echo(f"{done.ingested:,} pictures are new to the dataset")
    for name, error, number in failed:
        typer.echo(f"facecurate: {name}: {error} ({number} times)", err=True)
    for error in done.failures:
        typer.echo(f"facecurate: {error}", err=True)
    return 1 if failed or done.failures else 0


def _verify(ds: Dataset, names: list[str], verifiers: list[str] | None, quiet: bool) -> int:
    from curate.cli.tables import show_rows
    from curate.evaluation.intervals import proportion
    from curate.generate.verify import verify

    found = verify(ds, names or None, verifiers, quiet)
    if quiet:
        return 0
    rows = []
    for name, account in found.accounts.items():
        rows.append((name, "all that was promised", account.share.n, f"{account.share:.2f}"))
        for promise, held in account.promises.items():
            share = proportion(held)
            rows.append(("", promise, share.n, f"{share:.2f}"))
        for reason, number in account.unread.items():
            rows.append(("", f"not judged: {reason}", number, ""))
    show_rows(("generator", "promise", "n", "kept (95 %)"), rows)
    typer.echo(f"labels/{found.layer}" + ("" if found.written else " was there already"))
    return 0


def _recheck(ds: Dataset, count: int, names: list[str]) -> int:
    from curate.generate.again import recheck

    same = 0
    wrong = 0
    for picture, problem in recheck(ds, count, names or None):
        same += not problem
        wrong += bool(problem)
        if problem:
            typer.echo(f"facecurate: {picture.lineage.generator} {picture.image_id}: {problem}", err=True)
    typer.echo(f"{same} of {same + wrong} pictures came out the same, pixel by pixel")
    return 1 if wrong else 0


def fill(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the dataset.")],
    plan: Annotated[Path, typer.Option("--plan", help="plan.json that balance wrote.")],
    names: With = [],  # noqa: B006 - typer copies it
    settings: Settings = [],  # noqa: B006
    name: Annotated[str, typer.Option(help="Name of the fill; the plan's if not given.")] = "",
    budget: Annotated[
        int, typer.Option(metavar="TRIES", min=0, help="Most tries; ten for each missing face if not given.")
    ] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="Most rounds over all cells.")] = 20,
    verifiers: Annotated[str | None, typer.Option(metavar="NAMES", help="Annotators that judge.")] = None,
    allow_single: Annotated[
        bool, typer.Option("--allow-single", help="Trust a column that only one annotator can judge.")
    ] = False,
    per_face: Annotated[int, typer.Option(min=1, help="Most pictures of one face by one generator.")] = 3,
    least_quality: Annotated[float, typer.Option(min=0, max=1, help="Least quality score.")] = 0.3,
    where: Where = "",
    order: Order = "best",
    seed: Seed = 0,
    side: Side = 512,
    form: Annotated[str, typer.Option("--format", help="png, jpeg or webp.")] = "png",
    keep_rejected: Annotated[
        bool, typer.Option("--keep-rejected", help="Keep rejected pictures, beside the dataset's own.")
    ] = False,
    any_split: AnySplit = False,
    assume_adults: Adults = False,
    no_audit: Annotated[bool, typer.Option("--no-audit", help="No audit before and after.")] = False,
    workers: Workers = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> int:
    """Fill the gaps of a plan with generated faces that at least two independent annotators accept."""
    from curate.engine.settings import parse_settings
    from curate.fill.options import FillOptions
    from curate.generate.candidates import Rules
    from curate.store import Dataset

    rules = Rules(where, order, seed, False, any_split, assume_adults)
    options = FillOptions(
        plan, name, list(dict.fromkeys(names)), parse_settings(settings), rules, budget, rounds, _split(verifiers),
        allow_single, per_face, least_quality, seed, side, form, keep_rejected, not no_audit, workers, quiet,
        tuple(sys.argv[1:]),
    )  # fmt: skip
    ds = Dataset.open(dataset)
    if dry_run:
        _fill_plan(ds, options)
        return 0
    from curate.fill.run import fill as run

    return _filled(run(ds, options), quiet)


def _fill_plan(ds: Dataset, options: FillOptions) -> None:
    from curate.cli.tables import show_rows
    from curate.fill.setting import prepare

    setting = prepare(ds, options)
    rows = [(g.name, g.now, g.need, ", ".join(f"{n} {q}" for n, q in g.quotas.items())) for g in setting.goals]
    show_rows(("cell", "stay", "missing", "from"), rows)
    typer.echo(f"{len(setting.found):,} of {setting.found.total:,} faces may be sources")
    _left_out(setting.found.left_out)
    for maker, columns in setting.court.judging.items():
        for asked, able in columns.items():
            typer.echo(f"{asked} of {maker}: judged by {', '.join(able)}")


def _filled(done: Filled, quiet: bool) -> int:
    from curate.cli.tables import show_rows

    if not quiet:
        for asked, who in done.single.items():
            typer.echo(f"NOTE: {asked} was judged by {who} alone")
        rows = [(c.cell, c.before, c.after, c.need, c.accepted, c.tries, c.why) for c in done.cells]
        show_rows(("cell", "before", "after", "missing", "accepted", "tries", "why it ended"), rows)
        typer.echo()
        found = [(y.maker, y.cell, y.tries, f"{y.rate:.2f}") for y in done.yields if y.tries]
        show_rows(("generator", "cell", "tries", "yield (95 %)"), found)
        for reason, number in done.reasons.items():
            typer.echo(f"{number:>9,}  {reason}")
        typer.echo(f"ledger: {done.folder}")
        for page in done.pages:
            typer.echo(f"{page}")
    for error in done.failures:
        typer.echo(f"facecurate: {error}", err=True)
    return 1 if done.failures else 0
