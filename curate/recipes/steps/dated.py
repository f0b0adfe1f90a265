"""A step that dates one person's photos, tells how old the person was, and holds a range of ages out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from curate.identity.gather import Faces
from curate.recipes.layer_steps import LayerStep, gathered, values, write_csv, write_selection
from curate.recipes.logic.dates import Taken, parse_date, taken, years
from curate.recipes.select import DROPS, EARLIER
from curate.recipes.step import Done, Site
from schemas import UsageError
from schemas.columns import faces, images

AGES = "ages.csv"
HEAD = ("file", faces.FACE_ID.name, "date", "known_to", "source", "age_years", "split", "near_in_age", "likeness_near",
        "likeness_far")  # fmt: skip
NO_DATE, BEFORE_BIRTH = "no date in EXIF or file name", "dated before birth"
TRAIN, HELD = "train", "extrapolation"


@dataclass(frozen=True)
class DatedOptions(Config):
    """Whose photos they are and which ages are held out.

    Attributes:
        birth: The person's date of birth, YYYY-MM-DD.
        held_from: Least age that is held out, in years.
        held_to: Age below which photos are held out; the training photos are those of all other ages.
        near: Years within which two photos count as of like age.
        fewest: Dated photos that the collection must keep.
    """

    birth: str
    held_from: float = 60.0
    held_to: float = 200.0
    near: float = 3.0
    fewest: int = 10


class Dated(LayerStep):
    """Ages from dates, a split by age, and each photo's likeness to those of like age and to the others."""

    name = "dated"
    doc = "Dates photos by EXIF or file name, tells ages from the date of birth, and holds a range of ages out."
    options_type = DatedOptions
    selects = True
    options: DatedOptions

    def check(self, site: Site) -> None:
        """Birth and range are understood."""
        o = self.options
        parse_date(o.birth, "date of birth")
        if not 0 <= o.held_from < o.held_to or o.near <= 0:
            raise UsageError(f"ages {o.held_from:g} to {o.held_to:g}", "a range of ages and a span above 0 are needed")

    def run(self, site: Site) -> Done:
        """Dates, divides and compares.

        Raises:
            UsageError: if fewer photos than asked for can be dated.
        """
        o = self.options
        birth = parse_date(o.birth)
        found, chosen = gathered(site, [images.NAME, images.URI], embeddings=True)
        told = [taken(Path(u), n) for u, n in zip(values(found, images.URI), values(found, images.NAME), strict=True)]
        age = np.array([np.nan if t is None else years(birth, t.day) for t in told])
        reasons = [
            EARLIER if not c else NO_DATE if t is None else BEFORE_BIRTH if t.day < birth else ""
            for c, t in zip(chosen, told, strict=True)
        ]
        kept = np.array([not r for r in reasons], bool)
        if kept.sum() < o.fewest:
            raise UsageError(f"{int(kept.sum())} photos of the person can be dated", f"at least {o.fewest} are needed")
        held = (age >= o.held_from) & (age < o.held_to)
        split = [None if not k else HELD if h else TRAIN for k, h in zip(kept, held, strict=True)]
        dropped = write_selection(site, o.as_dict(), found, reasons, {images.SPLIT: pa.array(split, pa.string())})
        near, far, count = by_age(found, age, kept, o.near)
        rows = [_row(found, i, told[i], age[i], split[i], near[i], far[i], int(count[i])) for i in np.flatnonzero(kept)]
        file = write_csv(site.folder / AGES, sorted(rows, key=lambda r: r["age_years"]), HEAD)
        facts = {
            "ages": f"{age[kept].min():.1f} to {age[kept].max():.1f} years", TRAIN: split.count(TRAIN),
            HELD: split.count(HELD), f"likeness within {o.near:g} years": _mean(near[kept]),
            "likeness beyond": _mean(far[kept]),
        }  # fmt: skip
        notes = () if HELD in split and TRAIN in split else ("all photos are of one part: the range holds none or all",)
        return Done(int(kept.sum()), "faces", dropped, facts, (site.folder / DROPS, file), notes)


def by_age(
    found: Faces, age: NDArray[np.float64], kept: NDArray[np.bool_], span: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean cosine of each kept photo with the others within a span of years, and with those beyond; how many are near.

    NaN where there are none.
    """
    near, far = np.full(len(age), np.nan), np.full(len(age), np.nan)
    count = np.zeros(len(age), np.int64)
    rows = np.flatnonzero(kept & found.present)
    cosine = found.vectors[rows].astype(np.float64) @ found.vectors[rows].T
    for place, row in enumerate(rows):
        others = np.arange(len(rows)) != place
        close = others & (np.abs(age[rows] - age[row]) <= span)
        count[row] = int(close.sum())
        if close.any():
            near[row] = cosine[place, close].mean()
        if (others & ~close).any():
            far[row] = cosine[place, others & ~close].mean()
    return near, far, count


def _row(
    found: Faces, place: int, told: Taken | None, age: float, split: str | None, near: float, far: float, count: int
) -> dict[str, Any]:  # fmt: skip
    assert told is not None
    return {
        "file": found.columns[images.NAME.name][place].as_py(), faces.FACE_ID.name: found.ids[place].as_py(),
        "date": told.day.isoformat(), "known_to": told.known, "source": told.source, "age_years": round(float(age), 4),
        "split": split, "near_in_age": count, "likeness_near": _short(near), "likeness_far": _short(far),
    }  # fmt: skip


def _short(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None


def _mean(of: NDArray[np.float64]) -> float | None:
    return _short(float(np.nanmean(of))) if np.isfinite(of).any() else None
