"""Maps a function of one process's own state over orders, here or in worker processes, a bounded number at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

AHEAD = 3
"""Orders per worker that wait or are in work."""
FEW = 6
"""So few orders are done here: processes would take longer to start."""


class Crashed(Exception):  # noqa: N818 - what became of one order
    """A worker process died over an order."""


class Pool(Generic[A, B]):
    """Does work in this process or in several; use as a context manager.

    Args:
        make: Called once per process without arguments; gives the function that does one order. A function at module
            level or a `functools.partial` of one.
        workers: Processes.
    """

    def __init__(self, make: Callable[[], Callable[[A], B]], workers: int) -> None:
        self._make = make
        self._workers = workers
        self._here: Callable[[A], B] | None = None
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool[A, B]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close(kind is not None)

    def _close(self, now: bool) -> None:
        if self._pool is None:
            return
        if now:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None

    def map(self, orders: Iterable[A], count: int) -> Iterator[tuple[A, B | Crashed]]:
        """Orders with what came of them, in their order.

        Args:
            orders: Read as workers become free.
            count: About how many there are: few are done here.
        """
        if self._workers <= 1 or (count <= FEW and self._pool is None):
            if self._here is None:
                self._here = self._make()
            for order in orders:
                yield order, self._here(order)
            return
        yield from self._map(iter(orders))

    def _map(self, orders: Iterator[A]) -> Iterator[tuple[A, B | Crashed]]:
        waiting: deque[tuple[A, Future[B]]] = deque()
        while True:
            while len(waiting) < AHEAD * self._workers and (order := next(orders, None)) is not None:
                waiting.append((order, self._submit(order)))
            if not waiting:
                return
            order, future = waiting.popleft()
            try:
                yield order, future.result()
            except BrokenProcessPool:
                self._close(now=True)
                # Whichever of those in work broke the process: each is tried once more, alone.
                for again in [order, *(o for o, _ in waiting)]:
                    yield again, self._alone(again)
                waiting.clear()

    def _submit(self, order: A) -> Future[B]:
        if self._pool is None:
            self._pool = self._started(self._workers)
        try:
            return self._pool.submit(_do, order)
        except BrokenProcessPool as error:
            broken: Future[B] = Future()
            broken.set_exception(error)
            return broken

    def _alone(self, order: A) -> B | Crashed:
        pool = self._started(1)
        try:
            result: B = pool.submit(_do, order).result()
        except BrokenProcessPool:
            return Crashed("the worker process died twice (out of memory, or a library that crashes)")
        else:
            return result
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _started(self, workers: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start, initargs=(self._make, os.getpid())
        )  # fmt: skip


_work: Callable[[Any], Any] | None = None


def _start(make: Callable[[], Callable[[Any], Any]], parent: int) -> None:
    global _work  # noqa: PLW0603 - a process does one kind of work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    _work = make()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _do(order: Any) -> Any:
    assert _work is not None
    return _work(order)
