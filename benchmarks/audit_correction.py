"""How well corrected counts find a planted bias, and how often their intervals hold the truth.

Everything is simulated: a confusion is chosen, a dataset's true labels and a validation are drawn, answers are drawn
from the confusion for both, and the correction sees only the answers and the validation. One figure is measured per
simulation, so intervals are of independent cases.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics import Estimate, mean, proportion, table
from curate.audit.correction import Confusion, Corrected, Crossed, corrected

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
WORST, BEST = 0.6, 0.95
"""Chance of the right answer, drawn anew for each group and simulation between these."""
RARE = 5
DRAWN = 300
"""Confusions that each correction draws, for speed; 1,000 are the default."""
POINT = 0.01
ALLOWED = (0.93, 0.97)


@dataclass(frozen=True)
class Design:
    """One kind of simulation.

    Attributes:
        groups: True labels; `a x b` for two columns crossed.
        faces: Of the dataset.
        validated: Faces of the validation, spread evenly at random over the groups.
        rare: Faces of the first group in the dataset; as the shares fall if 0.
        few: Validated faces of the first group; as the others if 0.
        target: As in `corrected`.
        abstains: A tenth to a third of each group's faces get no answer.
        accuracy: Chances of the right answer are drawn between these.
    """

    groups: tuple[int, ...]
    faces: int
    validated: int
    rare: int = 0
    few: int = 0
    target: Any = "dataset"
    abstains: bool = False
    accuracy: tuple[float, float] = (WORST, BEST)

    @property
    def what(self) -> str:
        """The first group in words."""
        words = [f"{self.rare} of the dataset's faces"] * (self.rare > 0)
        words += [f"{self.few} validated faces"] * (self.few > 0)
        words += ["abstains"] * self.abstains + ["of the population"] * (self.target == "population")
        return ", ".join(words) or "one of the groups"


def chances(rng: np.random.Generator, size: int, accuracy: tuple[float, float], abstains: bool = False) -> Floats:
    """A confusion, (size, size) or one column more: errors fall on the other labels unevenly."""
    right = rng.uniform(*accuracy, size)
    found = np.zeros((size, size))
    for k, own in enumerate(right):
        found[k] = np.insert((1 - own) * rng.dirichlet(np.ones(size - 1)), k, own)
    if not abstains:
        return found
    silent = rng.uniform(0.1, 0.33, (size, 1))
    return np.hstack([found * (1 - silent), silent])


def answers(rng: np.random.Generator, truth: Counts, confusion: Floats) -> Counts:
    """Answers to so many faces of each true label, (K, J)."""
    return np.stack([rng.multinomial(n, row) for n, row in zip(truth, confusion, strict=True)])


def spread(rng: np.random.Generator, total: int, shares: Floats, fixed: int) -> Counts:
    """So many faces by shares, with a fixed number of the first label if that is not 0."""
    if not fixed:
        return rng.multinomial(total, shares)
    rest = shares[1:] / shares[1:].sum()
    return np.concatenate([[fixed], rng.multinomial(total - fixed, rest)])


def simulate(design: Design, seed: int) -> tuple[Corrected, Floats]:
    """The correction of the first label and its true count."""
    rng = np.random.default_rng([seed, *design.groups, design.faces, design.validated])
    singles = [chances(rng, size, design.accuracy, design.abstains) for size in design.groups]
    even = [np.full(size, 1 / size) for size in design.groups]
    tables = [
        Confusion.of(answers(rng, spread(rng, design.validated, e, design.few), c))
        for c, e in zip(singles, even, strict=True)
    ]
    rows = tables[0] if len(tables) == 1 else Crossed.of(*tables)
    joint: Floats = singles[0] if len(singles) == 1 else np.asarray(np.kron(*singles), np.float64)
    shares = rng.dirichlet(np.full(len(joint), 2.0))
    truth = spread(rng, design.faces, shares, design.rare)
    said = answers(rng, truth, joint).sum(0)
    first = rows.labels[0]
    found = corrected(said, rows, groups={first: [first]}, target=design.target, seed=seed, rounds=DRAWN)
    return found, np.array([shares[0] * design.faces if design.target == "population" else truth[0]])


def covered(design: Design, simulations: int) -> list[Any]:
    """A line: in how many simulations the interval holds the truth, and how wide it is."""
    hits, below, width = [], [], []
    for seed in range(simulations):
        found, truth = simulate(design, seed)
        count = found.groups[0].count
        hits.append(count.low <= truth[0] <= count.high)
        below.append(truth[0] < count.low)
        width.append((count.high - count.low) / design.faces)
    share = proportion(hits)
    verdict = "yes" if ALLOWED[0] <= share.value <= ALLOWED[1] else "NO"
    size = " x ".join(map(str, design.groups))
    return [size, f"{design.faces:,}", f"{design.validated:,}", design.what, share, float(np.mean(below)),
            float(np.median(width)), verdict]  # fmt: skip


def designs() -> Iterator[Design]:
    """All kinds of simulations whose coverage is measured."""
    for size in (2, 4, 7):
        for faces, validated in ((300, 200), (3_000, 500), (50_000, 2_000)):
            yield Design((size,), faces, validated, rare=RARE)
        yield Design((size,), 3_000, 500)
        yield Design((size,), 3_000, 500, few=RARE)
    yield Design((7,), 300, 200, RARE, RARE)
    yield Design((7,), 3_000, 2_000, abstains=True)
    yield Design((7,), 3_000, 2_000, rare=RARE, abstains=True)
    yield Design((7,), 3_000, 500, target="population")
    yield Design((2,), 300, 200, target="population")
    yield Design((7, 2), 10_000, 2_000)
    yield Design((7, 2), 10_000, 2_000, rare=RARE)


def fixed() -> Iterator[Design]:
    """One fixed chance of the right answer, five validated faces: what discreteness makes of the coverage."""
    for right in (0.6, 0.7, 0.8, 0.9, 0.95):
        yield Design((2,), 50_000, 2_000, few=RARE, accuracy=(right, right))


def recovered(size: int, validated: int, simulations: int, raw_off: float) -> list[Any]:
    """A line: errors of raw and corrected shares, of simulations whose raw shares are off by about `raw_off`.

    The confusion leaks from one group into another as much as it takes, and is otherwise right in `BEST` of cases.
    """
    raw, worst, within, every = [], [], [], []
    for seed in range(simulations):
        rng = np.random.default_rng([seed, size, validated])
        confusion = np.full((size, size), (1 - BEST) / (size - 1))
        np.fill_diagonal(confusion, BEST)
        shares = rng.dirichlet(np.full(size, 5.0))
        source, sink = np.argsort(shares)[::-1][:2]
        leak = min(raw_off / shares[source], 0.35)
        confusion[source, source] -= leak
        confusion[source, sink] += leak
        truth = rng.multinomial(50_000, shares)
        seen = answers(rng, rng.multinomial(validated, np.full(size, 1 / size)), confusion)
        said = answers(rng, truth, confusion).sum(0)
        found = corrected(said, seen, seed=seed, rounds=200)
        true = truth / truth.sum()
        raw.append(np.abs([g.raw for g in found.groups] - true).max())
        errors = np.abs([g.share.value for g in found.groups] - true)
        worst.append(errors.max())
        every.append(float((errors <= POINT).mean()))
        within.append(worst[-1] <= POINT)
    return [size, f"{validated:,}", _points(mean(raw)), f"{100 * max(raw):.1f}", _points(mean(worst)),
            f"{100 * np.quantile(worst, 0.95):.2f}", float(np.mean(every)), proportion(within)]  # fmt: skip


def _points(share: Estimate) -> str:
    return f"{100 * share.value:.2f} ({100 * share.low:.2f}-{100 * share.high:.2f})"


def timed(size: tuple[int, ...]) -> float:
    """Seconds for a whole correction of so many groups."""
    rng = np.random.default_rng(0)
    tables = [Confusion.of(answers(rng, np.full(n, 300), chances(rng, n, (0.8, 0.9)))) for n in size]
    rows = tables[0] if len(tables) == 1 else Crossed.of(*tables)
    said = rng.multinomial(100_000, np.full(len(rows.answers), 1 / len(rows.answers)))
    start = time.perf_counter()
    corrected(said, rows)
    return time.perf_counter() - start


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2_000)
    parser.add_argument("--part", choices=("recovery", "coverage", "fixed", "time"), help="only this table")
    chosen = parser.parse_args()
    head = ["groups", "faces", "validated", "the group", "coverage", "truth below", "median width", "in 93-97 %"]
    parts: dict[str, Callable[[], None]] = {
        "recovery": lambda: print(table(
            ["groups", "validated", "raw: largest error, points", "at most", "corrected: largest error, points",
             "95 % of them below", "groups within 1 point", "all groups within 1 point"],
            (recovered(k, n, max(chosen.simulations // 10, 1), 0.1)
             for k in (2, 4, 7) for n in (2_000, 10_000, 50_000)))),
        "coverage": lambda: print(table(head, (covered(d, chosen.simulations) for d in designs()))),
        "fixed": lambda: print(table(
            ["right in", *head], ([d.accuracy[0], *covered(d, chosen.simulations)] for d in fixed()))),
        "time": lambda: print(table(
            ["groups", "seconds"], (["x".join(map(str, s)), timed(s)] for s in ((2,), (7,), (7, 2), (20,), (9, 7))))),
    }  # fmt: skip
    for name, show in parts.items():
        if chosen.part in (None, name):
            print(f"\n{name}\n", flush=True)
            show()


if __name__ == "__main__":
    main()
