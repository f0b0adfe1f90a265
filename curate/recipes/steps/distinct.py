"""A step that keeps the pictures of each person that differ most in pose and expression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.base import Config
from annotators.identity import SAME_PERSON
from curate.identity.gather import Faces
from curate.recipes.layer_steps import LayerStep, gathered, numbers, values, write_csv, write_parquet, write_selection
from curate.recipes.logic.distinct import Chosen, choose, contrasts, mean_distance, motion
from curate.recipes.logic.grouping import rows_by
from curate.recipes.logic.people import likeness_to
from curate.recipes.select import DROPS, EARLIER
from curate.recipes.step import Done, Site
from schemas import UsageError
from schemas.columns import faces, images, labels

SETS, PAIRS = "sets.csv", "contrasts.parquet"
HEAD = ("person", "pool", "chosen", "short", "mean_distance", "draws_below", "least_likeness")
POSE = (labels.YAW, labels.PITCH, labels.ROLL)
DRAWS = 200
NOBODY, UNLIKE, NOT_DISTINCT = "of no known person", "not surely this person", "less distinct than those taken"
NO_POSE = "pose or expression unknown"


@dataclass(frozen=True)
class DistinctOptions(Config):
    """What is kept of each person.

    Attributes:
        count: Pictures per person; a person with fewer keeps them all and is called short.
        least_likeness: Least cosine with the mean of the person's other faces.
        pairs: Contrastive pairs of each kind per person.
        seed: Of the random draws that the choice is held against.
        assume_adults: The user's word that faces of unknown age are adults'.
    """

    count: int = 35
    least_likeness: float = SAME_PERSON
    pairs: int = 10
    seed: int = 0
    assume_adults: bool = False


class Distinct(LayerStep):
    """Chooses by the distance of pose and action units, and lists pairs of like identity and unlike motion."""

    name = "distinct"
    doc = "The pictures of each person that differ most in pose and action units; pairs of same person, same motion."
    options_type = DistinctOptions
    selects = True
    options: DistinctOptions

    def check(self, site: Site) -> None:
        """Two pictures or more differ."""
        if self.options.count < 2:
            raise UsageError(f"step {site.step}: {self.options.count} pictures", "differing takes two or more")

    def run(self, site: Site) -> Done:
        """Chooses and writes."""
        o = self.options
        columns = [images.NAME, labels.IDENTITY_ID, *POSE, labels.AU_SCORE]
        found, chosen = gathered(site, columns, embeddings=True, assume_adults=o.assume_adults)
        angles, units = np.column_stack([numbers(found, c) for c in POSE]), scores(found)
        people = np.array(values(found, labels.IDENTITY_ID), object)
        likeness = likenesses(found, people, chosen)
        reasons = [
            EARLIER if not chosen[i] else NOBODY if people[i] is None else UNLIKE if not likeness[i] >= o.least_likeness
            else NO_POSE if not np.isfinite(angles[i]).all() or not np.isfinite(units[i]).any() else ""
            for i in range(len(found))
        ]  # fmt: skip
        allowed = np.array([not r for r in reasons], bool)
        features = np.zeros((len(found), 1))
        if allowed.any():
            known = motion(angles[allowed], units[allowed])
            features = np.zeros((len(found), known.shape[1]))
            features[allowed] = known
        sets = choose(features, people, allowed, o.count)
        taken = {int(r) for s in sets for r in s.rows}
        reasons = [NOT_DISTINCT if not r and i not in taken else r for i, r in enumerate(reasons)]
        dropped = write_selection(site, o.as_dict(), found, reasons)
        rows = rows_by(people)
        told = [_set(s, features, rows[s.person], allowed, likeness, o) for s in sets]
        table = write_csv(site.folder / SETS, told, HEAD)
        pairs = write_parquet(site.folder / PAIRS, _pairs(contrasts(features, sets, o.pairs), found))
        short = [s.person for s in sets if s.short]
        facts = {"people": len(sets), "short pools": len(short)}
        notes = (f"short pools, taken as they are: {', '.join(short[:20])}",) if short else ()
        return Done(len(taken), "faces", dropped, facts, (site.folder / DROPS, table, pairs), notes)


def scores(found: Faces) -> NDArray[np.float64]:
    """Scores of the action units, (n, units), NaN where unknown."""
    told = values(found, labels.AU_SCORE)
    names = list(next((t for t in told if t), {}))
    rows = [[np.nan if not t or t[n] is None else float(t[n]) for n in names] for t in told]
    return np.array(rows, np.float64).reshape(len(told), len(names))


def likenesses(found: Faces, people: NDArray[np.object_], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Cosine of each chosen face with the mean of the person's other chosen faces."""
    told = np.full(len(found), np.nan)
    for every in rows_by(people).values():
        rows = every[chosen[every]]
        told[rows] = likeness_to(found.vectors, found.present, rows[found.present[rows]], rows)
    return told


def _set(
    one: Chosen, features: NDArray[np.float64], every: NDArray[np.int64], allowed: NDArray[np.bool_],
    likeness: NDArray[np.float64], options: DistinctOptions,
) -> dict[str, object]:  # fmt: skip
    """A person's row: how far apart the chosen are, and which share of random draws is less so."""
    pool = every[allowed[every]]
    chance = np.random.default_rng(options.seed)
    draws = [mean_distance(features, chance.choice(pool, len(one.rows), replace=False)) for _ in range(DRAWS)]
    below = None if one.short else round(float(np.mean([d < one.spread for d in draws])), 4)
    return {
        "person": one.person, "pool": one.pool, "chosen": len(one.rows), "short": one.short,
        "mean_distance": round(one.spread, 5), "draws_below": below,
        "least_likeness": round(float(np.min(likeness[one.rows])), 5) if len(one.rows) else None,
    }  # fmt: skip


def _pairs(told: list[tuple[str, int, int, float]], found: Faces) -> pa.Table:
    ids = found.ids
    first, second = (pa.array([p[i] for p in told], pa.int64()) for i in (1, 2))
    return pa.table({
        "kind": pa.array([p[0] for p in told], pa.string()), f"first_{faces.FACE_ID.name}": ids.take(first),
        f"second_{faces.FACE_ID.name}": ids.take(second), "distance": pa.array([p[3] for p in told], pa.float64()),
    })  # fmt: skip
