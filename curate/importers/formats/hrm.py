"""Hugging Rain Man: CSV files of action units with the side on which each is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.importers.base import Found, Importer, Record, pictures_below, table
from curate.store.parts import replacing
from schemas import TaxonomyError, UsageError, taxonomy
from schemas.coding import coding
from schemas.columns import labels

SIDES = coding("hrm-side")
FRAME = "frame"
UNITS = (
    *(f"AU{n}" for n in (1, 2, 4, 5, 6, 7, 43, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18)), "AD19",
    *(f"AU{n}" for n in (20, 21, 22, 23, 24, 25)), "AU2X", "AU28", "AD29", "AD30", "AU31",
    *(f"AD{n}" for n in (32, 33, 34, 35, 36, 37)), "AU0",
)  # fmt: skip
"""The header's units in order; AU2X is AU26 or AU27, AU0 is none."""
GROUP = "ASD"
HELD = tuple(u for u in UNITS if u in taxonomy(labels.AU_SCORE.taxonomy).labels)
SHOWN = {"absent": (0.0, 0.0, 0.0), "both": (1.0, 1.0, 1.0), "left": (1.0, 1.0, 0.0), "right": (1.0, 0.0, 1.0),
         "top": (1.0, None, None), "bottom": (1.0, None, None)}  # fmt: skip
"""Side -> score of the unit, of the left side, of the right side; top and bottom say nothing of left and right."""


class HuggingRainMan(Importer):
    """Units that have a field become scores 0 or 1, by side; all codes stay in the picture's extra."""

    name = "hrm"
    doc = "Hugging Rain Man's CSV: 22 action units and 10 descriptors with their side."
    files = "CSV files with frame, AU1, ..., ASD, and the frames as pictures named as `frame` says"
    licence = "CC BY-NC-SA 4.0"
    labelled_by = "FACS coders of Hugging Rain Man"
    crops = False

    def read(self, folder: Path, found: Found) -> None:
        """Every line whose frame is here as a picture; the published data has none, so frames may be missing."""
        root = folder.parent if folder.is_file() else folder
        files = [folder] if folder.is_file() else sorted(folder.rglob("*.csv"))
        if not files:
            raise UsageError(f"'{folder}' holds no CSV file", "Hugging Rain Man's annotations are CSV files")
        for path in files:
            pictures = _pictures(path.parent / path.stem if (path.parent / path.stem).is_dir() else root)
            for row in read_annotations(path).to_pylist():
                place = pictures.get(row[FRAME]) or pictures.get(Path(row[FRAME]).stem)
                if place is None:
                    found.left_out["labels of a frame that is not here as a picture"] += 1
                else:
                    codes = {k: v for k, v in row.items() if v is not None}
                    found.records.append(Record(place, _labels(row), extra=codes))


def read_annotations(path: Path) -> pa.Table:
    """One annotation file as it stands: `frame` as text, all codes as int8, columns in the header's order.

    Raises:
        UsageError: if a column is missing, or a cell is no code of a side.
    """
    rows = list(table(path, [FRAME, *UNITS]))
    names = list(rows[0]) if rows else [FRAME, *UNITS]
    columns: dict[str, pa.Array] = {}
    for name in names:
        cells = [row[name] for row in rows]
        coded = name in UNITS or name == GROUP
        columns[name] = pa.array(_codes(cells, name, path), pa.int8()) if coded else pa.array(cells, pa.string())
    return pa.table(columns)


def write_annotations(path: Path, rows: pa.Table) -> None:
    """Write a table of `read_annotations` back as the CSV it was read from."""
    with replacing(path) as file:
        file.write((",".join(rows.column_names) + "\n").encode())
        for row in rows.to_pylist():
            file.write((",".join("" if v is None else str(v) for v in row.values()) + "\n").encode())


def _codes(cells: list[str], name: str, path: Path) -> list[int | None]:
    codes: list[int | None] = []
    for number, cell in enumerate(cells, 2):
        try:
            code = int(cell) if cell.strip() else None
            if code is not None and name in UNITS:
                SIDES.decode(code)
        except (ValueError, TaxonomyError):
            raise UsageError(f"'{path}' line {number}: {name} is '{cell}'", "codes are 0 to 5") from None
        codes.append(code)
    return codes


def _labels(row: dict[str, Any]) -> dict[str, Any]:
    units = taxonomy(labels.AU_SCORE.taxonomy).labels
    values: dict[str, Any] = {}
    for place, column in enumerate((labels.AU_SCORE, labels.AU_SCORE_LEFT, labels.AU_SCORE_RIGHT)):
        told: dict[str, float | None] = dict.fromkeys(units)
        for unit in HELD:
            if row[unit] is not None:
                told[unit] = SHOWN[SIDES.decode(row[unit])][place]
        values[column.name] = told
    return values


def _pictures(folder: Path) -> dict[str, Path]:
    found = pictures_below(folder)
    return {p.stem: p for p in found} | {p.name: p for p in found}
