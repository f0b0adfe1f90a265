"""Threads that wait for answers side by side and never keep a process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any


class Crew:
    """A few threads that take tasks in order. They are daemons: Ctrl-C ends the process without waiting for them.

    Args:
        size: Number of threads.
    """

    def __init__(self, size: int) -> None:
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        for _ in range(size):
            threading.Thread(target=self._work, daemon=True).start()

    def submit(self, task: Callable[[], Any]) -> Future[Any]:
        """Let a thread run the task; its result or exception comes through the future."""
        future: Future[Any] = Future()
        self._tasks.put((future, task))
        return future

    def _work(self) -> None:
        while True:
            future, task = self._tasks.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
                future.set_exception(error)
