"""Pools and datasets for the tests of pairs: people with several drawn photos, every label known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.export.index import Entry
from curate.ingest import list_sources, load, plan_shards, write_shards
from curate.pairs.pool import Pool
from curate.store import Dataset, LayerInfo
from schemas import Column, Status, taxonomy
from schemas.columns import faces, images, labels
from tests.store_samples import table

SIDE = 96
LABELS = (
    labels.IDENTITY_ID, labels.EMBEDDING, labels.AU_INTENSITY, labels.BLENDSHAPES, labels.YAW, labels.PITCH,
    labels.ROLL, labels.AGE, labels.AGE_GROUP, labels.AGE_PROB, labels.GENDER, labels.RACE, labels.PERCEIVED_EMOTION,
    labels.EMOTION_PROB, labels.QUALITY_SCORE, labels.CAPTION,
)  # fmt: skip
EMOTIONS = ("happiness", "sadness", "neutral")
ADULT, CHILD = "30-39", "3-9"


def drawn_people(
    folder: Path, people: int = 6, photos: int = 5, seed: int = 0, splits: Sequence[str] = ("",),
    children: Sequence[int] = (), copies: bool = True,
) -> Dataset:  # fmt: skip
    """A dataset of people in drawn pictures of one face each, with labels as annotators give them.

    Args:
        folder: Photos and dataset go below it.
        people: How many.
        photos: Of each.
        seed: Of all that is drawn.
        splits: In turn by person.
        children: Numbers of people who are children.
        copies: The last photo of each person is the first one, a little brighter.
    """
    rng = np.random.default_rng(seed)
    names = [(p, n) for p in range(people) for n in range(photos)]
    (folder / "photos").mkdir(parents=True)
    first: dict[int, NDArray[np.uint8]] = {}
    for person, number in names:
        pixels = _picture(rng)
        first.setdefault(person, pixels)
        if copies and number == photos - 1:
            pixels = np.clip(first[person].astype(int) + 6, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "photos" / f"{person:03d}-{number:03d}.png"), pixels)
    ds = Dataset.create(folder / "people", name="people", licence="CC BY 4.0")
    write_shards(ds, plan_shards(ds, list_sources([folder / "photos"]), 20))
    ds.add_layer(LayerInfo("drawn.v1", "model", "drawn", "1", columns=tuple(c.name for c in LABELS)))
    centres = _unit(rng.standard_normal((people, 128)))
    for key in ds.keys("sources"):
        rows = [load(source).row for source in ds.read("sources", key).to_pylist()]
        for row in rows:
            row[images.SPLIT.name] = splits[_person(row) % len(splits)] or None
        ds.write("images", key, table({c: [r[c.name] for r in rows] for c in images.IMAGES.values()}))
        ds.write("faces", key, _faces(rows))
        values = [_values(_person(r), r, centres, children, rng) for r in rows]
        ids = [f"{r[images.IMAGE_ID.name]}.0" for r in rows]
        head = {faces.FACE_ID: ids, labels.STATUS: [Status.OK.value] * len(ids), labels.ERROR: [None] * len(ids)}
        ds.write("labels/drawn.v1", key, table({**head, **{c: [v[c] for v in values] for c in LABELS}}))
    return ds


def _picture(rng: np.random.Generator) -> NDArray[np.uint8]:
    noise = rng.integers(0, 256, (8, 8, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _person(row: Mapping[str, Any]) -> int:
    return int(str(row[images.NAME.name])[:3])


def _faces(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    n = len(rows)
    points = np.array([[0.36, 0.4], [0.64, 0.4], [0.5, 0.55], [0.4, 0.68], [0.6, 0.68]]) * SIDE
    values: dict[Column, list[Any]] = {
        faces.FACE_ID: [f"{r[images.IMAGE_ID.name]}.0" for r in rows],
        faces.IMAGE_ID: [r[images.IMAGE_ID.name] for r in rows],
        **{c: [v] * n for c, v in zip(faces.BOX, (24.0, 20.0, 48.0, 56.0), strict=True)},
        faces.POINTS_5: [points.ravel().tolist()] * n, faces.SCORE: [0.9] * n, faces.ORIGIN: ["model"] * n,
    }  # fmt: skip
    return table(values)


def _values(
    person: int, row: Mapping[str, Any], centres: NDArray[np.float64], children: Sequence[int], rng: np.random.Generator
) -> dict[Column, Any]:
    emotion = EMOTIONS[int(rng.integers(len(EMOTIONS)))]
    group = CHILD if person in children else ADULT
    scores = {f.name: 0.0 for f in labels.EMOTION_PROB.type} | {emotion: 1.0}
    noise = _unit(rng.standard_normal((1, 128)))[0]
    return {
        labels.IDENTITY_ID: f"person-{person}",
        labels.EMBEDDING: _unit((centres[person] + 0.5 * noise)[None])[0].astype(np.float32).tolist(),
        labels.AU_INTENSITY: {f.name: float(rng.uniform(0, 5)) for f in labels.AU_INTENSITY.type},
        labels.BLENDSHAPES: {f.name: float(rng.uniform(0, 1)) for f in labels.BLENDSHAPES.type},
        labels.YAW: float(rng.uniform(-40, 40)), labels.PITCH: float(rng.uniform(-20, 20)),
        labels.ROLL: float(rng.uniform(-15, 15)), labels.AGE: 6.0 if group == CHILD else float(rng.uniform(25, 60)),
        labels.AGE_GROUP: group,
        labels.AGE_PROB: {b: float(b == group) for b in taxonomy(labels.AGE_GROUP.taxonomy).labels},
        labels.GENDER: ("Female", "Male")[person % 2], labels.RACE: "Black" if person % 4 < 2 else "White",
        labels.PERCEIVED_EMOTION: emotion, labels.EMOTION_PROB: scores,
        labels.QUALITY_SCORE: float(rng.uniform(0.3, 1)), labels.CAPTION: f"Photo {row[images.NAME.name]}.",
    }  # fmt: skip


def _unit(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), np.float64)


def pool(columns: Mapping[Column, Sequence[Any]] | None = None, **facts: Any) -> Pool:
    """A pool from lists, one value per face; what is not given is unknown, none or distinct.

    Args:
        columns: Label columns.
        facts: `split` texts, `picture`, `identity`, `copies`, `parent` and `partner` codes, `hashes` and `mirrored`
            numbers, `hashed`, `minor` and `synthetic` flags, `roots` sets.
    """
    count = len(next(iter((columns or facts).values())))
    picture = list(facts.get("picture", range(count)))
    splits = facts.get("split", [""] * count)
    plain = facts.get("hashes", [int(v) for v in np.random.default_rng(7).integers(1 << 62, size=count)])
    both = np.array([plain, facts.get("mirrored", [~v & (1 << 64) - 1 for v in plain])], np.uint64).T
    entries = [Entry(f"k{i}", i, splits[i], (("00000", i),), f"i{picture[i]}") for i in range(count)]
    unknown = [-1] * count
    data = {c.name: pa.array(list(v), c.type) for c, v in (columns or {}).items()}
    return Pool(
        entries=entries, face_ids=[f"f{i}" for i in range(count)],
        table=pa.table(data or {faces.FACE_ID.name: [f"f{i}" for i in range(count)]}),
        picture=np.array(picture, np.int64),
        hashes=both, hashed=np.array(facts.get("hashed", [True] * count), bool),
        minor=np.array(facts.get("minor", [False] * count), bool),
        synthetic=np.array(facts.get("synthetic", [False] * count), bool),
        roots=list(facts.get("roots", [frozenset([f"i{p}"]) for p in picture])),
        **{n: np.array(facts.get(n, unknown), np.int64) for n in ("identity", "copies", "parent", "partner")},
    )  # fmt: skip


__all__ = ["ADULT", "CHILD", "LABELS", "drawn_people", "pool"]
