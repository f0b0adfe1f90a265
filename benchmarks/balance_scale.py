"""A plan for a million faces in 200 cells: seconds and peak memory, for targets in reach and out of reach.

The dataset is made up in shards of 1,000 faces: ten groups of an outside column crossed with two genders and ten
bins of quality, as uneven as photo collections are, with people, copies and ages. A process of its own then reads,
solves and proves; its clock, its processor time and its peak memory are printed, beside the time for writing.

python -m benchmarks.balance_scale [--rows 1000000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.statistics import table
from curate.balance.census import read_faces
from curate.balance.generators import Generator
from curate.balance.make import make_plan
from curate.balance.options import ADD, DROP, REWEIGHT, Options
from curate.balance.save import plan_path, save_plan
from curate.balance.targets import Group, Limit, Target
from curate.balance.verify import verify_plan
from curate.store import Dataset, LayerInfo
from schemas import Column
from schemas.columns import faces, images, labels
from schemas.taxonomy import taxonomy

SHARD = 1_000
PICTURES = (images.IMAGE_ID, images.URI, images.MEMBER, images.STATUS, images.REASON, images.IS_SYNTHETIC)
BY = (labels.RACE.name, labels.GENDER.name, labels.QUALITY_SCORE.name)
BINS = {labels.QUALITY_SCORE.name: tuple(np.round(np.arange(1, 15) / 15, 3).tolist())}
"""15 bins of quality: 7 x 2 x 15 = 210 cells."""
AGES = (0.02, 0.08, 0.1, 0.3, 0.2, 0.15, 0.1, 0.04, 0.01)


def make(path: Path, rows: int) -> Dataset:
    """A dataset of made-up labels; its parts are written as the store writes them."""
    rng = np.random.default_rng(0)
    ds = Dataset.create(path, name="made-up")
    head = (labels.STATUS, labels.ERROR)
    layers = {
        "demographics": (labels.RACE, labels.GENDER, labels.AGE_PROB),
        "quality": (labels.QUALITY_SCORE,),
        "identity": (labels.IDENTITY_ID,),
        "duplicates": (labels.DUPLICATE_KEEP,),
    }
    for name, columns in layers.items():
        ds.add_layer(LayerInfo(name, "model", name, created="2026-01-01", columns=tuple(c.name for c in columns)))
    for shard in range(rows // SHARD):
        key = f"{shard:05d}"
        values = _shard(rng, shard)
        ds.write("images", key, _table(values, PICTURES))
        where = (faces.FACE_ID, faces.IMAGE_ID, *faces.BOX, faces.POINTS_5, faces.SCORE, faces.ORIGIN)
        ds.write("faces", key, _table(values, where))
        for name, columns in layers.items():
            ds.write(f"labels/{name}", key, _table(values, (faces.FACE_ID, *head, *columns)))
    return ds


def _shard(rng: np.random.Generator, shard: int) -> dict[Column, pa.Array]:
    races, ages = taxonomy(labels.RACE.taxonomy).labels, taxonomy("age-fairface-9").labels
    share = 0.55 ** np.arange(len(races))
    ids = [f"{shard:05d}-{i:04d}" for i in range(SHARD)]
    chance = rng.dirichlet(50 * np.array(AGES), SHARD).astype(np.float32)
    fields = [pa.array(chance[:, i]) for i in range(len(ages))]
    return {
        images.IMAGE_ID: pa.array(ids),
        images.URI: pa.array([f"/photos/{i}.jpg" for i in ids]),
        images.MEMBER: pa.nulls(SHARD, pa.int64()),
        images.STATUS: pa.array(["ok"] * SHARD),
        images.REASON: pa.array([""] * SHARD),
        images.IS_SYNTHETIC: pa.array(rng.random(SHARD) < 0.03),
        faces.FACE_ID: pa.array([f"{i}.0" for i in ids]),
        **{c: pa.array(np.full(SHARD, 50.0), c.type) for c in faces.BOX},
        faces.POINTS_5: pa.array([[1.0] * 10] * SHARD, faces.POINTS_5.type),
        faces.SCORE: pa.array(np.full(SHARD, 0.9), faces.SCORE.type),
        faces.ORIGIN: pa.array(["model"] * SHARD),
        labels.STATUS: pa.array(["ok"] * SHARD),
        labels.ERROR: pa.nulls(SHARD, pa.string()),
        labels.RACE: pa.array(rng.choice(races, SHARD, p=share / share.sum())),
        labels.GENDER: pa.array(rng.choice(["Male", "Female"], SHARD, p=[0.7, 0.3])),
        labels.AGE_PROB: pa.StructArray.from_arrays(fields, names=list(ages)),
        labels.QUALITY_SCORE: pa.array(rng.beta(4, 3, SHARD), pa.float32()),
        labels.IDENTITY_ID: pa.array([f"p{n}" for n in (rng.pareto(1.2, SHARD) * 5_000).astype(np.int64)]),
        labels.DUPLICATE_KEEP: pa.array(rng.random(SHARD) > 0.04),
    }


def _table(values: dict[Column, pa.Array], columns: tuple[Column, ...]) -> pa.Table:
    return pa.table([values[c].cast(c.type) for c in columns], schema=pa.schema([c.field for c in columns]))


GENERATORS = (
    Generator("relight", cost=0.01, rate=0.8, most_per_source=2, most_share=0.3),
    Generator("sig", cost=0.2, rate=0.35, needs_source=False, most_share=0.5),
)
COMMON = {"by": BY, "bins": BINS, "per_identity": 5, "max_synthetic_share": 0.6}
CASES = {
    "largest even subset": {"allow": (DROP,), "least": (Limit((labels.GENDER.name,), None, 5_000),)},
    "100,000 even faces, two generators": {
        "allow": (ADD, DROP), "generators": GENERATORS, "size": 100_000, "budget": 50_000.0,
    },
    "out of reach: 400,000 even faces": {
        "allow": (ADD, DROP), "generators": GENERATORS, "size": 400_000, "budget": 5_000.0,
    },
    "weights alone": {"allow": (REWEIGHT,), "per_identity": None, "duplicates": False},
}  # fmt: skip


def measure(path: Path, case: str) -> dict[str, object]:
    """Plan one case; seconds to read, to solve and prove, and to write and check, and the peak memory."""
    ds = Dataset.open(path)
    options = {**COMMON, **CASES[case]}
    first = Options(**options)  # type: ignore[arg-type]
    begun, worked = time.monotonic(), time.process_time()
    census = read_faces(ds, first)
    target = _target(case, census.world().groups)
    survey = census.survey([target])
    read = time.monotonic() - begun
    final = Options(**options, targets=(target,))  # type: ignore[arg-type]
    about = {"name": ds.info.name, "revision": 0, "layers": [i.name for i in ds.layers()]}
    plan = make_plan(survey, final, about, str(list(CASES).index(case)))
    planned, worked = time.monotonic() - begun, time.process_time() - worked
    save_plan(ds, plan, survey, plan_path(ds, plan.name))
    saved = time.monotonic() - begun
    problems = verify_plan(ds, plan)
    return {
        "cells": len(plan.cells),
        "read": read,
        "plan": planned - read,
        "cpu": worked,
        "save": saved - planned,
        "verify": time.monotonic() - begun - saved,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
        "planned": plan.totals["planned"],
        "short": len(plan.unreachable),
        "gap": max(s["gap"] for s in plan.solver["stages"]),
        "proof": (plan.certificate or {}).get("method", ""),
        "problems": problems,
    }


def _target(case: str, groups: Callable[[tuple[str, ...]], list[Group]]) -> Target:
    """Even over race and gender, and over all cells where faces can be made."""
    columns = BY if "even faces" in case else BY[:2]
    found = groups(columns)
    return Target(columns, {g: 1 / len(found) for g in found}, source="uniform")


def main() -> None:
    """Make the dataset, plan each case in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the dataset here; one that is there is used")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.case:
        print(json.dumps(measure(chosen.folder, chosen.case)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name) / "ds"
        if not folder.exists():
            make(folder, chosen.rows)
        for old in [*folder.glob("labels/balance_*"), *folder.glob("plans")]:
            shutil.rmtree(old)
        rows = []
        for case in CASES:
            command = [sys.executable, "-m", "benchmarks.balance_scale", "--folder", str(folder), "--case", case]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            r = json.loads(done.stdout.splitlines()[-1])
            within = f"{r['read'] + r['plan']:.1f}"
            rows.append([
                case, r["cells"], f"{r['read']:.1f}", f"{r['plan']:.2f}", within, f"{r['cpu']:.1f}", f"{r['save']:.1f}",
                f"{r['peak']:.0f}", f"{r['planned']:,}", r["short"], f"{r['gap']:.1g}", r["proof"],
                "; ".join(r["problems"]) or "all statements hold",
            ])  # fmt: skip
        header = [
            "case",
            "cells",
            "read, s",
            "solve and prove, s",
            "plan, s",
            "of that CPU, s",
            "write, s",
            "peak, MiB",
        ]
        print(table([*header, "planned", "short", "gap", "proof", "check"], rows))


if __name__ == "__main__":
    main()
