"""What-if studies of pictures and click rates: ridge regression, grids of edits, and a genetic search.

After "AdSEE: investigating the impact of image style editing on advertisement attractiveness" (KDD 2023): a regressor
of the click rate scores edits (directions x coefficients), and a genetic algorithm looks for the best combination.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas import UsageError

Floats = NDArray[np.float64]

PENALTIES = tuple(10.0**k for k in range(-1, 5))
FARTHEST = 4.0
"""Standard deviations beyond which a value counts as this far: columns that hardly vary must not run away."""


@dataclass(frozen=True)
class Ridge:
    """A linear model with shrunken weights over standardised columns.

    Attributes:
        mean: Of each column, (d,); what is unknown takes it, and so tells nothing.
        scale: Standard deviation of each column, (d,).
        weight: (d,), per standard deviation.
        intercept: Mean of the target.
    """

    mean: Floats
    scale: Floats
    weight: Floats
    intercept: float

    def predict(self, columns: Floats) -> Floats:
        """Estimates for rows (n, d); NaN counts as the mean."""
        return np.asarray(self.intercept + _standard(columns, self.mean, self.scale) @ self.weight)


def fit_ridge(columns: Floats, target: Floats, penalty: float = 0.0) -> Ridge:
    """Fit by least squares with a penalty on the squared weights (A. Hoerl and R. Kennard, 1970).

    Args:
        columns: (n, d), NaN where unknown.
        target: (n,).
        penalty: Times the squared weights of standardised columns; 0 chooses the one of `PENALTIES` with the least
            error by generalised cross-validation (G. Golub, M. Heath and G. Wahba, 1979).

    Raises:
        UsageError: for fewer than two rows.
    """
    if len(columns) < 2:
        raise UsageError(f"{len(columns)} rows", "a regression needs two or more")
    known = np.isfinite(columns)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, columns, 0).sum(0) / count
    spread = np.sqrt((np.where(known, columns - mean, 0) ** 2).sum(0) / count)
    scale = np.where(spread > 0, spread, 1.0)
    x = _standard(columns, mean, scale)
    intercept = float(np.mean(target))
    penalty = penalty or chosen_penalty(x, target - intercept)
    weight = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (target - intercept))
    return Ridge(mean, scale, np.asarray(weight, np.float64), intercept)


def chosen_penalty(x: Floats, target: Floats) -> float:
    """The penalty with the least n |y - y'|^2 / (n - df)^2, df the trace of the hat matrix and one for the mean."""
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    inside = left.T @ target
    outside = float(target @ target - inside @ inside)
    best, least = PENALTIES[-1], np.inf
    for penalty in PENALTIES:
        share = singular**2 / (singular**2 + penalty)
        error = float((((1 - share) * inside) ** 2).sum()) + outside
        freedom = max(len(target) - 1 - float(share.sum()), 1e-9)
        if (value := error / freedom**2) < least:
            best, least = penalty, value
    return best


def _standard(columns: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.asarray(np.clip(np.where(np.isfinite(columns), (columns - mean) / scale, 0.0), -FARTHEST, FARTHEST))


@dataclass(frozen=True)
class Baseline:
    """Errors on held-out rows.

    Attributes:
        n: Rows, each predicted once by a model that has not seen it.
        ridge: Mean squared error of the regression.
        mean: Of predicting the mean of the rows that the model saw.
        difference: Squared error of the mean less that of the ridge, per row, (n,): above 0 where the ridge is nearer.
    """

    n: int
    ridge: float
    mean: float
    difference: Floats


def cross_validated(columns: Floats, target: Floats, folds: int = 5, penalty: float = 0.0, seed: int = 0) -> Baseline:
    """Hold the ridge against the mean, each row predicted from the other folds; a penalty of 0 is chosen within them.

    Raises:
        UsageError: if there are fewer rows than folds, or fewer than two folds.
    """
    if folds < 2 or len(target) < 2 * folds:
        raise UsageError(f"{len(target)} rows in {folds} folds", "each fold needs two rows, and two folds are needed")
    place = np.random.default_rng(seed).permutation(len(target)) % folds
    ridge, mean = np.empty(len(target)), np.empty(len(target))
    for fold in range(folds):
        held = place == fold
        model = fit_ridge(columns[~held], target[~held], penalty)
        ridge[held] = (model.predict(columns[held]) - target[held]) ** 2
        mean[held] = (target[~held].mean() - target[held]) ** 2
    return Baseline(len(target), float(ridge.mean()), float(mean.mean()), mean - ridge)


def what_if(directions: Sequence[str], coefficients: Sequence[float]) -> Iterator[dict[str, float]]:
    """Every combination of a coefficient for each direction, the last direction fastest.

    Raises:
        UsageError: if a direction or coefficient comes twice or there are none.
    """
    for what, values in (("directions", directions), ("coefficients", coefficients)):
        if not values or len(set(values)) != len(values):
            raise UsageError(f"{what} of the grid", "each must come once, and one is needed")
    for row in itertools.product(coefficients, repeat=len(directions)):
        yield dict(zip(directions, row, strict=True))


@dataclass(frozen=True)
class Found:
    """The best edit that a search found.

    Attributes:
        edit: Direction -> coefficient.
        score: What it scores.
        generations: Rounds until the end.
    """

    edit: dict[str, float]
    score: float
    generations: int


def search(
    score: Callable[[Floats], Floats], bounds: Mapping[str, tuple[float, float]], population: int = 60,
    generations: int = 120, seed: int = 0,
) -> Found:  # fmt: skip
    """Look for the edit of the largest score by a genetic algorithm.

    Parents win tournaments of three; children blend them (BLX-alpha, L. Eshelman and J. Schaffer, 1993) and mutate by
    a normal step that shrinks with the generations; the two best live on.

    Args:
        score: Edits (n, directions) -> scores (n,), higher is better.
        bounds: Direction -> least and largest coefficient.
        population: Edits per generation.
        generations: Rounds.
        seed: Same seed, same search.

    Raises:
        UsageError: for empty bounds or a population below four.
    """
    if not bounds or any(low >= high for low, high in bounds.values()):
        raise UsageError("bounds of the search", "each direction needs a least and a larger coefficient")
    if population < 4:
        raise UsageError(f"a population of {population}", "it needs four or more")
    chance = np.random.default_rng(seed)
    low, high = (np.array([b[i] for b in bounds.values()]) for i in (0, 1))
    people = chance.uniform(low, high, (population, len(low)))
    value = np.asarray(score(people), np.float64)
    for generation in range(generations):
        order = np.argsort(-value, kind="stable")
        people, value = people[order], value[order]
        step = 0.2 * (high - low) * (1 - generation / generations) ** 2
        children = _children(people, value, step, chance)
        children = np.vstack([people[:2], np.clip(children, low, high)])
        people, value = children, np.asarray(score(children), np.float64)
    best = int(value.argmax())
    return Found(dict(zip(bounds, people[best].tolist(), strict=True)), float(value[best]), generations)


def _children(people: Floats, value: Floats, step: Floats, chance: np.random.Generator) -> Floats:
    """Offspring of tournaments, two fewer than there are people."""
    n = len(people) - 2
    parents = []
    for _ in range(2):
        drawn = chance.integers(len(people), size=(n, 3))
        parents.append(people[drawn[np.arange(n), value[drawn].argmax(1)]])
    first, second = parents
    share = chance.uniform(-0.3, 1.3, first.shape)
    born = first + share * (second - first)
    mutate = chance.random(first.shape) < 0.3
    return np.asarray(born + np.where(mutate, chance.normal(size=first.shape) * step, 0.0))
