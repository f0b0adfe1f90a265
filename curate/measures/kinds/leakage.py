"""Whether people stand in several folds, and whether features still tell who someone is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.evaluation.intervals import proportion
from curate.measures.base import TABLE, Config, Given, Input, Measure, Result
from curate.measures.rows import Floats, filled, vectors
from curate.measures.summary import number

SHOWN = 50
"""People who stand in several folds that are listed."""


@dataclass(frozen=True)
class LeakageConfig(Config):
    """How chance is found.

    Attributes:
        rounds: Times that people are dealt to the faces anew.
        seed: Of the dealing.
    """

    rounds: int = 200
    seed: int = 0


class Leakage(Measure):
    """The probe names each face's person by its nearest other face; above chance, the features know people.

    Chance is the same probe with the people shuffled over the faces; only faces whose person has another face count.
    """

    name = "leakage"
    doc = "People who stand in more than one fold, and an identity probe of the features against chance."
    source = "Subject-exclusive folds (BP4D, DISFA protocols); Ojala and Garriga 2010 (permutation test)"
    inputs = (
        Input("rows", TABLE, "a row per face: `person`, `fold`, and `embedding` (a list of numbers) for the probe",
              ("person", "fold")),
    )  # fmt: skip
    config_type = LeakageConfig
    config: LeakageConfig

    def measure(self, given: Given) -> Result:
        """Overlap of every two folds; the probe where there are embeddings."""
        table, path = given.tables["rows"], given.paths["rows"]
        people, folds = filled(table, "person", path), filled(table, "fold", path)
        where: dict[str, set[str]] = defaultdict(set)
        for person, fold in zip(people, folds, strict=True):
            where[person].add(fold)
        several = sorted(p for p, f in where.items() if len(f) > 1)
        touched = [p in set(several) for p in people]
        facts: dict[str, Any] = {
            "rows": len(people), "people": len(where), "people in several folds": len(several),
            "rows of theirs": sum(touched), "exclusive": not several,
        }  # fmt: skip
        tables = {"folds": _folds(people, folds), "in several folds": [
            {"person": p, "folds": ", ".join(sorted(where[p]))} for p in several[:SHOWN]
        ]}  # fmt: skip
        if "embedding" in table.column_names:
            facts.update(self._probe(vectors(table, "embedding", path), people))
        return Result(facts, tables)

    def _probe(self, features: Floats, people: list[str]) -> dict[str, Any]:
        person = np.unique(people, return_inverse=True)[1]
        nearest = _nearest(features)
        judged = np.bincount(person)[person] > 1
        if not judged.any():
            return {"identity probe n": 0, "identity probe": None}
        found = proportion((person[nearest] == person)[judged])
        rng = np.random.default_rng(self.config.seed)
        chance = np.array([_shuffled(person, nearest, rng) for _ in range(self.config.rounds)])
        beyond = int((chance >= found.value).sum())
        return {
            "identity probe n": found.n, "identity probe": number(found.value), "identity probe low": number(found.low),
            "identity probe high": number(found.high), "identity probe by chance": float(chance.mean()),
            "identity probe p": (beyond + 1) / (self.config.rounds + 1),
        }  # fmt: skip


def _folds(people: list[str], folds: list[str]) -> list[dict[str, Any]]:
    """Every two folds: how many people they share."""
    names = sorted(set(folds))
    of = {f: {p for p, g in zip(people, folds, strict=True) if g == f} for f in names}
    return [
        {"fold": a, "other": b, "people": len(of[a]), "people of the other": len(of[b]), "shared": len(of[a] & of[b])}
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]


def _nearest(features: Floats) -> NDArray[np.intp]:
    """Row of the nearest other row by cosine, (n,)."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    found = []
    for start in range(0, len(unit), 512):
        alike = unit[start : start + 512] @ unit.T
        alike[np.arange(len(alike)), start + np.arange(len(alike))] = -np.inf
        found.append(alike.argmax(1))
    return np.concatenate(found)


def _shuffled(person: NDArray[np.intp], nearest: NDArray[np.intp], rng: np.random.Generator) -> float:
    dealt = rng.permutation(person)
    judged = np.bincount(dealt)[dealt] > 1
    return float((dealt[nearest] == dealt)[judged].mean())
