"""A bar on the error stream for work that is not labelling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def follow(items: Iterable[T], total: int, what: str, quiet: bool) -> Iterator[T]:
    """Pass items on and show how far along they are; nothing when quiet or where there is nothing to do."""
    from rich.console import Console
    from rich.progress import track

    if quiet or not total:
        yield from items
        return
    yield from track(items, description=what, total=total, console=Console(stderr=True))
