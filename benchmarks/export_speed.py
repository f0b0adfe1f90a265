"""Speed of exports as a share of the speed of each format's own writer in a bare loop, in the same run.

Pictures are copied, not encoded anew. Each round writes with the bare loop, with the product, and with the product
reading back what it wrote and adding its card. A share is the bare loop's time over the product's, by the clock and by
the processor, which other work on the machine disturbs less.

Both read every picture from its file and write the same pictures and labels (for coco, tfrecord and yolo about the
same: their bare loops leave out names and facts). The bare loop has its labels ready in memory, and writes at once to
the file. The product's time has everything else: looking up labels and sources in the dataset's Parquet parts, texts
of the labels, checking by BLAKE2b that pictures are the ones that were ingested, taking out EXIF data, SHA-256 of what
was written, and syncing. The shares "hashed" count those two hashes, one after the other over the same bytes, on the
bare loop's side too: what lies below 1 there is the product's own overhead.

Why shares stay below 0.7: BLAKE2b (1.4 GB/s where this was measured) and SHA-256 (2.1 GB/s) alone take longer than
copying the bytes into a file, a tar or a Parquet page, which bare loops do at up to 0.9 GB/s with the reading, so
writers that do little else cannot be matched by processor time with both on; beside a loop that takes both hashes
too, photos reach 0.7 to 1.1 in every format.
The product therefore reads and checks ahead in one thread and hashes in another, which the clock shows where a core is
free. For crops of 7 kB the labels weigh more than the pictures: a dataset in 16 shards with 18 layers is some 270
Parquet reads per export, and those are not in the bare loop.

MDS is written here without MosaicML's library; that needs its own environment: name its Python with --mds-python. Its
loop has the pictures in memory. Formats that cut or draw faces anew, such as llava, are no copies and not among these.
TMPDIR chooses the disk; in memory (/dev/shm) the wait for it is left out on both sides.

    python -m benchmarks.export_speed [--images 1000] [--side 1024] [--rounds 5] [--formats parquet,mds] [--labels all]
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from curate.export.hashes import facts_of
from curate.export.index import index, label_columns
from curate.export.mds import Layout
from curate.export.options import ExportOptions
from curate.export.registry import exporter
from curate.export.run import export
from curate.ingest.reader import content_id
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


def hashes(given: Sequence[Item], folder: Path) -> Times:
    """Seconds of the two hashes that the product takes: of the pictures as they were, and of the files written."""
    pictures = [data for _, data in read(given)]
    files = [p for p in folder.rglob("*") if p.is_file()]
    return seconds(lambda: ([content_id(data) for data in pictures], [facts_of(path) for path in files]))


@dataclass(frozen=True)
class Round:
    """Seconds of one round, by the clock and by the processor.

    Attributes:
        bare: The bare loop.
        hashed: The bare loop and the hashes.
        written: The product.
        verified: The product that reads back and adds its card.
        size: Bytes that the bare loop wrote.
    """

    bare: Times
    hashed: Times
    written: Times
    verified: Times
    size: int


def measured(ds: Dataset, form: str, options: ExportOptions, rounds: int, python: str) -> list[Round]:
    """The rounds after a first one, which fills caches and loads libraries."""
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
            hashing = hashes(given, places[0])
            written, verified = [
                seconds(lambda p=p, v=v: export(ds, form, p, replace(options, verify=v, card=v)))
                for p, v in ((places[1], False), (places[2], True))
            ]
            shutil.rmtree(places[2])
        if number:
            both = bare[0] + hashing[0], bare[1] + hashing[1]
            found.append(Round(bare, both, written, verified, size))
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
        print("| format | bare loop, faces/s | MB/s | written | processor | hashed | processor "
              "| read back, with card | processor |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
        for form in chosen.formats.split(","):
            if form == "mds" and not chosen.mds_python:
                print("| mds | needs --mds-python | | | | | | | |")
                continue
            rows = measured(ds, form, options, chosen.rounds, chosen.mds_python)
            bare = statistics.median(r.bare[0] for r in rows)
            rate = f"{faces / bare:,.0f} | {rows[0].size / bare / 1e6:.0f}"
            print(f"| {form} | {rate} | {' | '.join(shares(rows))} |", flush=True)
        print(f"Load of the machine: {os.getloadavg()[1]:.1f} over five minutes on {os.cpu_count()} cores")


def shares(rows: Sequence[Round]) -> list[str]:
    """Median and range of each share: written, written beside the loop that hashes, read back; each in both times."""
    pairs = [((r.bare, r.written), (r.hashed, r.written), (r.bare, r.verified)) for r in rows]
    return [_range([row[i][0][by] / row[i][1][by] for row in pairs]) for i in range(3) for by in (0, 1)]


def _made(folder: Path, number: int, side: int) -> Dataset:
    if side:
        return photos(folder, number, side)
    api.run(faces_sample(folder, number), folder / "faces", api.Options(shard_size=1000))
    return Dataset.open(folder / "faces")


def _range(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
