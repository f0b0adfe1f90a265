"""Runs shard tasks on this machine's cores: one process each, one thread in each.

A worker that dies (out of memory, a decoder that crashes) costs its shard only: the shards that were in
work then are tried once more, each alone, and one that fails again is reported while the run goes on. Workers leave by
themselves when the main process is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
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
        todo = deque(tasks)
        while todo:
            suspects: list[ShardTask] = []
            yield from _run_pool(job, todo, on_tick, self.workers, suspects)
            for task in suspects:
                again: list[ShardTask] = []
                yield from _run_pool(job, deque([task]), on_tick, 1, again)
                if again:
                    yield ShardResult(task.key, error=_CRASHED)


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_here(job: Job, tasks: Sequence[ShardTask], on_tick: OnTick) -> Iterator[ShardResult]:
    from curate.engine.worker import Worker

    worker = Worker(job)
    for task in tasks:
        yield worker.process(task, on_tick)


def _run_pool(
    job: Job, todo: deque[ShardTask], on_tick: OnTick, workers: int, suspects: list[ShardTask]
) -> Iterator[ShardResult]:
    """Work tasks off; if a worker dies, those in work become suspects and the others stay in `todo`."""
    context = multiprocessing.get_context("spawn")
    ticks: SimpleQueue[Tick | None] = context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(ticks, on_tick), daemon=True)
    listener.start()
    workers = min(workers, len(todo))
    pool = _pool(context, workers, job, ticks)
    try:
        yield from _work_off(pool, todo, workers, suspects)
    except BaseException:
        _stop_now(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        ticks.put(None)
        listener.join()


def _work_off(
    pool: ProcessPoolExecutor, todo: deque[ShardTask], workers: int, suspects: list[ShardTask]
) -> Iterator[ShardResult]:
    working: dict[Future[ShardResult], ShardTask] = {}
    while (todo and not suspects) or working:
        while todo and not suspects and len(working) < workers:
            working[pool.submit(_process, todo[0])] = todo[0]
            todo.popleft()
        for future in wait(working, return_when=FIRST_COMPLETED).done:
            task = working.pop(future)
            try:
                result = future.result()
            except BrokenProcessPool:
                suspects.append(task)
            else:
                yield result


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
