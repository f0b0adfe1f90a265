"""Kill a run of the whole default set twenty times, resume it, and compare it with an unbroken run value for value.

python -m benchmarks.kills INPUT [--kills 20]
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from curate.store import Dataset


def start(source: Path, target: Path) -> subprocess.Popen[bytes]:
    """`facecurate run` in small shards, so that there is much to interrupt."""
    command = [
        sys.executable,
        "-m",
        "curate",
        "run",
        str(source),
        str(target),
        "-q",
        "--no-report",
        "--shard-size",
        "8",
    ]
    return subprocess.Popen(command)


def killed(source: Path, target: Path, more: int) -> bool:
    """Start a run and kill it after so many further parts; False if it ended before."""
    before = len(list(target.rglob("*.parquet")))
    process = start(source, target)
    while process.poll() is None and len(list(target.rglob("*.parquet"))) < before + more:
        time.sleep(0.005)
    cut_short = process.poll() is None
    process.kill()
    process.wait()
    return cut_short


def contents(ds: Dataset) -> dict[str, pa.Table | None]:
    """Every table of a dataset, whole, in order; None where it has no part."""
    names = ("images", "faces", *(f"labels/{info.name}" for info in ds.layers()))
    parts = {name: [ds.read(name, key) for key in ds.keys(name)] for name in names}
    return {name: pa.concat_tables(tables) if tables else None for name, tables in parts.items()}


def main() -> None:
    """Kill, resume, compare; leaves with 1 if a value differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    chosen = parser.parse_args()
    rng = random.Random(5)
    with tempfile.TemporaryDirectory() as name:
        whole, broken = Path(name) / "whole", Path(name) / "broken"
        start(chosen.input, whole).wait()
        least = max(1, len(list(whole.rglob("*.parquet"))) // (2 * chosen.kills))
        cut = sum(killed(chosen.input, broken, rng.randint(1, 2 * least - 1)) for _ in range(chosen.kills))
        ended = start(chosen.input, broken).wait()
        ours, theirs = contents(Dataset.open(broken)), contents(Dataset.open(whole))
        same = ended == 0 and ours == theirs
        faces = theirs["faces"].num_rows
    verdict = "equal" if same else "DIFFERENT"
    print(f"{cut} of {chosen.kills} kills came in mid-run; {faces} faces, {len(theirs)} tables: {verdict}")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
