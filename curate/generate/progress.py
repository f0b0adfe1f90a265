"""The bar of a run that makes pictures: how many a second, time left, refusals and failures so far."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """A bar on a terminal, nothing when quiet.

    Args:
        what: Word before the bar.
        total: Pictures to make, about.
        quiet: Show nothing.
    """

    def __init__(self, what: str, total: int, quiet: bool) -> None:
        self.what, self.total, self.quiet = what, total, quiet
        self.done = self.refused = self.failed = 0
        self._bar: Progress | None = None

    def __enter__(self) -> Bar:
        if not self.quiet:
            self._bar = _bar()
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total, refused=0, failed=0, speed=0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, done: int = 0, refused: int = 0, failed: int = 0) -> None:
        """Count on."""
        self.done += done
        self.refused += refused
        self.failed += failed
        if self._bar:
            speed = self._bar.tasks[self._task].speed or 0.0
            self._bar.update(
                self._task, completed=self.done, refused=self.refused, failed=self.failed, speed=speed
            )  # fmt: skip


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[cyan]{task.fields[speed]:.1f} images/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[refused]} refused"),
        TextColumn("[red]{task.fields[failed]} failures"),
        console=Console(file=sys.stderr),
    )
