"""Whether pictures keep their promises, as verifiers see it, over several faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotators.weights import ModelStore
from curate.generators.base import CannotGenerate, Generator, Made, Request
from curate.generators.promise import SAME_PERSON, same_person
from curate.generators.subject import Subject
from schemas.columns import labels
from tests.generator_samples import adult_pictures, measured, subjects

SIDE = 256
"""Portraits of this side are enough for photos of 224 px, and quick."""


@dataclass(frozen=True)
class Sitters:
    """Adults' portraits and what the verifiers say of them.

    Attributes:
        faces: The portraits.
        before: The verifiers' rows, one for each.
        verifiers: Their names.
    """

    faces: list[Subject]
    before: list[dict[str, Any]]
    verifiers: tuple[str, ...]


def sitters(shared: Path, models: ModelStore, count: int, verifiers: tuple[str, ...]) -> Sitters:
    """Adults of the shared photos whose mesh lies well."""
    found = [s for s in subjects(adult_pictures(shared, count), models, verifiers, SIDE) if _usable(s)]
    return Sitters(found, measured([s.pixels for s in found], models, verifiers), verifiers)


@dataclass(frozen=True)
class Outcome:
    """What became of the promises.

    Attributes:
        made: The pictures.
        before, after: Verifiers' rows of the subjects and of the pictures.
        held: Whether each change that could be told held.
        same: Whether each picture passes for its subject.
    """

    made: list[Made]
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    held: list[bool]
    same: list[bool]

    def difference(self, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """After less before, where both are known."""
        pairs = [(b.get(column), a.get(column)) for b, a in zip(self.before, self.after, strict=True)]
        return np.array([a - b for b, a in pairs if a is not None and b is not None])


def outcome(worker: Generator, people: Sitters, models: ModelStore) -> Outcome:
    """One picture of each sitter that allows it, and what the verifiers say of it."""
    pairs: list[tuple[Made, Mapping[str, Any]]] = []
    for number, (subject, row) in enumerate(zip(people.faces, people.before, strict=True)):
        request = Request(subject)
        try:
            (picture,) = worker.make(request, worker.draw(request, np.random.default_rng(number)))
        except CannotGenerate:
            continue
        pairs.append((picture, row))
    made, before = [p for p, _ in pairs], [dict(r) for _, r in pairs]
    after = measured([m.pixels for m in made], models, people.verifiers)
    told = [c.held(b, a) for m, b, a in zip(made, before, after, strict=True) for c in m.promise.changes]
    alike = [_same(b, a) for b, a in zip(before, after, strict=True)]
    return Outcome(made, before, after, [t for t in told if t is not None], alike)


def settled(values: Sequence[bool], least: int, share: float = 0.8) -> bool:
    """Whether enough could be told, and enough of it is true."""
    return len(values) >= least and float(np.mean(values)) >= share


def _same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    cosine = same_person(before.get(labels.EMBEDDING.name), after.get(labels.EMBEDDING.name))
    return cosine is not None and cosine >= SAME_PERSON


def _usable(subject: Subject) -> bool:
    try:
        subject.need_mesh()
    except CannotGenerate:
        return False
    return True
