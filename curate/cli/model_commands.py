"""`models list | pull | verify`: the model files, their licences and whether they are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from annotators.weights import ModelStore

app = typer.Typer(help="List, fetch and check the model files.", no_args_is_help=True)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; all of the default set if not given.")
]


@app.command("list")
def list_models() -> None:
    """Every model: task, whether it comes by default or only by name, size, licence, and whether it is here."""
    from annotators.weights import ModelStore
    from curate.cli.tables import show_rows

    store = ModelStore()
    rows = [
        (
            e.name,
            e.task,
            "default" if e.default else "by name",
            e.written_size,
            e.licence,
            "yes" if e.commercial else "research only",
            _place(store, e.name),
        )
        for e in sorted(store.entries(), key=lambda e: not e.default)
    ]
    show_rows(("model", "task", "fetched", "size", "licence", "commercial use", "on this machine"), rows)


@app.command()
def pull(
    names: Names = None,
    commercial_only: Annotated[
        bool, typer.Option("--commercial-only", help="Refuse models for research only.")
    ] = False,
) -> None:
    """Fetch model files; each is checked against its hash."""
    from annotators.weights import ModelStore

    store = ModelStore(commercial_only=commercial_only)
    for name in store.pull(names or None, progress=typer.echo):
        typer.echo(f"{name}: {store.path(name)}")


@app.command()
def verify(names: Names = None) -> int:
    """Hash the model files again and say which are right."""
    from annotators.weights import ModelStore

    store = ModelStore()
    bad = False
    for result in store.verify(names or None):
        typer.echo(f"{'ok  ' if result.ok else 'FAIL'}  {result.name}: {result.detail}")
        bad |= not result.ok
    return 1 if bad else 0


def _place(store: ModelStore, name: str) -> str:
    from schemas import ModelError

    try:
        store.path(name)
    except ModelError:
        return "no"
    return "yes"
