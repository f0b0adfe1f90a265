"""The command of a module that makes one page of docs/: write it, or say whether it is current."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def run(
    doc: str | None, module: str, file: str, page: Callable[[], str], arguments: Sequence[str] | None = None
) -> int:
    """Write a page, or hold the one that stands there against a new one.

    Args:
        doc: The module's docstring, for `--help`.
        module: Its name, as in `python -m MODULE`.
        file: Name of the page.
        page: Gives the whole page.
        arguments: Of the command line; those of the process if None.

    Returns:
        The exit code: 1 if the page is not current.
    """
    parser = argparse.ArgumentParser(description=doc)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", type=Path, metavar="DOCS")
    choice.add_argument("--check", type=Path, metavar="DOCS")
    given = parser.parse_args(arguments)
    if given.write is not None:
        (given.write / file).write_text(page(), "utf-8")
        return 0
    if (given.check / file).read_text("utf-8") == page():
        return 0
    sys.stderr.write(f"{given.check / file} is not current: python -m {module} --write docs\n")
    return 1
