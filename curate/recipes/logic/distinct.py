"""Few pictures that differ most: the set whose mean pairwise distance over pose and expression is large.

Choosing the set of the largest sum of distances is NP-hard; beginning with the two farthest, adding the one that is
farthest from those taken, and exchanging while that gains, comes close (S. Ravi et al., "Heuristic and special case
algorithms for dispersion problems", 1994).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.recipes.logic.grouping import rows_by
from schemas import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POSE_SCALE = 15.0
"""Degrees of head turn that count as much as a unit of an action unit's score."""
ROUNDS = 50


def motion(angles: Floats, units: Floats) -> Floats:
    """Pose and expression as one vector per face; units that a face lacks count as that of the mean face.

    Args:
        angles: (n, 3) yaw, pitch, roll in degrees.
        units: (n, units) scores in 0-1, NaN where unknown.

    Returns:
        (n, 3 + known units): columns that no face has are left out.
    """
    both = np.column_stack([np.asarray(angles, np.float64) / POSE_SCALE, np.asarray(units, np.float64)])
    both = both[:, np.isfinite(both).any(0)]
    if not len(both):
        return both
    return np.asarray(np.where(np.isfinite(both), both, np.nanmean(both, axis=0)), np.float64)


def distances(features: Floats, others: Floats | None = None) -> Floats:
    """Euclidean distances, (n, m)."""
    second = features if others is None else others
    square = (features**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * features @ second.T
    return np.asarray(np.sqrt(np.clip(square, 0, None)), np.float64)


def mean_distance(features: Floats, chosen: Ints) -> float:
    """Mean distance of all pairs of the chosen rows; 0 for fewer than two."""
    n = len(chosen)
    return float(distances(features[chosen]).sum() / (n * (n - 1))) if n > 1 else 0.0


def most_distinct(features: Floats, count: int) -> Ints:
    """Rows that differ most, sorted.

    Args:
        features: (n, d).
        count: How many; all rows if there are no more.

    Raises:
        UsageError: if fewer than two are asked for.
    """
    if count < 2:
        raise UsageError(f"{count} pictures that differ", "differing takes two or more")
    if len(features) <= count:
        return np.arange(len(features), dtype=np.int64)
    apart = distances(features)
    first = np.unravel_index(int(apart.argmax()), apart.shape)
    inside = np.zeros(len(features), bool)
    inside[list(first)] = True
    total = apart[:, inside].sum(1)
    while inside.sum() < count:
        farthest = int(np.where(inside, -np.inf, total).argmax())
        inside[farthest] = True
        total += apart[:, farthest]
    for _ in range(ROUNDS * count):
        rows, rest = np.flatnonzero(inside), np.flatnonzero(~inside)
        gain = total[rest][None] - total[rows][:, None] - apart[np.ix_(rows, rest)]
        out, new = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[out, new] <= 1e-9:
            break
        inside[rows[out]], inside[rest[new]] = False, True
        total += apart[:, rest[new]] - apart[:, rows[out]]
    return np.flatnonzero(inside).astype(np.int64)


@dataclass(frozen=True)
class Chosen:
    """What was taken of a person's pool.

    Attributes:
        person: Whose.
        rows: Rows of the table, sorted.
        pool: Rows that could have been taken.
        short: There were fewer than asked for: all of them are taken, none is taken twice.
        spread: Mean distance of the pairs.
    """

    person: str
    rows: Ints
    pool: int
    short: bool
    spread: float


def choose(features: Floats, people: NDArray[np.object_], allowed: NDArray[np.bool_], count: int) -> list[Chosen]:
    """The most distinct pictures of each person, by the person's name.

    Args:
        features: (n, d), see `motion`.
        people: (n,) whose each row is; None is nobody.
        allowed: (n,) rows that may be taken: surely of this person, sharp enough, ...
        count: Pictures per person.
    """
    found = []
    for person, every in rows_by(people).items():
        pool = every[allowed[every]]
        rows = pool[most_distinct(features[pool], count)] if len(pool) else pool
        spread = mean_distance(features, rows)
        found.append(Chosen(person, rows, len(pool), len(pool) < count, spread))
    return found


def contrasts(features: Floats, chosen: list[Chosen], per_person: int = 3) -> list[tuple[str, int, int, float]]:
    """Pairs for contrastive learning of identity against motion.

    `same_identity`: two pictures of one person, the farthest apart in motion first. `same_motion`: a picture and the
    nearest in motion of another person. No picture comes with itself, no pair twice.

    Returns:
        Kind, first row, second row, distance.
    """
    found: dict[tuple[str, int, int], float] = {}
    everyone = np.concatenate([c.rows for c in chosen]) if chosen else np.empty(0, np.int64)
    owner = np.repeat(np.arange(len(chosen)), [len(c.rows) for c in chosen]) if chosen else everyone
    for number, one in enumerate(chosen):
        apart = distances(features[one.rows])
        a, b = np.triu_indices(len(one.rows), 1)
        for pair in np.argsort(-apart[a, b], kind="stable")[:per_person]:
            key = ("same_identity", int(one.rows[a[pair]]), int(one.rows[b[pair]]))
            found[key] = float(apart[a[pair], b[pair]])
        others = everyone[owner != number]
        if not len(others) or not len(one.rows):
            continue
        across = distances(features[one.rows], features[others])
        for place in np.argsort(across, axis=None, kind="stable")[:per_person]:
            row, other = np.unravel_index(int(place), across.shape)
            ends = sorted((int(one.rows[row]), int(others[other])))
            found.setdefault(("same_motion", ends[0], ends[1]), float(across[row, other]))
    return [(*key, distance) for key, distance in found.items()]
