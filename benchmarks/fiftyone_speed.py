"""Seconds that a dataset takes to FiftyOne and home again, and how much of that is the database's own.

Faces have made-up values of every label that models give (three sets of points, four embeddings, all scores), one face
per picture; the pictures share a few tiny files. The bare loops write and read the same documents with nothing else:
`insert_many` in chunks of the same size, and `find`. One label of every hundredth face is changed in the database, and
exactly these must come home. Seconds are by the clock and by this process's processor.

    python -m benchmarks.fiftyone_speed [--faces 20000]
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.bridges.fiftyone import from_fiftyone, to_fiftyone
from curate.bridges.fiftyone_export import CHUNK
from curate.bridges.fiftyone_fields import DETECTIONS, many_small_lists
from curate.store import Dataset
from schemas import Status
from schemas.columns import faces, images, labels

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from services.face_datasets import large_dataset, save_pictures
from services.mongod import FOLDERS, _wait, free_port, mongod_binary

STEP = 100
"""Every how manieth face is changed."""
PICTURES = 8


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """A mongod of our own, and a FiftyOne that keeps to it."""
    binary, port = mongod_binary(), free_port()
    if binary is None:
        raise SystemExit("no mongod is installed")
    log = (folder / "log").open("wb")
    command = [binary, "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(process, port, folder / "log")
        os.environ |= {f"FIFTYONE_{name}": str(folder / name.lower()) for name in FOLDERS}
        os.environ |= {
            "FIFTYONE_DATABASE_URI": f"mongodb://127.0.0.1:{port}", "FIFTYONE_DATABASE_VALIDATION": "false",
            "FIFTYONE_DO_NOT_TRACK": "1", "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        }  # fmt: skip
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)
        log.close()


def dataset(folder: Path, number: int) -> Dataset:
    """Faces with labels whose pictures are a few tiny files."""
    ds: Dataset = large_dataset(folder / "dataset", number)
    paths = _links(save_pictures(folder / "photos", PICTURES))
    for key in ds.keys("images"):
        table = ds.read("images", key)
        told = {images.URI.name: list(itertools.islice(paths, len(table))), images.FORMAT.name: ["PNG"] * len(table)}
        for name, values in told.items():
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(place), pa.array(values, pa.string()))
        ds.write("images", key, table)
    return ds


def _links(paths: Sequence[Path]) -> Iterator[str]:
    """Names without end of a few files: a dataset has every address once."""
    for number, path in enumerate(itertools.cycle(paths)):
        link = path.parent / f"{number:06d}.png"
        link.symlink_to(path)
        yield str(link)


def seconds(call: Callable[[], Any]) -> tuple[Any, str, float]:
    """What a call gives, its seconds in words, and by the clock."""
    begun = time.perf_counter(), time.process_time()
    found = call()
    wall, processor = time.perf_counter() - begun[0], time.process_time() - begun[1]
    return found, f"{wall:.1f} s ({processor:.1f} s of processor)", wall


def bare(collection: Any, beside: Any) -> tuple[float, float]:
    """Seconds of reading all documents with nothing else, and of writing them to another collection."""
    reading = writing = 0.0
    found = collection.find()
    with many_small_lists():
        while True:
            chunk, _, spent = seconds(lambda: list(itertools.islice(found, CHUNK)))
            reading += spent
            if not chunk:
                break
            writing += seconds(partial(beside.insert_many, chunk))[2]
    beside.drop()
    return reading, writing


def change(collection: Any, ds: Dataset) -> set[str]:
    """Change the gender of every hundredth face, as the App would; returns their ids."""
    rows = ds.faces([faces.FACE_ID, labels.GENDER]).to_pylist()[::STEP]
    for row in rows:
        other = "Male" if row[labels.GENDER.name] == "Female" else "Female"
        path = f"{DETECTIONS}.0.{labels.GENDER.name}"
        collection.update_one({f"{DETECTIONS}.{faces.FACE_ID.name}": row[faces.FACE_ID.name]}, {"$set": {path: other}})
    return {row[faces.FACE_ID.name] for row in rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=20_000)
    number = parser.parse_args().faces
    with tempfile.TemporaryDirectory() as name, database(Path(name)):
        ds = dataset(Path(name), number)
        load = os.getloadavg()[0]
        made, out, out_s = seconds(lambda: to_fiftyone(ds))
        collection = made._sample_collection
        collection.create_index(f"{DETECTIONS}.{faces.FACE_ID.name}")
        changed = change(collection, ds)
        layer, home, home_s = seconds(lambda: from_fiftyone(made, ds))
        rows = ds.layer_table(layer.name).to_pylist()
        said = {r[faces.FACE_ID.name] for r in rows if r[labels.STATUS.name] == Status.OK.value}
        if said != changed:
            raise SystemExit(f"{len(changed)} faces were changed and {len(said)} came home")
        reading, writing = bare(collection, collection.database["bare"])
        print(f"{number:,} faces, load {load:.1f} before and {os.getloadavg()[0]:.1f} after")
        print(f"out:  {out}; insert_many alone {writing:.1f} s: {writing / out_s:.0%}")
        print(f"home: {home}; find alone {reading:.1f} s: {reading / home_s:.0%}; all {len(said):,} changes, only they")


if __name__ == "__main__":
    main()
