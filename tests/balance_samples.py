"""Counts and datasets with known content for the tests of balance plans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from store_samples import add, image_table, table

from curate.balance.survey import RULES, Survey
from curate.store import Dataset
from schemas.columns import faces, images, labels
from schemas.columns.labels.demographics import AGE_PROB
from schemas.taxonomy import taxonomy

RACE, GENDER = labels.RACE.name, labels.GENDER.name
BY = (GENDER, RACE)
GENDERS, RACES = ("Female", "Male"), ("White", "Black")
AGES = taxonomy("age-fairface-9").labels


def survey_of(
    real: list[int], synthetic: list[int] | None = None, sources: list[int] | None = None, races: int = 2
) -> Survey:
    """Counts of the cells gender x race, gender first."""
    orders = (GENDERS, RACES[:races])
    cells = [{GENDER: g, RACE: r} for g in GENDERS for r in RACES[:races]]
    have, made = np.array(real, np.int64), np.array(synthetic or [0] * len(real), np.int64)
    none = np.zeros(len(real), np.int64)
    return Survey(
        BY,
        orders,
        cells,
        now=have + made,
        real=have,
        synthetic=made,
        sources=have if sources is None else np.array(sources, np.int64),
        aside=dict.fromkeys(RULES, none),
    )


def person(cell: tuple[str | None, str | None], **facts: Any) -> dict[str, Any]:
    """A face with its labels; an adult of quality .5, by default."""
    plain = {"quality": 0.5, "age": "30-39", "identity": None, "keep": True, "made": False, "image": None}
    return {"gender": cell[0], "race": cell[1], **plain, **facts}


def dataset(path: Path, people: list[dict[str, Any]], shards: int = 2) -> Dataset:
    """A dataset of one face per picture, unless `image` puts several into one."""
    ds = Dataset.create(path, name="people")
    for shard, rows in enumerate(np.array_split(np.arange(len(people)), shards)):
        key, some = f"{shard:05d}", [people[i] for i in rows]
        pictures = [p["image"] or f"{key}-{i:03d}" for i, p in enumerate(some)]
        made = {name: p["made"] for name, p in zip(pictures, some, strict=True)}
        ds.write("images", key, image_table(list(made), **{images.IS_SYNTHETIC.name: list(made.values())}))
        n = len(some)
        place = {
            faces.FACE_ID: [f"{key}-{i:03d}.0" for i in range(n)],
            faces.IMAGE_ID: pictures,
            **{c: [10.0] * n for c in faces.BOX},
            faces.POINTS_5: [[float(j) for j in range(10)]] * n,
            faces.SCORE: [0.5] * n,
            faces.ORIGIN: ["model"] * n,
        }
        ds.write("faces", key, table(place))
        _labels(ds, key, some)
    return ds


def _labels(ds: Dataset, key: str, people: list[dict[str, Any]]) -> None:
    def values(name: str) -> list[Any]:
        return [p[name] for p in people]

    age = [None if p["age"] is None else {a: float(a == p["age"]) for a in AGES} for p in people]
    layers = {
        "demographics": {labels.GENDER: values("gender"), labels.RACE: values("race"), AGE_PROB: age},
        "quality": {labels.QUALITY_SCORE: values("quality")},
        "identity": {labels.IDENTITY_ID: values("identity")},
        "duplicates": {labels.DUPLICATE_KEEP: values("keep")},
    }
    for name, columns in layers.items():
        add(ds, name, "model", "2026-01-01", columns, key)


def skewed(path: Path, *more: dict[str, Any]) -> Dataset:
    """40 white men, 20 white women, 12 black men, 4 black women, in rising quality, and whoever else is given."""
    counts = {("Male", "White"): 40, ("Female", "White"): 20, ("Male", "Black"): 12, ("Female", "Black"): 4}
    people = [person(cell, quality=(i + 1) / 100) for cell, n in counts.items() for i in range(n)]
    return dataset(path, [*people, *more])
