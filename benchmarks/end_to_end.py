"""What a whole run costs over its models and decoding alone, and what a second worker gains.

The bare cost is measured in the same run: every model call is timed where it happens, and the same
bytes are decoded once more with plain Pillow. It is given twice: with the models as they are run, and
with SFace's file as it is published, which ONNX Runtime takes twice as long for (annotators/onnx_graph.py).
Prints ratios and the share of each annotator.

    python -m benchmarks.end_to_end [--images 400] [--rounds 3] [--input FOLDER]
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pyarrow.parquet as pq
from PIL import Image
from skimage.data import astronaut

from annotators import runtime
from annotators.weights import ModelStore
from curate import api
from curate.engine.job import Job, ShardResult, ShardTask
from curate.engine.local import LocalEngine, OnTick
from curate.engine.run import execute
from curate.ingest import SourceReader
from curate.store import Dataset

FAIRFACE = Path(__file__).resolve().parents[2] / "shared" / "data" / "fairface"


@dataclass
class Clock:
    """Seconds by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted."""

        def wrapper(*arguments: Any, **options: Any) -> Any:
            begun = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - begun

        return wrapper


@contextmanager
def timed_models(clock: Clock) -> Iterator[None]:
    """Count the time inside model files: running and loading them."""
    kinds = (runtime.OnnxModel, runtime.TfliteModel)
    saved = [(k, k.__call__, k.__init__) for k in kinds]
    clock.seconds.update(models=0.0, loading=0.0)
    for kind, call, load in saved:
        kind.__call__ = clock.timed("models", call)  # type: ignore[method-assign]
        kind.__init__ = clock.timed("loading", load)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for kind, call, load in saved:
            kind.__call__, kind.__init__ = call, load  # type: ignore[method-assign]


class Recorder(LocalEngine):
    """The local engine, noting when each chunk was done."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.ticks: list[tuple[float, int]] = []

    def run(self, job: Job, tasks: Sequence[ShardTask], on_tick: OnTick) -> Iterator[ShardResult]:
        """See `Engine.run`."""
        yield from super().run(job, tasks, lambda t: self.ticks.append((time.perf_counter(), t.images)))


def sample(folder: Path, images: int) -> Path:
    """The first FairFace pictures as one Parquet file of bytes."""
    target = folder / "sample.parquet"
    pq.write_table(pq.read_table(sorted(FAIRFACE.glob("*.parquet"))[0]).slice(0, images), target, row_group_size=200)
    return target


@dataclass
class Costs:
    """Seconds of a run with one worker, of its models and decoding alone, and by stage."""

    wall: float
    bare: float
    published: float
    faces: int
    stages: dict[str, float]


def one_worker(source: Path, target: Path) -> Costs:
    """Label with one worker, in shards of full size, and take its costs apart."""
    clock = Clock()
    options = api.Options(shard_size=1000)
    ds = api.ingest_sources(source, target, options)
    plan = api.plan(ds, options, None)
    with timed_models(clock):
        begun = time.perf_counter()
        record = execute(ds, plan, LocalEngine(1), quiet=True)
        wall = time.perf_counter() - begun - clock.seconds["loading"]
    bare = clock.seconds["models"] + decoding(ds)
    embedded = record.counts["labels"]["identity.v1"]["ok"]
    return Costs(wall, bare, bare + embedded * sface_gain(), record.counts["faces"], record.seconds)


def sface_gain() -> float:
    """Seconds per face by which the published SFace file is slower than the graph we run."""
    path = ModelStore().path("sface")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = runtime.ERRORS_ONLY
    published = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ours = runtime.OnnxModel(path)
    picture = Image.fromarray(astronaut()[30:220, 130:320]).resize((112, 112))
    face = np.asarray(picture, np.float32).transpose(2, 0, 1)[None]
    calls = (lambda: published.run(None, {ours.inputs[0]: face}), lambda: ours(face))
    slow, fast = (statistics.median(seconds_of(call) for _ in range(40)) for call in calls)
    return slow - fast


def seconds_of(call: Callable[[], object]) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def decoding(ds: Dataset) -> float:
    """Seconds of decoding the same bytes with plain Pillow."""
    seconds = 0.0
    with SourceReader() as reader:
        for row in ds.images(["uri", "member"]).to_pylist():
            data = reader.read(row["uri"], row["member"])
            seconds += seconds_of(lambda data=data: Image.open(io.BytesIO(data)).convert("RGB"))
    return seconds


def workers(source: Path, target: Path, number: int) -> float:
    """Images per second over the middle of a run, start-up left out."""
    ds = api.ingest_sources(source, target, api.Options(shard_size=40))
    plan = api.plan(ds, api.Options(), None)
    recorder = Recorder(number)
    execute(ds, plan, recorder, quiet=True)
    ticks = recorder.ticks
    quarter = len(ticks) // 5
    middle = ticks[quarter : len(ticks) - quarter]
    return sum(n for _, n in middle[1:]) / (middle[-1][0] - middle[0][0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--input", type=Path)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one_worker(sample(folder, 30), folder / "warm-up")  # imports and tables that are read once
        source = chosen.input or sample(folder, chosen.images)
        for i in range(chosen.rounds):
            costs = one_worker(source, folder / f"bare{i}")
            one, two = (workers(source, folder / f"w{i}{n}", n) for n in (1, 2))
            measured = {
                "one worker / bare models as published, and decoding": costs.wall / costs.published,
                "one worker / bare models as run, and decoding": costs.wall / costs.bare,
                "two workers / one worker": two / one,
                "images per second, one worker": one,
                "images per second, two workers": two,
            }
            for label, value in measured.items():
                rows.setdefault(label, []).append(value)
    print(f"| measure ({chosen.images} pictures) | median of {chosen.rounds} | least | most |\n|---|---|---|---|")
    for label, values in rows.items():
        print(f"| {label} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |")
    print("\n| stage, one worker | ms per face | share |\n|---|---|---|")
    for stage, seconds in sorted(costs.stages.items(), key=lambda kv: -kv[1]):
        print(f"| {stage} | {seconds * 1000 / costs.faces:.2f} | {seconds / costs.stages['total']:.1%} |")


if __name__ == "__main__":
    main()
