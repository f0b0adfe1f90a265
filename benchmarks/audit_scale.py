"""Time and peak memory of an audit as the number of faces grows, on made-up labels in a real dataset folder.

python -m benchmarks.audit_scale [--faces 1000000] [--folder FOLDER]

The dataset is written through the store, a shard of 1,000 faces at a time, into a temporary folder that is deleted
afterwards (or into FOLDER, which is kept and used again). Writing is not timed. What is timed is the whole command:
`facecurate audit FOLDER --no-pictures`, with its JSON and page. There are no photos behind the rows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.store import Dataset, LayerInfo
from schemas import Column, Kind, taxonomy
from schemas.columns import faces, images, labels

SHARD = 1_000
PEOPLE = 5
"""Faces a person, on average."""
UNSURE = 0.15
"""Share of the faces whose demographic label is withheld."""

LAYERS: Mapping[str, tuple[Column, ...]] = {
    "demographics.v1": (
        labels.RACE, labels.RACE_PROB, labels.RACE_ABSTAINED, labels.GENDER, labels.GENDER_PROB,
        labels.GENDER_ABSTAINED, labels.AGE_GROUP, labels.AGE_PROB, labels.AGE_GROUP_ABSTAINED, labels.AGE,
    ),
    "skin_tone.v1": (labels.ITA, labels.MONK, labels.SKIN_CONFIDENCE, labels.SKIN_LIGHTING),
    "emotion.v1": (labels.PERCEIVED_EMOTION, labels.EMOTION_PROB, labels.EMOTION_ABSTAINED),
    "affect.v1": (labels.VALENCE, labels.AROUSAL),
    "action_units.v1": (labels.AU_SCORE,),
    "quality.v1": (
        labels.QUALITY_SCORE, labels.SHARPNESS, labels.EXPOSURE, labels.INTER_OCULAR, labels.BRIGHTNESS,
        labels.REGION_VISIBLE,
    ),
    "head_pose.v1": (labels.YAW, labels.PITCH, labels.ROLL),
    "gaze.v1": (labels.GAZE_YAW, labels.GAZE_PITCH, labels.LOOKS_AT_CAMERA),
    "face_state.v1": (
        labels.MOUTH_OPENING, labels.MOUTH_STATE, labels.EYE_LEFT, labels.EYE_RIGHT, labels.EYES_STATE,
    ),
    "covers.v1": (labels.EYEWEAR, labels.MASK_WORN, labels.COVERED_SHARE),
    "second_opinion.v1": (labels.SECOND_SCORE, labels.FACE_DOUBTFUL),
    "identity_clusters.v1": (labels.IDENTITY_ID,),
    "duplicate_groups.v1": (labels.DUPLICATE_GROUP,),
}  # fmt: skip
"""What a default run and the identity commands write, as far as an audit reads it."""


def build(folder: Path, faces_wanted: int) -> Dataset:
    """Write a dataset of made-up labels, the same for the same number of faces."""
    ds = Dataset.create(folder, name="made-up")
    for name, columns in LAYERS.items():
        ds.add_layer(LayerInfo(name, "model", name.partition(".")[0], columns=tuple(c.name for c in columns)))
    for number, start in enumerate(range(0, faces_wanted, SHARD)):
        n = min(SHARD, faces_wanted - start)
        _write(ds, f"{number:05d}", start, n, faces_wanted)
    return ds


def _write(ds: Dataset, key: str, start: int, n: int, total: int) -> None:
    rng = np.random.default_rng([7, start])
    ids = [f"{i:032x}" for i in range(start, start + n)]
    ds.write("images", key, _table({
        images.IMAGE_ID: ids, images.URI: [f"made-up/{i}.jpg" for i in ids], images.MEMBER: [None] * n,
        images.NAME: [f"{i}.jpg" for i in ids], images.WIDTH: [640] * n, images.STATUS: ["ok"] * n,
        images.REASON: [""] * n, images.EXTRA: [None] * n,
    }))  # fmt: skip
    face_ids = [f"{i}.0" for i in ids]
    ds.write("faces", key, _table({
        faces.FACE_ID: face_ids, faces.IMAGE_ID: ids, **{c: rng.uniform(10, 200, n) for c in faces.BOX},
        faces.POINTS_5: [[float(k) for k in range(10)]] * n, faces.SCORE: rng.uniform(0.7, 1, n),
        faces.ORIGIN: ["model"] * n,
    }))  # fmt: skip
    group = rng.choice(7, n, p=(0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05))
    silent = rng.random(n) < 0.03
    head = {faces.FACE_ID: face_ids, labels.STATUS: np.where(silent, "not_applicable", "ok").tolist(),
            labels.ERROR: [None] * n}  # fmt: skip
    ds.write_labels(key, {
        name: _table({**head, **{c: _values(c, rng, group, silent, total) for c in columns}})
        for name, columns in LAYERS.items()
    })  # fmt: skip


def _table(values: Mapping[Column, Any]) -> pa.Table:
    arrays = [v if isinstance(v, pa.Array) else pa.array(v, c.type) for c, v in values.items()]
    return pa.table(arrays, schema=pa.schema([c.field for c in values]))


def _values(
    column: Column, rng: np.random.Generator, group: NDArray[np.int64], silent: NDArray[np.bool_], total: int
) -> pa.Array:
    """Values of a column that lean on the group, null where the layer is silent."""
    n = len(group)
    if column.kind is Kind.ID:
        many = max(total // PEOPLE, 1) if column == labels.IDENTITY_ID else 20 * total
        return pa.array([f"{column.name}-{i}" for i in rng.integers(0, many, n)], column.type)
    if column.kind is Kind.LABEL:
        size = len(taxonomy(column.taxonomy).labels)
        leaning = np.where(rng.random(n) < 0.3, group % size, rng.integers(0, size, n))
        codes = group if column == labels.RACE else leaning
        return _labels(column, codes, silent | (rng.random(n) < UNSURE))
    if column.kind is Kind.FLAG:
        return pa.array(rng.random(n) < 0.1 + 0.02 * group, pa.bool_(), mask=silent)
    if column.kind is Kind.SCORES:
        fields = [_numbers(rng, group, 0.0, 1.0) for _ in column.type]
        arrays = [pa.array(f, x.type) for f, x in zip(fields, column.type, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=list(column.type), mask=pa.array(silent))
    low = -45.0 if column.low is None else max(column.low, -45.0)
    high = 45.0 if column.high is None else min(column.high, 200.0)
    return pa.array(_numbers(rng, group, low, high), column.type, mask=silent)


def _labels(column: Column, codes: NDArray[np.int64], silent: NDArray[np.bool_]) -> pa.Array:
    names = np.array(taxonomy(column.taxonomy).labels, dtype=object)
    return pa.array(names[codes], column.type, mask=silent)


def _numbers(rng: np.random.Generator, group: NDArray[np.int64], low: float, high: float) -> NDArray[np.float64]:
    return low + (high - low) * rng.beta(4 + 0.1 * group, 3)


def measured(command: Sequence[str]) -> tuple[float, float, float]:
    """Seconds on the clock, seconds of processor and peak resident memory in MiB of a command.

    Raises:
        RuntimeError: if it fails.
    """
    begun = time.monotonic()
    process = os.spawnv(os.P_NOWAIT, command[0], list(command))
    _, status, usage = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed with status {status}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run(folder: Path, faces_wanted: int) -> Iterator[str]:
    """Build the dataset where it is absent, audit it, and tell."""
    if not folder.exists() or not any(folder.iterdir()):
        build(folder, faces_wanted)
    load = os.getloadavg()[0]
    rows = Dataset.open(folder).counts().faces
    seconds, processor, memory = measured([sys.executable, "-m", "curate", "audit", str(folder), "--no-pictures", "-q"])
    yield "| faces | layers | cores | seconds | of processor | load before | peak memory |"
    yield "|---|---|---|---|---|---|---|"
    cells = (f"{rows:,}", len(LAYERS), os.cpu_count(), f"{seconds:.1f}", f"{processor:.1f}", f"{load:.1f}")
    yield f"| {' | '.join(map(str, cells))} | {memory:,.0f} MiB |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="Keep the dataset here.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for line in run(chosen.folder or Path(name) / "made-up", chosen.faces):
            print(line, flush=True)


if __name__ == "__main__":
    main()
