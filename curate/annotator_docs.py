"""The README's table of annotators: what the registry declares, beside the figures that were measured.

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

BEGIN = "<!-- annotators: made by `python -m curate.annotator_docs --write README.md` -->"
END = "<!-- end of annotators -->"


def figures() -> dict[str, dict[str, Any]]:
    """Annotator -> measured figure, time per face and the command that gives them."""
    text = resources.files("annotators").joinpath("data/figures.toml").read_text("utf-8")
    return tomllib.loads(text)


def table() -> str:
    """The table in Markdown, detectors first."""
    classes: list[type[Annotator] | type[Detector]] = [detector(n) for n in detector_names()]
    classes += [annotator(n) for n in annotator_names(only_default=True)]
    head = ("annotator", "writes", "model (licence)", "ms per face", "measured", "command")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_row(cls)) + " |" for cls in classes]
    return "\n".join(lines)


def _row(cls: type[Annotator] | type[Detector]) -> tuple[str, ...]:
    found = figures().get(cls.name, {})
    writes = "faces" if issubclass(cls, Detector) else ", ".join(f"`{c.name}`" for c in cls.provides)
    store = ModelStore()
    models = ", ".join(f"{w} ({store.entry(w).licence})" for w in cls.weights) or "none"
    command = f"`{found['command']}`" if found.get("command") else ""
    return (f"**{cls.name}**", writes, models, str(found.get("ms", "")), str(found.get("figure", "")), command)


def with_table(page: str) -> str:
    """A page with the table between its marks.

    Raises:
        ValueError: if the page has no marks.
    """
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"no marks '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check a page; the exit code is 1 if it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", type=Path, metavar="PAGE")
    choice.add_argument("--check", type=Path, metavar="PAGE")
    options = parser.parse_args(arguments)
    page: Path = options.write or options.check
    text = page.read_text("utf-8")
    fresh = with_table(text)
    if options.write:
        page.write_text(fresh, "utf-8")
    elif fresh != text:
        sys.stderr.write(f"stale: {page}; run python -m curate.annotator_docs --write {page}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
