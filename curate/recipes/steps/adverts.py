"""A step that joins pictures with click rates, and asks which edits would raise them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from curate.evaluation.intervals import bootstrap
from curate.evaluation.metrics.counting import mean
from curate.recipes.layer_steps import OwnStep, gathered, values, write_csv, write_parquet
from curate.recipes.logic.advert import Ridge, cross_validated, fit_ridge, search, what_if
from curate.recipes.logic.tables import join, read_rows
from curate.recipes.step import Done, Site
from curate.recipes.steps.lifespan import largest, stamp
from curate.store.parts import write_json
from schemas import UnknownNameError, UsageError
from schemas.columns import faces, images, labels

TABLE, GRID, REPORT = "ads.parquet", "grid.csv", "report.json"
LATENT = "latent_"
NUMBERS = (
    labels.AGE, labels.YAW, labels.PITCH, labels.QUALITY_SCORE, labels.BRIGHTNESS, labels.VALENCE, labels.AROUSAL,
    labels.MOUTH_OPENING,
)  # fmt: skip
"""Labels of the largest face that become attributes as they are."""
SHARES = (labels.EMOTION_PROB, labels.GENDER_PROB)
"""Labels whose every share becomes an attribute."""
GRID_MOST = 100_000
COUNT = "face_count"


@dataclass(frozen=True)
class AdvertOptions(Config):
    """What is joined and asked.

    Attributes:
        list: Table with a row per ad.
        file: Its column with the picture's name.
        target: Its column with the click rate.
        latents: Column of scores or vectors that becomes latent columns of the largest face; empty for none. The
            list's own columns that begin with `latent_` are taken too.
        directions: Attributes that an edit could change.
        coefficients: By how much, in standard deviations of the attribute.
        penalty: Of the ridge regression; 0 chooses it within the training ads.
        seed: Of folds and search.
    """

    list: str
    file: str = "file"
    target: str = "click_rate"
    latents: str = labels.BLENDSHAPES.name
    directions: tuple[str, ...] = ()
    coefficients: tuple[float, ...] = (-2.0, -1.0, 0.0, 1.0, 2.0)
    penalty: float = 0.0
    seed: int = 0


class Adverts(OwnStep):
    """One row per ad, a ridge regression of its click rate, a grid of edits and the best edit that a search finds."""

    name = "adverts"
    doc = (
        "One row per ad with its faces' attributes and click rate; a ridge baseline, a what-if grid, a genetic search."
    )
    options_type = AdvertOptions
    options: AdvertOptions

    def check(self, site: Site) -> None:
        """The list can be read and the grid is not too large."""
        o = self.options
        read_rows(o.list, (o.file, o.target))
        if not o.directions:
            raise UsageError(f"step {site.step} has no directions", fix="Name attributes, such as perceived_age")
        if len(o.coefficients) ** len(o.directions) > GRID_MOST:
            what = f"{len(o.coefficients)} coefficients in {len(o.directions)} directions"
            raise UsageError(what, f"the grid would have more than {GRID_MOST:,} rows")

    def reads(self, site: Site) -> Any:
        """Size and time of change of the list."""
        return stamp(self.options.list)

    def run(self, site: Site) -> Done:
        """Joins, fits, asks.

        Raises:
            UsageError: if a direction is no attribute, or a click rate is no number.
        """
        o = self.options
        pictures = site.open().images(where="status = 'ok'", columns=[images.NAME.name]).column(0).to_pylist()
        joined = join(read_rows(o.list, (o.file, o.target)), o.file, pictures)
        told, latents = attributes(site, o.latents)
        rows = [_ad(row, place, told.get(place, {}), latents.get(place, {}), o) for row, place in joined.rows]
        names = list(dict.fromkeys(k for r in rows for k in r["columns"]))
        matrix = np.array([[r["columns"].get(n, np.nan) for n in names] for r in rows], np.float64)
        target = np.array([r["target"] for r in rows], np.float64)
        for direction in o.directions:
            if direction not in names:
                raise UnknownNameError("attribute", direction, names)
        table = pa.table({
            "file": [r["file"] for r in rows], "text": pa.array([r["text"] for r in rows], pa.string()),
            o.target: target, **{n: pa.array(matrix[:, i], from_pandas=True) for i, n in enumerate(names)},
        })  # fmt: skip
        file = write_parquet(site.folder / TABLE, table)
        report, model = judged(matrix, target, o)
        edits = list(what_if(o.directions, o.coefficients))
        scored = rated(model, names, o.directions, np.array([list(e.values()) for e in edits]))
        grid = [{**e, "predicted": round(float(s), 8)} for e, s in zip(edits, scored, strict=True)]
        write_csv(site.folder / GRID, grid, [*o.directions, "predicted"])
        report["search"] = best_edit(model, names, o)
        write_json(site.folder / REPORT, report)
        dropped = {
            "row whose picture is not here": len(joined.unmatched),
            "picture without a row": len(joined.unlisted),
        }
        facts = {"attributes": len(names), "edits in the grid": len(grid), **report}
        return Done(len(rows), "ads", dropped, facts, (file, site.folder / GRID, site.folder / REPORT))


def attributes(site: Site, latent: str) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Picture -> attributes, and picture -> latents, of its largest face; a picture without a face has neither.

    Of a picture the number of faces is always known.
    """
    known = site.open().columns()
    here = [c for c in (*NUMBERS, *SHARES) if c.name in known]
    extra = [latent] if latent in known else []
    found, _ = gathered(site, [images.NAME, *faces.BOX, *here, *extra])
    names, first = values(found, images.NAME), largest(found)
    told: dict[str, dict[str, float]] = {}
    latents: dict[str, dict[str, float]] = {}
    columns = {c.name: values(found, c) for c in here}
    raw = found.columns[latent].to_pylist() if extra else [None] * len(found)
    for row, name in enumerate(names):
        own = told.setdefault(name, {COUNT: 0.0})
        own[COUNT] += 1
        if first[row]:
            own |= _flat({c: v[row] for c, v in columns.items()})
            latents[name] = _latent(raw[row])
    return told, latents


def _flat(labels_of: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in labels_of.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{k}": float(v) for k, v in value.items() if v is not None}
        elif value is not None:
            found[name] = float(value)
    return found


def _latent(value: Any) -> dict[str, float]:
    if value is None:
        return {}
    parts = value.items() if isinstance(value, Mapping) else enumerate(value)
    return {f"{LATENT}{k}": float(v) for k, v in parts if v is not None}


def _ad(
    row: Mapping[str, Any], place: str, told: Mapping[str, float], latent: Mapping[str, float], options: AdvertOptions
) -> dict[str, Any]:
    """One ad: its file, text, target and all numeric columns."""
    own = {k: _number(v, f"{place}: {k}") for k, v in row.items() if k.startswith(LATENT) and v not in (None, "")}
    text = next((str(row[k]) for k in ("title", "text") if row.get(k)), None)
    columns = {COUNT: 0.0, **told, **latent, **own}
    target = _number(row[options.target], f"{place}: {options.target}")
    return {"file": place, "text": text, "target": target, "columns": columns}


def _number(value: Any, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{what} is '{value}'", "it must be a number") from None


def judged(matrix: NDArray[np.float64], target: NDArray[np.float64], o: AdvertOptions) -> tuple[dict[str, Any], Ridge]:
    """The regression held against the mean on held-out ads, and the regression over all."""
    told = cross_validated(matrix, target, min(5, len(target) // 2), o.penalty, o.seed)
    gain = bootstrap(mean, told.difference)
    report = {
        "ads": told.n, "squared error, ridge": told.ridge, "squared error, mean": told.mean,
        "squared error saved": gain.as_dict(),
    }  # fmt: skip
    return report, fit_ridge(matrix, target, o.penalty)


def rated(
    model: Ridge, names: Sequence[str], directions: Sequence[str], edits: NDArray[np.float64]
) -> NDArray[np.float64]:  # fmt: skip
    """Click rate that the regression expects of the mean ad under edits, (n,), given in standard deviations."""
    weight = model.weight[[names.index(d) for d in directions]]
    return np.asarray(model.intercept + edits @ weight, np.float64)


def best_edit(model: Ridge, names: Sequence[str], o: AdvertOptions) -> dict[str, Any]:
    """What the genetic search finds between the least and the largest coefficient."""
    low, high = min(o.coefficients), max(o.coefficients)
    if low >= high:
        return {"edit": None}
    found = search(
        lambda e: rated(model, names, o.directions, e), dict.fromkeys(o.directions, (low, high)), seed=o.seed
    )
    edit = {k: round(v, 4) for k, v in found.edit.items()}
    return {"edit": edit, "predicted": round(found.score, 8), "generations": found.generations}
