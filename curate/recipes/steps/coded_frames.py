"""A step that reads FACS annotations with sides, keeps them as Arrow, and compares two groups unit by unit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from annotators.base import Config
from curate.importers.formats.hrm import FRAME, GROUP, UNITS, read_annotations, write_annotations
from curate.recipes.layer_steps import OwnStep, write_csv, write_parquet
from curate.recipes.logic.coded_units import Row, compare_table
from curate.recipes.step import PHOTOS, Done, Site
from curate.recipes.steps.lifespan import stamp
from curate.store.parts import replacing, write_json
from schemas import DatasetError, UsageError

ROWS, COMPARISON, FIGURES, CARD = "frames.parquet", "comparison.csv", "comparison.json", "card.md"
SEGMENT = "segment"
RATING = "Abnormal"
NONE = "AU0"
HEAD = ("name", "test", "p", "p_adjusted", "groups", "effect", "measure")


@dataclass(frozen=True)
class CodedFrameOptions(Config):
    """What is compared.

    Attributes:
        by: Column of the groups.
        published: What the published set counts, for the card.
        level: Adjusted p-value below which a difference counts as found.
    """

    by: str = GROUP
    published: str = ""
    level: float = 0.05


class CodedFrames(OwnStep):
    """All annotation files as one table with their segment, read back unchanged, compared and described on a card."""

    name = "coded_frames"
    doc = "FACS annotations with sides as one Arrow table, read back unchanged; each unit compared between two groups."
    options_type = CodedFrameOptions
    options: CodedFrameOptions

    def check(self, site: Site) -> None:
        """There are annotation files."""
        if site.photos != (PHOTOS,):
            annotation_files(site)

    def reads(self, site: Site) -> Any:
        """Names, sizes and times of change of the files."""
        return [] if site.photos == (PHOTOS,) else [[str(f), *stamp(str(f))] for f in annotation_files(site)]

    def run(self, site: Site) -> Done:
        """Reads, keeps, compares.

        Raises:
            DatasetError: if a file does not come back as it was read.
        """
        o = self.options
        tables = []
        for path in annotation_files(site):
            table = read_annotations(path)
            _need_back(path, table, site.folder / "read_back.csv")
            tables.append(table.append_column(SEGMENT, pa.array([path.stem] * table.num_rows)))
        rows = pa.concat_tables(tables, promote_options="default")
        file = write_parquet(site.folder / ROWS, rows)
        ratings = [n for n in rows.column_names if n.startswith(RATING)]
        found = compare_table(rows, o.by, [u for u in UNITS if u != NONE], ratings)
        write_csv(site.folder / COMPARISON, [_line(r) for r in found], HEAD)
        write_json(site.folder / FIGURES, {"by": o.by, "rows": [r.as_dict() for r in found]})
        unlike = [r.name for r in found if r.p_adjusted < o.level]
        groups = dict(Counter(str(g) for g in rows.column(o.by).to_pylist()))
        with replacing(site.folder / CARD) as card:
            card.write(card_of(rows, groups, unlike, o).encode())
        facts = {"segments": len(tables), "frames by group": groups, "differences found": unlike}
        files = (file, site.folder / COMPARISON, site.folder / FIGURES, site.folder / CARD)
        return Done(rows.num_rows, "frames", {}, facts, files, (INDEPENDENT,))


INDEPENDENT = (
    "Frames of one segment resemble each other, so these p-values are too small where segments are long; import the "
    "frames and use facecurate compare --subject for tests over people."
)


def annotation_files(site: Site) -> list[Path]:
    """The CSV files that were given, or those below the folders that were.

    Raises:
        UsageError: if there are none.
    """
    found = []
    for place in map(Path, site.photos):
        found += [place] if place.is_file() else sorted(place.rglob("*.csv"))
    if not found:
        raise UsageError(f"{', '.join(site.photos)} holds no CSV file", f"its first column must be {FRAME}")
    return found


def _need_back(path: Path, table: pa.Table, back: Path) -> None:
    """Write a table as its CSV again and read that.

    Raises:
        DatasetError: if it does not come back as it was read.
    """
    write_annotations(back, table)
    found = read_annotations(back)
    back.unlink()
    if not found.equals(table):
        raise DatasetError(f"{path} does not come back as it was read")


def _line(row: Row) -> dict[str, Any]:
    told = "; ".join(f"{g}: {v:.3f} of {row.n[g]:,}" for g, v in row.values.items())
    effect = f"{row.effect.value:.3f} ({row.effect.low:.3f} to {row.effect.high:.3f})"
    return {**row.as_dict(), "groups": told, "effect": effect}


def card_of(rows: pa.Table, groups: dict[str, int], unlike: list[str], options: CodedFrameOptions) -> str:
    """What the table is, in Markdown."""
    counts = ", ".join(f"{n:,} of {options.by} {g}" for g, n in groups.items())
    lines = [
        "# FACS annotations by frame", "",
        f"- {rows.num_rows:,} frames of {len(set(rows.column(SEGMENT).to_pylist())):,} segments: {counts}",
        f"- {len(UNITS) - 1} units and descriptors; 0 absent, 1 both sides, 2 left, 3 right, 4 top, 5 bottom",
        f"- differences between the groups (adjusted p below {options.level:g}): {', '.join(unlike) or 'none'}",
        "- such differences describe the frames at hand; they are no means to tell who belongs to a group",
    ]  # fmt: skip
    if options.published:
        lines += [f"- the published set: {options.published}"]
    return "\n".join(lines) + "\n"
