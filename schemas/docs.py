"""Renders the declared columns, taxonomies, codings, maps, layouts and angle conventions as Markdown.

`python -m schemas.docs --write docs/` writes the pages; `--check docs/` fails where they are stale.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

import schemas.columns
from schemas.angles import angle_convention, angle_conventions
from schemas.bins import all_bins, bins
from schemas.coding import coding, codings
from schemas.column import Column, ColumnGroup
from schemas.landmarks import Conversion, conversion, conversions, layout, layouts
from schemas.mapping import MapKind, mapping, maps
from schemas.taxonomy import Taxonomy, taxonomies, taxonomy

NOTE = "<!-- Written by `python -m schemas.docs --write docs/`; edit the declarations in schemas/ instead. -->"


def groups() -> list[ColumnGroup]:
    """All column groups, module by module, in order of declaration."""
    found: list[ColumnGroup] = []
    for info in pkgutil.iter_modules(schemas.columns.__path__):
        module = importlib.import_module(f"schemas.columns.{info.name}")
        found += [x for x in vars(module).values() if isinstance(x, ColumnGroup) and x not in found]
    return found


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Lines of a Markdown table; bars and line ends in the cells are made harmless."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_cell(x) for x in line) + " |" for line in lines]


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _type(column: Column) -> str:
    text = str(column.type)
    if column.taxonomy and text.startswith("struct<"):
        return f"struct of float, one per `{column.taxonomy}` label"
    if column.shape and pa.types.is_fixed_size_list(column.type):
        return " x ".join([*map(str, column.shape), str(column.type.value_type)])
    return text


def _range(column: Column) -> str:
    if column.low is None and column.high is None:
        return ""
    low, high = ("" if x is None else f"{x:g}" for x in (column.low, column.high))
    return f"{low}..{high}"


def columns_page() -> str:
    """The page of columns, a table per group."""
    lines = [NOTE, "# Columns", ""]
    lines += ["Left and right are the subject's own sides. `*` marks biometric or otherwise sensitive data.", ""]
    for group in groups():
        lines += [f"## {group.name.capitalize()}", "", group.doc, ""]
        rows = (
            (f"`{c.name}`{'*' if c.sensitive else ''}", _type(c), c.unit, _range(c), c.taxonomy, c.doc)
            for c in group.values()
        )
        lines += [*table(("column", "type", "unit", "range", "labels", "meaning"), rows), ""]
    return "\n".join(lines)


def _taxonomy_lines(one: Taxonomy) -> Iterator[str]:
    yield from (
        f"### {one.name}",
        "",
        f"{one.doc} Version {one.version}, {len(one.labels)} labels. Source: {one.source}.",
    )
    yield ""
    told = [x for x in one.labels if x in one.docs or x in one.colours]
    if len(told) < len(one.labels):
        yield from (", ".join(f"`{x}`" for x in one.labels), "")
    if one.colours:
        yield from table(
            ("label", "meaning", "colour"), ((f"`{x}`", one.docs.get(x, ""), one.colours[x]) for x in told)
        )
    elif told:
        yield from table(("label", "meaning"), ((f"`{x}`", one.docs[x]) for x in told))
    yield ""
    if one.dead:
        names = ", ".join(f"`{x}`" for x in one.dead)
        yield from (f"Dead, so not supported: {names}. These never move, whatever the face does.", "")


def _coding_rows() -> Iterator[tuple[object, ...]]:
    for name in codings():
        one = coding(name)
        codes = ", ".join(f"{code} {one.spell(label)}" for label, code in one.codes.items())
        yield f"`{name}`", f"`{one.taxonomy_name}`", codes, one.source


def _map_rows() -> Iterator[tuple[object, ...]]:
    for name in maps():
        one = mapping(*name.split(" -> "))
        ways = {kind: [x for x, (_, k) in one.pairs.items() if k is kind] for kind in MapKind}
        told = [
            f"{kind.value}: " + ", ".join(f"{x} → {one.map_label(x)}" for x in ways[kind])
            for kind in (MapKind.MERGE, MapKind.LOSSY)
            if ways[kind]
        ]
        if ways[MapKind.EXACT]:
            told.insert(0, f"exact: {len(ways[MapKind.EXACT])}")
        if ways[MapKind.UNDEFINED]:
            told.append("undefined: " + ", ".join(ways[MapKind.UNDEFINED]))
        yield f"`{one.source_name}`", f"`{one.target_name}`", "; ".join(told), one.doc


def _layout_rows() -> Iterator[tuple[object, ...]]:
    for name in layouts():
        one = layout(name)
        parts = ", ".join(f"{group} ({len(numbers)})" for group, numbers in one.groups.items())
        yield f"`{name}`", one.doc, parts, one.source


def _angle_rows() -> Iterator[tuple[object, ...]]:
    for name in angle_conventions():
        one = angle_convention(name)
        roll = {1: "clockwise", -1: "anticlockwise", None: ""}[one.roll]
        yaw, pitch = "image right" if one.yaw > 0 else "image left", "up" if one.pitch > 0 else "down"
        yield f"`{name}`", one.unit, yaw, pitch, roll, one.doc, one.source


def taxonomies_page() -> str:
    """The page of label sets and all that leads between them."""
    lines = [NOTE, "# Taxonomies", "", "Labels are stored by name. A bare number is read only through its coding.", ""]
    lines += ["## Label sets", ""]
    for name in sorted(taxonomies()):
        lines += _taxonomy_lines(taxonomy(name))
    lines += ["## Codings", "", "How tools and data sets write the labels.", ""]
    lines += [*table(("coding", "label set", "codes", "source"), _coding_rows()), ""]
    lines += ["## Maps", "", "Only these exist; nothing is chained unasked.", ""]
    lines += [*table(("from", "to", "labels", "what was decided"), _map_rows()), ""]
    lines += ["## Bins", ""]
    rows = (
        (f"`{b.name}`", ", ".join(f"{x} {_span(b.interval(x))}" for x in b.labels), b.doc)
        for b in map(bins, all_bins())
    )
    lines += [*table(("bins", "intervals", "rule"), rows), ""]
    lines += ["## Landmark layouts", "", *table(("layout", "what", "groups", "source"), _layout_rows()), ""]
    pairs = ((f"`{c.source_name}`", f"`{c.target_name}`", c.doc, c.source) for c in _conversions())
    lines += [*table(("from", "to", "note", "source"), pairs), ""]
    lines += ["## Angle conventions", "", "What a positive angle means.", ""]
    head = ("convention", "unit", "yaw", "pitch", "roll", "in its own words", "source")
    lines += [*table(head, _angle_rows()), ""]
    return "\n".join(lines)


def _conversions() -> Iterator[Conversion]:
    return (conversion(*name.split(" -> ")) for name in conversions())


def _span(interval: tuple[float, float]) -> str:
    return "[{:g}, {:g}]".format(*interval)


PAGES: dict[str, Callable[[], str]] = {"columns.md": columns_page, "taxonomies.md": taxonomies_page}


def write(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), "utf-8")


def stale(folder: Path) -> list[str]:
    """Names of the pages in a folder that are missing or no longer say what the declarations say."""
    return [
        name
        for name, page in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != page()
    ]


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; the exit code is 1 if a page is stale."""
    parser = argparse.ArgumentParser(description="Documentation tables of columns and taxonomies.")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", type=Path, metavar="FOLDER")
    choice.add_argument("--check", type=Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    if options.write:
        write(options.write)
        return 0
    old = stale(options.check)
    if old:
        sys.stderr.write(f"stale: {', '.join(old)}; run python -m schemas.docs --write {options.check}\n")
    return 1 if old else 0


if __name__ == "__main__":
    raise SystemExit(main())
