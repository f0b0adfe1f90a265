"""The table of export formats in docs/formats.md, made from what the exporters declare.

python -m curate.format_docs --write docs
python -m curate.format_docs --check docs
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence

from curate.doc_pages import run
from curate.export.crops import SIZES
from curate.export.registry import exporter, exporter_names

FILE = "formats.md"
HEAD = """# Formats that `export` writes

<!-- made by `python -m curate.format_docs --write docs` -->

`facecurate export DATASET FORMAT FOLDER` writes a dataset in one of these forms, reads it back, compares it value by
value with what was given, and says what the form cannot hold. `facecurate-export.json` beside the data holds size and
SHA-256 of every file, what was left out and why, and who speaks against commercial use. A stopped call goes on.
`card.md`, `card.html` and `croissant.json` (Croissant 1.1 + RAI) say what this export holds, counted over its own
faces; mlcroissant loads the rows of Parquet, JSON lines, CSV and WebDataset. `--no-card` leaves them out.

Formats of *faces* hold one sample per face, cut with `--crop` ({crops}) or the whole picture;
points and boxes go along. Formats of *pictures* hold whole pictures with all their faces.
"""


def page() -> str:
    """The whole page."""
    known = [exporter(name) for name in exporter_names()]
    lines = [HEAD.format(crops=", ".join(c for c in SIZES if c != "none"))]
    lines += ["| format | of | what it is | opened by | needs |", "|---|---|---|---|---|"]
    for cls in known:
        needs = ", ".join([*([f"extra `{cls.extra}`"] if cls.extra else []), *(["`--crop`"] if cls.needs_crop else [])])
        lines.append(f"| [{cls.name}](#{cls.name}) | {cls.unit} | {cls.doc} | {cls.opened_by} | {needs} |")
    for cls in known:
        settings = ", ".join(f"`{k}={v!r}`" for k, v in cls.config_type().as_dict().items())
        text = inspect.cleandoc(cls.__doc__ or "").partition("\nAttributes:")[0].strip()
        lines += ["", f"## {cls.name}", "", text]
        if settings:
            lines += ["", f"Settings (`--set`): {settings}"]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or say whether it is current."""
    return run(__doc__, "curate.format_docs", FILE, page, arguments)


if __name__ == "__main__":
    sys.exit(main())
