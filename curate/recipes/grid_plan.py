"""The rows of a grid of prompts as tables, with the proof that its cells are even: a plan that needs no photos."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.generators.prompts.choose import SIG, grid_rows
from curate.generators.prompts.control import STYLES, VIEW_YAW, control_image
from curate.generators.prompts.grid import GridRow
from curate.store.parts import replacing, write_json
from schemas import UnknownNameError

ROWS, TABLE, COUNTS = "grid.jsonl", "grid.csv", "counts.json"
PERSON = "person"
"""A fact that names a person is no axis."""


@dataclass(frozen=True)
class GridPlan:
    """A grid with its counts.

    Attributes:
        name: Of the grid.
        rows: Its rows.
        axes: Axis -> value -> rows.
        cells: Cells that occur.
        fewest: Rows of the smallest of them.
        most: Rows of the largest.
        people: Distinct people, where the grid has them; else 0.
    """

    name: str
    rows: tuple[GridRow, ...]
    axes: dict[str, dict[str, int]]
    cells: int
    fewest: int
    most: int
    people: int

    def counts(self) -> dict[str, Any]:
        """Plain data, without the rows."""
        return {
            "grid": self.name, "rows": len(self.rows), "people": self.people, "cells": self.cells,
            "fewest in a cell": self.fewest, "most in a cell": self.most, "axes": self.axes,
        }  # fmt: skip


def plan_grid(name: str, count: int = 0, seed: int = 0) -> GridPlan:
    """Lay out a grid and count it.

    Args:
        name: `sig`, `emonet` or the path of a TOML file.
        count: Pictures wanted; 0 is the grid's whole.
        seed: Of the rows.

    Raises:
        UnknownNameError: if there is no such grid.
        UsageError: if the file is not understood.
    """
    rows = tuple(grid_rows(name, count, seed))
    axes = [a for a in (rows[0].facts if rows else {}) if a != PERSON]
    counts = {a: Counter(str(r.facts[a]) for r in rows) for a in axes}
    cells = Counter(tuple(str(r.facts[a]) for a in axes) for r in rows)
    people = {r.facts[PERSON] for r in rows if PERSON in r.facts}
    ordered = {a: dict(sorted(c.items())) for a, c in counts.items()}
    sizes = cells.values() or (0,)
    return GridPlan(name, rows, ordered, len(cells), min(sizes), max(sizes), len(people))


def write_grid(plan: GridPlan, folder: Path, control: str = "", side: int = 512) -> list[Path]:
    """Write a grid as JSON lines and CSV, its counts, and SIG's control images where they are asked for.

    Args:
        plan: The grid.
        folder: Where to.
        control: Style of the control images, `dots` or `mesh`; empty for none.
        side: Of the control images in pixels.

    Raises:
        UnknownNameError: for another style, or a grid whose views are not SIG's.
    """
    files = [folder / ROWS, folder / TABLE, folder / COUNTS]
    with replacing(files[0]) as file:
        for row in plan.rows:
            file.write((json.dumps(row.as_dict(), ensure_ascii=False) + "\n").encode())
    with replacing(files[1]) as file:
        file.write(_table(plan.rows).encode())
    write_json(files[2], plan.counts())
    if not control:
        return files
    if plan.name != SIG:
        raise UnknownNameError("grid with control images", plan.name, [SIG])
    if control not in STYLES:
        raise UnknownNameError("style of control images", control, STYLES)
    return [*files, *(_control(folder, view, control, side) for view in VIEW_YAW)]


def _table(rows: Sequence[GridRow]) -> str:
    facts = list(rows[0].facts) if rows else []
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["file", *facts, "seed", "prompt", "negative"])
    for number, row in enumerate(rows):
        name = row.name or f"{number:06d}"
        writer.writerow([f"{name}.png", *(row.facts[f] for f in facts), row.seed, row.prompt, row.negative])
    return buffer.getvalue()


def _control(folder: Path, view: str, style: str, side: int) -> Path:
    import cv2

    picture = control_image(VIEW_YAW[view], side=side, style=style)
    done, data = cv2.imencode(".png", picture[..., ::-1])
    if not done:
        raise RuntimeError("OpenCV was built without PNG")
    path = folder / f"{view}_{style}.png"
    with replacing(path) as file:
        file.write(bytes(data))
    return path
