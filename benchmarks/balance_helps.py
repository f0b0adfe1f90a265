"""Does balance help? The small gender head trained on a skewed draw of FairFace, and on what plans make of it.

The draw: 70 % of the faces perceived as White, 5 % each of the six other groups, and only 15 % of those as women.
Arms: the draw as it is; the same with as many further faces of the same skew, which tells more data from better data;
`balance --allow reweight`; `balance --allow drop` to the largest even subset; `balance --least N --allow collect` with
faces that were held back, without and with weights; and the same with generated faces in place of collected ones.
Scored on FairFace's validation faces, which nothing else used: accuracy in every group of perceived race and gender,
mean over draws, with intervals by resampling draws and faces together. The settings are those of the shipped head;
none was tuned here.

python -m benchmarks.balance_helps [--faces N] [--draws 3] [--no-generated] [--strangers] [--json FILE]

With features kept in build/benchmarks a draw takes about two minutes of one core, most of it for generated faces.
`--faces 2000` tries the whole way in a minute on the first 2,000 training faces; its figures have wide intervals.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from annotators.weights import ModelStore
from benchmarks.balance_helps_faces import (
    DRAW,
    GENDERS,
    MANY,
    RACES,
    People,
    asked,
    cell_names,
    dataset_of,
    draw,
    people,
    planned,
    selected,
    skewed_counts,
    strangers,
)
from benchmarks.balance_helps_synthetic import Studio
from benchmarks.balance_helps_training import STEPS, gender_answers
from benchmarks.demographic_features import CACHE
from benchmarks.labelling import arguments
from benchmarks.statistics import Estimate, table
from curate.balance.options import ADD, COLLECT, DROP, REWEIGHT, Collecting

LEAST_SHARE = 0.0375
"""Fewest faces of a cell that plans ask for, as a share of the draw: 150 of 4,000."""
RATIO = 50.0
MOST_PER_SOURCE = 6
ROUNDS = 2000
SKEWED, MORE, WEIGHTED, EVEN = "as drawn", "more of the same", "weights", "largest even subset"
COLLECTED, BOTH, GENERATED = "collected", "collected, then weights", "generated"
ARMS = (SKEWED, MORE, WEIGHTED, EVEN, COLLECTED, BOTH, GENERATED)
Correct = NDArray[np.bool_]


@dataclass(frozen=True)
class Arm:
    """What a head is trained on: features, gender and sampling weight of each face."""

    features: NDArray[np.float32]
    gender: NDArray[np.int64]
    weight: NDArray[np.float64]


def arms(pool: People, seed: int, studio: Studio | None, folder: Path) -> Iterator[tuple[str, Arm, dict[str, Any]]]:
    """The arms of one draw, with facts about their plans.

    Args:
        pool: FairFace's training faces.
        seed: Of the draw and of what is drawn for it.
        studio: Makes generated faces; that arm is left out without it.
        folder: An empty folder for the datasets.
    """
    rng = np.random.default_rng(seed)
    size = round(len(pool) / DRAW)
    counts, least = skewed_counts(size), round(size * LEAST_SHARE)
    rows = draw(pool, counts, rng)
    ds = dataset_of(pool, rows, folder / "drawn")
    yield SKEWED, _arm(pool, rows), {}

    weights = planned(ds, "weights", ["uniform"], allow=(REWEIGHT,), max_weight_ratio=RATIO)
    kept, weight = selected(ds, weights)
    yield WEIGHTED, _arm(pool, kept, weight), {"effective_size": weights.totals["effective_size"]}

    even = planned(ds, "even", ["uniform"], allow=(DROP,), seed=seed)
    yield EVEN, _arm(pool, selected(ds, even)[0]), {}

    price = Collecting(1.0)
    filled = planned(ds, "filled", least=[str(least)], allow=(COLLECT,), collecting=price)
    wanted = asked(filled, COLLECT)
    collected = np.concatenate([rows, draw(pool, wanted, rng, rows)])
    yield COLLECTED, _arm(pool, collected), {"added": int(wanted.sum())}

    both = dataset_of(pool, np.sort(collected), folder / "filled")
    again = planned(both, "weights", ["uniform"], allow=(REWEIGHT,), max_weight_ratio=RATIO)
    kept, weight = selected(both, again)
    yield BOTH, _arm(pool, kept, weight), {"effective_size": again.totals["effective_size"]}

    share = counts / counts.sum()
    same = np.floor(share * wanted.sum() + rng.random(len(share))).astype(np.int64)
    yield MORE, _arm(pool, np.concatenate([rows, draw(pool, same, rng, rows)])), {"added": int(same.sum())}
    if studio is not None:
        yield GENERATED, *_generated(pool, rows, least, studio, seed, folder)


def _arm(pool: People, rows: NDArray[np.int64], weight: NDArray[np.float64] | None = None) -> Arm:
    return Arm(pool.features[rows], pool.gender[rows], np.ones(len(rows)) if weight is None else weight)


def _generated(
    pool: People, rows: NDArray[np.int64], least: int, studio: Studio, seed: int, folder: Path
) -> tuple[Arm, dict[str, Any]]:
    """The draw filled with copies of its own adults, by a plan that knows the yield."""
    others = np.setdiff1d(np.flatnonzero(pool.adult), rows)
    entry = studio.entry(np.random.default_rng(seed).permutation(others), MOST_PER_SOURCE, seed)
    ds = dataset_of(pool, rows, folder / "generated")
    plan = planned(ds, "filled", least=[str(least)], allow=(ADD,), generators=(entry,))
    wanted = asked(plan, ADD)
    copies = studio.fill(rows[pool.adult[rows]], wanted, seed)
    features = np.concatenate([pool.features[rows], copies.features])
    gender = np.concatenate([pool.gender[rows], pool.gender[copies.source]])
    facts = {"added": len(copies.source), "wanted": int(wanted.sum()), "tries": copies.tries, "yield": entry.rate}
    return Arm(features, gender, np.ones(len(gender))), facts


def answers(
    pool: People, test: People, draws: int, studio: Studio | None, steps: int = STEPS
) -> tuple[dict[str, Correct], dict[str, list[dict[str, Any]]]]:
    """Whether the head of each arm and draw is right about each test face.

    Returns:
        Arm -> (draws, test faces), and arm -> facts of each draw.
    """
    right: dict[str, list[Correct]] = {}
    facts: dict[str, list[dict[str, Any]]] = {}
    for seed in range(draws):
        with tempfile.TemporaryDirectory() as name:
            for arm, what, said in arms(pool, seed, studio, Path(name)):
                guess = gender_answers(what.features, what.gender, what.weight, test.features, seed, steps)
                right.setdefault(arm, []).append(guess == test.gender)
                facts.setdefault(arm, []).append({"faces": len(what.gender), **said})
    return {arm: np.stack(rows) for arm, rows in right.items()}, facts


def few_women(test: People) -> Correct:
    """Women of the groups that the draw has few of: whom it fails by design."""
    return np.asarray((test.race != MANY) & (test.gender == GENDERS.index("Female")))


def figures(right: Mapping[str, Correct], test: People, rounds: int = ROUNDS) -> dict[str, dict[str, Estimate]]:
    """Accuracies of each arm, and their gain over the draw as it is, with 95 % intervals.

    Draws are resampled with replacement, and test faces within each cell; the same for all arms, so that gains are
    paired. The worst group is looked for anew in every resample.
    """
    rng = np.random.default_rng(0)
    cells = [np.flatnonzero(test.cell == c) for c in range(len(RACES) * len(GENDERS))]
    women, many = few_women(test), test.race == MANY
    draws = len(next(iter(right.values())))
    samples: dict[str, list[dict[str, float]]] = {arm: [] for arm in right}
    for number in range(rounds + 1):
        seeds = rng.integers(0, draws, draws) if number else np.arange(draws)
        picked = [rng.choice(c, len(c)) if number else c for c in cells]
        rows = np.concatenate(picked)
        for arm, hits in right.items():
            mean = hits[seeds].mean(0)
            by_cell = [float(mean[c].mean()) for c in picked]
            samples[arm].append(
                {
                    "worst group": min(by_cell),
                    "women of the six": float(mean[rows[women[rows]]].mean()),
                    "mean of groups": float(np.mean(by_cell)),
                    "White": float(mean[rows[many[rows]]].mean()),
                }
            )
    found: dict[str, dict[str, Estimate]] = {}
    for arm, values in samples.items():
        first = samples[SKEWED]
        found[arm] = {k: _estimate([v[k] for v in values], len(test)) for k in values[0]}
        gains = {f"{k}, gain": [v[k] - f[k] for v, f in zip(values, first, strict=True)] for k in values[0]}
        found[arm] |= {k: _estimate(v, len(test)) for k, v in gains.items()}
    return found


def _estimate(values: list[float], n: int) -> Estimate:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Estimate(values[0], float(low), float(high), n)


def worst(right: Correct, test: People) -> str:
    """Name of the group that a head fails most."""
    mean = right.mean(0)
    by_cell = [mean[test.cell == c].mean() for c in range(len(RACES) * len(GENDERS))]
    return cell_names()[int(np.argmin(by_cell))]


COLUMNS = ("worst group", "worst group, gain", "women of the six", "women of the six, gain", "mean of groups", "White")


def report(
    right: Mapping[str, Correct], facts: Mapping[str, list[dict[str, Any]]], test: People, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Figures as plain data: what the table and the notebook show."""
    found = figures(right, test, rounds)
    arms_data = {
        arm: {
            "faces": round(float(np.mean([f["faces"] for f in facts[arm]]))),
            "facts": facts[arm],
            "worst": worst(right[arm], test),
            "figures": {k: [e.value, e.low, e.high] for k, e in found[arm].items()},
        }
        for arm in ARMS
        if arm in right
    }
    return {"draws": len(right[SKEWED]), "test_faces": len(test), "arms": arms_data}


def shown(data: Mapping[str, Any]) -> str:
    """The table of a report."""
    n = data["test_faces"]
    rows = [
        [arm, said["faces"], said["worst"], *(_said(said["figures"][k], n) for k in COLUMNS)]
        for arm, said in data["arms"].items()
    ]
    return table(["trained on", "faces", "fails most", *COLUMNS], rows)


def _said(figure: Sequence[float], n: int) -> Estimate:
    value, low, high = figure
    return Estimate(value, low, high, n)


def run(
    data: Path,
    count: int | None,
    draws: int,
    generated: bool,
    cache: Path = CACHE,
    steps: int = STEPS,
    only_strangers: bool = False,
) -> dict[str, Any]:
    """The whole proof: a report.

    Args:
        data: The shared photo collection.
        count: Training pictures to draw from, the first; all if None. As many validation pictures at most.
        draws: Skewed draws.
        generated: With the arm of generated faces.
        cache: Where features are kept.
        steps: Batches of each training.
        only_strangers: Leave out test faces that look like somebody among the training faces.
    """
    torch.set_num_threads(1)
    models = ModelStore()
    pool, test = people(data, "train", models, cache, count), people(data, "validation", models, cache, count)
    test = strangers(test, pool) if only_strangers else test
    right, facts = answers(pool, test, draws, Studio(pool, models) if generated else None, steps)
    return {"train_faces": len(pool), **report(right, facts, test)}


def main() -> None:
    """Run and print."""
    parser = arguments(__doc__)
    parser.add_argument("--faces", type=int, help="only so many pictures of each split, the first")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--no-generated", action="store_true", help="leave the arm of generated faces out")
    parser.add_argument("--strangers", action="store_true", help="score only faces that look like no training face")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    chosen = parser.parse_args()
    found = run(chosen.data, chosen.faces, chosen.draws, not chosen.no_generated, only_strangers=chosen.strangers)
    print(shown(found))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
