"""The README's two tables of annotators: what the registry declares, beside the figures that were measured.

python -m curate.annotator_docs --write README.md
python -m curate.annotator_docs --check README.md
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from annotators.base import Annotator, Detector
from annotators.registry import annotator, annotator_names, detector, detector_names
from annotators.weights import ModelStore

MADE = "made by `python -m curate.annotator_docs --write README.md`"


def figures() -> dict[str, dict[str, Any]]:
    """Annotator -> measured figure, time per face and the command that gives them."""
    text = resources.files("annotators").joinpath("data/figures.toml").read_text("utf-8")
    return tomllib.loads(text)


def table() -> str:
    """The table in Markdown, detectors first."""
    classes: list[type[Annotator] | type[Detector]] = [detector(n) for n in detector_names()]
    classes += [annotator(n) for n in annotator_names(only_default=True)]
    head = ("annotator", "writes", "model (licence)", "ms per face", "measured", "command")
    return _markdown(head, [_row(cls) for cls in classes])


def optional_table() -> str:
    """The annotators that run only when they are asked for, in Markdown."""
    names = [n for n in annotator_names() if not annotator(n).default]
    head = ("annotator", "writes", "model (licence)", "what it does", "measured")
    return _markdown(head, [_optional_row(annotator(n)) for n in names])


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _row(cls: type[Annotator] | type[Detector]) -> tuple[str, ...]:
    found = figures().get(cls.name, {})
    writes = "faces" if issubclass(cls, Detector) else _writes(cls)
    command = f"`{found['command']}`" if found.get("command") else ""
    return (f"**{cls.name}**", writes, _models(cls), str(found.get("ms", "")), str(found.get("figure", "")), command)


def _optional_row(cls: type[Annotator]) -> tuple[str, ...]:
    found = figures().get(cls.name, {})
    measured = found.get("figure", "not measured here: no weights or no truth at hand")
    command = f" (`{found['command']}`)" if found.get("command") else ""
    return (f"**{cls.name}**", _writes(cls), _models(cls), cls.doc, f"{measured}{command}")


def _writes(cls: type[Annotator]) -> str:
    return ", ".join(f"`{c.name}`" for c in cls.provides)


def _models(cls: type[Annotator] | type[Detector]) -> str:
    store = ModelStore()
    return ", ".join(f"{w} ({store.entry(w).licence})" for w in cls.weights) or "none"


def with_tables(page: str) -> str:
    """A page with both tables between their marks.

    Raises:
        ValueError: if the page lacks a mark.
    """
    for name, text in (("annotators", table()), ("optional annotators", optional_table())):
        begin, end = f"<!-- {name}: {MADE} -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        _, mark, after = rest.partition(end)
        if not mark:
            raise ValueError(f"no marks '{begin}' and '{end}'")
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check a page; the exit code is 1 if it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", type=Path, metavar="PAGE")
    choice.add_argument("--check", type=Path, metavar="PAGE")
    options = parser.parse_args(arguments)
    page: Path = options.write or options.check
    text = page.read_text("utf-8")
    fresh = with_tables(text)
    if options.write:
        page.write_text(fresh, "utf-8")
    elif fresh != text:
        sys.stderr.write(f"stale: {page}; run python -m curate.annotator_docs --write {page}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
