"""Pictures read and checked a little ahead of the writer, in a thread: neither holds Python's lock for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from curate.ingest import SourceReader
from curate.ingest.reader import content_id
from schemas.columns import images

TOGETHER = 16
"""Pictures read by one call of the thread; of two such groups the bytes may be in memory."""
AHEAD = 1
CHANGED = "the bytes are not those that were ingested"
Read = tuple[bytes | None, str]
"""The bytes, or None and why there are none."""
Wanted = tuple[str, Mapping[str, Any]]
"""A picture's id and its source row."""


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
        groups = [wanted[i : i + TOGETHER] for i in range(0, len(wanted), TOGETHER)]
        waiting: deque[Future[list[Read]]] = deque()
        for group in groups:
            waiting.append(self._pool.submit(self._group, group))
            if len(waiting) > AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()

    def _group(self, wanted: Sequence[Wanted]) -> list[Read]:
        return [self._one(image_id, source) for image_id, source in wanted]

    def _one(self, image_id: str, source: Mapping[str, Any]) -> Read:
        try:
            data = self._reader.read(source[images.URI.name], source[images.MEMBER.name])
        except OSError as error:
            return None, error.strerror or str(error)
        return (data, "") if content_id(data) == image_id else (None, CHANGED)
