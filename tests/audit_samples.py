"""Datasets whose races and genders are counted out, and quick audits of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.audit import Audit, AuditOptions, audit
from curate.store import Dataset
from schemas import taxonomy
from schemas.columns import labels
from tests.evaluation_samples import dataset

RACES = taxonomy(labels.RACE.taxonomy).labels
WHITE, BLACK, INDIAN = "White", "Black", "Indian"


def people(counts: dict[tuple[str | None, str | None], int]) -> tuple[list[str | None], list[str | None]]:
    """Race and gender of each face."""
    rows = [cell for cell, n in counts.items() for _ in range(n)]
    return [r for r, _ in rows], [g for _, g in rows]


def sample(path: Path, counts: dict[tuple[str | None, str | None], int], **more: Any) -> Dataset:
    race, gender = people(counts)
    layers = {"demographics.v1": {labels.RACE: race, labels.GENDER: gender}, **more.pop("layers", {})}
    return dataset(path, [1] * len(race), layers, **more)


def quick(ds: Dataset, **options: Any) -> Audit:
    return audit(ds, AuditOptions(**{"rounds": 200, "permutations": 199, "min_group": 5, **options}))
