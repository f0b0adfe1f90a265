"""Steps that join faces with dates of birth and death, and write the targets with a baseline's errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from annotators.base import Config
from curate.evaluation.metrics.regression import mae
from curate.identity.gather import Faces
from curate.recipes.layer_steps import (
    LayerStep,
    OwnStep,
    gathered,
    numbers,
    values,
    write_csv,
    write_parquet,
    write_selection,
)
from curate.recipes.logic.lifespans import IMAGE, NEEDED, PERSON, UNNATURAL, errors_by_bin, lifespans, require
from curate.recipes.logic.tables import join, read_rows
from curate.recipes.select import DROPS, EARLIER
from curate.recipes.step import Done, Site
from curate.store.parts import write_json
from schemas import UsageError
from schemas.columns import faces, images, labels

TARGETS, TABLE, ERRORS = "targets.parquet", "targets.csv", "errors.json"
HEAD = (faces.FACE_ID.name, "file", "person", "split", "age_years", "remaining_years")
NOT_LISTED, OTHER_FACE = "not in the list, or dropped from it", "not the largest face of its picture"
WARNING = "Remaining years are statistics of the people listed. They say nothing about any other person."


@dataclass(frozen=True)
class LifespanOptions(Config):
    """What the faces are joined with.

    Attributes:
        list: CSV, TSV, JSONL or Parquet with person, image, birth_date, image_date, death_date and, if known, cause.
        ethics: What must be said before such targets leave the dataset; see the error.
        unnatural: Words for causes of death that drop a row.
    """

    list: str
    ethics: str = ""
    unnatural: tuple[str, ...] = tuple(sorted(UNNATURAL))


class Lifespans(LayerStep):
    """Names each joined face by its person and keeps the largest face of each listed picture."""

    name = "lifespans"
    doc = "Joins faces with dates: years lived and left, exact to the day; rows that cannot count go with a reason."
    options_type = LifespanOptions
    selects = True
    options: LifespanOptions

    def check(self, site: Site) -> None:
        """The ethics statement is given and the list can be read."""
        require(self.options.ethics)
        read_rows(self.options.list, NEEDED)

    def reads(self, site: Site) -> Any:
        """Size and time of change of the list."""
        return stamp(self.options.list)

    def run(self, site: Site) -> Done:
        """Joins and writes."""
        rows = read_rows(self.options.list, NEEDED)
        told = lifespans(rows, self.options.unnatural)
        found, chosen = gathered(site, [images.NAME, *faces.BOX])
        names = values(found, images.NAME)
        joined = join(told.rows, IMAGE, dict.fromkeys(names))
        by_file = {place: row for row, place in joined.rows}
        first = largest(found)
        reasons = [
            EARLIER if not c else NOT_LISTED if n not in by_file else OTHER_FACE if not f else ""
            for c, n, f in zip(chosen, names, first, strict=True)
        ]
        kept = [by_file[n] if not r else None for n, r in zip(names, reasons, strict=True)]
        who = pa.array([None if k is None else str(k[PERSON]) for k in kept], pa.string())
        dropped = Counter(write_selection(site, self.options.as_dict(), found, reasons, {labels.IDENTITY_ID: who}))
        dropped.update({f"row: {reason}": n for reason, n in told.dropped.items()})
        dropped["row: its picture is not here"] += len(joined.unmatched)
        table = pa.table({
            faces.FACE_ID.name: [i for i, k in zip(found.ids.to_pylist(), kept, strict=True) if k],
            "file": [n for n, k in zip(names, kept, strict=True) if k],
            PERSON: [str(k[PERSON]) for k in kept if k],
            "age_years": [k["age_years"] for k in kept if k],
            "remaining_years": [k["remaining_years"] for k in kept if k],
        })  # fmt: skip
        file = write_parquet(site.folder / TARGETS, table)
        facts = {"rows of the list": len(rows), "people": len(set(table.column(PERSON).to_pylist()))}
        return Done(table.num_rows, "faces", dict(+dropped), facts, (site.folder / DROPS, file), (WARNING,))


def largest(found: Faces) -> list[bool]:
    """Whether each face is the largest of its picture."""
    size = numbers(found, faces.BOX_W) * numbers(found, faces.BOX_H)
    best: dict[int, int] = {}
    for row, image in enumerate(found.image.tolist()):
        if image not in best or size[row] > size[best[image]]:
            best[image] = row
    inside = set(best.values())
    return [row in inside for row in range(len(found))]


def stamp(path: str) -> list[Any]:
    """Size and time of change of a file; its absence."""
    place = Path(path)
    return [place.stat().st_size, place.stat().st_mtime_ns] if place.is_file() else []


@dataclass(frozen=True)
class TargetOptions(Config):
    """Which targets are written.

    Attributes:
        step: Name of the step that joined them.
        ethics: What must be said before such targets leave the dataset.
        width: Of the bins of age, in years.
    """

    step: str
    ethics: str = ""
    width: float = 10.0


class Targets(OwnStep):
    """The targets with their split, and by bin of age how far a line over age misses them on unseen people."""

    name = "lifespan_targets"
    doc = "Targets with their split as a table, and the errors of a line over age on unseen people, by bin of age."
    options_type = TargetOptions
    options: TargetOptions

    def check(self, site: Site) -> None:
        """The ethics statement is given."""
        require(self.options.ethics)

    def run(self, site: Site) -> Done:
        """Writes the table and the baseline's errors.

        Raises:
            UsageError: if a person lies in two parts.
        """
        import pyarrow.parquet as pq

        table = pq.read_table(site.out / self.options.step / TARGETS)
        found, _ = gathered(site, [images.SPLIT])
        parts = dict(zip(found.ids.to_pylist(), values(found, images.SPLIT), strict=True))
        rows = [{**row, "split": parts.get(row[faces.FACE_ID.name]) or ""} for row in table.to_pylist()]
        inside: dict[str, set[str]] = {}
        for row in rows:
            inside.setdefault(row[PERSON], set()).add(row["split"])
        torn = sorted(p for p, found_in in inside.items() if len(found_in) > 1)
        if torn:
            raise UsageError(f"person {torn[0]} has faces in two parts", fix="Split with disjoint = ['identity']")
        file = write_csv(site.folder / TABLE, rows, HEAD)
        facts = {"faces by part": dict(Counter(r["split"] for r in rows)), **baseline(rows, self.options.width)}
        write_json(site.folder / ERRORS, facts)
        return Done(len(rows), "rows", {}, facts, (file, site.folder / ERRORS), (WARNING,))


def baseline(rows: Sequence[dict[str, Any]], width: float) -> dict[str, Any]:
    """Errors on the other parts of a line over age that was fitted to the training part."""
    train = [r for r in rows if r["split"] == "train"]
    rest = [r for r in rows if r["split"] and r["split"] != "train"]
    if len({r["age_years"] for r in train}) < 2 or not rest:
        return {"baseline": "none: too few faces in the training part or in the others"}
    age, left = (np.array([r[k] for r in train]) for k in ("age_years", "remaining_years"))
    slope, start = np.polyfit(age, left, 1)
    age, left = (np.array([r[k] for r in rest]) for k in ("age_years", "remaining_years"))
    guess = np.maximum(start + slope * age, 0)
    error = float(mae(left, guess).item())
    return {"baseline": {"mae_years": error, "n": len(rest), "by age": errors_by_bin(left, guess, age, width)}}
