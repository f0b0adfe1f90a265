"""Faces for the proof that balance helps: features and crowd workers' labels, a skewed draw, and plans for it.

A draw is skewed as photo collections are: most faces are perceived as White, and of the others few as women.
A dataset folder is made of it, with the crowd workers' words as a human layer, so that `balance` plans for it as
for any other dataset; what a plan collects comes from FairFace's training faces that were not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from annotators.sface import SFace
from annotators.weights import ModelStore
from benchmarks.demographic_features import Faces, crop_of, found_faces
from benchmarks.demographic_network import EMBEDDING
from benchmarks.demographic_training import truth_of
from benchmarks.labelling import decode
from curate.balance.census import read_faces
from curate.balance.make import make_plan
from curate.balance.options import Options
from curate.balance.plan import Plan
from curate.balance.save import plan_path, save_plan
from curate.balance.targets import read_limit, read_target
from curate.store import Dataset, LayerInfo
from schemas import Column
from schemas.columns import faces, images, labels
from schemas.taxonomy import taxonomy

RACES = taxonomy(labels.RACE.taxonomy).labels
GENDERS = taxonomy(labels.GENDER.taxonomy).labels
AGES = taxonomy(labels.AGE_GROUP.taxonomy).labels
MANY = RACES.index("White")
MANY_SHARE = 0.7
"""Share of faces perceived as White in a skewed draw; the others have the rest in equal parts."""
FEW_WOMEN = 0.15
"""Share of women among those others; half of the first."""
DRAW = 5.0
"""Training faces at hand for each face of a draw: the rest is what can be collected."""
ALIKE = 0.57
"""Cosine from which two faces may be one person's; the threshold of the clusterings in the demographic head's card."""
SHARD = 1_000
BY = (labels.RACE.name, labels.GENDER.name)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class People:
    """Faces with features and labels.

    Attributes:
        features: (n, 3968) statistics of SFace's maps and the embedding.
        race: Place in `RACES`.
        gender: Place in `GENDERS`.
        age: Place in `AGES`.
        found: Pictures and alignments, row for row.
    """

    features: NDArray[np.float32]
    race: Ints
    gender: Ints
    age: Ints
    found: Faces

    def __len__(self) -> int:
        return len(self.race)

    @property
    def adult(self) -> NDArray[np.bool_]:
        """Faces that crowd workers took for 20 or older."""
        return np.asarray(self.age >= AGES.index("20-29"))

    @property
    def cell(self) -> Ints:
        """Number of the cell, race by race."""
        return np.asarray(self.race * len(GENDERS) + self.gender, np.int64)


def embeddings(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """SFace's embeddings at unit length, shape (n, 128); the features end in them as the network gives them."""
    raw = features[:, -EMBEDDING:]
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def strangers(test: People, pool: People) -> People:
    """Test faces that look like nobody in a pool: cosine of SFace's embeddings below `ALIKE` with every one.

    FairFace's splits part pictures, not people.
    """
    mine, theirs = (embeddings(p.features) for p in (test, pool))
    nearest = np.concatenate([(mine[i : i + 256] @ theirs.T).max(1) for i in range(0, len(mine), 256)])
    rows = np.flatnonzero(nearest < ALIKE)
    found = Faces([], test.found.matrices[rows], {}, test.found.rows[rows], test.found.cache)
    return People(test.features[rows], test.race[rows], test.gender[rows], test.age[rows], found)


def cell_names() -> list[str]:
    """Names of the cells, by their numbers."""
    return [f"{race} {gender.lower()}" for race in RACES for gender in GENDERS]


def people(data: Path, split: str, models: ModelStore, cache: Path, count: int | None = None) -> People:
    """Faces of a split of FairFace with their features, which are kept on disk.

    Args:
        data: The shared photo collection.
        split: Of FairFace.
        models: The model store.
        cache: Folder of what is kept, that of `benchmarks.fit_demographics` if it should be used again.
        count: Only so many pictures, the first.
    """
    found = found_faces(data, split, models, cache, count)
    place = found.cache / f"pooled-{split}-plain.npy"
    if not place.is_file():
        network = SFace(models)
        np.save(place, np.stack([_features(network, found, i) for i in range(len(found.images))]))
    truth = truth_of(found)
    return People(np.load(place), truth.race, truth.gender, truth.age, found)


def _features(network: SFace, found: Faces, row: int) -> NDArray[np.float32]:
    features = network.features(crop_of(decode(found.images[row]), found.matrices[row], "plain", row))
    return np.asarray(np.concatenate([features.texture, features.pooled]), np.float32)


def skewed_counts(size: int) -> Ints:
    """Faces of each cell in a skewed draw."""
    rest = (1 - MANY_SHARE) / (len(RACES) - 1)
    shares = []
    for race in range(len(RACES)):
        whole, women = (MANY_SHARE, 0.5) if race == MANY else (rest, FEW_WOMEN)
        shares += [whole * (women if gender == "Female" else 1 - women) for gender in GENDERS]
    return np.asarray(np.maximum(np.rint(np.array(shares) * size), 2), np.int64)


def draw(pool: People, counts: Ints, rng: np.random.Generator, taken: Ints | None = None) -> Ints:
    """Rows drawn by chance, so many of each cell, none of those that are taken.

    Raises:
        ValueError: if a cell has not enough faces.
    """
    free = np.ones(len(pool), bool)
    if taken is not None:
        free[taken] = False
    rows = []
    for cell, count in enumerate(counts.tolist()):
        at_hand = np.flatnonzero(free & (pool.cell == cell))
        if len(at_hand) < count:
            raise ValueError(f"{cell_names()[cell]}: {count} faces are wanted, {len(at_hand)} are at hand")
        rows.append(rng.choice(at_hand, count, replace=False))
    return np.asarray(np.sort(np.concatenate(rows)), np.int64)


def dataset_of(pool: People, rows: Ints, path: Path) -> Dataset:
    """A dataset of some faces, their row numbers as ids and the crowd workers' labels as a human layer."""
    ds = Dataset.create(path, name=path.name)
    columns = (*BY, labels.AGE_PROB.name)
    ds.add_layer(LayerInfo("crowd", "human", "fairface", created="2021-01-01", columns=columns))
    for shard, part in enumerate(np.array_split(rows, max(1, -(-len(rows) // SHARD)))):
        _write(ds, f"{shard:05d}", pool, part)
    return ds


def _write(ds: Dataset, key: str, pool: People, rows: Ints) -> None:
    n, ids = len(rows), [f"{r:06d}" for r in rows.tolist()]
    constant = {images.URI: "fairface", images.STATUS: "ok", images.REASON: ""}
    pictures: dict[Column, Any] = {images.IMAGE_ID: ids, images.MEMBER: rows}
    ds.write("images", key, _table({**pictures, **{c: [v] * n for c, v in constant.items()}}))
    place: dict[Column, Any] = {faces.FACE_ID: [f"{i}.0" for i in ids], faces.IMAGE_ID: ids}
    place |= {c: [1.0] * n for c in faces.BOX}
    points = {faces.POINTS_5: [[0.0] * 10] * n, faces.SCORE: [1.0] * n, faces.ORIGIN: ["model"] * n}
    ds.write("faces", key, _table({**place, **points}))
    said: dict[Column, Any] = {
        labels.RACE: [RACES[i] for i in pool.race[rows]],
        labels.GENDER: [GENDERS[i] for i in pool.gender[rows]],
    }
    said[labels.AGE_PROB] = [{a: float(a == AGES[i]) for a in AGES} for i in pool.age[rows]]
    head = {faces.FACE_ID: place[faces.FACE_ID], labels.STATUS: ["ok"] * n, labels.ERROR: [None] * n}
    ds.write("labels/crowd", key, _table({**head, **said}))


def _table(values: dict[Column, Any]) -> pa.Table:
    return pa.table([pa.array(v, c.type) for c, v in values.items()], schema=pa.schema([c.field for c in values]))


def planned(ds: Dataset, name: str, targets: Sequence[str] = (), least: Sequence[str] = (), **choices: Any) -> Plan:
    """Plan for a dataset and write its layer, as `facecurate balance` does."""
    first = Options(BY, **choices)
    census = read_faces(ds, first)
    world = census.world()
    options = Options(
        BY,
        targets=tuple(read_target(t, world) for t in targets),
        least=tuple(read_limit(t, world, "--least") for t in least),
        **choices,
    )
    survey = census.survey(options.targets, options.least)
    layers = [info.name for info in ds.layers()]
    plan = make_plan(survey, options, {"name": ds.info.name, "revision": ds.info.revision, "layers": layers}, name)
    save_plan(ds, plan, survey, plan_path(ds, name))
    return plan


def selected(ds: Dataset, plan: Plan) -> tuple[Ints, NDArray[np.float64]]:
    """Rows that a plan keeps and their sampling weights, read from the plan's layer."""
    view = ds.faces(
        [faces.IMAGE_ID, labels.BALANCE_WEIGHT], labels.BALANCE_SELECTED.name, ["crowd", f"balance_{plan.name}"]
    )
    rows = np.array([int(i) for i in view.column(0).to_pylist()], np.int64)
    return rows, view.column(1).to_numpy().astype(np.float64)


def asked(plan: Plan, what: str) -> Ints:
    """Faces of each cell that a plan wants collected (`collect`) or generated (`add`), by the cells' numbers."""
    counts = np.zeros(len(RACES) * len(GENDERS), np.int64)
    for cell in plan.cells:
        number = RACES.index(cell.labels[BY[0]]) * len(GENDERS) + GENDERS.index(cell.labels[BY[1]])
        counts[number] = cell.collect if what == "collect" else sum(cell.add.values())
    return counts
