"""Pairs for face verification as LFW has them: folds without a person in common, as many matches as mismatches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MOST = 30
"""Pictures of one person that matches are drawn from, so that nobody with many pictures fills a fold."""
TRIES = 50


@dataclass(frozen=True)
class Shot:
    """One picture of a person.

    Attributes:
        number: In the person's folder, from 1.
        group: Duplicates of one photo share it; empty if that is unknown.
    """

    number: int
    group: str = ""


@dataclass(frozen=True)
class Fold:
    """Pairs of one fold.

    Attributes:
        matches: Person and two different pictures of theirs.
        mismatches: Two different people with a picture each.
    """

    matches: tuple[tuple[str, int, int], ...]
    mismatches: tuple[tuple[str, int, str, int], ...]


def folds(people: Mapping[str, Sequence[Shot]], number: int, pairs: int, seed: int) -> list[Fold]:
    """Draw folds; nobody is in two of them, no pair is of one picture or of copies of it, none comes twice.

    All folds have the same number of matches and mismatches. With few people there are fewer folds or pairs than
    asked for; none at all if nobody has two pictures or there is only one person.

    Args:
        people: Person -> pictures.
        number: Folds wanted.
        pairs: Matches wanted per fold, and as many mismatches.
        seed: Same people and seed, same folds.
    """
    for wanted in range(number, 0, -1):
        rng = np.random.default_rng(seed)
        drawn = [_draw(group, pairs, rng) for group in _dealt(people, wanted, rng)]
        least = min(min(len(f.matches), len(f.mismatches)) for f in drawn)
        if least:
            return [Fold(f.matches[:least], f.mismatches[:least]) for f in drawn]
    return []


def pairs_text(drawn: Sequence[Fold]) -> Iterator[str]:
    """Lines of `pairs.txt`: folds and pairs, then each fold's matches and mismatches, fields split by tabs."""
    yield f"{len(drawn)}\t{len(drawn[0].matches) if drawn else 0}\n"
    for fold in drawn:
        for pair in itertools.chain(fold.matches, fold.mismatches):
            yield "\t".join(map(str, pair)) + "\n"


def _dealt(
    people: Mapping[str, Sequence[Shot]], number: int, rng: np.random.Generator
) -> list[dict[str, Sequence[Shot]]]:
    """People dealt in turn, those with several pictures first, so that every fold gets its share of both."""
    names = np.array(sorted(people), object)
    rng.shuffle(names)
    ordered = sorted(names, key=lambda n: len(people[n]) < 2)
    return [{n: people[n] for n in ordered[i::number]} for i in range(number)]


def _draw(people: Mapping[str, Sequence[Shot]], pairs: int, rng: np.random.Generator) -> Fold:
    candidates = [
        (name, a.number, b.number)
        for name, shots in people.items()
        for a, b in itertools.combinations(shots[:MOST], 2)
        if not _copies(a, b)
    ]
    chosen = rng.permutation(len(candidates))[:pairs]
    return Fold(tuple(candidates[i] for i in chosen), tuple(_mismatches(people, len(chosen), rng)))


def _mismatches(
    people: Mapping[str, Sequence[Shot]], pairs: int, rng: np.random.Generator
) -> list[tuple[str, int, str, int]]:
    names, found = sorted(people), dict[tuple[str, int, str, int], None]()
    for _ in range(TRIES * pairs if len(names) > 1 else 0):
        i, j = sorted(int(v) for v in rng.integers(len(names), size=2))
        if i == j:
            continue
        first, second = names[i], names[j]
        a, b = (people[n][int(rng.integers(len(people[n])))] for n in (first, second))
        if not _copies(a, b):
            found[first, a.number, second, b.number] = None
        if len(found) == pairs:
            break
    return list(found)


def _copies(first: Shot, second: Shot) -> bool:
    return bool(first.group) and first.group == second.group
