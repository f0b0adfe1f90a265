"""Peak memory of a run, per worker process, as the number of pictures grows.

python -m benchmarks.memory [--images 2000 20000]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.end_to_end import FAIRFACE
from curate.store import Dataset


def peak(process: psutil.Popen) -> int:
    """Largest resident size, in bytes, of a process or any of its children."""
    most = 0
    while process.poll() is None:
        try:
            family = [process, *process.children(recursive=True)]
            most = max(most, *(p.memory_info().rss for p in family))
        except psutil.Error:
            pass
        time.sleep(0.2)
    return most


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--annotators")
    chosen = parser.parse_args()
    print("| pictures | cores | peak memory, largest process | seconds | faces | ledger |\n|---|---|---|---|---|---|")
    for images in chosen.images:
        with tempfile.TemporaryDirectory() as name:
            source, target = Path(name) / "faces.parquet", Path(name) / "ds"
            table = pa.concat_tables([pq.read_table(p) for p in sorted(FAIRFACE.glob("*.parquet"))])
            pq.write_table(table.slice(0, images), source, row_group_size=200)
            del table
            begun = time.monotonic()
            command = [sys.executable, "-m", "curate", "run", str(source), str(target), "-q", "--no-report"]
            process = psutil.Popen(command + (["-a", chosen.annotators] if chosen.annotators else []))
            most = peak(process)
            counts = Dataset.open(target).counts()
            ledger = sum(n for status, n in counts.images.items() if status != "ok")
            cells = (images, os.cpu_count(), f"{most / 2**20:.0f} MiB", f"{time.monotonic() - begun:.0f}", counts.faces)
            print("| " + " | ".join(str(c) for c in (*cells, ledger)) + " |", flush=True)


if __name__ == "__main__":
    main()
