"""FairFace: label files beside the folders train and val."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.importers.base import Found, Importer, Record, carried, need, table
from schemas import TaxonomyError, UsageError, taxonomy
from schemas.columns import labels

SPLITS = {"train": "train", "val": "validation"}
COLUMNS = {"age": labels.AGE_GROUP, "gender": labels.GENDER, "race": labels.RACE}


class FairFace(Importer):
    """`fairface_label_train.csv` and `fairface_label_val.csv` with file, age, gender, race; empty is unknown."""

    name = "fairface"
    doc = "FairFace's label files: perceived age group, gender and race."
    files = "fairface_label_train.csv or fairface_label_val.csv, and the pictures they name (train/1.jpg)"
    licence = "CC BY 4.0"
    labelled_by = "crowd workers of FairFace"

    def read(self, folder: Path, found: Found) -> None:
        """Every line of the label files."""
        need(folder, "fairface_label_train.csv", "fairface_label_val.csv", what="FairFace's labels")
        for path in sorted(folder.glob("fairface_label_*.csv")):
            split = path.stem.removeprefix("fairface_label_")
            for row in table(path, ["file", *COLUMNS]):
                said = {k: v for k, v in row.items() if k not in ("file", *COLUMNS) and v}
                place = folder / row["file"]
                found.records.append(Record(place, _labels(row, path), split=SPLITS.get(split, split), extra=said))


def _labels(row: dict[str, str], path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, column in COLUMNS.items():
        if row[name]:
            try:
                values[column.name] = taxonomy(column.taxonomy).canonical(row[name])
            except TaxonomyError as error:
                raise UsageError(f"'{path}', {row['file']}, {name}", str(error)) from None
    if labels.RACE.name in values:
        carried(values, labels.RACE4, values[labels.RACE.name], labels.RACE.taxonomy, None)
    return values
