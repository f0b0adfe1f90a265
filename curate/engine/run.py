"""Runs a plan over a dataset under its lock, with a bar, and writes down what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence

from annotators.registry import detector
from annotators.weights import ModelStore
from curate import __version__
from curate.engine.job import ShardResult
from curate.engine.local import Engine, LocalEngine
from curate.engine.plan import Plan
from curate.engine.progress import ProgressBar
from curate.store import Dataset, RunRecord
from curate.store.layers import now
from schemas import FacecurateError


def execute(
    ds: Dataset, plan: Plan, engine: Engine | None = None, quiet: bool = False, command: Sequence[str] = ()
) -> RunRecord:
    """Do everything a plan says and write the run record, also when stopped half-way.

    Args:
        ds: The dataset; locked while the run lasts.
        plan: From `make_plan`.
        engine: Where to work; this machine by default.
        quiet: Show no progress bar.
        command: What the user typed, for the record.

    Raises:
        ModelError: before any work, if a model file is missing or damaged.
        MissingExtraError: before any work, if a library is missing.
        DatasetError: if another run holds the dataset, or it cannot be written.
        KeyboardInterrupt: after the record is written.
    """
    plan.preflight()
    record = _record(plan, now(), command)
    if not plan.tasks:
        return record
    total = ShardResult()
    start = time.monotonic()
    record.outcome = "interrupted"
    with ds.lock():
        announced = _announce(ds, plan)
        try:
            with ProgressBar(sum(t.images for t in plan.tasks), quiet) as bar:
                for result in (engine or LocalEngine()).run(plan.job, plan.tasks, bar.tick):
                    if result.error:
                        record.errors.append(f"shard {result.key}: {result.error}")
                    total += result
            record.outcome = "finished with errors" if record.errors else "finished"
        except FacecurateError as error:
            record.errors.append(str(error))
            record.outcome = "failed"
            for name in announced:
                ds.withdraw_layer(name)
            raise
        finally:
            record.finished = now()
            record.counts = {k: v for k, v in total.as_dict().items() if k in _COUNTED}
            record.seconds = {"total": time.monotonic() - start, **total.seconds}
            ds.write_run(record)
    return record


_COUNTED = ("images", "reasons", "faces", "labels")


def _announce(ds: Dataset, plan: Plan) -> list[str]:
    """Declare the plan's layers and its detector; gives the names of the layers that are new."""
    known = {info.name for info in ds.layers()}
    new = [layer for layer in plan.layers if layer.name not in known]
    for layer in new:
        ds.add_layer(layer)
    fresh = Dataset.open(ds.path)
    if not fresh.info.detector:
        fresh.with_detector(plan.detector_mark)
    return [layer.name for layer in new]


def _record(plan: Plan, started: str, command: Sequence[str]) -> RunRecord:
    models = ModelStore()
    layers = [{k: v for k, v in i.as_dict().items() if k in _RECORDED} for i in plan.layers]
    finder = {
        **plan.detector_mark,
        "weights": {w: models.entry(w).sha256 for w in detector(plan.job.detector).weights},
    }
    return RunRecord(started=started, command=list(command), version=__version__, annotators=[finder, *layers])


_RECORDED = ("name", "annotator", "version", "config", "config_hash", "weights")
