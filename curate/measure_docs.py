"""The table of measures in docs/measures.md, made from what the measures declare.

python -m curate.measure_docs --write docs
python -m curate.measure_docs --check docs
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence

from curate.doc_pages import run
from curate.measures.base import KINDS
from curate.measures.registry import measure, measure_names

FILE = "measures.md"
HEAD = """# What `measure` measures

<!-- made by `python -m curate.measure_docs --write docs` -->

`facecurate measure NAME INPUTS` prints the figures that published work reports about edits, models, labels and raters;
`-o FILE` writes all of them as JSON, `--files FOLDER` also writes what a measure draws. Inputs are

{kinds}

Files that a table names start at the table's folder.

Figures have their n and 95 % interval: Wilson's for shares, a bootstrap over people or cases else. Where rows are
faces they are given for each perceived group too, which is a model's perception unless the table names the group.
Identity figures are SFace's unless said otherwise, so compare them only with each other.
"""


def page() -> str:
    """The whole page."""
    known = [measure(name) for name in measure_names()]
    kinds = "\n".join(f"- **{kind}**: {what}" for kind, what in KINDS.items())
    lines = [HEAD.format(kinds=kinds), "| measure | takes | what it measures | needs |", "|---|---|---|---|"]
    for cls in known:
        takes = ", ".join(f"{i.name}{' (may be left out)' if i.optional else ''}" for i in cls.inputs)
        needs = f"extra `{cls.extra}`" if cls.extra else ""
        lines.append(f"| [{cls.name}](#{cls.name}) | {takes} | {_cell(cls.doc)} | {needs} |")
    for cls in known:
        text = inspect.cleandoc(cls.__doc__ or "").partition("\nAttributes:")[0].strip()
        lines += ["", f"## {cls.name}", "", text, ""]
        lines += [f"- **{i.name}** ({i.kind}): {i.doc}{', may be left out' if i.optional else ''}" for i in cls.inputs]
        settings = ", ".join(f"`{k}={v!r}`" for k, v in cls.config_type().as_dict().items())
        lines += ["", f"Source: {cls.source}."] + (["", f"Settings (`--set`): {settings}"] if settings else [])
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is current."""
    return run(__doc__, "curate.measure_docs", FILE, page, arguments)


if __name__ == "__main__":
    sys.exit(main())
