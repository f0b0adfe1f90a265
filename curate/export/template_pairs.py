"""Templates and their pairs for verification as IJB has them: sets of a person's pictures, held against each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curate.export.verification_pairs import Shot

ROUNDS = 20


@dataclass(frozen=True)
class Template:
    """Pictures of one person that are looked at as one.

    Attributes:
        number: From 1.
        person: Whose.
        shots: Numbers of the pictures.
        media: The same number for copies of one photo, in the order of `shots`.
    """

    number: int
    person: str
    shots: tuple[int, ...]
    media: tuple[int, ...]


def templates(people: Mapping[str, Sequence[Shot]], images: int) -> list[Template]:
    """Deal everyone's photos into templates; copies of one photo stay together.

    A person with two photos or more has two templates or more, so that there is a genuine pair.

    Args:
        people: Person -> pictures.
        images: Photos in a template at most, unless there would be but one.
    """
    found: list[Template] = []
    media = 0
    for person, shots in sorted(people.items()):
        photos: dict[str, list[Shot]] = {}
        for shot in shots:
            photos.setdefault(shot.group or f"#{shot.number}", []).append(shot)
        dealt = list(photos.values())
        count = max(-(-len(dealt) // images), min(2, len(dealt)))
        numbers = {id(photo): media + place for place, photo in enumerate(dealt, 1)}
        media += len(dealt)
        for start in range(count):
            held = [(shot.number, numbers[id(photo)]) for photo in dealt[start::count] for shot in photo]
            found.append(Template(len(found) + 1, person, *map(tuple, zip(*held, strict=True))))
    return found


def pairs(known: Sequence[Template], impostors: int, seed: int) -> list[tuple[int, int, int]]:
    """Pairs of templates with 1 for one person and 0 for two, sorted; every genuine one, and some of the others.

    Args:
        known: All templates.
        impostors: Pairs of two people at most; all if there are no more.
        seed: Same templates and seed, same pairs.
    """
    by_person: dict[str, list[int]] = {}
    for template in known:
        by_person.setdefault(template.person, []).append(template.number)
    genuine = [(a, b, 1) for numbers in by_person.values() for a, b in itertools.combinations(numbers, 2)]
    return sorted(genuine + [(a, b, 0) for a, b in _impostors(known, impostors, len(genuine), seed)])


def _impostors(known: Sequence[Template], most: int, genuine: int, seed: int) -> list[tuple[int, int]]:
    count = len(known)
    if count * (count - 1) // 2 - genuine <= most:
        return [(a.number, b.number) for a, b in itertools.combinations(known, 2) if a.person != b.person]
    rng = np.random.default_rng(seed)
    found: dict[tuple[int, int], None] = {}
    for _ in range(ROUNDS):
        for i, j in rng.integers(count, size=(most, 2)).tolist():
            first, second = known[min(i, j)], known[max(i, j)]
            if first.person != second.person and len(found) < most:
                found[first.number, second.number] = None
        if len(found) == most:
            break
    return list(found)
