"""A million embeddings deduplicated: time, peak memory, and how many of the pairs above the line are found.

The embeddings are made up to lie as real ones do: strangers are drawn from a normal distribution per perceived
race and gender with the mean and covariance of FairFace's embeddings in that group, so that their cosines
crowd as those of real faces; into them groups of two to ten copies are planted, as far from each other as
copies of a photo are. A process of its own then reads them from Parquet, finds all pairs, groups them and
writes the groups; its clock and its peak memory are what is printed. Recall is counted against all pairs of
some rows with all others.

python -m benchmarks.identity_index [--rows 1000000] [--threshold 0.9] [--faces 2000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from annotators.weights import ModelStore
from benchmarks.labelling import arguments, fairface, label, made
from benchmarks.statistics import proportion
from curate.identity.gather import unfold
from curate.identity.graph import components
from curate.identity.similar import Search, similar_pairs
from schemas.columns import labels

CHUNK = 50_000
CHECKED = 4_000
Floats = NDArray[np.float32]


def unit(vectors: NDArray[Any]) -> Floats:
    """Vectors of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def groups_of(data: Path, faces: int) -> list[Floats]:
    """Embeddings of FairFace training faces, per perceived race and gender."""
    rows = label(islice(fairface(data, "train"), faces), made("identity"), ModelStore())
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        if row.get(labels.EMBEDDING.name):
            found.setdefault((row["race"], row["gender"]), []).append(row[labels.EMBEDDING.name])
    return [np.array(v, np.float32) for v in found.values()]


def population(real: list[Floats], rows: int, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Made-up embeddings in random order, and the planted group of each, -1 for strangers."""
    rng = np.random.default_rng(seed)
    share = np.array([len(g) for g in real], float)
    counts = rng.multinomial(rows, share / share.sum())
    vectors = np.concatenate([_like(g, n, rng) for g, n in zip(real, counts, strict=True) if n])
    rng.shuffle(vectors)
    group = np.full(rows, -1, np.int64)
    sizes = rng.integers(2, 11, rows // 60)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for number, (start, end) in enumerate(pairwise(starts.tolist())):
        spread = rng.uniform(0, 0.45)
        noise = unit(rng.standard_normal((end - start, vectors.shape[1])))
        vectors[start:end] = unit(vectors[start] + spread * noise)
        group[start:end] = number
    order = rng.permutation(rows)
    return vectors[order], group[order]


def _like(real: Floats, count: int, rng: np.random.Generator) -> Floats:
    covariance = np.cov(real.T) + 1e-6 * np.eye(real.shape[1])
    root = np.linalg.cholesky(covariance).astype(np.float32)
    return unit(rng.standard_normal((count, real.shape[1]), dtype=np.float32) @ root.T + real.mean(0))


def write(vectors: Floats, path: Path) -> None:
    """Embeddings as the store keeps them: a float list of fixed size, in row groups."""
    column = labels.EMBEDDING
    with pq.ParquetWriter(path, pa.schema([column.field]), compression="zstd") as file:
        for start in range(0, len(vectors), CHUNK):
            part = vectors[start : start + CHUNK]
            file.write(pa.table([pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), 128)], [column.name]))


def deduplicate(source: Path, target: Path, threshold: float) -> dict[str, Any]:
    """Read, find pairs, group, write; returns seconds per step, pairs and peak memory in bytes."""
    clock = [time.perf_counter()]
    with pq.ParquetFile(source) as file:
        vectors = np.empty((file.metadata.num_rows, 128), np.float32)
        start = 0
        for batch in file.iter_batches(CHUNK):
            vectors[start : start + len(batch)] = unfold(batch.column(0))[0]
            start += len(batch)
    clock.append(time.perf_counter())
    pairs = similar_pairs(vectors, threshold, Search(exact_limit=0))
    clock.append(time.perf_counter())
    group = components(len(vectors), pairs.a, pairs.b)
    pq.write_table(pa.table({"group": group}), target)
    np.savez(target.with_suffix(".npz"), a=pairs.a, b=pairs.b)
    clock.append(time.perf_counter())
    steps = dict(zip(("read", "search", "group and write"), np.diff(clock).tolist(), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": steps, "cpu": time.process_time(), "pairs": len(pairs), "peak": peak}


def check(vectors: Floats, planted: NDArray[np.int64], target: Path, threshold: float) -> None:
    """Print recall against all pairs of some rows, half of them planted, and of the planted groups."""
    rng = np.random.default_rng(1)
    inside, outside = np.flatnonzero(planted >= 0), np.flatnonzero(planted < 0)
    some = min(CHECKED // 2, len(inside))
    rows = np.sort(np.concatenate([rng.choice(inside, some, replace=False), rng.choice(outside, some, replace=False)]))
    found = np.load(target.with_suffix(".npz"))
    keys = np.sort(found["a"] * len(vectors) + found["b"])
    hits = [np.empty(0, bool)]
    for block in np.array_split(rows, max(len(rows) // 50, 1)):
        mine, other = np.nonzero(vectors[block] @ vectors.T >= threshold - 1e-4)
        mine = block[mine]
        exact = (vectors[other].astype(np.float64) * vectors[mine]).sum(1)
        kept = (exact >= threshold) & (other != mine)
        mine, other = mine[kept], other[kept]
        hits.append(np.isin(np.minimum(mine, other) * len(vectors) + np.maximum(mine, other), keys))
    recall = proportion(np.concatenate(hits))
    print(
        f"recall of pairs at {threshold}: {recall:.5f}, n = {recall.n} (all pairs of {len(rows)} rows with all others)"
    )
    group = pq.read_table(target).column(0).to_numpy()
    mixed = _mixed(group, planted)
    print(f"groups found: {len(np.unique(group)):,}; rows of two planted groups, or strangers, in one group: {mixed:,}")


def _mixed(group: NDArray[np.int64], planted: NDArray[np.int64]) -> int:
    """Rows in found groups that hold more than one planted group or a stranger beside another row."""
    own = np.where(planted >= 0, planted, -1 - np.arange(len(planted)))
    pairs = np.unique(np.column_stack([group, own]), axis=0)
    number, count = np.unique(pairs[:, 0], return_counts=True)
    return int(np.isin(group, number[count > 1]).sum())


def main() -> None:
    """Make the embeddings, measure, print."""
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--faces", type=int, default=2000, help="FairFace faces that the made-up ones resemble")
    parser.add_argument("--work", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(deduplicate(*options.work, options.threshold)))
        return
    vectors, planted = population(groups_of(options.data, options.faces), options.rows)
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "vectors.parquet", Path(name) / "groups.parquet"
        write(vectors, source)
        command = [sys.executable, "-m", "benchmarks.identity_index", "--threshold", str(options.threshold)]
        command += ["--work", str(source), str(target)]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        steps = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in result["seconds"].items())
        print(f"{options.rows:,} embeddings of 128 numbers, pairs of cosine {options.threshold} and more:")
        total, load = sum(result["seconds"].values()), os.getloadavg()[1]
        print(f"{total:.0f} s ({steps}), {result['cpu']:.0f} s of processor time, load average {load:.1f}")
        print(f"peak memory {result['peak'] / 2**30:.2f} GiB")
        print(f"{result['pairs']:,} pairs")
        check(vectors, planted, target, options.threshold)


if __name__ == "__main__":
    main()
