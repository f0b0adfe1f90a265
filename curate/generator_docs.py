"""docs/generators.md with a picture sheet of each generator, and the README's table of generators.

python -m curate.generator_docs --write docs README.md
python -m curate.generator_docs --check docs README.md
python -m curate.generator_docs --sheets docs ageing sketch
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from annotators.weights import ModelStore
from curate.annotator_docs import _markdown as markdown
from curate.generators.base import Generator
from curate.generators.registry import generator, generator_names

MADE = "made by `python -m curate.generator_docs --write docs README.md`"
PAGE, SHEETS = "generators.md", "generators"
BEGIN, END = f"<!-- generators: {MADE} -->", "<!-- end of generators -->"
LEAST = 0.8
"""Share of pictures that shall keep their promise; the table says where it is not reached."""
EXACT = 12
"""Promises named in the table, the most often judged first."""

INTRO = f"""# Generators

<!-- {MADE} -->

`facecurate generate DATASET --with NAME` makes pictures from a dataset's faces and takes them in with their lineage;
`facecurate fill DATASET --plan plan.json` closes the gaps of a balance plan with them. Each picture says in its own
metadata that it is synthetic, and what it was made from. No photo in which a face may be a minor's is ever a source.

Each generator promises what its picture shows: whose face, and which labels change or stay. Annotators that it did
not look at check that, on faces that nothing was tuned on: adults of FairFace's validation split, drawn evenly over
seven perceived groups. *Kept* is the share of pictures of which all that could be judged was held, with its 95 %
interval (Wilson); a promise about a column that several annotators give counts only where all of them see it. The
settings in these figures are the defaults, which draw what they leave open.

Pictures on the sheets are made from scikit-image's portrait of Eileen Collins (NASA, public domain); the first is the
portrait itself. Where a generator needs a second person, that is the same portrait with other colours, mirrored, made
wider and surprised: nobody else's photo is shown.
"""


def figures() -> dict[str, dict[str, Any]]:
    """Generator -> what was measured, and the command that gives it."""
    file = resources.files("curate.generators").joinpath("figures.toml")
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def kept(found: Mapping[str, Any], version: str = "") -> str:
    """The measured share in words.

    Args:
        found: The generator's figures.
        version: Its version now; figures of another one say so.
    """
    if not found:
        return "not measured: it needs weights or a program of your own"
    if "kept" not in found:
        return f"it promises nothing that a verifier could judge (n = {found['faces']} faces)"
    said = f"{_share(found['kept'])} ({_share(found['low'])}-{_share(found['high'])}), n = {found['n']}"
    if found.get("refused"):
        said += f"; {found['refused']} of {found['faces']} faces refused"
    if found["kept"] < LEAST:
        said += f"; **under {_share(LEAST)}**"
    older = found.get("version", version)
    return said if older == version or not version else f"{said} (measured in version {older})"


def promised(found: Mapping[str, Any]) -> str:
    """What was promised in the measured pictures, each with its share."""
    promises: dict[str, tuple[float, int]] = {}
    for name, (share, count) in found.get("promises", {}).items():
        head, becomes, _ = name.partition(" becomes ")
        folded = f"{head} becomes what was asked" if becomes else name
        before, number = promises.get(folded, (0.0, 0))
        promises[folded] = ((before * number + share * count) / (number + count), number + count)
    ranked = sorted(promises, key=lambda name: -promises[name][1])[:EXACT]
    said = [f"{name.replace('_', ' ')} {_share(promises[name][0])}" for name in ranked]
    return ", ".join(said) + (", ..." if len(promises) > EXACT else "")


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def needs(cls: type[Generator]) -> str:
    """What a generator takes and loads."""
    takes = "two faces" if cls.takes_partner else "a face" if cls.takes_subject else "words"
    store = ModelStore()
    weights = ", ".join(f"{w} ({store.entry(w).licence})" for w in cls.weights)
    return f"{takes}; {weights}" if weights else takes if cls.embedded else f"{takes}; weights or a program of your own"


def table(full: bool = False) -> str:
    """The README's table; the full one names each promise too."""
    known = figures()
    rows = []
    for name in generator_names():
        found = known.get(name, {})
        title = f"[{name}](#{name})" if full else f"**{name}**"
        row = (title, generator(name).doc, needs(generator(name)), kept(found, generator(name).version))
        rows.append((*row, promised(found)) if full else row)
    head = ("generator", "what it makes", "needs", "promises kept")
    return markdown((*head, "what was promised, and kept") if full else head, rows)


def page() -> str:
    """docs/generators.md."""
    known = figures()
    return "\n".join(
        [INTRO, table(full=True), "", *(_section(generator(name), known.get(name, {})) for name in generator_names())]
    )


def _section(cls: type[Generator], found: Mapping[str, Any]) -> str:
    lines = [
        f"## {cls.name}",
        "",
        cls.doc,
        "",
        f"- needs: {needs(cls)}",
        f"- promises kept: {kept(found, cls.version)}",
    ]
    if promised(found):
        lines.append(f"- what was promised, and kept: {promised(found)}")
    if "cosine" in found:
        lines.append(f"- SFace's cosine with the source: median {found['cosine']:.2f}")
    if "worst" in found:
        said = f"{found['worst']}, {_share(found['worst_kept'])} of {found['worst_n']}"
        lines.append(f"- perceived group with the lowest share: {said} (too few pictures to tell groups apart)")
    if "ms" in found:
        lines.append(f"- {found['ms']} ms per picture of 512 px, one thread")
    if "command" in found:
        lines.append(f"- `{found['command']}`")
    lines.append(f"- digital source type: `{cls.source_type().value}`")
    if cls.conditioners:
        lines.append(f"- annotators that cannot verify it: {', '.join(cls.conditioners)}")
    settings = cls.config_type().as_dict()
    if settings:
        lines.append("- settings: " + ", ".join(f"`{k}={v}`" for k, v in settings.items()))
    if has_sheet(cls):
        lines += ["", f"![{cls.name}]({SHEETS}/{cls.name}.webp)"]
    return "\n".join(lines) + "\n"


def has_sheet(cls: type[Generator]) -> bool:
    """Whether a generator's pictures can be shown without anything of a user's own."""
    return cls.takes_subject and cls.embedded


def with_table(text: str) -> str:
    """A page with the table between its marks.

    Raises:
        ValueError: if the page lacks a mark.
    """
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"no marks '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def stale(docs: Path, readme: Path) -> list[str]:
    """What is not as the generators and figures say; pictures are asked for, not compared."""
    found = []
    if not (docs / PAGE).is_file() or (docs / PAGE).read_text("utf-8") != page():
        found.append(str(docs / PAGE))
    if with_table(readme.read_text("utf-8")) != readme.read_text("utf-8"):
        found.append(str(readme))
    names = [n for n in generator_names() if has_sheet(generator(n))]
    return found + [str(sheet_path(docs, n)) for n in names if not sheet_path(docs, n).is_file()]


def sheet_path(docs: Path, name: str) -> Path:
    """Where a generator's sheet lies."""
    return docs / SHEETS / f"{name}.webp"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; the exit code is 1 if something is stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", nargs=2, type=Path, metavar=("DOCS", "README"))
    choice.add_argument("--check", nargs=2, type=Path, metavar=("DOCS", "README"))
    choice.add_argument("--sheets", type=Path, metavar="DOCS", help="draw the sheets named after it, or all, anew")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args(arguments)
    if options.check:
        found = stale(*options.check)
        for name in found:
            sys.stderr.write(f"stale: {name}; run python -m curate.generator_docs --write docs README.md\n")
        return 1 if found else 0
    from curate.generator_sheets import draw_sheets

    every = [n for n in generator_names() if has_sheet(generator(n))]
    if options.sheets:
        draw_sheets(options.sheets / SHEETS, options.names or every)
        return 0
    docs, readme = options.write
    draw_sheets(docs / SHEETS, [n for n in every if not sheet_path(docs, n).is_file()])
    (docs / PAGE).write_text(page(), "utf-8")
    readme.write_text(with_table(readme.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
