"""What one worker does with one shard: decode once, detect, cut, label, write the parts.

Every engine calls `Worker.process`; nothing here knows how many workers there are or where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from annotators.base import Annotator, Detections, FaceBatch
from annotators.registry import annotator, detector
from annotators.weights import ModelStore
from curate.engine.job import Job, ShardResult, ShardTask, Step, Tick
from curate.engine.pictures import sources_of, with_points
from curate.engine.settings import rebuild
from curate.ingest import Loaded, SourceReader, load
from curate.store import Dataset
from schemas import ImageStatus, Reason, Status
from schemas.columns import faces, images, labels

OnTick = Callable[[Tick], None]

UNUSABLE = (ImageStatus.REJECTED, ImageStatus.FAILED)


class Worker:
    """Holds the loaded models of one process and works off shard tasks."""

    def __init__(self, job: Job) -> None:
        cv2.setNumThreads(1)
        self.job = job
        self.ds = Dataset.open(job.dataset)
        self._models = ModelStore()
        finder = detector(job.detector)
        self._detector = finder(rebuild(finder.config_type, job.detector_config))
        self._detector_ready = False
        self._annotators: dict[str, Annotator] = {}

    def process(self, task: ShardTask, on_tick: OnTick) -> ShardResult:
        """Do what is missing of a shard and write it.

        Raises:
            FacecurateError: if the dataset cannot be read or written, or a model is missing.
        """
        result = ShardResult(task.key)
        # More threads would add up float32 sums in another order, and values would depend on the machine's cores.
        with threadpool_limits(limits=1):
            if task.detect:
                self._detect_and_label(task, result, on_tick)
            elif task.layers:
                self._label(task, result, on_tick)
            if task.retry:
                self._retry(task, result, on_tick)
        return result

    def _detect_and_label(self, task: ShardTask, result: ShardResult, on_tick: OnTick) -> None:
        steps = [s for s in self.job.steps if s.layer in task.layers]
        known = self._known_images(task.key)
        image_rows: list[dict[str, object]] = []
        tables: list[pa.Table] = []
        written: dict[str, list[pa.RecordBatch]] = {s.layer: [] for s in steps}
        for chunk in self._chunks(self.ds.read("sources", task.key).to_pylist(), known, result):
            image_rows += [loaded.row for loaded in chunk]
            pictures = {str(x.row[images.IMAGE_ID.name]): x.pixels for x in chunk if x.pixels is not None}
            with _timed(result, "detect"):
                table = self._detect(chunk)
            tables.append(table)
            failures = self._annotate(FaceBatch(table, pictures), steps, written, result)
            failures += sum(x.row[images.STATUS.name] in UNUSABLE for x in chunk)
            on_tick(Tick(len(chunk), table.num_rows, failures))
        _count_images(result, image_rows)
        result.faces += sum(t.num_rows for t in tables)
        with _timed(result, "write"):
            self.ds.write("images", task.key, pa.Table.from_pylist(image_rows, schema=images.IMAGES.schema))
            found = pa.concat_tables([faces.FACES.schema.empty_table(), *tables])
            self.ds.write("faces", task.key, found)
            self._write_layers(task.key, steps, written)

    def _known_images(self, key: str) -> dict[tuple[str, int | None], str | None]:
        """Image ids of an earlier ingest: what is labelled now must be what was ingested then."""
        if not self.ds.has("images", key):
            return {}
        rows = self.ds.read("images", key, [images.URI.name, images.MEMBER.name, images.IMAGE_ID.name]).to_pylist()
        return {place_of(r): r[images.IMAGE_ID.name] for r in rows}

    def _label(self, task: ShardTask, result: ShardResult, on_tick: OnTick) -> None:
        steps = [s for s in self.job.steps if s.layer in task.layers]
        table = self._inputs(task.key, with_points(self.ds.read("faces", task.key)), steps)
        written: dict[str, list[pa.RecordBatch]] = {s.layer: [] for s in steps}
        self._label_rows(task, table, steps, written, result, on_tick)
        with _timed(result, "write"):
            self._write_layers(task.key, steps, written)

    def _retry(self, task: ShardTask, result: ShardResult, on_tick: OnTick) -> None:
        """Label again the failed rows, and in later steps the rows whose inputs are new by that."""
        stored = with_points(self.ds.read("faces", task.key))
        fresh: dict[str, set[int]] = {}
        for step in self.job.steps:
            rows = set(self.ds.failed_rows(step.layer, task.key)) if step.layer in task.retry else set()
            rows = rows.union(*(fresh[layer] for layer in step.inputs.values() if layer in fresh))
            if not rows or step.layer in task.layers:
                continue
            fresh[step.layer] = rows
            indices = sorted(rows)
            whole = self._inputs(task.key, stored, [step])
            written: dict[str, list[pa.RecordBatch]] = {step.layer: []}
            self._label_rows(task, whole.take(indices), [step], written, result, on_tick, whole)
            self.ds.replace_rows(step.layer, task.key, indices, pa.Table.from_batches(written[step.layer]))

    def _label_rows(
        self,
        task: ShardTask,
        table: pa.Table,
        steps: Sequence[Step],
        written: Mapping[str, list[pa.RecordBatch]],
        result: ShardResult,
        on_tick: OnTick,
        whole: pa.Table | None = None,
    ) -> None:
        """Label the rows of a faces table, whose pictures are decoded again, in row order.

        `whole` holds all faces of the shard, where `table` does not: who is beside a face can matter.
        """
        wanted = table.column(images.IMAGE_ID.name).to_pylist()
        sources = sources_of(self.ds, task.key, wanted)
        known = {place_of(s): i for i, s in sources.items()}
        start = 0
        for chunk in self._chunks(list(sources.values()), known, result):
            loaded = {known[place_of(x.row)]: x for x in chunk}
            stop = start
            while stop < len(wanted) and wanted[stop] in loaded:
                stop += 1
            failures = self._label_chunk(table.slice(start, stop - start), loaded, steps, written, result, whole)
            start = stop
            on_tick(Tick(len(chunk), 0, failures))

    def _label_chunk(
        self,
        table: pa.Table,
        loaded: Mapping[str, Loaded],
        steps: Sequence[Step],
        written: Mapping[str, list[pa.RecordBatch]],
        result: ShardResult,
        whole: pa.Table | None = None,
    ) -> int:
        """Label faces of one chunk; where the picture is gone, every label of its faces has failed."""
        pictures = {i: x.pixels for i, x in loaded.items() if x.pixels is not None}
        found = pa.array(list(pictures), pa.string())
        here = pc.is_in(table.column(images.IMAGE_ID.name), found)
        if whole is not None:
            whole = whole.filter(pc.is_in(whole.column(images.IMAGE_ID.name), found))
        if pc.all(here).as_py() is not False:
            return self._annotate(FaceBatch(table, pictures, whole), steps, written, result)
        done: dict[str, list[pa.RecordBatch]] = {s.layer: [] for s in steps}
        failures = self._annotate(FaceBatch(table.filter(here), pictures, whole), steps, done, result)
        why = {i: f"picture {x.row[images.REASON.name]}: {x.row[images.DETAIL.name]}" for i, x in loaded.items()}
        gone = table.filter(pc.invert(here))
        position = pc.sort_indices(pa.concat_arrays([_where(here), _where(pc.invert(here))]))
        for step in steps:
            lost = _failed_rows(annotator(step.annotator), gone, why)
            rows = pa.Table.from_batches([*done[step.layer], lost]).take(position)
            written[step.layer].extend(rows.combine_chunks().to_batches())
            _count_labels(result, step.layer, lost)
        return failures + int(gone.num_rows)

    def _inputs(self, key: str, table: pa.Table, steps: Sequence[Step]) -> pa.Table:
        """Append the columns that earlier layers hold and these steps read."""
        made = {c.name for s in steps for c in annotator(s.annotator).provides}
        for step in steps:
            for column, layer in step.inputs.items():
                if column in made or column in table.column_names:
                    continue
                values = self.ds.read(f"labels/{layer}", key, [column]).column(column)
                table = table.append_column(column, values)
        return table

    def _chunks(
        self,
        sources: Iterable[Mapping[str, object]],
        known: Mapping[tuple[str, int | None], str | None],
        result: ShardResult,
    ) -> Iterator[list[Loaded]]:
        """Load pictures, a bounded number at a time."""
        chunk: list[Loaded] = []
        pixels = 0
        with SourceReader() as reader:
            for source in sources:
                with _timed(result, "decode"):
                    loaded = load(source, self.job.limits, expect_id=known.get(place_of(source)), reader=reader)
                size = 0 if loaded.pixels is None else loaded.pixels.shape[0] * loaded.pixels.shape[1]
                if chunk and (len(chunk) >= self.job.chunk_images or pixels + size > self.job.chunk_pixels):
                    yield chunk
                    chunk, pixels = [], 0
                chunk.append(loaded)
                pixels += size
        if chunk:
            yield chunk

    def _detect(self, chunk: Sequence[Loaded]) -> pa.Table:
        """Faces of the decoded pictures; one that breaks the detector goes to the ledger."""
        if not self._detector_ready:
            self._detector.setup(self._models)
            self._detector_ready = True
        found = [faces.FACES.schema.empty_table()]
        for loaded in chunk:
            if loaded.pixels is None:
                continue
            try:
                detections = self._detector.detect(loaded.pixels)
            except Exception as error:  # noqa: BLE001 - one picture must not stop a run; the ledger says why
                loaded.row[images.STATUS.name] = ImageStatus.FAILED.value
                loaded.row[images.REASON.name] = Reason.DETECTION_FAILED.value
                loaded.row[images.DETAIL.name] = f"{type(error).__name__}: {error}"
                continue
            found.append(_face_rows(str(loaded.row[images.IMAGE_ID.name]), detections))
        return pa.concat_tables(found)

    def _annotate(
        self,
        batch: FaceBatch,
        steps: Sequence[Step],
        written: Mapping[str, list[pa.RecordBatch]],
        result: ShardResult,
    ) -> int:
        """Run the steps over a batch; returns how many labels failed."""
        failures = 0
        for step in steps:
            runner = self._annotator(step)
            with _timed(result, step.annotator):
                rows = _labels(runner, batch)
            batch.add({c.name: rows.column(c.name) for c in runner.provides if c.name not in faces.FACES})
            written[step.layer].append(rows)
            failures += _count_labels(result, step.layer, rows)
        return failures

    def _annotator(self, step: Step) -> Annotator:
        if step.layer not in self._annotators:
            cls = annotator(step.annotator)
            runner = cls(rebuild(cls.config_type, step.config))
            runner.setup(self._models)
            self._annotators[step.layer] = runner
        return self._annotators[step.layer]

    def _write_layers(self, key: str, steps: Sequence[Step], written: Mapping[str, list[pa.RecordBatch]]) -> None:
        schemas = {s.layer: annotator(s.annotator).schema() for s in steps}
        self.ds.write_labels(key, {k: pa.Table.from_batches(written[k], schema) for k, schema in schemas.items()})


@contextmanager
def _timed(result: ShardResult, stage: str) -> Iterator[None]:
    start = perf_counter()
    yield
    result.seconds[stage] = result.seconds.get(stage, 0.0) + perf_counter() - start


def _face_rows(image_id: str, found: Detections) -> pa.Table:
    count = len(found)
    columns: dict[str, Any] = {
        faces.FACE_ID.name: [f"{image_id}.{i}" for i in range(count)],
        faces.IMAGE_ID.name: [image_id] * count,
        faces.POINTS_5.name: list(found.points.reshape(count, 10).astype(np.float32)),
        faces.SCORE.name: np.clip(found.scores, 0, 1),
        faces.ORIGIN.name: ["model"] * count,
    }
    columns.update({c.name: found.boxes[:, i] for i, c in enumerate(faces.BOX)})
    schema = faces.FACES.schema
    return pa.table([pa.array(columns[f.name], f.type) for f in schema], schema=schema)


def _labels(runner: Annotator, batch: FaceBatch) -> pa.RecordBatch:
    try:
        return runner.annotate(batch)
    except Exception as error:  # noqa: BLE001 - a batch must not stop a run; its rows say why
        why = f"{type(error).__name__}: {error}"
        return _failed_rows(type(runner), batch.table, dict.fromkeys(batch.images, why))


def _failed_rows(cls: type[Annotator], gone: pa.Table, why: Mapping[str, str]) -> pa.RecordBatch:
    """Rows that say why nothing could be said; `why` is by `image_id`."""
    count = gone.num_rows
    ids = gone.column(images.IMAGE_ID.name).to_pylist()
    filled = {
        faces.FACE_ID.name: gone.column(faces.FACE_ID.name).to_pylist(),
        labels.STATUS.name: [Status.FAILED.value] * count,
        labels.ERROR.name: [why[i] for i in ids],
    }
    schema = cls.schema()
    arrays = [pa.array(filled.get(f.name, [None] * count), f.type) for f in schema]
    return pa.record_batch(arrays, schema=schema)


def _where(mask: pa.ChunkedArray) -> pa.Array:
    return pa.array(np.flatnonzero(mask.to_numpy(zero_copy_only=False)))


def place_of(row: Mapping[str, Any]) -> tuple[str, int | None]:
    """What tells one source from another: its address and the row inside a container."""
    return row[images.URI.name], row[images.MEMBER.name]


def _count_images(result: ShardResult, rows: Sequence[Mapping[str, object]]) -> None:
    result.images = dict(Counter(str(r[images.STATUS.name]) for r in rows))
    result.reasons = dict(Counter(str(r[images.REASON.name]) for r in rows if r[images.REASON.name]))


def _count_labels(result: ShardResult, layer: str, rows: pa.RecordBatch) -> int:
    """Add the statuses of a batch to the result; returns how many failed."""
    counts = Counter(rows.column(labels.STATUS.name).to_pylist())
    total = result.labels.setdefault(layer, {})
    for status, number in counts.items():
        total[status] = total.get(status, 0) + number
    return counts[Status.FAILED.value]
