"""Mean opinion scores of rated items, and how well a metric follows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.audit.exact import scipy
from curate.evaluation.intervals import Estimate, bootstrap, resampled
from curate.measures.base import TABLE, Config, Given, Input, Measure, Result
from curate.measures.columns_of_tables import numbers, texts
from curate.measures.opinion import FOLLOWS, Opinion, Outliers, following, opinion, outliers
from curate.measures.rating_form import FORM, rating_form
from curate.measures.rows import Floats, Rated, filled, pivot
from curate.measures.summary import number
from curate.store.parts import replacing
from schemas import UsageError

ALL = "score"
"""Name of the rated quality where the table has no `kind`."""
CORRELATIONS = {"SRCC": "spearmanr", "PLCC": "pearsonr", "KRCC": "kendalltau"}
SCREENS = ("bt500", "correlation", "both", "none")
FEWEST = 3
"""Items from which a correlation says anything."""


@dataclass(frozen=True)
class MosConfig(Config):
    """How ratings are taken.

    Attributes:
        screen: Who is left out: `bt500`, `correlation` (P.913: those who do not follow the others), `both` or `none`.
        media: What the rating form shows: `image` or `video`.
    """

    screen: str = "bt500"
    media: str = "image"

    def __post_init__(self) -> None:
        if self.screen not in SCREENS:
            raise UsageError(f"mos.screen={self.screen}", fix=f"Known: {', '.join(SCREENS)}")


@dataclass(frozen=True)
class _Kind:
    """What was rated: its ratings, who was counted out, and the scores."""

    rated: Rated
    counted: Outliers
    follows: Floats
    kept: NDArray[np.bool_]
    scores: Opinion


class Mos(Measure):
    """Each `kind` (such as quality and authenticity) is screened and scored by itself."""

    name = "mos"
    doc = "Mean opinion scores 0-100 with intervals, raters screened by BT.500; a metric's correlations with them."
    source = "ITU-R BT.500-14 annex 1; ITU-T P.913 (correlation); Seshadrinathan et al. 2010 (z-scores to 0-100)"
    inputs = (
        Input("ratings", TABLE, "a row per rating: `item`, `rater`, `score`, and `kind` if several things were rated",
              ("item", "rater", "score")),
        Input("metric", TABLE, "a row per item: `item` and `score` of a metric, and `kind` if it is for one of them",
              ("item", "score"), optional=True),
    )  # fmt: skip
    extra = "audit"
    config_type = MosConfig
    config: MosConfig

    def measure(self, given: Given) -> Result:
        """Scores per item and kind, raters with what BT.500 counts, and correlations where a metric is given."""
        form = rating_form(self.config.media)
        kinds = {kind: self._judged(rated) for kind, rated in _kinds(given).items()}
        tables = {
            "scores": [row for kind, k in kinds.items() for row in _scores(kind, k)],
            "raters": [row for kind, k in kinds.items() for row in _raters(kind, k)],
        }
        if given.has("metric"):
            tables["correlations"] = _correlations(kinds, given)
        rejected = {kind: _names(k) for kind, k in kinds.items() if not k.kept.all()}
        facts = {
            "items": len({c for k in kinds.values() for c in k.rated.cases}),
            "kinds": list(kinds),
            "scores": sum(int(np.isfinite(k.scores.mos).sum()) for k in kinds.values()),
            "rejected raters": rejected,
            "clipped ratings": sum(k.scores.clipped for k in kinds.values()),
        }
        files = _written(given.out, tables["scores"], form) if given.out is not None else ()
        return Result(facts, tables, _notes(kinds), files)

    def _judged(self, rated: Rated) -> _Kind:
        ratings = rated.numbers()
        counted, follows = outliers(ratings), following(ratings)
        kept = np.ones(len(rated.raters), bool)
        if self.config.screen in ("bt500", "both"):
            kept &= ~counted.rejected
        if self.config.screen in ("correlation", "both"):
            kept &= ~(follows < FOLLOWS)
        if not kept.any():
            raise UsageError(f"every rater is left out by screen={self.config.screen}", fix="Look at the ratings first")
        return _Kind(rated, counted, follows, kept, opinion(ratings[:, kept]))


def _kinds(given: Given) -> dict[str, Rated]:
    table, path = given.tables["ratings"], given.paths["ratings"]
    items, raters = filled(table, "item", path), filled(table, "rater", path)
    scores: list[float | None] = [None if np.isnan(s) else float(s) for s in numbers(table, "score", path, gaps=True)]
    kinds = texts(table, "kind") if "kind" in table.column_names else [ALL] * len(items)
    found = {}
    for kind in dict.fromkeys(kinds):
        rows = [i for i, k in enumerate(kinds) if k == kind]
        chosen = [[values[i] for i in rows] for values in (items, raters, scores)]
        found[kind or ALL] = pivot(chosen[0], chosen[1], chosen[2], path)  # type: ignore[arg-type]
    if not found:
        raise UsageError(f"{path} has no ratings")
    return found


def _names(k: _Kind) -> list[str]:
    return [r for r, kept in zip(k.rated.raters, k.kept, strict=True) if not kept]


def _scores(kind: str, k: _Kind) -> list[dict[str, Any]]:
    s = k.scores
    return [
        {"item": item, "kind": kind, "n": int(n), "mos": number(m), "low": number(m - h), "high": number(m + h),
         "mean as given": number(r)}
        for item, n, m, h, r in zip(k.rated.cases, s.n, s.mos, s.half, s.raw, strict=True)
    ]  # fmt: skip


def _raters(kind: str, k: _Kind) -> list[dict[str, Any]]:
    c = k.counted
    return [
        {"rater": rater, "kind": kind, "rated": int(n), "above": int(a), "below": int(b), "follows": number(f),
         "kept": bool(kept)}
        for rater, n, a, b, f, kept in zip(k.rated.raters, c.rated, c.above, c.below, k.follows, k.kept, strict=True)
    ]  # fmt: skip


def correlation(name: str, one: Floats, other: Floats) -> float:
    """SRCC, PLCC or KRCC (tau-b) by scipy; NaN for fewer than three items or where one side is constant."""
    if len(one) < FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(getattr(scipy("stats"), CORRELATIONS[name])(one, other).statistic)


def _correlations(kinds: dict[str, _Kind], given: Given) -> list[dict[str, Any]]:
    table, path = given.tables["metric"], given.paths["metric"]
    items, values = filled(table, "item", path), numbers(table, "score", path, gaps=True)
    of = texts(table, "kind") if "kind" in table.column_names else [None] * len(items)
    rows = []
    for kind, k in kinds.items():
        told = {i: v for i, v, o in zip(items, values, of, strict=True) if o in (None, kind) and np.isfinite(v)}
        pairs = [(m, told[i]) for i, m in zip(k.rated.cases, k.scores.mos, strict=True) if i in told and np.isfinite(m)]
        both = np.asarray(pairs, np.float64).reshape(-1, 2)
        if len(both) < FEWEST:
            raise UsageError(f"{path} has {len(both)} items of {kind} with a score", f"at least {FEWEST} are needed")
        rows += [{"kind": kind, "figure": name, **_row(_estimated(name, both))} for name in CORRELATIONS]
    return rows


def _estimated(name: str, both: Floats) -> Estimate:
    return bootstrap(resampled(lambda rows: correlation(name, rows[:, 0], rows[:, 1])), both)


def _row(e: Estimate) -> dict[str, Any]:
    return {"n": e.n, "value": number(e.value), "low": number(e.low), "high": number(e.high)}


def _written(out: Path, rows: list[dict[str, Any]], form: str) -> tuple[Path, ...]:
    import pyarrow.parquet as pq

    scores, config = out / "mos.parquet", out / FORM
    with replacing(scores) as file:
        pq.write_table(pa.Table.from_pylist(rows), file)
    with replacing(config) as file:
        file.write(form.encode("utf-8"))
    return scores, config


def _notes(kinds: dict[str, _Kind]) -> tuple[str, ...]:
    few = min(int(k.scores.n.min()) for k in kinds.values())
    notes = ["MOS is relative: 50 is a rater's own mean; scores of two panels are not on one scale."]
    if few < 15:
        notes.append(f"An item has {few} ratings; BT.500 asks for 15 observers at least.")
    astray = sorted({f"{r}" for k in kinds.values() for r in _astray(k)})
    if astray:
        what = f"Kept although they correlate below {FOLLOWS} with the others"
        notes.append(f"{what}: {', '.join(astray)}; screen=both leaves them out.")
    return tuple(notes)


def _astray(k: _Kind) -> list[str]:
    """Raters who are kept and do not follow the others."""
    return [r for r, f, kept in zip(k.rated.raters, k.follows, k.kept, strict=True) if kept and f < FOLLOWS]
