"""Runs shard tasks on this machine's cores: one process each, one thread in each.

A worker that dies (out of memory, a decoder that crashes) costs its shard only: the shard is tried
once more alone, and if that fails too it is reported and the run goes on. Workers leave by
themselves when the main process is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from curate.engine.job import Job, ShardResult, ShardTask, Tick

if TYPE_CHECKING:
    from curate.engine.worker import Worker

OnTick = Callable[[Tick], None]

_CRASHED = "the worker process died twice on this shard (out of memory, or a file that crashes a decoder)"


class Engine(Protocol):
    """Maps `Worker.process` over shard tasks, somewhere."""

    def run(self, job: Job, tasks: Sequence[ShardTask], on_tick: OnTick) -> Iterator[ShardResult]:
        """Work off the tasks, yielding each result as it comes, in any order."""


class LocalEngine:
    """This machine.

    Args:
        workers: Processes; 1 works in this process. None is one per usable core.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or usable_cores()

    def run(self, job: Job, tasks: Sequence[ShardTask], on_tick: OnTick) -> Iterator[ShardResult]:
        """See `Engine.run`."""
        if min(self.workers, len(tasks)) <= 1:
            yield from _run_here(job, tasks, on_tick)
            return
        crashed: list[ShardTask] = []
        yield from _run_pool(job, tasks, on_tick, self.workers, crashed)
        for task in crashed:
            again: list[ShardTask] = []
            yield from _run_pool(job, [task], on_tick, 1, again)
            for lost in again:
                yield ShardResult(lost.key, error=_CRASHED)


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_here(job: Job, tasks: Sequence[ShardTask], on_tick: OnTick) -> Iterator[ShardResult]:
    from curate.engine.worker import Worker

    worker = Worker(job)
    for task in tasks:
        yield worker.process(task, on_tick)


def _run_pool(
    job: Job, tasks: Sequence[ShardTask], on_tick: OnTick, workers: int, crashed: list[ShardTask]
) -> Iterator[ShardResult]:
    context = multiprocessing.get_context("spawn")
    ticks: SimpleQueue[Tick | None] = context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(ticks, on_tick), daemon=True)
    listener.start()
    pool = _pool(context, min(workers, len(tasks)), job, ticks)
    try:
        futures = {pool.submit(_process, task): task for task in tasks}
        yield from _collect(futures, crashed)
    except BaseException:
        _stop_now(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        ticks.put(None)
        listener.join()


def _collect(futures: dict[Future[ShardResult], ShardTask], crashed: list[ShardTask]) -> Iterator[ShardResult]:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                yield future.result()
            except BrokenProcessPool:
                crashed.append(futures[future])


def _pool(context: SpawnContext, workers: int, job: Job, ticks: SimpleQueue[Tick | None]) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(job, ticks, os.getpid())
    )


def _stop_now(pool: ProcessPoolExecutor) -> None:
    """End the workers without waiting for their shards; parts are atomic, so nothing is half written."""
    for process in list((pool._processes or {}).values()):
        process.terminate()


def _listen(ticks: SimpleQueue[Tick | None], on_tick: OnTick) -> None:
    while (tick := ticks.get()) is not None:
        on_tick(tick)


_worker: Worker | None = None
_report: OnTick | None = None


def _start_worker(job: Job, ticks: SimpleQueue[Tick | None], parent: int) -> None:
    from curate.engine.worker import Worker

    global _worker, _report  # noqa: PLW0603 - a process has one worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    _worker = Worker(job)
    _report = ticks.put


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _process(task: ShardTask) -> ShardResult:
    assert _worker is not None and _report is not None
    return _worker.process(task, _report)
