"""The progress bar: images per second, time left, faces and failures so far."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from curate.engine.job import Tick

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A bar on a terminal, a line now and then in a log, nothing when quiet.

    Args:
        total: Pictures to work through.
        quiet: Show nothing.
    """

    def __init__(self, total: int, quiet: bool = False) -> None:
        self.total = total
        self.quiet = quiet
        self.images = self.faces = self.failures = 0
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._begun = time.monotonic()
        self._first: tuple[float, int] | None = None

    def __enter__(self) -> ProgressBar:
        if not self.quiet:
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task("labelling", total=self.total, faces=0, failures=0, speed=0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def tick(self, tick: Tick) -> None:
        """Count what a worker has done; may be called from any thread."""
        with self._lock:
            self.images += tick.images
            self.faces += tick.faces
            self.failures += tick.failures
            if self._bar:
                speed = self._speed()
                self._bar.update(
                    self._task, completed=self.images, faces=self.faces, failures=self.failures, speed=speed
                )

    def _speed(self) -> float:
        """Images per second since the first tick, which leaves the loading of models out where it can."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, self.images)
            return self.images / max(now - self._begun, 1e-9)
        begun, before = self._first
        return (self.images - before) / max(now - begun, 1e-9)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[cyan]{task.fields[speed]:.1f} images/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[faces]} faces"),
        TextColumn("[red]{task.fields[failures]} failures"),
        console=Console(file=sys.stderr),
    )
