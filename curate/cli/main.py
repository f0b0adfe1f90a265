"""Entry point: builds the command, and turns every error of a user into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from curate import __version__
from curate.cli import (
    audit_commands,
    avatar_commands,
    balance_commands,
    calibrate_commands,
    card_commands,
    compare_commands,
    evaluate_commands,
    export_commands,
    generate_commands,
    identity_commands,
    import_commands,
    inspect_commands,
    layout_commands,
    measure_commands,
    model_commands,
    pair_commands,
    pipeline_commands,
    recipe_commands,
    review_commands,
    stability_commands,
    text_commands,
    trust_commands,
    view_commands,
)
from schemas import FacecurateError

_UsageProblem: type[Exception] = typer.BadParameter.__bases__[0]
"""What typer raises for a wrong call; it exports only the leaves of its error tree."""

INTERRUPTED = 130

app = typer.Typer(
    name="facecurate",
    help="Turn folders of face photos into labelled datasets that pandas, DuckDB and FiftyOne open.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    pipeline_commands,
    import_commands,
    inspect_commands,
    view_commands,
    calibrate_commands,
    evaluate_commands,
    audit_commands,
    compare_commands,
    stability_commands,
    trust_commands,
    identity_commands,
    card_commands,
    balance_commands,
    generate_commands,
    export_commands,
    measure_commands,
    pair_commands,
    recipe_commands,
    text_commands,
    avatar_commands,
):
    module.register(app)
app.add_typer(review_commands.app, name="review")
app.add_typer(model_commands.app, name="models")
app.add_typer(layout_commands.app, name="layout")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facecurate {__version__}")
        raise typer.Exit


@app.callback(epilog="Add --debug to any command to see the traceback of an error.")
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Root of all commands."""


_main.__doc__ = app.info.help


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0 done, 1 some of the work failed, 2 the call cannot be carried out, 130 stopped with Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    sys.exit(_run(arguments, debug))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        code = app(arguments, standalone_mode=False, prog_name="facecurate")
    except FacecurateError as error:
        if debug:
            raise
        return _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except _UsageProblem as error:
        return _complain(_explain(error), 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: no noise at exit
        return 0
    if code == INTERRUPTED:  # typer turns Ctrl-C into a return value
        return _complain("stopped; what is done is kept. The same command goes on where it stopped", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _explain(error: Any) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "facecurate"
    return f"{error.format_message().rstrip('.')}. See: {path} --help"


def _complain(message: str, code: int) -> int:
    typer.echo(f"facecurate: {' '.join(message.split())}", err=True)
    return code
