"""Pictures read and checked a little ahead of the writer, in a thread: neither holds Python's lock for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from curate.ingest import SourceReader
from curate.ingest.reader import content_id
from schemas.columns import images

TOGETHER, GROUP = 16, 4 << 20
"""Pictures, and about how many bytes of them, that one call of the thread reads."""
AHEAD = 48 << 20
"""Bytes that may wait for the writer, so that reading goes on while it writes a large group; one group may always."""
CHANGED = "the bytes are not those that were ingested"
Read = tuple[bytes | None, str]
"""The bytes, or None and why there are none."""
Wanted = tuple[str, Mapping[str, Any], int]
"""A picture's id, its source row and about how many bytes it has."""


class Ahead:
    """Reads pictures in their order; use as a context manager."""

    def __init__(self) -> None:
        self._reader = SourceReader()
        self._pool = ThreadPoolExecutor(1, "pictures")

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the thread and of an open container."""
        self._pool.shutdown(cancel_futures=True)
        self._reader.close()

    def read(self, wanted: Sequence[Wanted]) -> Iterator[Read]:
        """Bytes of each picture, checked to be those that were ingested."""
        waiting: deque[tuple[Future[list[Read]], int]] = deque()
        held = 0
        for group, size in _groups(wanted):
            waiting.append((self._pool.submit(self._group, group), size))
            held += size
            while held > AHEAD and len(waiting) > 1:
                found, size_of = waiting.popleft()
                yield from found.result()
                held -= size_of
        for found, _ in waiting:
            yield from found.result()

    def _group(self, wanted: Sequence[Wanted]) -> list[Read]:
        return [self._one(image_id, source) for image_id, source, _ in wanted]

    def _one(self, image_id: str, source: Mapping[str, Any]) -> Read:
        try:
            data = self._reader.read(source[images.URI.name], source[images.MEMBER.name])
        except OSError as error:
            return None, error.strerror or str(error)
        return (data, "") if content_id(data) == image_id else (None, CHANGED)


def _groups(wanted: Sequence[Wanted]) -> Iterator[tuple[list[Wanted], int]]:
    """Pictures in groups, with the bytes of each."""
    group: list[Wanted] = []
    held = 0
    for each in wanted:
        group.append(each)
        held += each[2]
        if len(group) == TOGETHER or held >= GROUP:
            yield group, held
            group, held = [], 0
    if group:
        yield group, held
