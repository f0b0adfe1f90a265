"""Speed of exports as a share of the speed of each format's own writer in a bare loop, in the same run.

Pictures are copied, not encoded anew. Each round writes with the bare loop, with the product, and with the product
reading back what it wrote and adding its card; the share is the bare loop's time over the product's, by the clock and
by the processor, which other work on the machine disturbs less. The product's time has everything else: looking up
labels and sources, checking that pictures are the ones that were ingested, taking out EXIF data, hashes and the wait
for the disk. MosaicML's writer needs its own environment: name its Python with --mds-python.

    python -m benchmarks.export_speed [--images 1000] [--side 1024] [--rounds 5] [--formats parquet,mds] [--labels all]
"""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.end_to_end import sample as faces_sample
from benchmarks.export_photos import LABELS, photos
from benchmarks.export_writers import VALUES, WRITERS, Item, read
from curate import api
from curate.engine.pictures import sources_of
from curate.export.formats import mds
from curate.export.gather import Gatherer
from curate.export.index import index, label_columns
from curate.export.mds import Layout
from curate.export.options import ExportOptions
from curate.export.registry import exporter
from curate.export.run import export
from curate.store import Dataset
from schemas import Column
from schemas.columns import images

FORMATS = (*VALUES, "mds")
Times = tuple[float, float]


def items(ds: Dataset, form: str, options: ExportOptions) -> tuple[list[Item], tuple[Column, ...]]:
    """Samples as the bare loop gets them, and the label columns that the format holds."""
    writer = exporter(form)()
    every = label_columns(ds, options)
    columns = tuple(c for c in every if c.name not in writer.drops(every))
    found = index(ds, options, writer.unit).entries
    kept = []
    with Gatherer(ds, options, columns, writer.forms) as gatherer:
        for entry, sample in zip(found, gatherer.samples(found), strict=True):
            source = sources_of(ds, entry.rows[0][0], [entry.image_id])[entry.image_id]
            bare = replace(sample, data=b"")
            values = VALUES[form](bare, columns) if form in VALUES else next(mds.stored_rows([bare], columns))
            kept.append(Item(source[images.URI.name], source[images.MEMBER.name], bare, values))
    return kept, columns


MDS_LOOP = """
import pickle, sys, time
from streaming import MDSWriter
given, columns, folder = pickle.load(open(sys.argv[1], "rb"))
begun = time.perf_counter(), time.process_time()
with MDSWriter(columns=columns, out=folder) as out:
    for values in given:
        out.write(values)
print(time.perf_counter() - begun[0], time.process_time() - begun[1])
"""


def mds_loop(python: str, given: Sequence[Item], columns: Sequence[Column], folder: Path) -> Times:
    """Seconds of `streaming.MDSWriter` in an environment that has it, the pictures in memory."""
    layout: Layout = mds.Mds().layout(columns)
    plain = [{k: data if k == mds.IMAGE else _taken(layout.columns[k], v) for k, v in item.values.items()}
             for item, data in read(given)]  # fmt: skip
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        file.write(pickle.dumps((plain, dict(layout.columns), str(folder))))
        file.flush()
        done = subprocess.run([python, "-c", MDS_LOOP, file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    wall, processor = done.stdout.split()[-2:]
    return float(wall), float(processor)


def _taken(how: str, value: Any) -> Any:
    """A value as `MDSWriter` takes it."""
    if how == "json":
        return json.loads(value)
    return np.asarray(value, np.float32) if how.startswith("ndarray") else value


def seconds(call: Callable[[], Any]) -> Times:
    """How long a call takes, by the clock and by the processor."""
    begun = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def measured(ds: Dataset, form: str, options: ExportOptions, rounds: int, python: str) -> list[tuple[Any, ...]]:
    """Per round: seconds of the bare loop, of the product, and of the product that reads back."""
    given, columns = items(ds, form, options)
    found = []
    for number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as name:
            places = [Path(name) / part for part in ("bare", "written", "verified")]
            if form == "mds":
                bare = mds_loop(python, given, columns, places[0])
            else:
                places[0].mkdir()
                bare = seconds(lambda p=places[0]: WRITERS[form](given, p, columns))
            size = sum(p.stat().st_size for p in places[0].rglob("*") if p.is_file())
            times = [
                seconds(lambda p=p, v=v: export(ds, form, p, replace(options, verify=v, card=v)))
                for p, v in ((places[1], False), (places[2], True))
            ]
            shutil.rmtree(places[2])
        if number:  # the first fills caches and loads libraries
            found.append((bare, *times, size))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--labels", choices=["few", "all"], default="few")
    parser.add_argument("--side", type=int, default=0, help="Photos of this side with made-up labels instead.")
    parser.add_argument("--dataset", type=Path, help="A labelled dataset; FairFace pictures are labelled if not given.")
    parser.add_argument("--mds-python", default="", help="Python of an environment with mosaicml-streaming.")
    chosen = parser.parse_args()
    columns = None if chosen.labels == "all" else tuple(c.name for c in LABELS)
    options = ExportOptions(columns=columns)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ds = Dataset.open(chosen.dataset) if chosen.dataset else _made(folder, chosen.images, chosen.side)
        faces = ds.counts().faces
        print(f"{faces:,} faces, {chosen.labels} labels, {chosen.rounds} rounds")
        print("| format | bare loop, faces/s | MB/s | written | processor | read back, with card | processor |")
        print("|---|---|---|---|---|---|---|")
        for form in chosen.formats.split(","):
            if form == "mds" and not chosen.mds_python:
                print("| mds | needs --mds-python | | | | | |")
                continue
            rows = measured(ds, form, options, chosen.rounds, chosen.mds_python)
            bare = statistics.median(r[0][0] for r in rows)
            shares = [_range([r[0][by] / r[i][by] for r in rows]) for i in (1, 2) for by in (0, 1)]
            print(
                f"| {form} | {faces / bare:,.0f} | {rows[0][3] / bare / 1e6:.0f} | {' | '.join(shares)} |", flush=True
            )


def _made(folder: Path, number: int, side: int) -> Dataset:
    if side:
        return photos(folder, number, side)
    api.run(faces_sample(folder, number), folder / "faces", api.Options(shard_size=1000))
    return Dataset.open(folder / "faces")


def _range(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
